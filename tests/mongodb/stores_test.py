"""What FiftyOne's own tests ask of an execution store, asked of the command line of ecache.

Run by tests/mongodb/fiftyone.rs with pytest and the plugin in adapter.py, on three engines: `sqlite` and `mongodb`
are ecache's, and `fiftyone` is FiftyOne itself, which shows that each test states a fact. Where FiftyOne
fails, the test says with which of its defects.
"""

import concurrent.futures
import datetime
import os
import time

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest
from bson import ObjectId
from fiftyone.operators import ExecutionContext, execution_cache
from fiftyone.operators.store import (
    ExecutionStore,
    ExecutionStoreService,
    KeyPolicy,
    TransientJobCoordinator,
)
from fiftyone.operators.store import transient_jobs

ENGINE = os.environ["ECACHE_TEST_ENGINE"]
HOUR = 3600
DATE = datetime.datetime(2026, 3, 4, 5, 6, 7, 89000)

on_fiftyone = ENGINE == "fiftyone"
keeps_the_old_lifetime = pytest.mark.xfail(
    on_fiftyone, strict=True, reason="an overwrite renews neither expiry nor policy"
)
keeps_the_old_policy = pytest.mark.xfail(
    on_fiftyone, strict=True, reason="a TTL that is added later leaves the policy as it is"
)
in_the_database = pytest.mark.skipif(
    ENGINE == "sqlite", reason="documents are those of a database"
)


@pytest.fixture
def dataset():
    dataset = fo.Dataset()
    yield dataset
    dataset.delete()


@pytest.fixture
def alone():
    """Stores that belong to no dataset."""
    return ExecutionStoreService()


@pytest.fixture
def linked(dataset):
    """Stores of a dataset."""
    return ExecutionStoreService(dataset_id=dataset._doc.id)


@pytest.fixture
def store(dataset):
    return ExecutionStore.create("s", dataset_id=dataset._doc.id)


# Stores


def test_a_store_that_is_created_is_found(alone):
    created = alone.create_store("s")
    assert (created.store_name, created.dataset_id) == ("s", None)
    assert alone.get_store("s").store_name == "s"
    assert alone.list_stores() == ["s"] and alone.count_stores() == 1


def test_a_store_of_a_dataset_has_its_id(linked, dataset):
    assert linked.create_store("s").dataset_id == dataset._doc.id
    assert linked.get_store("s").dataset_id == dataset._doc.id
    assert linked.count_stores() == 1


@pytest.mark.parametrize(
    "metadata", [{}, {"a": {"b": [1, None]}}, {"date": DATE, "id": ObjectId()}]
)
def test_metadata_comes_back(alone, metadata):
    alone.create_store("s", metadata=metadata)
    assert alone.get_store("s").metadata == metadata


def test_a_key_makes_a_store(alone):
    alone.set_key("s", "k", 1)
    assert alone.has_store("s") and alone.list_stores() == ["s"] and alone.count_stores() == 1
    found = alone.get_store("s")
    assert (found.store_name, found.metadata) == ("s", {})


def test_a_store_is_gone_with_its_last_key(alone):
    alone.set_key("s", "k", 1)
    assert alone.delete_key("s", "k")
    assert not alone.has_store("s") and alone.get_store("s") is None and alone.count_stores() == 0


def test_a_store_outlives_its_keys_if_it_was_created(alone):
    alone.create_store("s")
    alone.set_key("s", "k", 1)
    alone.delete_key("s", "k")
    assert alone.has_store("s") and alone.count_keys("s") == 0


def test_stores_of_one_name_are_apart(alone, linked):
    alone.set_key("s", "k", 1)
    assert not linked.has_store("s") and not linked.has_key("s", "k")
    linked.set_key("s", "k", 2)
    assert (alone.get_key("s", "k").value, linked.get_key("s", "k").value) == (1, 2)
    assert alone.list_stores() == linked.list_stores() == ["s"]


