"""The decorator on `async def`: one computation for all tasks, cancelling, stale results."""

import asyncio
import time

import pytest

from execution_cache import CacheWarning, execution_cache


async def until(condition):
    """Lets the loop run until a condition holds, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert condition()


def test_a_coroutine_is_computed_once_for_all_tasks(cache):
    @execution_cache(cache=cache)
    async def f(x):
        await asyncio.sleep(0.05)
        return [x]

    async def main():
        results = await asyncio.gather(*(f(1) for _ in range(20)))
        assert results == [[1]] * 20
        results[0].append(2)
        assert await f(1) == [1]

    asyncio.run(main())
    assert f.counters()["computations"] == 1


def test_a_cancelled_task_lets_the_next_one_compute(cache):
    @execution_cache(cache=cache)
    async def f(seconds):
        await asyncio.sleep(seconds)
        return "slept"

    async def main():
        leader = asyncio.create_task(f(0.2))
        await asyncio.sleep(0.05)
        follower = asyncio.create_task(f(0.2))
        await asyncio.sleep(0.05)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        assert await asyncio.wait_for(follower, 5) == "slept"

    asyncio.run(main())


def test_exceptions_of_a_coroutine_reach_the_caller(cache):
    @execution_cache(cache=cache)
    async def f():
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        asyncio.run(f())


def test_a_result_that_cannot_be_kept_is_returned_with_a_warning(cache):
    @execution_cache(cache=cache)
    async def f():
        return object()

    async def main():
        assert type(await f()) is object

    with pytest.warns(CacheWarning, match="object has no stored form") as warned:
        asyncio.run(main())
    assert warned[0].filename == __file__


def test_a_result_that_a_hook_cannot_read_is_computed(cache):
    @execution_cache(cache=cache, serialize=str, deserialize=lambda _: 1 / 0)
    async def f():
        return 7

    async def main():
        assert await f() == 7
        assert await f() == 7

    with pytest.warns(CacheWarning, match="deserialize a result: division by zero"):
        asyncio.run(main())


def test_no_old_result_takes_the_place_of_a_cancellation(cache):
    calls = []

    @execution_cache(cache=cache, ttl=0.05, stale_if_error=60)
    async def f(x):
        calls.append(x)
        if len(calls) == 2:
            await asyncio.sleep(60)
        if len(calls) == 3:
            raise KeyError("on purpose")
        return "result"

    async def main():
        assert await f(1) == "result"
        await asyncio.sleep(0.1)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(f(1), 0.05)
        assert await f(1) == "result", "the old one takes the place of an exception"
        assert len(calls) == 3

    asyncio.run(main())


@pytest.mark.parametrize("residency", ["ephemeral", "hybrid", "transient"])
def test_an_old_result_is_returned_while_a_task_computes_a_new_one(cache, residency):
    calls, may_end = [], asyncio.Event()

    @execution_cache(cache=cache, residency=residency, ttl=0.1, stale=60)
    async def f(x):
        calls.append(x)
        if len(calls) == 2:
            await may_end.wait()
        return [len(calls), x]

    async def main():
        assert await f("a") == await f("a") == [1, "a"]
        await asyncio.sleep(0.15)
        old = await asyncio.gather(*(f("a") for _ in range(20)))
        assert old == [[1, "a"]] * 20
        old[0].append("changed")
        await until(lambda: len(calls) == 2)
        assert await f("a") == [1, "a"], "while the new one is computed"
        assert len(calls) == 2
        may_end.set()
        await until(lambda: f.counters()["computations"] == 2)
        await asyncio.sleep(0.05)
        assert await f("a") == [2, "a"]

    asyncio.run(main())
    assert f.counters()["stale_hits"] >= 21


def test_a_result_that_is_too_old_is_computed(cache):
    calls = []

    @execution_cache(cache=cache, ttl=0.05, stale=0.05)
    async def f(x):
        calls.append(x)
        return len(calls)

    async def main():
        assert await f("a") == 1
        await asyncio.sleep(0.15)
        assert await f("a") == 2

    asyncio.run(main())


def test_a_refresh_that_fails_leaves_the_old_result_and_warns(cache):
    calls = []

    @execution_cache(cache=cache, ttl=0.1, stale=60)
    async def f(x):
        calls.append(x)
        if len(calls) == 2:
            raise KeyError("on purpose")
        return len(calls)

    async def main():
        assert await f("a") == 1
        await asyncio.sleep(0.15)
        assert await f("a") == 1
        await until(lambda: len(calls) == 2)
        await asyncio.sleep(0)
        with pytest.warns(CacheWarning, match="could not refresh a result: 'on purpose'"):
            assert await f("a") == 1
        await until(lambda: len(calls) == 3)

    asyncio.run(main())


def test_a_refresh_that_the_end_of_its_loop_cancels_is_begun_again(cache):
    calls = []

    @execution_cache(cache=cache, ttl=0.1, stale=60)
    async def f(x):
        calls.append(x)
        if len(calls) == 2:
            await asyncio.sleep(60)
        return len(calls)

    async def until_begun(count):
        result = await f("a")
        await until(lambda: len(calls) == count)
        return result

    assert asyncio.run(until_begun(1)) == 1
    time.sleep(0.15)
    assert asyncio.run(until_begun(2)) == 1
    assert asyncio.run(until_begun(3)) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_a_refresh_ends_the_loop(cache, error):
    calls = []

    @execution_cache(cache=cache, ttl=0.05, stale=60)
    async def f(x):
        calls.append(x)
        if len(calls) == 2:
            raise error
        return len(calls)

    async def main():
        assert await f("a") == 1
        await asyncio.sleep(0.1)
        assert await f("a") == 1
        await asyncio.sleep(10)

    with pytest.raises(error):
        asyncio.run(main())
