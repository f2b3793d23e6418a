"""FiftyOne's execution stores on the command line of ecache, as a plugin of pytest.

FiftyOne's own tests run on it unchanged: see stores_tests. `ECACHE` is the program, and
`ECACHE_TEST_ENGINE` is `sqlite` for a file of its own for each test, `mongodb` for FiftyOne's
database, or `fiftyone` for FiftyOne without ecache.
"""

import json
import os
import subprocess
from datetime import datetime, timezone

import fiftyone.core.odm as foo
import fiftyone.factory.repo_factory as repo_factory
import fiftyone.factory.repos.execution_store as repos
import pytest
from bson import ObjectId
from fiftyone.operators.store.models import KeyDocument, StoreDocument

ENGINE = os.environ["ECACHE_TEST_ENGINE"]

database = "fiftyone"


def ecache(*words, stdin="", codes=(0,)):
    """Runs a command, and returns its exit code and what it prints."""
    command = [os.environ["ECACHE"], "--db", database, *words]
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True)
    assert ran.returncode in codes, (command, ran)
    return ran.returncode, ran.stdout


def rows(*words):
    return [json.loads(line) for line in ecache(*words)[1].splitlines()]


def marked(value):
    """Returns the text form of a type that JSON has no form for."""
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
        return {"$bson": {"$date": value.isoformat(timespec="milliseconds") + "Z"}}
    if isinstance(value, ObjectId):
        return {"$bson": {"$oid": str(value)}}
    raise TypeError(f"cannot store {type(value)}")


def reads_as_a_type(value):
    """Whether a dict is the text form of a type, or of a dict that looks like one."""
    match value:
        case {"$bson": {"$date": str()} | {"$numberLong": str()} as inner, **more}:
            return not more and len(inner) == 1
        case {"$bson": {"$oid": text}, **more}:
            return not more and ObjectId.is_valid(text)
        case {"$bson": {"$bson": _}, **more}:
            return not more
    return False


def escaped(value):
    """Returns a value in which dicts that look like a type have a mark."""
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: escaped(item) for name, item in value.items()}
    return {"$bson": inner} if reads_as_a_type(value) else inner


def encoded(value):
    return json.dumps(escaped(value), default=marked)


