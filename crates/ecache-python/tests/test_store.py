"""`ExecutionStore` and `Cache`, without a decorator."""

import json
import queue
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from execution_cache import Cache, CacheWarning, ExecutionStore, execution_cache


@pytest.fixture
def store(cache):
    return ExecutionStore.create("thumbnails", cache=cache)


def test_a_store_has_fiftyones_calls(store):
    store.set("a", {"n": (1, 2)})
    store.set_cache("b", b"bytes", ttl=60)
    assert (store.get("a"), store.get("b"), store.get("c")) == ({"n": (1, 2)}, b"bytes", None)
    assert store.has("a") and not store.has("c")
    assert 59 < store.get_ttl("b") <= 60 and store.get_ttl("a") is None
    assert store.list_keys() == ["a", "b"] and store.count_keys() == 2
    assert store.get_entry("b").policy == "evict" and store.get_entry("c") is None
    assert store.update_ttl("a", 5) and not store.update_ttl("c", 5)
    assert store.delete("a") and not store.delete("a")
    assert store.clear_cache() == 1
    store.set("d", None)
    assert store.clear() == 1


def test_a_policy_says_what_clear_cache_removes(store, cache):
    store.set("kept", 1)
    store.set("evicted", 1, policy="evict")
    ExecutionStore("thumbnails", cache=cache, default_policy="evict").set("by default", 1)
    assert store.update_policy("evicted", "persist") and not store.update_policy("none", "evict")
    assert store.clear_cache() == 1
    assert store.list_keys() == ["kept", "evicted"]
    with pytest.raises(ValueError, match="policy"):
        store.set("a", 1, policy="forever")


def test_conditional_writes(store):
    assert store.set_if_absent("a", 1, policy="evict") and not store.set_if_absent("a", 2)
    assert store.get_entry("a").policy == "evict"
    assert store.compare_and_set("a", 1, 2, ttl=60) and not store.compare_and_set("a", 1, 3)
    assert store.get("a") == 2 and 59 < store.get_ttl("a") <= 60


def test_metadata_are_fiftyones_times(store):
    store.set("a", 1, ttl=60)
    times = store.get_metadata("a")
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    assert set(times) == {"created_at", "updated_at", "expires_at"}
    assert abs(now - times["created_at"]) < timedelta(seconds=30)
    assert times["expires_at"] - times["created_at"] == timedelta(seconds=60)
    store.set("b", 1)
    assert store.get_metadata("b")["expires_at"] is None
    assert store.get_metadata("none") is None


def test_stores_are_listed_by_dataset(cache):
    dataset = "6b03de1228195dbc2df5c505"
    ExecutionStore.create("b", cache=cache).set("k", 1)
    ExecutionStore.create("a", cache=cache).set("k", 1)
    ExecutionStore.create("of a dataset", dataset, cache=cache).set("k", 1)
    ExecutionStore.create("elsewhere", None, "persist", "collection", cache=cache).set("k", 1)
    assert ExecutionStore.create("x", cache=cache).list_stores() == ["a", "b"]
    assert ExecutionStore.create("x", dataset, cache=cache).list_stores() == ["of a dataset"]


def test_without_a_cache_a_store_is_that_of_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ECACHE_DB", str(tmp_path / "mine.db"))
    ExecutionStore.create("s").set("k", [1])
    assert ExecutionStore("s", cache=Cache(tmp_path / "mine.db")).get("k") == [1]


def test_subscribers_see_the_changes_of_every_process(store, cache, ecache):
    messages = queue.Queue()
    subscription = store.subscribe(messages.put)
    store.set("a", {"n": 1})
    first = messages.get(timeout=20)
    assert (first.key, first.value) == ("a", {"n": 1})
    assert first.metadata.operation_type == "insert" and first.metadata.dataset_id is None
    assert datetime.fromisoformat(first.metadata.timestamp.replace("Z", "+00:00"))
    ecache("set", "thumbnails", "a", "--type", "json", stdin="7")
    second = messages.get(timeout=20)
    assert (second.value, second.metadata.operation_type) == (7, "update")
    ecache("rm", "thumbnails", "a")
    third = messages.get(timeout=20)
    assert (third.key, third.value, third.metadata.operation_type) == ("a", None, "delete")
    assert store.unsubscribe(subscription) and not store.unsubscribe(subscription)
    store.set("b", 1)
    with pytest.raises(queue.Empty):
        messages.get(timeout=0.4)


