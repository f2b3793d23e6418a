"""FiftyOne's own panels keep results and state in stores; what ecache's doctor fixes takes none of it.

Run by tests/mongodb/fiftyone.rs, which says where the database is (as FiftyOne is told) and which `ecache` is meant.
"""

import datetime
import json
import os
import random
import subprocess
from unittest.mock import MagicMock

import bson
import fiftyone as fo
import fiftyone.core.odm as foo
from bson import Binary, Code, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.int64 import Int64
from fiftyone import ViewField as F
from fiftyone.operators import ExecutionContext, execution_cache
from fiftyone.operators.store import ExecutionStore, TransientJobCoordinator
from plugins.panels.model_evaluation import EvaluationPanel
from plugins.panels.similarity_search.run_manager import RunManager
from plugins.utils.model_evaluation import get_scenarios, set_scenarios

COLLECTIONS = ("execution_store", "custom")


def ecache(*words, codes=(0,)):
    """What `ecache` prints, in FiftyOne's own database."""
    ran = subprocess.run(
        [os.environ["ECACHE"], "--db", "fiftyone", *words], capture_output=True, text=True
    )
    assert ran.returncode in codes, (words, ran)
    return ran.stdout + ran.stderr


class Context(ExecutionContext):
    """A context with a panel that keeps its state, as the App does."""

    panel = None
    ops = MagicMock()


class State(dict):
    def get_state(self, name, default=None):
        return self.get(name, default)

    get_data = get_state

    def set_state(self, name, value=None):
        self[name] = value

    set_data = set_state


def context(dataset, **params):
    ctx = Context(
        operator_uri="@voxel51/operators/panel",
        request_params={"dataset_name": dataset.name, "params": params},
    )
    view = {"init": True, "page": "evaluation", "key": "eval", "id": "6b03de1228195dbc2df5c505"}
    ctx.panel = State(view=view)
    return ctx


def evaluated():
    dataset = fo.Dataset("panels")
    labels = ["cat", "dog", "bird"]
    pick = random.Random(1)
    dataset.add_samples([
        fo.Sample(
            f"{at}.jpg",
            ground_truth=fo.Classification(label=pick.choice(labels)),
            predictions=fo.Classification(label=pick.choice(labels), confidence=pick.random()),
        )
        for at in range(20)
    ])
    dataset.evaluate_classifications("predictions", gt_field="ground_truth", eval_key="eval")
    return dataset


SCENARIOS = {
    "6b03de1228195dbc2df5c506": {
        "id": "6b03de1228195dbc2df5c506", "name": "cats", "type": "custom_code",
        "subsets": {"cats": {"type": "field", "field": "ground_truth.label", "value": "cat"}},
        "filter": {"$regex": "^c", "$options": "i"}, "date": {"$date": "$created_at"},
    }
}  # fmt: skip


def use_the_evaluation_panel(dataset):
    panel = EvaluationPanel()
    panel.set_status(context(dataset, status="reviewed"))
    panel.set_note(context(dataset, note="looks *good*"))
    panel.on_evaluate_model_success(context(dataset, result={"eval_key": "next", "id": ObjectId()}))
    set_scenarios(context(dataset), SCENARIOS)


def evaluation_panel_state(dataset):
    panel, ctx = EvaluationPanel(), context(dataset)
    panel.on_load(ctx)
    panel.load_evaluation(ctx)
    shown = {name: ctx.panel[name] for name in ("statuses", "notes", "pending_evaluations", "evaluation_eval")}
    # As text, since no NaN equals another.
    return json.dumps([shown, get_scenarios(ctx)], default=str)


def use_the_similarity_panel(dataset):
    runs = RunManager(context(dataset))
    run = runs.create_run({"brain_key": "b", "query_type": "text", "query": "cats", "k": 5})
    view = dataset.match(F("ground_truth.label").re_match("^c"))._serialize()
    runs.update_run(run["run_id"], {"result_ids": dataset.values("id"), "result_view": view})
    runs.set_operator_run_id(run["run_id"], str(ObjectId()))
    return run["run_id"]


def similarity_panel_state(dataset, run):
    runs = RunManager(context(dataset))
    kept = runs.get_run(run)
    return [kept, runs.list_runs(), runs.find_run_by_operator_id(kept["operator_run_id"])["run_id"]]