def test_stores_of_all_datasets_are_listed(alone, linked, dataset):
    alone.create_store("a")
    alone.set_key("shared", "k", 1)
    linked.create_store("b")
    linked.set_key("b", "k", 1)
    linked.set_key("shared", "k", 1)
    listed = {(store.store_name, store.dataset_id) for store in alone.list_stores_global()}
    of = dataset._doc.id
    assert listed == {("a", None), ("shared", None), ("b", of), ("shared", of)}
    assert len(alone.list_stores_global()) == alone.count_stores_global() == 4
    assert (alone.count_stores(), linked.count_stores()) == (2, 2)


def test_any_dataset_has_a_store(alone, linked):
    linked.set_key("s", "k", 1)
    assert alone.has_store_global("s") and not alone.has_store("s")
    assert not alone.has_store_global("none") and not alone.has_store("none")


def test_nothing_is_there_at_first(alone):
    assert alone.count_stores() == alone.count_stores_global() == alone.count_keys("s") == 0
    assert alone.list_stores() == alone.list_keys("s") == alone.list_stores_global() == []
    assert alone.get_store("s") is None and alone.get_key("s", "k") is None


def test_a_deleted_store_takes_its_keys_and_its_document_along(alone):
    alone.create_store("s")
    alone.set_key("s", "a", 1)
    alone.set_cache_key("s", "b", 2)
    assert alone.delete_store("s") == 3
    assert not alone.has_store("s") and not alone.has_key("s", "a")
    assert alone.delete_store("s") == 0


def test_a_deleted_store_is_that_of_one_dataset(alone, linked):
    for service in (alone, linked):
        service.create_store("s")
        service.set_key("s", "k", 1)
    alone.delete_store("s")
    assert linked.has_store("s") and linked.has_key("s", "k")
    alone.create_store("s")
    linked.delete_store("s")
    assert alone.has_store("s") and not linked.has_store("s")


def test_a_store_is_deleted_in_every_dataset(alone, linked):
    for service in (alone, linked):
        service.set_key("s", "k", 1)
        service.set_key("other", "k", 1)
    alone.create_store("s")
    assert alone.delete_store_global("s") == 3
    assert not alone.has_store_global("s") and linked.has_store("other")


def test_a_cleanup_is_that_of_one_dataset(alone, linked):
    alone.create_store("a")
    linked.create_store("b")
    linked.set_key("b", "k", 1, ttl=HOUR)
    linked.set_key("c", "k", 1)
    linked.cleanup()
    assert linked.count_stores() == 0 and alone.count_stores() == 1
    alone.cleanup()
    assert alone.count_stores_global() == 0


def test_clear_cache_removes_what_may_be_evicted(alone):
    alone.create_store("s", policy=KeyPolicy.EVICT)
    alone.set_cache_key("s", "cached", 1)
    alone.set_key("s", "with a lifetime", 1, ttl=HOUR)
    alone.set_key("t", "kept", 1)
    alone.create_store("t")
    alone.clear_cache()
    assert alone.list_stores() == ["t"] and alone.list_keys("t") == ["kept"]


def test_clear_cache_of_nothing_is_no_error(alone):
    alone.clear_cache()
    assert alone.count_stores() == 0 and alone.count_keys("s") == 0


def test_clear_cache_may_mean_one_store(alone, linked):
    for service in (alone, linked):
        for name in ("s", "t"):
            service.set_cache_key(name, "k", 1)
    linked.clear_cache("s")
    assert linked.list_stores() == ["t"] and alone.count_stores() == 2
    alone.clear_cache("none")
    assert alone.count_stores() == 2


def test_a_collection_is_a_place_of_its_own(alone):
    foo.get_db_conn().drop_collection("elsewhere")
    elsewhere = ExecutionStoreService(collection_name="elsewhere")
    elsewhere.set_key("s", "k", 1)
    assert elsewhere.get_key("s", "k").value == 1 and not alone.has_store("s")
    elsewhere.cleanup()
    assert not elsewhere.has_store("s")


# Keys


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**40, 1.5, "", "text", "é\n😀", [], [1, [None]], {}, {"a": {"b": [1.0]}},
        {"_cls": "Classification", "label": "cat"}, {"$date": "$created_at"}, {"$oid": "x"}, DATE, [ObjectId()],
        {"$bson": {"$oid": "x"}}, {"$bson": {"$oid": "65f0c0ffee00000000000001"}}, {"$bson": {"$bson": 1}}, "bson:0",
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_comes_back(alone, value):
    alone.set_key("s", "k", value)
    assert alone.get_key("s", "k").value == value


