"""Keys are FiftyOne's: the library's 473 vectors, through the decorator."""

import base64
import datetime
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

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
    def f(label):
        return label["label"]

    assert f(Label(label="cat", _cls="Classification")) == "cat"
    (entry,) = cache.entries()
    form = '{"_cls": "Classification", "label": "cat", "tags": ["x"]}'
    assert entry.args == f"[{form}]"
    assert entry.key == hashlib.sha256(entry.args.encode()).hexdigest()


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
