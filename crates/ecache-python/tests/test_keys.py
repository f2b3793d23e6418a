"""Keys are FiftyOne's: the library's 473 vectors, through the decorator."""

import base64
import collections
import datetime
import enum
import hashlib
import json
import pathlib
import zoneinfo
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

from execution_cache import execution_cache

VECTORS = Path(__file__).parents[2] / "ecache-core" / "tests" / "data" / "key_vectors.jsonl"
OPTIONS = {
    "operator_uri": "operator_scoped",
    "prompt_id": "prompt_scoped",
    "user_request_token": "jwt_scoped",
    "user_id": "user_scoped",
}


def restored(form):
    """Returns the argument that FiftyOne was given, of its stored form."""
    if isinstance(form, list):
        return [restored(member) for member in form]
    if not isinstance(form, dict):
        return form
    match form:
        case {"_cls": "tuple", "values": values}:
            return tuple(restored(value) for value in values)
        case {"_cls": "set", "values": values}:
            return {restored(value) for value in values}
        case {"_cls": "date", "value": value}:
            return datetime.date.fromisoformat(value)
        case {"_cls": "datetime", "value": value}:
            return datetime.datetime.fromisoformat(value)
        case {"_cls": "bytes", "value": value}:
            return base64.b64decode(value)
    return {key: restored(value) for key, value in form.items()}


class Label(dict):
    """An object with a form of its own, in a class derived from dict, as FiftyOne's labels have."""

    def to_dict(self):
        return Label(self, tags=("x",))


def test_an_object_with_a_to_dict_has_that_as_its_key(cache):
    @execution_cache(cache=cache)
    def f(ctx, label):
        return label["label"]

    assert f(SimpleNamespace(dataset_id=None), Label(label="cat", _cls="Classification")) == "cat"
    (entry,) = cache.entries()
    form = '{"_cls": "Classification", "label": "cat", "tags": ["x"]}'
    assert entry.args == f"[{form}]"
    assert entry.key == hashlib.sha256(entry.args.encode()).hexdigest()


class Color(enum.IntEnum):
    RED = 1


class Fruit(enum.IntEnum):
    APPLE = 1


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
HOUR = datetime.timezone(datetime.timedelta(hours=1))
Size = collections.namedtuple("Size", "width height")
Place = collections.namedtuple("Place", "x y")


@pytest.mark.parametrize("wrapped", [lambda x: x, lambda x: [x], lambda x: {"key": x}])
def test_without_a_context_arguments_of_all_types_are_told_apart(cache, wrapped):
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)
    arguments = [
        *[1, True, 1.0, "1", Color.RED, Fruit.APPLE, numpy.int64(1), numpy.int32(1), (1,), [1]],
        *[numpy.array([1]), numpy.array([1], numpy.int8), numpy.array([[1]]), {1}, frozenset({1})],
        *[(1, 2), Size(1, 2), Place(1, 2), {"a": 1}, collections.Counter(a=1), Label(a=1)],
        *["/", pathlib.PosixPath("/"), b"/", None, "None", {1: 2}, {"1": 2}],
        *[numpy.array([1, "a"], object), numpy.array(["1", "a"], object)],
        *[noon, noon.astimezone(BERLIN), noon.astimezone(HOUR), noon.astimezone(BERLIN).timetz()],
    ]

    @execution_cache(cache=cache)
    def f(x):
        return repr(x)

    for argument in arguments * 2:
        argument = wrapped(argument)
        assert f(argument) == f(x=argument) == repr(argument)
    counters = f.counters()
    assert counters["computations"] == len(arguments) and counters["errors"] == 0


def test_keys_are_fiftyones(cache):
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    for number, vector in enumerate(vectors):
        scopes = vector["scopes"]

        @execution_cache(
            cache=cache,
            store_name=f"vector {number}",
            **{OPTIONS[name]: value is not None for name, value in scopes.items()},
        )
        def f(ctx, *args):
            return None

        f(SimpleNamespace(**scopes), *restored(json.loads(vector["args"])))
        keys = [entry.key for entry in cache.entries(store=f"vector {number}")]
        assert keys == ([] if vector["skip"] else [vector["key"]]), vector
    assert len(vectors) == 473
