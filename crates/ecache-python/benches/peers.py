"""Times of hits and misses beside other caches, in one run: `python benches/peers.py`.

Needs a release build of this package, and diskcache, joblib and cachier. With FiftyOne installed
and a server at FIFTYONE_DATABASE_URI, its decorator is there as well, and this one with its
contexts. Prints the best of five rounds, with --cpu in processor time for a busy machine, and its
ratio to this package; how often eight threads, forked and spawned processes that ask at once
compute; and the processor time of an import.
"""

import functools
import itertools
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings

import cachier
import diskcache
import joblib

from execution_cache import Cache, execution_cache

ROUNDS = 5
VALUE = {"label": "cat", "confidence": 0.5, "box": 1, "tags": None, "is_crowd": False}


def function():
    """Returns a new function, whose text argument makes a dict of five."""

    def f(x):
        return {**VALUE, "label": x}

    return f


def best(call, arguments, count):
    """Returns the best time of a call, in nanoseconds."""
    clock = time.process_time_ns if "--cpu" in sys.argv else time.perf_counter_ns
    times = []
    for _ in range(ROUNDS):
        these = list(itertools.islice(arguments, count))
        start = clock()
        for argument in these:
            call(argument)
        times.append((clock() - start) / count)
        # A slow peer is called less often.
        count = max(10, min(count, int(1e9 / (times[0] + 1))))
    return min(times)


def caches(folder):
    cache = Cache(f"{folder}/store.db")
    here = functools.partial(execution_cache, cache=cache)
    yield "execution-cache, memory", here(store_name="memory")(function())
    yield "execution-cache, store", here(store_name="store", residency="transient")(function())
    yield "functools.lru_cache", functools.lru_cache(function())
    yield "diskcache", diskcache.Cache(f"{folder}/disk").memoize(name="f")(function())
    yield "joblib", joblib.Memory(f"{folder}/joblib", verbose=0).cache(function())
    yield "cachier, pickle", cachier.cachier(cache_dir=f"{folder}/cachier")(function())


def slow(x):
    """Takes a while, and notes that it was computed."""
    with open(os.environ["COMPUTATIONS"], "a") as file:
        file.write("x")
    time.sleep(0.5)
    return x


def cached_by(name, folder):
    """Returns `slow` as a cache of this name keeps its results."""
    if name == "execution-cache":
        return execution_cache(cache=Cache(f"{folder}/slow.db"))(slow)
    if name == "diskcache":
        return diskcache.Cache(f"{folder}/slow-disk").memoize(name="slow")(slow)
    if name == "joblib":
        return joblib.Memory(f"{folder}/slow-joblib", verbose=0).cache(slow)
    return cachier.cachier(cache_dir=f"{folder}/slow-cachier")(slow)


def ask(name, folder, barrier, x):
    warnings.simplefilter("ignore")
    call = cached_by(name, folder)
    barrier.wait()
    assert call(x) == x


def computations(name, folder, how):
    """Returns how often eight that ask at once compute; `None` if they have not ended soon."""
    os.environ["COMPUTATIONS"] = f"{folder}/{name}-{how}"
    if how == "thread":
        barrier, call = threading.Barrier(8), cached_by(name, folder)

        def wait_and_ask():
            barrier.wait()
            call(how)

        eight = [threading.Thread(target=wait_and_ask, daemon=True) for _ in range(8)]
    else:
        context = multiprocessing.get_context(how)
        arguments = (name, folder, context.Barrier(8), how)
        eight = [context.Process(target=ask, args=arguments, daemon=True) for _ in range(8)]
    for one in eight:
        one.start()
    deadline = time.monotonic() + 30
    for one in eight:
        one.join(max(0, deadline - time.monotonic()))
    if any(one.is_alive() for one in eight):
        return None
    return os.path.getsize(os.environ["COMPUTATIONS"])


def fiftyones(folder):
    """Yields FiftyOne's decorator and this one, with a context of FiftyOne's."""
    try:
        import fiftyone
        from fiftyone import operators
    except ImportError:
        return
    dataset = fiftyone.Dataset()
    ctx = operators.ExecutionContext(request_params={"dataset_name": dataset.name})
    here = functools.partial(execution_cache, cache=Cache(f"{folder}/store.db"))
    for name, decorator in [("FiftyOne", operators.execution_cache), ("execution-cache", here)]:
        for residency in ("hybrid", "transient"):

            def f(ctx, x):
                return {**VALUE, "label": x}

            call = decorator(residency=residency, store_name=f"{name} {residency}")(f)
            yield f"{name}, ctx, {residency}", functools.partial(call, ctx)
    dataset.delete()


def processor_time(code):
    """Returns the processor time that Python takes to run a program, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return 1000 * used


def import_times(modules, rounds=20):
    """Returns the least processor time of each import, in turns, and beyond Python's start."""
    codes = {"": "", **{module: f"import {module}" for module in modules}}
    times = {module: [] for module in codes}
    for _ in range(rounds):
        for module, code in codes.items():
            times[module].append(processor_time(code))
    return {module: min(times[module]) - min(times[""]) for module in modules}


def main():
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, call in itertools.chain(caches(folder), fiftyones(folder)):
            fresh = (f"argument {n}" for n in itertools.count())
            miss = best(call, fresh, 100)
            hit = best(call, itertools.repeat("argument 0"), 2000)
            rows.append((name, hit, miss))
        own = dict((name, (hit, miss)) for name, hit, miss in rows)["execution-cache, store"]
        print(f"{'':32} {'hit, ns':>10} {'ratio':>7} {'miss, ns':>10} {'ratio':>7}")
        for name, hit, miss in rows:
            print(f"{name:32} {hit:10.0f} {hit / own[0]:7.2f} {miss:10.0f} {miss / own[1]:7.2f}")
        print("computations of eight that ask at once: threads, forked, spawned")
        for name in ("execution-cache", "diskcache", "joblib", "cachier"):
            counts = [computations(name, folder, how) for how in ("thread", "fork", "spawn")]
            print(f"{name:32} {counts}")
    modules = ["functools", "execution_cache", "diskcache", "joblib", "cachier"]
    for module, milliseconds in import_times(modules).items():
        print(f"import {module}: {milliseconds:.1f} ms")
    print(f"cores: {os.cpu_count()}")


if __name__ == "__main__":
    main()
