"""The command `ecache` sees what Python caches, and what it removes leaves Python's memory."""

import json
import time
from types import SimpleNamespace

import pytest

from execution_cache import ExecutionStore, execution_cache

ANN = SimpleNamespace(user_id="ann")
BOB = SimpleNamespace(user_id="bob")


@pytest.fixture
def labels(cache):
    @execution_cache(cache=cache, user_scoped=True, store_name="labels")
    def labels(ctx, path):
        return [path, time.monotonic_ns()]

    return labels


def settle():
    """Waits until memory has noticed what another process did."""
    time.sleep(0.15)


def test_entries_are_listed_explained_cleared_and_restored(labels, ecache):
    first, bobs = labels(ANN, "a"), labels(BOB, "a")
    listed = json.loads(ecache("ls", "--user", "ann", "--format", "json"))
    assert [(entry["store_name"], entry["args"]) for entry in listed] == [("labels", ["a"])]
    key = listed[0]["key"]
    assert json.loads(ecache("get", "labels", key)) == first
    assert "hit" in ecache("why", "labels", "-a", "a", "--user", "ann")

    assert labels(ANN, "a") == first
    ecache("clear", "--user", "ann")
    settle()
    second = labels(ANN, "a")
    assert second != first, "what was cleared is computed again"
    assert labels(BOB, "a") == bobs, "what another filter selects stays"

    ecache("clear", "--user", "ann")
    settle()
    ecache("undo")
    assert labels(ANN, "a") == second, "what was restored is a hit"
    assert labels.counters()["computations"] == 3


def test_a_clear_of_python_is_listed_and_taken_back(labels, cache, ecache):
    first, bobs = labels(ANN, "a"), labels(BOB, "a")
    assert cache.clear(user="ann", arg="a") == 1
    (operation,) = json.loads(ecache("log", "--json"))
    assert operation["command"] == "Cache.clear(user='ann', arg='a')"
    assert (operation["entries"], operation["undoable"]) == (1, True)
    assert operation["user"] and operation["host"]
    ecache("undo")
    settle()
    assert [labels(ANN, "a"), labels(BOB, "a")] == [first, bobs]


def test_a_clear_of_a_function_or_a_store_is_listed_and_taken_back(labels, cache, ecache):
    first = labels(ANN, "a")
    notes = ExecutionStore.create("notes", cache=cache)
    notes.set_cache("k", 1)
    assert labels.clear_all_caches() == 1
    assert notes.clear_cache() == 1
    commands = [operation["command"] for operation in json.loads(ecache("log", "--json"))]
    assert sorted(command.split("(")[0] for command in commands) == ["clear_all_caches", "clear_cache"]
    ecache("undo")
    ecache("undo")
    settle()
    assert notes.get("k") == 1
    assert labels(ANN, "a") == first
    assert labels.counters()["computations"] == 1


def test_a_value_that_the_command_wrote_is_a_hit(cache, ecache):
    @execution_cache(cache=cache, store_name="sums")
    def total(a, b):
        return a + b

    ecache("set", "sums", "-j", "1", "-j", "2", "--type", "json", stdin="7")
    assert total(1, 2) == 7


def test_filters_select_the_same_in_python(labels, cache, ecache):
    labels(ANN, "a"), labels(ANN, "b"), labels(BOB, "a")
    for filter, options in [
        ({"user": "ann"}, ["--user", "ann"]),
        ({"user": ["ann", "bob"], "arg": "a"}, ["--user", "ann", "--user", "bob", "--arg", "a"]),
        ({"store": "labels"}, ["--store", "labels"]),
        ({"older_than": 3600}, ["--older-than", "1h"]),
    ]:
        listed = json.loads(ecache("ls", *options, "--format", "json"))
        assert [entry.key for entry in cache.entries(**filter)] == [e["key"] for e in listed]
    with pytest.raises(TypeError, match='no filter "usr"'):
        cache.entries(usr="ann")
    assert cache.clear(user="ann") == 2
    assert [entry.user_id for entry in cache.entries()] == ["bob"]
