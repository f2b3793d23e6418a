"""What ends a call, a process or an interpreter from within a cached function."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import weakref
from types import SimpleNamespace

import pytest

from execution_cache import execution_cache


def script(tmp_path, text, timeout=30, **env):
    """Runs a script in a folder of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=tmp_path,
        env={"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **env},
    )
    assert done.returncode == 0, done.stderr
    return done


def test_files_of_a_script_are_flushed_at_its_end(tmp_path):
    script(
        tmp_path,
        """
        from execution_cache import Cache, execution_cache

        @execution_cache(cache=Cache("store.db"))
        def f(x):
            return x

        f(1)
        log = open("log.txt", "w")
        log.write("x")
        """,
    )
    assert (tmp_path / "log.txt").read_text() == "x"


def test_a_recursive_closure_is_collected(cache):
    class Captured:
        pass

    def make():
        @execution_cache(cache=cache)
        def f(x):
            return f(x - 1) if x else 0

        f.captured = Captured()
        assert f(3) == 0
        return weakref.ref(f.captured)

    captured = make()
    gc.collect()
    assert captured() is None


@pytest.mark.parametrize("options", ["", "ttl=60, stale=60", "residency='ephemeral'"])
def test_a_child_that_returns_from_the_function_has_its_own_result(tmp_path, options):
    done = script(
        tmp_path,
        f"""
        import os, sys
        from execution_cache import Cache, execution_cache

        @execution_cache(cache=Cache("store.db"), {options})
        def f(x):
            return os.fork()

        if f(1) == 0:
            assert f.counters()["computations"] == 0
            print("child", flush=True)
            sys.exit()
        assert os.wait()[1] == 0
        print("parent", f(1) == f(1) > 0, f.counters()["computations"])
        """,
    )
    assert done.stdout == "child\nparent True 1\n"


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_recursion_that_is_too_deep_is_pythons_error(tmp_path, kind):
    call = {"async def": "asyncio.run(f(100_000))", "def": "f(100_000)"}[kind]
    wait = {"async def": "await ", "def": ""}[kind]
    done = script(
        tmp_path,
        f"""
        import asyncio, sys
        from execution_cache import Cache, execution_cache

        sys.setrecursionlimit(1_000_000)

        @execution_cache(cache=Cache.in_memory())
        {kind} f(n):
            return {wait}f(n - 1)

        try:
            {call}
        except RecursionError as error:
            print(error)
        """,
    )
    assert done.stdout == "maximum recursion depth exceeded in a cached function\n"


class Interrupted:
    def to_dict(self):
        raise KeyboardInterrupt

    @property
    def user_id(self):
        raise KeyboardInterrupt


def interrupt(*_):
    raise KeyboardInterrupt


def plain(x):
    return [x]


async def coroutine(x):
    return [x]


def scoped(ctx):
    return 1


@pytest.mark.parametrize(
    ("function", "options", "argument"),
    [
        (plain, {"serialize": interrupt}, 1),
        (plain, {"serialize": interrupt, "stale": 1}, 1),
        (plain, {"deserialize": interrupt}, 1),
        (plain, {"key_fn": interrupt}, 1),
        (plain, {"self_key": interrupt}, 1),
        (plain, {}, Interrupted()),
        (scoped, {"user_scoped": True}, Interrupted()),
        (coroutine, {"serialize": interrupt}, 1),
        (coroutine, {"deserialize": interrupt}, 1),
        (coroutine, {}, Interrupted()),
    ],
)
def test_an_interrupt_in_a_hook_ends_the_call(cache, function, options, argument):
    f = execution_cache(cache=cache, **options)(function)

    def call():
        result = f(argument)
        return asyncio.run(result) if function is coroutine else result

    with pytest.raises(KeyboardInterrupt):
        # The second call deserializes.
        call(), call()
    context = SimpleNamespace(user_id="ann") if function is scoped else "another"
    if not options.keys() & {"serialize", "deserialize", "key_fn", "self_key"}:
        argument = context
        assert call() == call()


GREENLETS = """
    from gevent import monkey; monkey.patch_all()
    import gevent, warnings
    from execution_cache import Cache, CacheWarning, execution_cache

    computed = []

    @execution_cache(cache=Cache("store.db"))
    def f(x):
        computed.append(x)
        gevent.sleep(0.05)
        return [x]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        jobs = [gevent.spawn(f, at % 2) for at in range(6)]
        assert f(7) == [7]
        gevent.joinall(jobs)
    assert [job.value for job in jobs] == [[at % 2] for at in range(6)]
    assert [warning.category for warning in caught] == [CacheWarning]
    assert "gevent's pool" in str(caught[0].message)
    assert f(7) == [7]
    pool = gevent.get_hub().threadpool
    jobs = [pool.spawn(f, 9) for _ in range(3)]
    assert [job.get() for job in jobs] == [[9]] * 3
    print(computed.count(7), computed.count(9), gevent.spawn(f, 9).get())
    """


def test_greenlets_compute_and_threads_of_their_pool_are_cached(tmp_path):
    assert script(tmp_path, GREENLETS).stdout == "1 1 [9]\n"


UNSAVED = """
    from execution_cache import execution_cache

    @execution_cache
    def f(x):
        return [x]

    assert f(1) == f(1) == [1]
    """


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "set HOME or ECACHE_DB"),
        ({"ECACHE_DB": "fiftyone"}, "fiftyone is a database"),
        ({"ECACHE_DB": "mongodb://host/fiftyone"}, "mongodb://host/fiftyone is a database"),
    ],
)
def test_without_a_store_functions_compute_and_warn_once(tmp_path, env, reason):
    done = script(tmp_path, UNSAVED, **env)
    assert done.stderr.count("CacheWarning") == 1
    assert reason in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_variable_of_the_command_switches_functions_off(tmp_path):
    done = script(tmp_path, UNSAVED, ECACHE="off", ECACHE_DB=str(tmp_path / "store.db"))
    assert not done.stderr
    assert not list(tmp_path.iterdir())
