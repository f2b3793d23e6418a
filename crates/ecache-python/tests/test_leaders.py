"""Leaders that go away: whoever waits for one computes as soon as that can be known."""

import asyncio
import ctypes
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import pytest

from execution_cache import execution_cache

# Far below the minute for which a call waits for one that goes on.
SOON = 5


@pytest.fixture
def at_once():
    """Checks that a test does not wait for a leader that is gone."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SOON


class Suspended:
    """An `async def` whose first computation is suspended for ever."""

    def __init__(self, cache, **options):
        self.calls = []

        @execution_cache(cache=cache, **options)
        async def f(x):
            self.calls.append(x)
            if len(self.calls) == 1:
                await asyncio.get_running_loop().create_future()
            return [x, len(self.calls)]

        self.f = f

    async def begin(self):
        task = asyncio.ensure_future(self.f("a"))
        while not self.calls:
            await asyncio.sleep(0.001)
        return task


def abandoned(loop, begin):
    """Leaves a task in a loop that stops, as a program does that forgets about it."""
    return loop.run_until_complete(begin())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("residency", ["ephemeral", "hybrid", "transient"])
def test_a_task_of_a_closed_loop_is_not_waited_for(cache, at_once, residency):
    suspended = Suspended(cache, residency=residency)
    loop = asyncio.new_event_loop()
    task = abandoned(loop, suspended.begin)
    loop.close()
    assert asyncio.run(suspended.f("a")) == ["a", 2]
    assert asyncio.run(suspended.f("a")) == ["a", 2], "it is kept"
    assert not task.done()


def test_a_task_of_a_stopped_loop_goes_on_for_its_own_caller(cache, at_once):
    entered, may_end = [], []

    @execution_cache(cache=cache)
    async def f(x):
        entered.append(x)
        if len(entered) == 1:
            while not may_end:
                await asyncio.sleep(0.001)
            return "of the first"
        return "of the second"

    async def begin():
        task = asyncio.ensure_future(f("a"))
        while not entered:
            await asyncio.sleep(0.001)
        return task

    loop = asyncio.new_event_loop()
    try:
        task = abandoned(loop, begin)
        assert asyncio.run(f("a")) == "of the second"
        may_end.append(True)
        assert loop.run_until_complete(task) == "of the first"
        assert asyncio.run(f("a")) == "of the second"
        assert entered == ["a", "a"]
    finally:
        loop.close()


def test_a_call_of_a_stopped_loop_that_has_not_computed_yet_looks_again(cache, at_once):
    """It waits for a leader in a running loop, and its own loop is stopped meanwhile."""
    entered, may_end = threading.Event(), threading.Event()
    calls = []

    @execution_cache(cache=cache)
    async def f(x):
        calls.append(x)
        entered.set()
        while not may_end.is_set():
            await asyncio.sleep(0.001)
        return [x, len(calls)]

    results = []
    leader = threading.Thread(target=lambda: results.append(asyncio.run(f("a"))))
    leader.start()
    assert entered.wait(SOON)
    loop = asyncio.new_event_loop()

    async def begin():
        task = asyncio.ensure_future(f("a"))
        await asyncio.sleep(0.05)
        return task

    async def follow():
        following = asyncio.ensure_future(f("a"))
        # Long enough to look for calls of stopped loops.
        await asyncio.sleep(0.1)
        may_end.set()
        return await following

    try:
        task = abandoned(loop, begin)
        assert asyncio.run(follow()) == ["a", 1]
        leader.join()
        assert loop.run_until_complete(task) == ["a", 1]
        assert results == [["a", 1]] and calls == ["a"]
    finally:
        loop.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_waiting_call_goes_on_when_the_leaders_loop_is_closed(cache, at_once):
    suspended = Suspended(cache)
    waits, loops = threading.Event(), []

    def lead():
        loop = asyncio.new_event_loop()
        task = abandoned(loop, suspended.begin)
        # Called once it runs again, which it does until the other one waits.
        loop.call_soon(loops.append, (loop, task))
        loop.run_until_complete(loop.run_in_executor(None, waits.wait))
        loop.close()

    async def follow():
        following = asyncio.ensure_future(suspended.f("a"))
        await asyncio.sleep(0.2)
        assert not following.done(), "as long as the other loop runs"
        waits.set()
        return await following

    leader = threading.Thread(target=lead)
    leader.start()
    while not loops:
        time.sleep(0.001)
    assert asyncio.run(follow()) == ["a", 2]
    leader.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_whose_thread_died_is_not_waited_for(cache, at_once):
    suspended = Suspended(cache)
    loops = []

    def lead():
        loop = asyncio.new_event_loop()
        loops.append((loop, abandoned(loop, suspended.begin)))
        loop.call_soon(sys.exit)
        loop.run_forever()

    thread = threading.Thread(target=lead)
    thread.start()
    thread.join()
    assert asyncio.run(suspended.f("a")) == ["a", 2]
    loops[0][0].close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_refresh_of_a_closed_loop_is_begun_again(cache, at_once):
    calls = []

    @execution_cache(cache=cache, ttl=0.05, stale=60)
    async def f(x):
        calls.append(x)
        if len(calls) == 2:
            await asyncio.get_running_loop().create_future()
        return len(calls)

    async def until_begun(count):
        result = await f("a")
        while len(calls) < count:
            assert await f("a") == result
            await asyncio.sleep(0.001)
        return result

    assert asyncio.run(until_begun(1)) == 1
    time.sleep(0.1)
    loop = asyncio.new_event_loop()
    assert abandoned(loop, lambda: until_begun(2)) == 1
    loop.close()
    assert asyncio.run(until_begun(3)) == 1


def test_a_cancelled_leader_lets_a_task_of_another_loop_compute(cache, at_once):
    suspended = Suspended(cache)
    waits = threading.Event()

    async def lead():
        task = await suspended.begin()
        await asyncio.to_thread(waits.wait)
        task.cancel()

    async def follow():
        following = asyncio.ensure_future(suspended.f("a"))
        await asyncio.sleep(0.1)
        waits.set()
        return await following

    leader = threading.Thread(target=lambda: asyncio.run(lead()))
    leader.start()
    while not suspended.calls:
        time.sleep(0.001)
    assert asyncio.run(follow()) == ["a", 2]
    leader.join()


def test_a_coroutine_that_is_closed_lets_the_next_one_compute(cache, at_once):
    suspended = Suspended(cache)

    async def main():
        task = suspended.f("a")
        waiter = task.send(None)
        while not suspended.calls:
            while not waiter.done():
                await asyncio.sleep(0.001)
            waiter = task.send(None)
        task.close()
        assert await suspended.f("a") == ["a", 2]

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_task_that_is_collected_lets_the_next_one_compute(cache, at_once):
    suspended = Suspended(cache)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        task = await suspended.begin()
        del task
        gc.collect()
        assert await suspended.f("a") == ["a", 2]

    asyncio.run(main())


ENDS = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_computation_that_ends_without_a_result_is_not_one(cache, at_once, end):
    entered, may_end = threading.Event(), threading.Event()
    calls = []

    @execution_cache(cache=cache)
    def f(x):
        calls.append(x)
        if len(calls) == 1:
            entered.set()
            may_end.wait()
            raise end
        return [x, len(calls)]

    def lead():
        with pytest.raises(end):
            f("a")
        ended.append(True)

    ended, results = [], []
    threads = [threading.Thread(target=lead)]
    threads[0].start()
    assert entered.wait(SOON)
    for _ in range(3):
        threads.append(threading.Thread(target=lambda: results.append(f("a"))))
        threads[-1].start()
    time.sleep(0.1)
    may_end.set()
    for thread in threads:
        thread.join()
    assert ended and results == [["a", 2]] * 3


@pytest.mark.parametrize("end", [GeneratorExit, asyncio.CancelledError])
def test_a_coroutine_that_ends_without_a_result_lets_the_others_compute(cache, at_once, end):
    calls = []

    @execution_cache(cache=cache)
    async def f(x):
        calls.append(x)
        await asyncio.sleep(0.05)
        if len(calls) == 1:
            raise end
        return [x, len(calls)]

    async def main():
        results = await asyncio.gather(*(f("a") for _ in range(4)), return_exceptions=True)
        assert [type(result) for result in results].count(end) == 1
        assert results.count(["a", 2]) == 3

    asyncio.run(main())


def test_a_thread_that_is_ended_from_outside_lets_the_others_compute(cache, at_once):
    entered = threading.Event()
    calls = []

    @execution_cache(cache=cache)
    def f(x):
        calls.append(x)
        while len(calls) == 1:
            entered.set()
            time.sleep(0.001)
        return [x, len(calls)]

    def lead():
        with pytest.raises(SystemExit):
            f("a")

    leader = threading.Thread(target=lead)
    leader.start()
    assert entered.wait(SOON)
    results = []
    follower = threading.Thread(target=lambda: results.append(f("a")))
    follower.start()
    time.sleep(0.1)
    number = ctypes.c_ulong(leader.ident)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(SystemExit)) == 1
    leader.join()
    follower.join()
    assert results == [["a", 2]]


def lead_and_exit(path, entered):
    from execution_cache import Cache

    @execution_cache(cache=Cache(path), store_name="exits")
    def f(x):
        entered.set()
        time.sleep(0.2)
        os._exit(3)

    f("a")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_exits_lets_the_others_compute(cache, method):
    context = multiprocessing.get_context(method)
    entered = context.Event()

    @execution_cache(cache=cache, store_name="exits")
    def f(x):
        return [x]

    f("warm")
    leader = context.Process(target=lead_and_exit, args=(cache.path, entered))
    leader.start()
    assert entered.wait(20)
    started = time.monotonic()
    assert f("a") == ["a"]
    assert time.monotonic() - started < SOON
    leader.join()
    assert leader.exitcode == 3


SHUTDOWN = """
import asyncio, sys, threading, time
from execution_cache import Cache, execution_cache

