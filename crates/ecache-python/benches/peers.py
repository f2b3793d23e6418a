"""Times of hits and misses beside other caches, in one run: `python benches/peers.py`.

Needs a release build of this package, and diskcache, joblib and cachier. With FiftyOne installed and
a server at FIFTYONE_DATABASE_URI, its decorator is there as well, and this one with its contexts.
Prints the best of five rounds, and its ratio to this package.
"""

import functools
import itertools
import os
import subprocess
import sys
import tempfile
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
    times = []
    for _ in range(ROUNDS):
        these = list(itertools.islice(arguments, count))
        start = time.perf_counter_ns()
        for argument in these:
            call(argument)
        times.append((time.perf_counter_ns() - start) / count)
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


def import_time(module):
    """Returns the time that an import adds to a start of Python, in milliseconds."""

    def start(code):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    return 1000 * (min(start(f"import {module}") for _ in range(10)) - min(start("") for _ in range(10)))


def main():
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, call in itertools.chain(caches(folder), fiftyones(folder)):
            fresh = (f"argument {n}" for n in itertools.count())
            miss = best(call, fresh, 200)
            hit = best(call, itertools.repeat("argument 0"), 2000)
            rows.append((name, hit, miss))
        own = dict((name, (hit, miss)) for name, hit, miss in rows)["execution-cache, store"]
        print(f"{'':32} {'hit, ns':>10} {'ratio':>7} {'miss, ns':>10} {'ratio':>7}")
        for name, hit, miss in rows:
            print(f"{name:32} {hit:10.0f} {hit / own[0]:7.2f} {miss:10.0f} {miss / own[1]:7.2f}")
    for module in ("execution_cache", "diskcache", "joblib", "cachier"):
        print(f"import {module}: {import_time(module):.1f} ms")
    print(f"cores: {os.cpu_count()}")


main()
