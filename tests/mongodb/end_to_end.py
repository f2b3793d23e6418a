"""FiftyOne and ecache on one database: what either keeps, the other finds, reads and clears.

Run by tests/mongodb/fiftyone.rs, which says where the database is (as FiftyOne is told) and which `ecache` is meant.
"""

import datetime
import json
import os
import subprocess
import tempfile
from types import SimpleNamespace

import bson
import bson.raw_bson
import fiftyone as fo
import pymongo
from bson import ObjectId
from bson.int64 import Int64
from fiftyone.operators import ExecutionContext, execution_cache
from fiftyone.operators.store import (
    ExecutionStore,
    ExecutionStoreService,
    TransientJobCoordinator,
)
from fiftyone.operators.store.clone import _remap_ids

OPERATOR = "@acme/stats/dashboard"
PROMPT = "prompt-1"
USER = "u-alice"
TOKEN = "a.b.c"
FIELDS = {
    "_id", "store_name", "key", "value", "dataset_id",
    "created_at", "updated_at", "expires_at", "policy",
}


def ecache(*words, stdin=b"", code=0):
    """What `ecache` prints, in FiftyOne's own database."""
    ran = subprocess.run(
        [os.environ["ECACHE"], "--db", "fiftyone", *words], input=stdin, capture_output=True
    )
    assert ran.returncode == code, (words, ran)
    return ran.stdout


def ecache_says(*words):
    """Returns what `ecache` tells on standard error."""
    ran = subprocess.run(
        [os.environ["ECACHE"], "--db", "fiftyone", *words], capture_output=True, check=True
    )
    return ran.stderr.decode()


def context(dataset):
    ctx = ExecutionContext(
        operator_uri=OPERATOR,
        request_params={"dataset_name": dataset.name, "prompt_id": PROMPT, "params": {}},
    )
    ctx.user = SimpleNamespace(id=USER, _request_token=TOKEN)
    return ctx


class Counted:
    """A cached function that counts its computations."""

    def __init__(self, store_name, result, **options):
        self.computations = 0

        def function(ctx, *args):
            self.computations += 1
            return result(*args) if callable(result) else result

        # FiftyOne's memory goes by the function's name.
        function.__qualname__ = store_name
        self.function = execution_cache(store_name=store_name, **options)(function)

    def __call__(self, ctx, *args):
        return self.function(ctx, *args)


def documents():
    name = os.environ["FIFTYONE_DATABASE_NAME"]
    client = pymongo.MongoClient(os.environ["FIFTYONE_DATABASE_URI"])
    return client[name]["execution_store"]


def every_scope_and_residency(dataset, token_file):
    scopes = {
        "operator_scoped": ["--operator", OPERATOR],
        "prompt_scoped": ["--prompt", PROMPT],
        "user_scoped": ["--user", USER],
        "jwt_scoped": ["--jwt-file", token_file],
    }
    args = ["--args", '["label", 3]', "--dataset", dataset.name]
    chosen = [[], *([scope] for scope in scopes), list(scopes)]
    for residency in ("transient", "hybrid", "ephemeral"):
        for number, on in enumerate(chosen):
            store = f"scopes-{residency}-{number}"
            options = {scope: True for scope in on}
            function = Counted(store, {"n": [1, 2.5]}, residency=residency, **options)
            for _ in range(2):
                assert function(context(dataset), "label", 3) == {"n": [1, 2.5]}
            assert function.computations == 1, store
            words = [word for scope in on for word in scopes[scope]]
            if residency == "ephemeral":
                assert ecache("get", store, *args, *words, code=1) == b""
                continue
            assert json.loads(ecache("get", store, *args, *words)) == {"n": [1, 2.5]}
            if on:
                # Another scope is another entry.
                ecache("get", store, *args, code=1)