cache = Cache(sys.argv[1])

@execution_cache(cache=cache)
async def suspended(x):
    await asyncio.sleep(60)

@execution_cache(cache=cache)
async def quick(x):
    return [x]

@execution_cache(cache=cache)
def asleep(x):
    time.sleep(60)

@execution_cache(cache=cache, residency="transient", ttl=0.001, stale=60)
def busy(x):
    return [x]

def work():
    while True:
        for x in range(3):
            busy(x)

async def begin():
    task = asyncio.ensure_future(suspended(1))
    await asyncio.sleep(0.05)
    return task, asyncio.ensure_future(suspended(1))

if sys.argv[2] == "none":
    asyncio.run(quick(time.time()))
elif sys.argv[2] == "tasks":
    loop = asyncio.new_event_loop()
    tasks = loop.run_until_complete(begin())
    loop.run_until_complete(asyncio.sleep(0.05))
else:
    for target in (lambda: asleep(1), lambda: asleep(1), work, work):
        threading.Thread(target=target, daemon=True).start()
    time.sleep(0.2)
print("ends", flush=True)
"""


@pytest.mark.parametrize("pending", ["none", "tasks", "threads"])
def test_an_interpreter_ends_at_once_with_calls_that_go_on(cache, pending):
    for _ in range(12 if pending == "none" else 5):
        command = [sys.executable, "-c", SHUTDOWN, cache.path, pending]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (0, "ends\n"), done.stderr
        assert "panicked" not in done.stderr and "Fatal" not in done.stderr
