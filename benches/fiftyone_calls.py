"""What a call of FiftyOne's own `execution_cache` costs, beside the figures of `cargo bench -p ecache-core --bench decorator`.

    tests/mongodb/with target/mongodb/fiftyone/bin/python benches/fiftyone_calls.py

prints medians of the same call as there: a text, an integer and a float, in the scope of an operator, with a result of 200
characters, for a dataset. FiftyOne keeps results in MongoDB, a process of its own: that is its design, and what its
users wait for.
"""

import os
import statistics
import time

os.environ["FIFTYONE_DATABASE_URI"] = os.environ["ECACHE_TEST_MONGODB"]
os.environ["FIFTYONE_DATABASE_NAME"] = "bench_fiftyone"
os.environ["FIFTYONE_DATABASE_VALIDATION"] = "false"
os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"

import fiftyone as fo
from fiftyone.operators import ExecutionContext, execution_cache

ROUNDS = 200
RESULT = "0123456789" * 20


def cached(residency):
    @execution_cache(
        store_name=f"bench_{residency}",
        residency=residency,
        operator_scoped=True,
    )
    def function(ctx, path, n, scale):
        return RESULT

    return function


def median(call, batch):
    """Microseconds that one of `batch` calls takes."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(batch):
            call()
        times.append((time.perf_counter() - started) / batch)
    return statistics.median(times) * 1e6


def main():
    dataset = fo.Dataset()
    ctx = ExecutionContext(
        operator_uri="@acme/stats", request_params={"dataset_name": dataset.name, "params": {}}
    )
    hybrid, transient = cached("hybrid"), cached("transient")
    number = iter(range(1_000_000))
    rows = [
        ("M1: hybrid, a hit in memory", lambda: hybrid(ctx, "ground_truth.label", -1, 0.5), 50),
        ("M2: transient, a hit in the store", lambda: transient(ctx, "ground_truth.label", -1, 0.5), 5),
        ("M3: transient, a miss and its store", lambda: transient(ctx, "ground_truth.label", next(number), 0.5), 2),
    ]
    for name, call, batch in rows:
        call()
        print(f"{name:<40} {median(call, batch):>10.1f} us", flush=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        fo.core.odm.drop_database()