VALUES = [
    ("str", "text with ümläuts 語 and \0", None),
    ("int", 42, None),
    ("int64", 2**62, None),
    ("negative", -(2**63), None),
    ("float", 0.1, None),
    ("whole float", 1.0, None),
    ("small float", 1.5e-09, None),
    ("nan", float("nan"), "NaN"),
    ("true", True, None),
    ("list", [1, "a", None, [2.0]], None),
    ("dict", {"a": {"b.c": 1, "$d": [2]}, "": 0}, None),
    ("tuple", (1, "a", (2,)), '{"_cls": "tuple", "values": [1, "a", {"_cls": "tuple", "values": [2]}]}'),
    ("set", {1}, '{"_cls": "set", "values": [1]}'),
    ("date", datetime.date(2026, 3, 4), '{"_cls": "date", "value": "2026-03-04"}'),
    (
        "datetime",
        datetime.datetime(2026, 3, 4, 5, 6, 7, 89),
        '{"_cls": "datetime", "value": "2026-03-04T05:06:07.000089"}',
    ),
    ("nested", {str(n): [{"x": [n, str(n), n / 7]} for _ in range(20)] for n in range(200)}, None),
]


def values_set_by_ecache_are_hits(dataset):
    def never():
        raise AssertionError("FiftyOne computed what ecache had set")

    function = Counted("values", lambda *_: never(), residency="transient")

    def call(name):
        return ["values", "--args", json.dumps([name]), "--dataset", dataset.name]

    for name, value, text in VALUES:
        text = text or json.dumps(value)
        ecache("set", *call(name), "-", "--type", "json", stdin=text.encode())
        found = function(context(dataset), name)
        # The driver of Python has an int of its own for 64 bits.
        kind = int if isinstance(found, Int64) else type(found)
        assert kind is type(value), (name, found)
        assert found == value or name == "nan" and found != found, (name, found)
        # What was put in comes out, byte for byte.
        assert ecache("get", *call(name)).rstrip(b"\n") == text.encode(), name
    ecache("set", *call("text"), "-", stdin="plain \N{SNOWMAN}".encode())
    assert function(context(dataset), "text") == "plain \N{SNOWMAN}"
    payload = bytes(range(256)) * 40
    ecache("set", *call("bytes"), "-", "--type", "bytes", stdin=payload)
    assert function(context(dataset), "bytes") == payload
    assert ecache("get", *call("bytes")) == payload
    # A cached None is a hit to ecache and a miss to FiftyOne, even if FiftyOne set it.
    ecache("set", *call("none"), "null", "--type", "json")
    assert ecache("get", *call("none")) == b"null\n"


def values_set_by_fiftyone_are_read(dataset):
    for name, value, text in VALUES:
        function = Counted("theirs", value, residency="transient")
        function(context(dataset), name)
        call = ["theirs", "--args", json.dumps([name]), "--dataset", dataset.name]
        if isinstance(value, str):
            assert ecache("get", *call) == value.encode()
        else:
            assert ecache("get", *call).decode() == (text or json.dumps(value)) + "\n", name
    function = Counted("theirs", b"\0\xff", residency="transient")
    function(context(dataset), "bytes")
    assert ecache("get", "theirs", "--args", '["bytes"]', "--dataset", dataset.name) == b"\0\xff"


def an_overwrite_is_believed_and_the_note_is_not(dataset):
    function = Counted("overwritten", 0, residency="transient", user_scoped=True)
    call = ["overwritten", "--args", "[1]", "--dataset", dataset.name, "--user", USER]
    ecache("set", *call, "[1,  2]", "--type", "json")
    assert function(context(dataset), 1) == [1, 2]
    shown = json.loads(ecache("show", *call, "--format", "json"))
    assert (shown["user_id"], shown["args"]) == (USER, [1]), shown
    function.function.set_cache(context(dataset), 1, [3])
    assert ecache("get", *call) == b"[3]\n"
    shown = json.loads(ecache("show", *call, "--format", "json"))
    assert (shown["user_id"], shown["args"], shown["kind"]) == (None, None, "json"), shown
    assert shown["dataset_name"] == dataset.name


def clearing(dataset, other):
    here = Counted("cleared", 1, residency="transient")
    for one in (dataset, other):
        here(context(one), "x")
    assert here.computations == 2
    store = ExecutionStore.create("kept", dataset_id=dataset._doc.id)
    store.set("layout", {"columns": 3})
    would = ecache("clear", "--dataset", dataset.name, "--dry-run")
    assert would == b""
    ecache("clear", "--dataset", dataset.name)
    assert store.get("layout") == {"columns": 3}, "what persists is safe"
    for one in (dataset, other):
        here(context(one), "x")
    assert here.computations == 3, "FiftyOne computes again what was cleared, and no more"
    ecache("rm", "kept", "layout", "--dataset", dataset.name)
    assert store.get("layout") is None