def decoded(value):
    """Returns a value as pymongo reads it: dates have no time zone."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if reads_as_a_type(value):
        match value["$bson"]:
            case {"$date": text}:
                return date(text)
            case {"$oid": text}:
                return ObjectId(text)
            case {"$numberLong": text}:
                return int(text)
            case inner:
                return {name: decoded(item) for name, item in inner.items()}
    return {name: decoded(item) for name, item in value.items()}


def date(text):
    return text and datetime.fromisoformat(text.removesuffix("Z"))


def seconds(ttl):
    return f"{round(ttl * 1000)}ms"


class CommandLineRepo(repos.ExecutionStoreRepo):
    """A repository that keeps everything with `ecache`."""

    COLLECTION_NAME = "execution_store"

    def __init__(self, collection=None, dataset_id=None, notification_service=None):
        super().__init__(dataset_id, notification_service)
        self._collection = getattr(collection, "name", None) or self.COLLECTION_NAME

    # The words that say where.

    def _in(self):
        return ["--collection", self._collection]

    def _store(self, store_name):
        dataset = ["--dataset", str(self._dataset_id)] if self._dataset_id else []
        return [store_name, *dataset, *self._in()]

    def _entry(self, store_name, key):
        return [*self._store(store_name), key]

    def _filter(self, store_name=None, key=None):
        words = ["--dataset", str(self._dataset_id)] if self._dataset_id else ["--no-dataset"]
        if store_name is not None:
            words += ["--store", store_name]
        if key is not None:
            words += ["--key", key]
        return [*words, *self._in()]

    # Stores.

    def _stores(self):
        return rows("stores", "ls", "--format", "jsonl", *self._in())

    def _mine(self):
        dataset = self._dataset_id and str(self._dataset_id)
        return [row for row in self._stores() if row["dataset_id"] == dataset]

    def create_store(self, store_name, metadata=None, policy="persist"):
        words = [] if metadata is None else ["--metadata", encoded(metadata)]
        words += ["--policy", getattr(policy, "value", policy)]
        ecache("stores", "create", *self._store(store_name), *words)
        return self.get_store(store_name)

    def get_store(self, store_name):
        for row in self._mine():
            if row["store_name"] == store_name:
                return StoreDocument(
                    store_name=store_name,
                    dataset_id=self._dataset_id,
                    value=decoded(row["metadata"]),
                )
        return None

    def has_store(self, store_name):
        return store_name in self.list_stores()

    def list_stores(self):
        return [row["store_name"] for row in self._mine()]

    def count_stores(self):
        return len(self._mine())

    def _remove(self, *words):
        before = self._documents()
        ecache(*words)
        return before - self._documents()

    def _documents(self):
        """The number of documents that FiftyOne would count as deleted."""
        stores = self._stores()
        return sum(row["entries"] + self._has_document(row) for row in stores)

    def _has_document(self, store):
        dataset = ["--dataset", store["dataset_id"]] if store["dataset_id"] else []
        words = ["stores", "show", store["store_name"], *dataset, "--format", "jsonl"]
        return json.loads(ecache(*words, *self._in())[1])["policy"] is not None

    def delete_store(self, store_name):
        if self._notification_service:
            self._notification_service.unsubscribe_all(store_name)
        if not self.has_store(store_name):
            return 0
        return self._remove("stores", "rm", *self._store(store_name))

    def cleanup(self):
        return self._remove("clear", "--policy", "any", "--jobs", *self._filter())

    def clear_cache(self, store_name=None):
        return self._remove("clear", "--jobs", *self._filter(store_name))

    def has_store_global(self, store_name):
        return any(row["store_name"] == store_name for row in self._stores())

    def list_stores_global(self):
        return [
            StoreDocument(
                store_name=row["store_name"],
                dataset_id=row["dataset_id"] and ObjectId(row["dataset_id"]),
            )
            for row in self._stores()
        ]

    def count_stores_global(self):
        return len(self._stores())

    def delete_store_global(self, store_name):
        words = ["--store", store_name, "--policy", "any", "--jobs", *self._in()]
        return self._remove("clear", *words)

    # Keys.

    def _put(self, store_name, key, value, *words):
        entry = self._entry(store_name, key)
        code, _ = ecache(
            "set", *entry, "-", "--type", "json", *words, stdin=encoded(value), codes=(0, 1)
        )
        return code == 0

    @staticmethod
    def _lifetime(ttl, policy):
        if ttl is not None:
            return ["--ttl", seconds(ttl)]
        return ["--policy", "evict" if policy == "evict" else "persist"]

    def set_key(self, store_name, key, value, ttl=None, policy="persist"):
        self._put(store_name, key, value, *self._lifetime(ttl, policy))
        return self.get_key(store_name, key)

    def set_cache_key(self, store_name, key, value, ttl=None):
        return self.set_key(store_name, key, value, ttl, policy="evict")

    def set_key_if_absent(self, store_name, key, value, ttl=None, policy="persist"):
        lifetime = self._lifetime(ttl, policy)
        return self._put(store_name, key, value, "--if-absent", *lifetime)

    def compare_and_set_key(self, store_name, key, expected, value, ttl=None, policy=None):
        keep = ttl is None and policy is None
        lifetime = [] if keep else self._lifetime(ttl, policy)
        return self._put(store_name, key, value, "--if-value", encoded(expected), *lifetime)

    def has_key(self, store_name, key):
        return ecache("has", *self._entry(store_name, key), codes=(0, 1))[0] == 0

    def get_key(self, store_name, key):
        for row in rows("export", *self._filter(store_name, key)):
            if row["key"] == key:
                return KeyDocument.from_dict(
                    {
                        "store_name": store_name,
                        "key": key,
                        "value": decoded(row["value"]),
                        "dataset_id": self._dataset_id,
                        "policy": row["policy"],
                        **{
                            name: date(row[name])
                            for name in ("created_at", "updated_at", "expires_at")
                        },
                    }
                )
        return None

    def update_ttl(self, store_name, key, ttl):
        if not self.has_key(store_name, key):
            return False
        ecache("touch", "--ttl", seconds(ttl), *self._filter(store_name, key))
        return True

    def update_policy(self, store_name, key, policy):
        if not self.has_key(store_name, key):
            return False
        ecache("touch", "--policy", policy, *self._filter(store_name, key))
        return True

    def delete_key(self, store_name, key):
        return ecache("rm", *self._entry(store_name, key), codes=(0, 1))[0] == 0

    def list_keys(self, store_name):
        words = ["ls", "--fields", "key", "--format", "jsonl", *self._filter(store_name)]
        return [row["key"] for row in rows(*words)]

    def count_keys(self, store_name):
        return len(self.list_keys(store_name))


def in_memory(dataset_id=None, notification_service=None):
    return CommandLineRepo(None, dataset_id, notification_service)


@pytest.fixture(autouse=True)
def on_the_command_line(monkeypatch, tmp_path, request):
    global database
    if ENGINE == "sqlite":
        database = str(tmp_path / "store.db")
    else:
        foo.get_db_conn().drop_collection(CommandLineRepo.COLLECTION_NAME)
    monkeypatch.setattr(repo_factory.RepositoryFactory, "repos", {})
    if ENGINE == "fiftyone":
        return
    monkeypatch.setattr(repo_factory, "MongoExecutionStoreRepo", CommandLineRepo)
    module = request.module
    if hasattr(module, "InMemoryExecutionStoreRepo"):
        monkeypatch.setattr(module, "InMemoryExecutionStoreRepo", in_memory)
