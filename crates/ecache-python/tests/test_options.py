"""Options: their bad values are FiftyOne's errors, when the function is decorated."""

import datetime
import math
import time
from types import SimpleNamespace

import numpy
import pandas
import pytest

from execution_cache import ExecutionStore, execution_cache

TIMES = ["ttl", "stale", "stale_if_error"]


def counted(cache, **options):
    calls = []

    @execution_cache(cache=cache, **options)
    def f(x):
        calls.append(x)
        return len(calls)

    return f


@pytest.mark.parametrize("option", TIMES)
@pytest.mark.parametrize(
    "value, error",
    [
        ("60", TypeError),
        (b"60", TypeError),
        ([60], TypeError),
        (object(), TypeError),
        (1j, TypeError),
        (numpy.timedelta64(5, "m"), TypeError),
        (numpy.timedelta64(5, "ns"), TypeError),
        (datetime.datetime(2026, 1, 1), TypeError),
        (math.nan, ValueError),
        (numpy.float64("nan"), ValueError),
        (math.inf, OverflowError),
        (1e300, OverflowError),
        (10**400, OverflowError),
        (datetime.timedelta.max, OverflowError),
    ],
    ids=repr,
)
def test_a_time_that_is_none_is_refused(cache, option, value, error):
    with pytest.raises(error, match=option):
        counted(cache, **{option: value})


def test_a_lifetime_in_a_store_is_refused_alike(cache):
    store = ExecutionStore("times", cache=cache)
    for value, error in [("60", TypeError), (math.nan, ValueError), (math.inf, OverflowError)]:
        for set in (store.set, store.set_cache, lambda k, v, ttl: cache.set("times", k, v, ttl)):
            with pytest.raises(error, match="ttl"):
                set("key", 1, ttl=value)
        with pytest.raises(error, match="ttl"):
            store.update_ttl("key", value)
    store.set("key", 1, ttl=datetime.timedelta(minutes=1))
    assert 50 < store.get_ttl("key") <= 60
    for value in (0, -1, datetime.timedelta(-1)):
        with pytest.raises(ValueError, match="ttl must be above zero"):
            store.set("key", 1, ttl=value)


def test_an_age_in_a_filter_is_refused_alike(cache):
    cache.set("ages", "key", 1)
    for value, error in [("1", TypeError), (math.nan, ValueError), (-1, ValueError)]:
        with pytest.raises(error, match="older_than"):
            cache.clear(older_than=value)
    assert cache.clear(older_than=datetime.timedelta(hours=1)) == 0
    assert cache.clear(newer_than=datetime.timedelta(hours=1)) == 1


@pytest.mark.parametrize(
    "value",
    [60, 60.0, True, numpy.int64(60), numpy.float64(60), 200e9, None]
    + [datetime.timedelta(minutes=1), pandas.Timedelta("1min")],
    ids=repr,
)
def test_times_are_seconds_or_a_timedelta(cache, value):
    f = counted(cache, ttl=value)
    assert f(1) == f(1) == 1
    (entry,) = cache.entries()
    expected = value.total_seconds() if hasattr(value, "total_seconds") else value
    found = entry.expires_at and entry.expires_at - entry.updated_at
    assert found == (expected if expected is None else pytest.approx(float(expected)))


@pytest.mark.parametrize("residency", ["transient", "ephemeral", "hybrid"])
@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, False, datetime.timedelta(days=-1)], ids=repr)
def test_a_time_that_is_over_at_once_keeps_nothing(cache, residency, value):
    f = counted(cache, ttl=value, residency=residency)
    assert [f(1), f(1), f(1)] == [1, 2, 3]


def test_a_short_time_ends(cache):
    f = counted(cache, ttl=datetime.timedelta(milliseconds=50))
    assert f(1) == 1
    time.sleep(0.1)
    assert f(1) == 2


@pytest.mark.parametrize(
    "value, error",
    [("3", TypeError), (2.5, TypeError), (math.inf, TypeError), ([], TypeError)]
    + [(-1, ValueError), (-(2**80), ValueError), (2**80, OverflowError)],
    ids=repr,
)
def test_a_size_that_is_none_is_refused(cache, value, error):
    with pytest.raises(error):
        counted(cache, max_size=value)


@pytest.mark.parametrize("size, kept", [(0, 0), (True, 1), (1, 1), (30, 30), (2**40, 50)])
def test_a_size_bounds_the_results_in_memory(cache, size, kept):
    f = counted(cache, max_size=size, residency="ephemeral")
    for x in range(50):
        f(x)
    for x in reversed(range(50)):
        f(x)
    hits = f.counters()["memory_hits"]
    assert kept / 2 <= hits <= kept and (hits == 50) == (kept == 50)


@pytest.mark.parametrize("residency", [None, "", "Hybrid", 1, ["hybrid"], "transient "])
def test_an_unknown_residency_is_refused(cache, residency):
    with pytest.raises(ValueError, match="Invalid residency option"):
        counted(cache, residency=residency)


@pytest.mark.parametrize("option", ["serialize", "deserialize", "self_key"])
@pytest.mark.parametrize("value", ["x", 5, object()], ids=repr)
def test_a_hook_that_is_no_function_is_refused(cache, option, value):
    with pytest.raises(TypeError, match=option):
        counted(cache, **{option: value})


def test_a_key_fn_that_is_no_function_is_an_error_of_the_call(cache):
    f = counted(cache, key_fn=5)
    with pytest.raises(ValueError, match="Failed to create custom cache key: 'int' object is not"):
        f(1)


@pytest.mark.parametrize("value", ["store.db", 1, object()], ids=repr)
def test_a_cache_is_a_cache(value):
    with pytest.raises(TypeError, match="Cache"):
        counted(value)


def test_names_that_are_empty_are_the_default(cache):
    f = counted(cache, store_name="", collection_name="")
    f(1)
    (entry,) = cache.entries()
    assert entry.store.endswith("counted.<locals>.f")


@pytest.mark.parametrize("version", [0, "", "1", 1.5, (1, 2)], ids=repr)
def test_a_version_is_any_but_none(cache, version):
    counted(cache, store_name="a", version=version)(1)
    assert [entry.store for entry in cache.entries()] == [f"a#v{version}"]


@pytest.mark.parametrize("flag", [0, "", [], None])
def test_flags_are_what_they_are_true_as(cache, flag):
    @execution_cache(cache=cache, link_to_dataset=flag, user_scoped=flag)
    def f(ctx):
        return 1

    f(SimpleNamespace(dataset_id="a" * 24, user_id="ann"))
    (entry,) = cache.entries()
    assert entry.dataset_id is None and entry.user_id is None