def a_ttl(dataset):
    function = Counted("ttl", 1, residency="transient", ttl=3600)
    function(context(dataset), "x")
    ecache("touch", "--store", "ttl", "--ttl", "1ms")
    # ecache looks at the time itself, and does not wait for the server to.
    ecache("get", "ttl", "--args", '["x"]', "--dataset", dataset.name, code=1)
    ecache("prune", "--expired")
    function(context(dataset), "x")
    assert function.computations == 2


COMPARED = [
    (1, 1.0), (1, True), (True, 1.0), (0, False), (0.0, -0.0), (None, None), (None, 0),
    ([1, {"a": 2}], [1.0, {"a": 2.0}]), ({"a": 1, "b": True}, {"b": 1, "a": 1.0}),
    ({"a": None}, {}), (float("nan"), float("nan")), ([float("nan")], [float("nan")]),
    (2**53 + 1, float(2**53)), (2**53, float(2**53)), (Int64(5), 5), ("1", 1), ("", None),
    ([], {}), ([1, 2], [1, 2, 3]), (0.1 + 0.2, 0.3), ("a", "a"),
]


def comparing_is_pythons(dataset):
    store = ExecutionStore.create("compared", dataset_id=dataset._doc.id)
    words = ["set", "compared", "k", "--dataset", dataset.name, "--type", "json", '"new"']
    for stored, expected in COMPARED:
        store.set("k", stored)
        is_equal = store.compare_and_set("k", expected, "new")
        store.set("k", stored)
        ecache(*words, "--if-value", json.dumps(expected), code=0 if is_equal else 1)
    ecache("clear", "--store", "compared", "--policy", "any")


def an_overwrite_keeps_what_it_does_not_name(dataset):
    store = ExecutionStore.create("lifetimes", dataset_id=dataset._doc.id)
    here = ["lifetimes", "k", "--dataset", dataset.name]

    def lifetime():
        document = documents().find_one({"store_name": "lifetimes", "key": "k"})
        return document["policy"], document["expires_at"]

    store.set("k", "1")
    ecache("set", *here, "2")
    assert lifetime() == ("persist", None)
    ecache("clear", "--store", "lifetimes")
    assert store.get("k") == "2"
    assert store.compare_and_set("k", "2", "3", ttl=600)
    policy, expires_at = lifetime()
    assert policy == "evict"
    ecache("set", *here, "4", "--if-value", "3")
    assert lifetime() == ("evict", expires_at)
    assert store.compare_and_set("k", "4", "5")
    assert lifetime() == ("evict", expires_at)
    # FiftyOne leaves the policy `persist` with an expiry, and ecache leaves both.
    ecache("touch", "--store", "lifetimes", "--policy", "persist")
    store.update_ttl("k", 600)
    policy, expires_at = lifetime()
    assert policy == "persist" and expires_at
    ecache("set", *here, "6", "--if-value", "5")
    assert lifetime() == ("persist", expires_at)
    ecache("clear", "--store", "lifetimes")
    assert store.get("k") == "6"
    store.clear()


def documents_of_stores(dataset):
    """What FiftyOne's clear_cache leaves of stores and their documents, `ecache clear` leaves too."""
    service = ExecutionStoreService(dataset_id=dataset._doc.id)

    def create():
        for policy in ("evict", "persist"):
            name = f"own-{policy}"
            service.delete_store(name)
            service.create_store(name, {"a": 1}, policy=policy)
            service.set_key(name, "kept", 1)
            service.set_key(name, "cached", 1, policy="evict")

    def left():
        found = documents().find({"store_name": {"$regex": "^own-"}})
        return sorted((document["store_name"], document["key"]) for document in found)

    clear = ["clear", "--glob", "--store", "own-*", "--dataset", dataset.name]
    create()
    service.clear_cache("own-evict")
    service.clear_cache("own-persist")
    by_fiftyone = left()
    create()
    ecache(*clear)
    assert left() == by_fiftyone, (left(), by_fiftyone)
    ecache(*clear, "--policy", "any")
    assert left() == []