@pytest.mark.parametrize("key", [" ", "a/b", "é", "a b", "k=v", "\n", "bson:x", "'", '"', "0"], ids=repr)
def test_any_text_is_a_key(alone, key):
    alone.set_key("s", key, key)
    assert alone.get_key("s", key).value == key
    assert alone.list_keys("s") == [key] and alone.has_key("s", key)
    assert alone.delete_key("s", key) and not alone.has_key("s", key)


def test_a_key_without_a_lifetime_persists(alone):
    alone.set_key("s", "k", 1)
    found = alone.get_key("s", "k")
    assert found.policy == KeyPolicy.PERSIST and found.expires_at is None


def test_a_key_with_a_lifetime_may_be_evicted(linked, dataset):
    before = datetime.datetime.utcnow()
    returned = linked.set_key("s", "k", 1, ttl=100)
    found = linked.get_key("s", "k")
    for key in (returned, found):
        assert (key.store_name, key.key, key.value) == ("s", "k", 1)
        assert key.policy == KeyPolicy.EVICT and key.dataset_id == dataset._doc.id
    assert 99 < (found.expires_at - before).total_seconds() < 130


def test_a_cached_key_may_be_evicted_and_does_not_expire(alone):
    alone.set_cache_key("s", "k", 1)
    found = alone.get_key("s", "k")
    assert found.policy == KeyPolicy.EVICT and found.expires_at is None


@keeps_the_old_lifetime
def test_a_lifetime_is_renewed_by_an_overwrite(alone):
    alone.set_key("s", "k", 1, ttl=100)
    before = alone.get_key("s", "k").expires_at
    alone.set_key("s", "k", 2, ttl=500)
    found = alone.get_key("s", "k")
    assert found.value == 2 and found.expires_at > before


@keeps_the_old_lifetime
def test_a_lifetime_ends_with_an_overwrite_without_one(alone):
    alone.set_key("s", "k", 1, ttl=100)
    alone.set_key("s", "k", 2)
    assert alone.get_key("s", "k").expires_at is None


def test_a_lifetime_is_changed(alone):
    alone.set_key("s", "k", 1, ttl=100)
    before = alone.get_key("s", "k").expires_at
    assert alone.update_ttl("s", "k", 200)
    found = alone.get_key("s", "k")
    assert found.expires_at > before and found.policy == KeyPolicy.EVICT


@keeps_the_old_policy
def test_a_lifetime_that_is_added_means_that_it_may_be_evicted(alone):
    alone.set_key("s", "k", 1)
    assert alone.update_ttl("s", "k", 200)
    found = alone.get_key("s", "k")
    assert found.expires_at is not None and found.policy == KeyPolicy.EVICT


@pytest.mark.skipif(on_fiftyone, reason="its repository in memory alone changes a policy")
def test_a_policy_is_changed(alone):
    alone.set_key("s", "k", 1)
    alone._repo.update_policy("s", "k", "evict")
    assert alone.get_key("s", "k").policy == KeyPolicy.EVICT
    assert alone.get_key("s", "k").expires_at is None
    alone.clear_cache("s")
    assert not alone.has_key("s", "k")


def test_a_lifetime_of_nothing_is_not_changed(alone):
    assert not alone.update_ttl("s", "k", 200)


def test_an_overwrite_keeps_the_time_of_creation(alone):
    alone.set_key("s", "k", 1)
    first = alone.get_key("s", "k")
    time.sleep(0.002)
    alone.set_key("s", "k", 2)
    second = alone.get_key("s", "k")
    assert second.created_at == first.created_at and second.updated_at > first.updated_at


def test_a_store_s_own_document_is_no_key(alone):
    alone.create_store("s")
    for key in ("a", "b", "c"):
        alone.set_key("s", key, key, ttl=60)
    assert sorted(alone.list_keys("s")) == ["a", "b", "c"] and alone.count_keys("s") == 3