# Values that plugins keep with `store.set`, most of which a fix could take for damage.
VALUES = [
    None, 1, Int64(2**40), 1.5, float("nan"), True, "", b"bytes", [], {}, datetime.datetime(2026, 3, 4, 5, 6, 7), ObjectId(),
    Decimal128("1.5"), Regex("^a", "i"), Code("f()"), Timestamp(1, 2), MinKey(), MaxKey(), Binary(b"x", 5),
    {"_cls": "Classification", "label": "cat"}, {"_cls": "tuple", "values": [1]}, {"_cls": "bytes", "value": "?"},
    {"$date": "$created_at"}, {"$oid": "x"}, {"$binary": "x"}, {"$bson": {"$oid": "x"}}, {"": {"$x": [{"_cls": 1}]}},
]  # fmt: skip
KEYS = ["text", "", "a/b", "bson:0", "__other__", "ab" * 32, 0, 1.5, True, ObjectId(), datetime.datetime(2026, 1, 1)]


def use_stores(dataset):
    for of in (None, dataset._doc.id):
        store = ExecutionStore.create("plugin", dataset_id=of)
        for at, value in enumerate(VALUES):
            store.set(f"value {at}", value)
        for at, key in enumerate(KEYS):
            store.set(key, at)
        ExecutionStore.create("", dataset_id=of).set("key in a store without a name", 1)
        store.set_cache("evictable", {"_cls": "Classification"})
        store.set("with a lifetime", {"$oid": "x"}, ttl=3600)
        store.set("lifetime added later", 1)
        store.update_ttl("lifetime added later", 3600)
        store._store_service.create_store(f"created-{of}", metadata={"date": VALUES[10]}, policy="evict")
    doomed = fo.Dataset("doomed")
    ExecutionStore.create("state", dataset_id=doomed._doc.id, collection_name="custom").set("k", 1)
    doomed.delete()
    # FiftyOne has no such dataset, and never had one: it was not deleted.
    foo.get_db_conn()["execution_store"].insert_one({
        "store_name": "s", "key": "k", "value": 1, "dataset_id": "street", "policy": "evict",
        "created_at": datetime.datetime(2026, 1, 1), "updated_at": None, "expires_at": None,
    })
    jobs = ExecutionStore.create("jobs", dataset_id=dataset._doc.id, default_policy="evict")
    coordinator = TransientJobCoordinator(jobs, ttl_seconds=3600, lease_seconds=900)
    coordinator.create(job_id="running", owner="u", scope={}, payload={})
    return coordinator, coordinator.claim("running")["fencing_token"]


@execution_cache(residency="transient", store_name="results", link_to_dataset=True)
def results(ctx, at):
    Calls.count += 1
    return [(1, 2), {3, 4}, datetime.date(2026, 3, 4), b"bytes", {"a": None}, "text"][at]


class Calls:
    count = 0


def documents():
    """Every document by its id, as bytes."""
    database = foo.get_db_conn()
    found = {}
    for name in COLLECTIONS:
        for document in database[name].with_options(codec_options=bson.CodecOptions(bson.raw_bson.RawBSONDocument)).find():
            found[name, document["_id"]] = bytes(document.raw)
    return found


def main():
    dataset = evaluated()
    use_the_evaluation_panel(dataset)
    run = use_the_similarity_panel(dataset)
    coordinator, token = use_stores(dataset)
    for at in range(6):
        results(context(dataset), at)
    evaluation_panel_state(dataset)  # a miss, whose types are others than those of a hit
    shown = evaluation_panel_state(dataset), similarity_panel_state(dataset, run)
    before = documents()

    said = ecache("doctor", codes=(0, 1))
    assert "damaged" not in said, said
    assert documents() == before, "looking changes nothing"
    for words in (["--dry-run"], []):
        ecache("doctor", "--fix", "all", *words, codes=(0, 1))
        assert documents() == before, (words, "FiftyOne reads all of it")

    assert evaluation_panel_state(dataset) == shown[0]
    assert similarity_panel_state(dataset, run) == shown[1]
    computed = Calls.count
    for at in range(6):
        results(context(dataset), at)
    assert Calls.count == computed, "every result is a hit"
    assert coordinator.heartbeat("running", token) is not None

    # A removal takes what may be evicted, and leaves the panels their state.
    ecache("clear", "--all")
    left = documents()
    assert 0 < len(left) < len(before)
    for identity, raw in before.items():
        document = bson.BSON(raw).decode()
        if document["policy"] == "persist" and document["expires_at"] is None:
            assert left[identity] == raw, document
    assert evaluation_panel_state(dataset) == shown[0]
    assert similarity_panel_state(dataset, run) == shown[1]
    assert coordinator.heartbeat("running", token) is not None
    print("every check passed")


main()