def stores_as_such(dataset):
    """A store that either makes, renames or deletes is what the other sees."""
    service = ExecutionStoreService(dataset_id=dataset._doc.id)
    here = ["--dataset", dataset.name]
    ecache("stores", "create", "made", *here, "--metadata", '{"owner": "ann"}', "--policy", "evict")
    made = service.get_store("made")
    assert (made.metadata, made.policy) == ({"owner": "ann"}, "evict"), made
    assert service.has_store("made") and service.count_keys("made") == 0
    ecache("stores", "set", "made", *here, "--metadata", '{"n": 5}')
    assert service.get_store("made").metadata == {"n": 5}
    ecache("stores", "create", "made", *here, code=1)

    service.set_key("made", "kept", {"at": datetime.datetime(2026, 1, 1)})
    service.set_key("made", "expiring", 1, ttl=600)
    before = {document["key"]: document for document in documents().find({"store_name": "made"})}
    ecache("stores", "rename", "made", "named", *here, "--dry-run")
    ecache("stores", "rename", "made", "named", *here)
    after = {document["key"]: document for document in documents().find({"store_name": "named"})}
    assert set(after) == {"__store__", "kept", "expiring"}
    for key, document in before.items():
        assert {**document, "store_name": "named"} == after[key]
    assert not service.has_store("made")
    assert sorted(service.list_keys("named")) == ["expiring", "kept"]
    ecache("set", "named", "ours", "1", *here, "--user", USER)
    service.set_key("other", "kept", 2)
    ecache("stores", "rename", "named", "other", *here, code=1)
    ecache("stores", "rename", "named", "other", *here, "--merge", code=1)
    service.delete_key("other", "kept")
    service.set_key("other", "more", 2)
    ecache("stores", "rename", "named", "other", *here, "--merge")
    assert sorted(service.list_keys("other")) == ["expiring", "kept", "more", "ours"]
    fields = ecache("ls", "--store", "other", "--user", USER, "--fields", "key").split()
    assert fields == [b"ours"], fields
    unlinked = ExecutionStoreService()
    ecache("stores", "rename", "other", "other", *here, "--to-no-dataset")
    assert sorted(unlinked.list_keys("other")) == ["expiring", "kept", "more", "ours"]
    assert unlinked.get_store("other").metadata == {"n": 5} and not service.has_store("other")
    custom = documents().database["elsewhere"]
    odd = {"store_name": "other", "dataset_id": None, "value": bson.Regex("a", "i"), "more": 1}
    documents().insert_many([{**odd, "key": 1.5}, {**odd, "key": "unknown field"}])
    query = {"store_name": "other", "dataset_id": None}
    before = sorted(documents().find(query), key=lambda document: str(document["_id"]))
    ecache("stores", "rename", "other", "other", "--to-collection", "elsewhere")
    moved = sorted(custom.find(query), key=lambda document: str(document["_id"]))
    assert moved == before and documents().count_documents(query) == 0
    ecache("stores", "rename", "other", "$other", "--collection", "elsewhere")
    back = ["--collection", "elsewhere", "--to-collection", documents().name]
    ecache("stores", "rename", "$other", "other", *back)
    assert sorted(documents().find(query), key=lambda document: str(document["_id"])) == before
    documents().delete_many(odd)
    ecache("stores", "rename", "other", "other", "--to-dataset", dataset.name)
    assert sorted(service.list_keys("other")) == ["expiring", "kept", "more", "ours"]
    assert ecache("ls", "--store", "other", "--user", USER, "--fields", "key").split() == [b"ours"]

    ecache("stores", "rm", "other", *here, "--dry-run")
    ecache("stores", "rm", "other", *here)
    assert not service.has_store("other")
    assert documents().count_documents({"store_name": "other"}) == 0
    ecache("stores", "rm", "other", *here, code=1)