def test_a_key_is_deleted_once(alone, linked):
    alone.set_key("s", "k", 1)
    assert not linked.delete_key("s", "k")
    assert alone.delete_key("s", "k") and not alone.delete_key("s", "k")
    assert alone.get_key("s", "k") is None


def test_a_key_that_is_there_is_not_set_again(alone):
    assert alone.set_key_if_absent("s", "k", 1, ttl=HOUR)
    assert not alone.set_key_if_absent("s", "k", 2)
    found = alone.get_key("s", "k")
    assert found.value == 1 and found.policy == KeyPolicy.EVICT


def test_one_of_eight_sets_what_is_absent(alone):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda n: alone.set_key_if_absent("s", "k", n), range(8)))
    assert sum(won) == 1 and won[alone.get_key("s", "k").value]


@pytest.mark.parametrize(
    "old, expected",
    [(1, 1), (1, 1.0), ("x", "x"), ([1, 2], [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (None, None)],
    ids=repr,
)
def test_an_equal_value_is_replaced(alone, old, expected):
    alone.set_key("s", "k", old)
    assert alone.compare_and_set_key("s", "k", expected, "new")
    assert alone.get_key("s", "k").value == "new"


@pytest.mark.parametrize(
    "old, expected", [(1, 2), (1, "1"), ([1, 2], [2, 1]), ({"a": 1}, {}), (None, 0)], ids=repr
)
def test_another_value_is_not_replaced(alone, old, expected):
    alone.set_key("s", "k", old)
    assert not alone.compare_and_set_key("s", "k", expected, "new")
    assert alone.get_key("s", "k").value == old


def test_nothing_is_compared_with_what_is_absent(alone):
    assert not alone.compare_and_set_key("s", "k", None, 1)
    assert alone.get_key("s", "k") is None


def test_comparing_keeps_the_lifetime_unless_one_is_named(alone):
    alone.set_key("s", "k", 1, ttl=100)
    before = alone.get_key("s", "k")
    assert alone.compare_and_set_key("s", "k", 1, 2)
    after = alone.get_key("s", "k")
    assert (after.expires_at, after.policy) == (before.expires_at, before.policy)
    assert alone.compare_and_set_key("s", "k", 2, 3, ttl=500)
    assert alone.get_key("s", "k").expires_at > before.expires_at


# The interface of panels and operators


def test_a_panel_s_store(store):
    assert store.get("k") is None and store.get_metadata("k") is None and not store.has("k")
    store.set("k", {"a": [1]})
    store.set_cache("c", 1)
    assert store.get("k") == {"a": [1]} and store.has("k")
    assert sorted(store.list_keys()) == ["c", "k"] and store.list_stores() == ["s"]
    times = store.get_metadata("k")
    assert times["created_at"] is not None and times["expires_at"] is None
    store.update_ttl("c", HOUR)
    assert store.get_metadata("c")["expires_at"] is not None
    store.clear_cache()
    assert store.list_keys() == ["k"]
    assert store.delete("k") and not store.delete("k")


def test_a_panel_s_store_is_cleared(store):
    store.set("k", 1)
    store.set_cache("c", 1)
    store.clear()
    assert store.list_keys() == []


def test_a_panel_s_store_compares(store):
    assert store.set_if_absent("k", 1) and not store.set_if_absent("k", 2)
    assert store.compare_and_set("k", 1, 2) and not store.compare_and_set("k", 1, 3)
    assert store.get("k") == 2


def test_a_store_of_evictable_keys(dataset):
    store = ExecutionStore.create("s", dataset_id=dataset._doc.id, default_policy="evict")
    store.set("k", 1)
    store.set("kept", 1, policy="persist")
    store.clear_cache()
    assert store.list_keys() == ["kept"]


# Jobs


@pytest.fixture
def jobs(dataset):
    store = ExecutionStore.create("jobs", dataset_id=dataset._doc.id, default_policy="evict")
    return TransientJobCoordinator(store, ttl_seconds=60, lease_seconds=10)


def test_a_job_keeps_what_it_was_created_with(jobs):
    scope, payload = {"sample": "a"}, {"topics": ["x"]}
    job = jobs.create(job_id="j", owner="u", scope=scope, payload=payload)
    scope["sample"], job["scope"]["sample"] = "b", "c"
    payload["topics"].append("y")
    kept = jobs.get("j")
    assert (kept["owner"], kept["scope"], kept["payload"]) == ("u", {"sample": "a"}, {"topics": ["x"]})


def test_one_worker_claims_a_job_and_an_old_token_is_refused(jobs):
    jobs.create(job_id="j", owner="u", scope={}, payload={})
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda _: jobs.claim("j", allow_reclaim=False), range(8)))
    (claim,) = [claim for claim in claims if claim is not None]
    token = claim["fencing_token"]
    assert jobs.set_progress("j", token + 1, {"items": 1}) is None
    assert jobs.set_progress("j", token, {"items": 1})["progress"] == {"items": 1}
    assert jobs.heartbeat("j", token) is not None
    assert jobs.complete("j", token, {"items": 2})["state"] == "completed"
    assert jobs.fail("j", token, "late") is None


