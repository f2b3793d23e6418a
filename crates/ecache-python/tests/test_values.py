"""Values: what is computed, kept in memory and read from the store is equal, and of one type."""

import datetime
import decimal
import math
import pathlib
import uuid

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution_cache import Cache, CacheWarning, execution_cache

# The failure of a strategy is larger than Hypothesis likes to print.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

text = st.text(st.characters(exclude_categories=()))
zones = st.just(datetime.timezone.utc) | st.none()
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    text,
    st.binary(),
    st.binary().map(lambda rest: b"\x93NUMPY" + rest),
    st.dates(),
    st.times().map(lambda time: time.replace(fold=0)),
    st.datetimes(timezones=zones).map(lambda time: time.replace(fold=0)),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from(["/a/b", "c", "."]).map(pathlib.PosixPath),
)
hashable = st.recursive(
    leaves, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3)
)
classes = st.sampled_from(["tuple", "set", "date", "dict", "kwargs", "decimal.Decimal", "mine"])
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(hashable, max_size=3),
        st.dictionaries(text, inner, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        st.fixed_dictionaries({"_cls": classes}, optional={"value": inner, "values": inner}),
    ),
    max_leaves=12,
)


def spelled(value):
    """Returns a text that tells values and all the types within them apart."""
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(spelled, value)]
    if isinstance(value, (set, frozenset)):
        return [type(value).__name__, *sorted(map(repr, map(spelled, value)))]
    if isinstance(value, dict):
        return ["dict", *((spelled(key), spelled(member)) for key, member in value.items())]
    if isinstance(value, numpy.ndarray):
        return ["array", value.dtype.str, value.shape, value.tobytes()]
    return [type(value).__name__, repr(value)]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Returns a function that keeps a value, and the value as memory and the store have it."""
    cache = Cache(tmp_path_factory.mktemp("values") / "store.db")
    value = None

    @execution_cache(cache=cache, store_name="values")
    def in_memory():
        return value

    @execution_cache(cache=cache, residency="transient", store_name="values", version=2)
    def in_store():
        return value

    def keep(this):
        nonlocal value
        value = this
        found = []
        for f in (in_memory, in_store):
            f.clear_cache()
            f()
            before = f.counters()["computations"]
            found.append(f())
            assert f.counters()["computations"] == before, "it is not kept"
        return found

    return keep


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values)
def test_memory_and_the_store_return_what_was_computed(both, value):
    assert [spelled(found) for found in both(value)] == [spelled(value)] * 2


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(6, dtype=numpy.int16).reshape(2, 3),
        numpy.asfortranarray(numpy.eye(3)),
        numpy.array([math.nan, -0.0]),
        numpy.array(["2026-01-02"], dtype="datetime64[D]"),
        numpy.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        numpy.zeros((0, 3)),
        numpy.array(7),
        numpy.float32(1.5),
        numpy.bool_(True),
        [numpy.ones(2), {"a": numpy.int64(3)}],
    ],
    ids=repr,
)
def test_arrays_keep_their_shape_and_type(both, array):
    assert [spelled(found) for found in both(array)] == [spelled(array)] * 2


def test_an_array_in_memory_cannot_be_changed(both):
    array = numpy.zeros(3)
    found, _ = both(array)
    array[0] = 1
    found[1] = 1
    assert found.tolist() == [0, 1, 0]


class Text(str):
    pass


class Numbers(list):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Text("a"),
        Numbers([1]),
        [Text("a")],
        {"a": {"b": Numbers()}},
        numpy.array([object()]),
        numpy.ma.array([1], mask=[True]),
        object(),
        open,
    ],
    ids=repr,
)
def test_a_value_that_would_come_back_as_another_is_not_kept(cache, value):
    @execution_cache(cache=cache)
    def f():
        return value

    with pytest.warns(CacheWarning, match="could not keep a result"):
        assert f() is value
    assert f() is value
    assert f.counters()["computations"] == 2


def test_lists_that_contain_themselves_are_not_kept(cache):
    loop = []
    loop.append(loop)

    @execution_cache(cache=cache)
    def f():
        return loop

    with pytest.warns(CacheWarning, match="nested deeper"):
        assert f() is loop


def test_arguments_are_told_apart(cache):
    @execution_cache(cache=cache, residency="ephemeral")
    def f(x):
        return repr(x)

    arguments = [
        1, True, 1.0, "1", b"1", None, [1], (1,), {1}, frozenset([1]), {1: 2}, {"1": 2}, 0.0, -0.0,
        datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2), "2026-01-02", 2**70, "\ud800",
        decimal.Decimal("1"), decimal.Decimal("1.0"), uuid.UUID(int=1), pathlib.Path("1"),
        {"_cls": "tuple", "values": [1]}, {"_cls": "dict", "values": [[1, 2]]},
    ]
    for argument in arguments * 2:
        assert f(argument) == repr(argument)
    assert f.counters()["computations"] == len(arguments)


def test_sets_have_one_key_whatever_their_order(cache):
    @execution_cache(cache=cache)
    def f(x):
        return len(x)

    words = [f"word {n}" for n in range(50)]
    f(set(words))
    f(set(reversed(words)))
    assert f.counters()["computations"] == 1