def stores_are_fiftyones(dataset):
    ecache("set", "listed", "a", "1", "--dataset", dataset.name)
    store = ExecutionStore.create("listed", dataset_id=dataset._doc.id)
    store.set("b", 2)
    assert sorted(store.list_keys()) == ["a", "b"]
    assert store.get("a") == "1"
    assert store.delete("a")
    assert ecache("ls", "--store", "listed", "--fields", "key,dataset_name").split() == [
        b"b",
        dataset.name.encode(),
    ]


def copying(dataset, folder):
    function = Counted("copied", [1, 2.5], residency="transient", user_scoped=True)
    function(context(dataset), "x")
    file = os.path.join(folder, "slice.db")
    ecache("copy", "@", file, "--store", "copied", "--dataset", dataset.name)
    ecache("clear", "--store", "copied")
    ecache("copy", file, "@")
    assert function(context(dataset), "x") == [1, 2.5]
    assert function.computations == 1, "what was copied back is a hit"
    clone = dataset.clone("clone")
    ecache("copy", "@", "@", "--store", "copied", "--remap-dataset", f"{dataset.name}=clone")
    assert function(context(clone), "x") == [1, 2.5]
    assert function.computations == 1, "a cloned dataset has its cache back"
    clone.delete()
    whole = os.path.join(folder, "whole.db")
    ecache("copy", "@", whole)
    ran = subprocess.run(
        [os.environ["ECACHE"], "--db", whole, "export"], capture_output=True, check=True
    )
    there = sorted(map(json.loads, ecache("export").splitlines()), key=str)
    here = sorted(map(json.loads, ran.stdout.splitlines()), key=str)
    assert len(here) > 3
    for one, other in zip(there, here, strict=True):
        # What FiftyOne wrote is as long as its BSON there, and as its text here.
        one["size"] = other["size"] = None
        assert str(one) == str(other), (one, other)


def cloning(dataset, other):
    """A clone gets what FiftyOne's own cloner would give it, and no state."""
    old, new = dataset._doc.id, other._doc.id
    value = {
        str(old): [str(old), f"run of {old}", {"dataset": old, "at": datetime.datetime(2026, 3, 4)}],
        "text": f'say "{old}"',
        "tuple": {"_cls": "tuple", "values": [str(old), 1.50]},
        "literal": {"$oid": str(old)},
    }
    store = ExecutionStore.create("cloned", dataset_id=old)
    store.set_cache("k", value)
    store.set_cache(str(old), str(old))
    store.set_cache("other", f"run:{old}")
    store.set("state", value)
    TransientJobCoordinator(store).create(owner="ann", scope="s", payload=1)
    remap = f"{dataset.name}={other.name}"
    said = ecache_says("copy", "@", "@", "--store", "cloned", "--remap-dataset", remap)
    assert "copied 3 entries (3 new, 0 replaced)" in said, said
    assert "1 entry (" in said and "of policy persist was left out" in said, said
    assert "of jobs was left out" in said or "of jobs were left out" in said, said
    ids = {str(old): str(new)}
    clone = ExecutionStore.create("cloned", dataset_id=new)
    assert sorted(clone.list_keys()) == sorted(["k", "other", str(new)]), clone.list_keys()
    assert clone.get("k") == _remap_ids(store.get("k"), ids), clone.get("k")
    assert clone.get(str(new)) == str(new)
    assert clone.get("other") == store.get("other")
    ecache("copy", "@", "@", "--store", "cloned", "--remap-dataset", remap, "--policy", "any")
    assert clone.get("state") == _remap_ids(store.get("state"), ids)
    for one in (store, clone):
        one.clear()