def test_a_job_is_claimed_again_once_its_lease_is_over(jobs, monkeypatch):
    now = datetime.datetime.now(datetime.timezone.utc)
    monkeypatch.setattr(transient_jobs, "_now", lambda: now)
    jobs.create(job_id="j", owner="u", scope={}, payload={})
    first = jobs.claim("j")["fencing_token"]
    now += datetime.timedelta(seconds=11)
    assert jobs.heartbeat("j", first) is None
    second = jobs.claim("j")["fencing_token"]
    assert second == first + 1
    assert jobs.heartbeat("j", first) is None and jobs.heartbeat("j", second) is not None


def test_a_job_fails_by_its_lease_alone(jobs, monkeypatch):
    now = datetime.datetime.now(datetime.timezone.utc)
    monkeypatch.setattr(transient_jobs, "_now", lambda: now)
    jobs.create(job_id="j", owner="u", scope={}, payload={})
    assert jobs.fail_expired("j", "nobody works") is None
    token = jobs.claim("j")["fencing_token"]
    assert jobs.fail_expired("j", "it is worked on") is None
    now += datetime.timedelta(seconds=11)
    failed = jobs.fail_expired("j", "the worker is gone")
    assert (failed["state"], failed["error"]) == ("failed", "the worker is gone")
    assert jobs.complete("j", token) is None and jobs.claim("j") is None


def test_another_coordinator_s_cancel_is_seen(jobs, dataset):
    store = ExecutionStore.create("jobs", dataset_id=dataset._doc.id, default_policy="evict")
    peer = TransientJobCoordinator(store, ttl_seconds=60, lease_seconds=10)
    jobs.create(job_id="j", owner="u", scope={}, payload={})
    token = jobs.claim("j")["fencing_token"]
    requested = peer.request_cancel("j")
    assert requested["state"] == "running" and requested["cancel_requested"] is True
    canceled = jobs.cancel("j", token)
    assert canceled["state"] == "canceled" and canceled["lease_expires_at"] is None


# Cached functions


class Calls(list):
    """Caches a function that records its calls."""

    def of(self, residency="transient", **options):
        @execution_cache(residency=residency, store_name="f", **options)
        def function(ctx, *args):
            self.append(args)
            return f"result of {args}"

        return function


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def ctx(dataset):
    dataset.add_samples([fo.Sample("a.jpg", label=fo.Classification(label="cat"))])
    params = {"dataset_name": dataset.name, "prompt_id": "p", "params": {}}
    return ExecutionContext(operator_uri="@a/b/c", request_params=params)


@pytest.mark.parametrize("residency", ["transient", "hybrid", "ephemeral"])
def test_a_function_is_called_once(ctx, calls, residency):
    cached = calls.of(residency, ttl=60)
    # The memory of FiftyOne outlives a test.
    assert cached(ctx, residency, 1) == cached(ctx, residency, 1)
    assert calls == [(residency, 1)]
    kept = ExecutionStoreService(dataset_id=ctx.dataset._doc.id).count_keys("f")
    kept += ExecutionStoreService().count_keys("f")
    assert kept == (residency != "ephemeral")