def test_a_subscriber_that_fails_is_a_warning_and_gets_the_next_change(store, cache):
    seen = queue.Queue()

    def callback(message):
        seen.put(message.key)
        raise KeyError("on purpose")

    subscription = store.subscribe(callback)
    for key in ("a", "b"):
        store.set(key, 1)
        assert seen.get(timeout=20) == key
    with pytest.warns(CacheWarning, match="a subscriber of thumbnails missed a change"):
        assert store.unsubscribe(subscription)


def test_a_subscription_ends_while_its_callback_waits_for_the_interpreter(store):
    begun, ended = threading.Event(), threading.Event()

    def callback(message):
        begun.set()
        time.sleep(0.2)
        ended.set()

    subscription = store.subscribe(callback)
    store.set("a", 1)
    assert begun.wait(20)
    assert store.unsubscribe(subscription), "it does not hang"
    assert ended.is_set(), "it waits for the callback"


def test_a_cache_has_the_calls_of_the_command(cache, ecache):
    assert cache.get("thumbs", "cat") is None and cache.get("thumbs", "cat", 7) == 7
    cache.set("thumbs", "cat", [1], ttl=60)
    assert cache.get("thumbs", "cat") == [1] == json.loads(ecache("get", "thumbs", "cat"))
    cache.set("thumbs", "none", None)
    assert cache.get("thumbs", "none", 7) is None, "a value, not its absence"
    cache.set("thumbs", "cat", 2, dataset_id="6b03de1228195dbc2df5c505")
    assert cache.get("thumbs", "cat", dataset_id="6b03de1228195dbc2df5c505") == 2
    assert cache.delete("thumbs", "cat") and not cache.delete("thumbs", "cat")
    assert cache.clear(store="thumbs") == 2, "what is set here, a clear removes"


def test_stats_count_calls_and_entries(cache):
    for name in ("one", "other"):

        @execution_cache(cache=cache, store_name=name)
        def f(x):
            return "text" * x

        f(1), f(1), f(2)
    stats = cache.stats(store="one")
    assert (stats["entries"], stats["hits"], stats["misses"]) == (2, 1, 2)
    assert stats["size"] == len("text" + "texttext")
    assert cache.stats()["misses"] == 4
    assert stats["saved"] >= 0 and stats["spent"] >= 0
    with pytest.raises(TypeError, match='no filter "stor"'):
        cache.stats(stor="one")


@pytest.mark.parametrize("verb", ["clear", "entries", "stats"])
@pytest.mark.parametrize("name", ["store", "dataset", "key", "user", "operator", "prompt", "arg"])
def test_an_empty_list_in_a_filter_is_refused(cache, verb, name):
    cache.set("s", "k", 1)
    with pytest.raises(ValueError, match=f"{name} is an empty list"):
        getattr(cache, verb)(**{name: []})
    assert len(cache.entries(expired=None)) == 1


@pytest.mark.parametrize("path", [b"x", 1])
def test_a_path_is_a_text_or_a_path(path):
    with pytest.raises(TypeError, match=f"path must be a str or an os.PathLike, not {type(path)}"):
        Cache(path)


@pytest.mark.parametrize("name", ["fiftyone", "mongodb://host/fiftyone", "http://host", ""])
def test_a_cache_is_a_file(name):
    with pytest.raises(ValueError, match="name a file|is empty"):
        Cache(name)


@pytest.mark.parametrize(
    "change",
    [
        lambda cache, entry: cache.clear(),
        lambda cache, entry: cache.delete(entry.store, entry.key),
        lambda cache, entry: cache.set(entry.store, entry.key, [2]),
        lambda cache, entry: ExecutionStore(entry.store, cache=cache).clear(),
        lambda cache, entry: ExecutionStore(entry.store, cache=cache).set(entry.key, [2]),
    ],
)
def test_a_change_by_this_process_is_seen_at_once(cache, change):
    computed = []

    @execution_cache(cache=cache)
    def f(x):
        computed.append(x)
        return [x]

    for _ in range(3):
        assert f(1) == [1]
        [entry] = cache.entries()
        change(cache, entry)
        assert f(1) == [2] or len(computed) == 2
        cache.clear()
        computed.clear()