def jobs(dataset):
    store = ExecutionStore.create("jobs", dataset_id=dataset._doc.id)
    coordinator = TransientJobCoordinator(store)

    def create(name):
        return coordinator.create(owner={"user": "ann"}, scope="s", payload=[1], job_id=name)

    for name in ("asked", "runs", "done"):
        create(name)
    token = coordinator.claim("runs")["fencing_token"]
    done = coordinator.claim("done")["fencing_token"]
    assert coordinator.complete("done", done, result=1)
    here = ["--store", "jobs", "--dataset", dataset.name]
    found = json.loads(ecache("doctor", "--format", "json", "--fail-on", "none"))
    running = [row for row in found if row["check"] == "running-jobs"]
    assert [row["entries"] for row in running] == [1], found
    assert "runs" in running[0]["samples"][0], running
    listed = ecache("ls", "--kind", "job", *here, "--fields", "key").split()
    assert sorted(listed) == [b"asked", b"done", b"runs"], listed
    assert not ecache("ls", "--kind", "job", "--dataset", dataset.name, "--store", "copied")
    said = ecache_says("clear", "--kind", "job", *here, "--dry-run")
    assert "would remove 2" in said and "of running jobs stay" in said, said
    said = ecache_says("clear", *here, "--dry-run")
    assert "would remove 2 entries" in said and "1 entry (" in said, said
    said = ecache_says("clear", *here)
    assert "removed 2 entries" in said and "of running jobs stay" in said, said
    assert store.list_keys() == ["runs"]
    assert coordinator.heartbeat("runs", token), "its worker goes on"
    said = ecache_says("clear", *here, "--jobs")
    assert "removed 1 entry" in said and "running jobs" not in said, said
    assert coordinator.heartbeat("runs", token) is None


def entries_of_deleted_datasets_are_found(dataset):
    doomed = fo.Dataset("doomed")
    function = Counted("left", 1, residency="transient", collection_name="custom")
    for one in (dataset, doomed):
        function(context(one), "x")
    doomed.delete()
    custom = documents().database["custom"]
    assert custom.count_documents({"store_name": "left"}) == 2
    found = json.loads(ecache("doctor", "--format", "json", code=1))
    orphaned = [row for row in found if row["check"] == "orphaned" and row["collection"] == "custom"]
    assert [row["entries"] for row in orphaned] == [1], found
    assert orphaned[0]["command"] == "ecache --db fiftyone prune --orphaned --collection custom"
    ecache("prune", "--orphaned", "--collection", "custom", "--dry-run")
    assert custom.count_documents({"store_name": "left"}) == 2
    ecache("prune", "--orphaned", "--collection", "custom")
    assert custom.count_documents({"store_name": "left"}) == 1
    function(context(dataset), "x")
    assert function.computations == 2, "what lives was left alone"


def the_doctor_finds_faulty_documents(dataset):
    now = datetime.datetime.now(datetime.timezone.utc)
    ill = documents().database["ill"]
    ecache("set", "s", "well", "1", "--collection", "ill")
    document = {
        "store_name": "s", "value": 1, "dataset_id": None, "policy": "evict",
        "created_at": now, "updated_at": None, "expires_at": None,
    }
    later = now + datetime.timedelta(days=1)
    ill.insert_many([
        {**document, "key": "unknown field", "owner": "me"},
        {**document, "key": "unknown policy", "policy": "pinned"},
        {**document, "key": "own class", "value": {"a": {"_cls": "Detection"}}},
        {**document, "key": "ab" * 32, "value": {"a": {"_cls": "Detection"}}},
        {**document, "key": 0},
        {**document, "key": "to be removed", "policy": "persist", "expires_at": later},
    ])
    ill.drop_index("policy")
    found = json.loads(ecache("doctor", "--collection", "ill", "--format", "json", code=1))
    found = {row["check"]: row["entries"] for row in found if row["severity"] != "info"}
    # The decorator reads hashes alone, and nothing of FiftyOne's is damaged.
    expected = {"unreadable": 1, "persist-expiry": 1, "missing-indexes": 5}
    assert found.keys() == expected.keys(), found
    assert all(found[check] == count for check, count in expected.items() if check != "missing-indexes")
    there = {str(row["key"]) for row in ill.find()}
    ecache("doctor", "--collection", "ill", "--fix", "all", "--fail-on", "damaged,unreadable")
    assert {str(row["key"]) for row in ill.find()} == there - {"ab" * 32}
    assert ill.index_information() == documents().index_information()

    # Another program removes an entry, and knows nothing of the note on it.
    notes = ill.database["ill.ecache"]
    note = notes.find_one_and_delete({"entry": ill.find_one_and_delete({"key": "well"})["_id"]})
    notes.insert_one({**note, "_id": ObjectId.from_datetime(datetime.datetime(2026, 1, 1))})
    found = ecache("doctor", "--collection", "ill", "--fix", "all", "--dry-run", "--format", "table", code=1).decode()
    assert "of 1 entry that is gone can be removed" in found, found
    assert notes.count_documents({}) == 1
    ecache("doctor", "--collection", "ill", "--fix", "all", code=1)
    assert notes.count_documents({}) == 0