def test_other_arguments_are_another_call(ctx, calls):
    cached = calls.of()
    for args in (("a",), ("b",), (1,), (1.5,), ([1],), ({"a": 1},), (None,)):
        cached(ctx, *args)
        cached(ctx, *args)
    assert len(calls) == 7


def test_a_result_is_set_removed_and_avoided(ctx, calls):
    cached = calls.of()
    cached.set_cache(ctx, "a", "set")
    assert cached(ctx, "a") == "set" and calls == []
    assert cached.uncached(ctx, "a") == "result of ('a',)"
    cached.clear_cache(ctx, "a")
    assert cached(ctx, "a") == "result of ('a',)" and len(calls) == 2


def test_a_key_function_replaces_the_arguments(ctx, calls):
    cached = calls.of(key_fn=lambda ctx, *args: ["one key"])
    assert cached(ctx, "a") == cached(ctx, "b")
    assert calls == [("a",)]


def test_a_method_is_cached(ctx):
    class Operator:
        calls = 0

        @execution_cache(residency="transient", store_name="f")
        def method(self, ctx, number):
            self.calls += 1
            return number + 1

    operator = Operator()
    assert operator.method(ctx, 1) == operator.method(ctx, 1) == 2
    assert operator.calls == 1


def test_a_serialized_result_is_deserialized(ctx):
    @execution_cache(
        residency="transient",
        store_name="f",
        serialize=fo.Sample.to_dict,
        deserialize=fo.Sample.from_dict,
    )
    def first(ctx):
        return ctx.dataset.first()

    for _ in range(2):
        sample = first(ctx)
        assert isinstance(sample, fo.Sample) and sample.label.label == "cat"


def test_a_query_s_result_comes_back(ctx, dataset):
    @execution_cache(residency="transient", store_name="f", ttl=60)
    def count(ctx, label):
        view = ctx.dataset.match({"label.label": label})
        return [len(view), view.values("id")]

    first = count(ctx, "cat")
    dataset.clear()
    assert count(ctx, "cat") == first and first[0] == 1


def test_an_expiry_is_that_of_the_function(ctx, calls):
    calls.of(ttl=60, link_to_dataset=True)(ctx, "a")
    service = ExecutionStoreService(dataset_id=ctx.dataset._doc.id)
    (key,) = service.list_keys("f")
    found = service.get_key("f", key)
    assert found.expires_at is not None and found.policy == KeyPolicy.EVICT


def test_a_version_is_another_store(ctx, calls):
    calls.of(version=2)(ctx, "a")
    assert ExecutionStoreService().list_stores_global()[0].store_name == "f#v2"


def test_a_function_of_users_is_not_cached_without_one(ctx, calls):
    cached = calls.of(user_scoped=True)
    cached(ctx, "a")
    cached(ctx, "a")
    assert len(calls) == 2 and ExecutionStoreService().count_stores_global() == 0


# Documents


@in_the_database
def test_documents_are_those_that_fiftyone_writes(alone, linked, dataset):
    def documents():
        found = foo.get_db_conn()["execution_store"].find({}, {"_id": 0})
        return {(document.pop("store_name"), document["key"]): document for document in found}

    linked.create_store("s")
    alone.create_store("t", metadata={"a": 1}, policy="evict")
    linked.set_key("s", "persist", {"name": "x", "n": 100})
    alone.set_key("s", "expires", 1, ttl=HOUR)
    alone.set_cache_key("s", "evict", "x")
    found = documents()
    date = datetime.datetime
    for (name, key), policy, value, of, updated, expires in [
        (("s", "__store__"), "persist", None, dataset._doc.id, type(None), type(None)),
        (("t", "__store__"), "evict", {"a": 1}, None, type(None), type(None)),
        (("s", "persist"), "persist", {"name": "x", "n": 100}, dataset._doc.id, date, type(None)),
        (("s", "expires"), "evict", 1, None, date, date),
        (("s", "evict"), "evict", "x", None, date, type(None)),
    ]:
        document = found.pop((name, key))
        times = [type(document.pop(field)) for field in ("created_at", "updated_at", "expires_at")]
        assert times == [date, updated, expires], (name, key)
        assert document == {"key": key, "policy": policy, "value": value, "dataset_id": of}
    assert found == {}
