"""Arguments that differ never share a result, however alike they are."""

import collections
import enum

import numpy
import pandas
import pytest

from execution_cache import CacheWarning, execution_cache


class Frame(pandas.DataFrame):
    _metadata = ["unit"]

    @property
    def _constructor(self):
        return Frame


def with_unit(unit):
    frame = Frame({"a": [1]})
    frame.unit = unit
    return frame


def with_attrs(**attrs):
    frame = pandas.DataFrame({"a": [1]})
    frame.attrs.update(attrs)
    return frame


def named(fields):
    return collections.namedtuple("Point", fields)(1, 2)


def member(value):
    return enum.Enum("Color", {"RED": value}).RED


DAYS = pandas.date_range("2026-01-01", periods=3, freq="D")
STRUCTURE = [("a", object), ("b", "i4")]
PAIRS = {
    "name of the columns": [
        pandas.DataFrame({"a": [1]}),
        pandas.DataFrame({"a": [1]}).rename_axis(columns="x"),
    ],
    "categorical index": [
        pandas.Series([1, 2], index=list("ab")),
        pandas.Series([1, 2], index=pandas.CategoricalIndex(list("ab"))),
    ],
    "categories": [
        pandas.Series(pandas.Categorical(["a"], list("ab"))),
        pandas.Series(pandas.Categorical(["a"], list("ac"))),
    ],
    "order of categories": [
        pandas.Series(pandas.Categorical(["a"], list("ab"))),
        pandas.Series(pandas.Categorical(["a"], list("ab"), ordered=True)),
    ],
    "frequency": [DAYS, pandas.DatetimeIndex(list(DAYS), freq=None)],
    "levels": [
        pandas.MultiIndex.from_arrays([numpy.array([1], "int8"), [2]]),
        pandas.MultiIndex.from_arrays([numpy.array([1], "int64"), [2]]),
    ],
    "tuples": [
        pandas.MultiIndex.from_tuples([(1, 2)]),
        pandas.Index([(1, 2)], tupleize_cols=False),
    ],
    "attrs": [with_attrs(a=1), with_attrs(a=2)],
    "flags": [
        pandas.DataFrame({"a": [1]}),
        pandas.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    ],
    "subclass": [pandas.DataFrame({"a": [1]}), with_unit("m")],
    "attribute of a subclass": [with_unit("m"), with_unit("s")],
    "unit": [pandas.Timestamp(0, unit="s").as_unit(unit) for unit in ("s", "ns")],
    "type of a structure": [
        numpy.array([(1, 2)], STRUCTURE),
        numpy.array([(1, 2)], [("a", object), ("c", "i8")]),
    ],
    "bytes with a zero": [numpy.bytes_(b"a"), numpy.bytes_(b"a\0")],
    "text with a zero": [numpy.str_("a"), numpy.str_("a\0")],
    "types of integers": [numpy.int64(1), numpy.longlong(1)],
    "order of fields": [named(["x", "y"]), named(["y", "x"])],
    "value of a member": [member((1, 2)), member((1, 3))],
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_arguments_that_look_alike_are_told_apart(cache, pair):
    @execution_cache(cache=cache)
    def f(x):
        return 1

    assert [f(x) for x in pair] == [f(x) for x in pair] == [1, 1]
    assert f.counters()["computations"] == 2


def test_objects_of_classes_of_one_name_are_told_apart(cache):
    def make(text):
        names = {"__name__": "__main__"}
        exec(f"class P:\n def m(self): return {text}\n def to_dict(self): return {{}}", names)
        return names["P"]()

    @execution_cache(cache=cache)
    def f(x):
        return x.m()

    assert [f(make("1")), f(make("2"))] == [1, 2]


@pytest.mark.parametrize(
    "value", [numpy.bytes_(b"a\0"), numpy.str_("a\0"), numpy.longlong(1), "\ud83d\ude00"]
)
def test_a_value_that_would_come_back_as_another_is_not_kept(cache, value):
    @execution_cache(cache=cache, residency="transient")
    def f():
        return value

    with pytest.warns(CacheWarning, match="no stored form"):
        results = [f(), f()]
    assert [type(result) for result in results] == [type(value)] * 2
    assert results == [value] * 2
    with pytest.raises(TypeError, match="no stored form"):
        cache.set("s", "k", value)


def test_two_surrogates_are_not_the_character_that_they_would_be(cache):
    @execution_cache(cache=cache)
    def f(x):
        return len(x)

    assert f("\U0001f600") == 1
    with pytest.warns(CacheWarning, match="key_fn"):
        assert f("\ud83d\ude00") == 2
    assert f("\ud83d") == f("\ud83d") == 1


@pytest.mark.parametrize("extra", [b"", b"rest"])
def test_bytes_that_begin_like_an_array_are_bytes(cache, extra):
    content = b"\x93NUMPY" + extra
    cache.set("s", "k", content)
    assert cache.get("s", "k") == content


def test_names_of_positional_parameters_are_free_for_others(cache):
    @execution_cache(cache=cache)
    def f(a=0, /, **others):
        return [a, others]

    assert (f(5), f(a=5), f(5)) == ([5, {}], [0, {"a": 5}], [5, {}])

    @execution_cache(cache=cache)
    def g(a, /):
        return a

    assert g(5) == 5
    with pytest.raises(TypeError, match="positional-only"):
        g(a=5)


def test_a_companion_of_a_method_says_that_it_takes_the_object(cache):
    class Model:
        @execution_cache(cache=cache, self_key=None)
        def predict(self, x):
            return x

    model = Model()
    assert model.predict(1) == 1
    with pytest.raises(TypeError, match=r"Model.predict.clear_cache\(object, ...\)"):
        model.predict.clear_cache(1)
    with pytest.raises(TypeError, match=r"Model.predict.set_cache\(object, ...\)"):
        model.predict.set_cache(1, 2)
    assert Model.predict.clear_cache(model, 1) == 1