def keys_without_a_text_are_compared():
    odd = documents().database["odd"]
    ecache("set", "s", "well", "1", "--collection", "odd")
    document = {
        "store_name": "s", "value": 1, "dataset_id": None, "policy": "evict",
        "created_at": datetime.datetime(2026, 11, 1), "updated_at": None, "expires_at": None,
    }
    for keys in (["a", "\N{CENT SIGN}", "z"], [0, 1.5, True, "bson:0"]):
        raw = [bson.encode({**document, "key": key}) for key in keys]
        raw = [one.replace("\N{CENT SIGN}".encode(), b"\xff\xff") for one in raw]
        raw = [bson.raw_bson.RawBSONDocument(one) for one in raw]
        odd.database.command({"insert": "odd", "documents": raw})
        assert ecache("diff", "@", "@", "--collection", "odd", "--format", "jsonl") == b""
    # The one that cannot be copied is on one side alone.
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy.db")
        ecache("copy", "@", copy, "--collection", "odd", code=3)
        differ = ecache("diff", "@", copy, "--collection", "odd", "--format", "jsonl", code=1)
    assert [json.loads(line)["change"] for line in differ.splitlines()] == ["removed"], differ
    odd.drop()


def watching(dataset):
    watcher = subprocess.Popen(
        [os.environ["ECACHE"], "--db", "fiftyone", "watch", "--store", "watched", "--count", "3", "-v"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    # There is no such store yet, which is said first.
    assert "watching\n" in (watcher.stderr.readline(), watcher.stderr.readline())
    store = ExecutionStore.create("watched", dataset_id=dataset._doc.id)
    lines = []
    for change in (lambda: store.set("k", 1), lambda: store.set("k", 2), lambda: store.delete("k")):
        change()
        lines.append(watcher.stdout.readline().split("\t"))
    assert [line[0] for line in lines] == ["created", "updated", "removed"], lines
    assert {line[3] for line in lines} == {"k"}
    assert watcher.wait(30) == 0


def main(folder):
    token_file = os.path.join(folder, "token")
    with open(token_file, "w") as file:
        file.write(TOKEN)
    dataset, other = fo.Dataset("street"), fo.Dataset("indoor")
    ExecutionStore.create("first", dataset_id=dataset._doc.id).set("k", 1)
    indexes = documents().index_information()

    every_scope_and_residency(dataset, token_file)
    values_set_by_ecache_are_hits(dataset)
    values_set_by_fiftyone_are_read(dataset)
    an_overwrite_is_believed_and_the_note_is_not(dataset)
    clearing(dataset, other)
    a_ttl(dataset)
    comparing_is_pythons(dataset)
    an_overwrite_keeps_what_it_does_not_name(dataset)
    documents_of_stores(dataset)
    stores_as_such(dataset)
    stores_are_fiftyones(dataset)
    copying(dataset, folder)
    cloning(dataset, other)
    jobs(dataset)
    entries_of_deleted_datasets_are_found(dataset)
    the_doctor_finds_faulty_documents(dataset)
    keys_without_a_text_are_compared()
    watching(dataset)

    ecache("set", "unlinked", "k", "1")
    for document in documents().find():
        assert set(document) == FIELDS, document
        assert isinstance(document["dataset_id"], (ObjectId, type(None))), document
        assert document["policy"] in ("persist", "evict"), document
    assert documents().index_information() == indexes, "FiftyOne's indexes are as they were"
    ecache("set", "s", "k", "1", "--collection", "fresh")
    fresh = documents().database["fresh"]
    made = fresh.index_information()
    ExecutionStore.create("s", collection_name="fresh").set("k2", 1)
    assert fresh.index_information() == made == indexes, "those that ecache makes are FiftyOne's"
    print("every check passed")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(folder)
