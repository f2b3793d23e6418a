"""For tests of FiftyOne that mock MongoDB or functions of its own: see stores_tests.

The mock is told the request of pymongo that would have found or changed the documents that ecache
found or changed, so the expectations of the test hold of ecache's documents.
"""

import json
import os
import time
from datetime import datetime, timedelta
from unittest.mock import MagicMock

import fiftyone.core.odm as foo
import pytest
from fiftyone.operators.cache import utils
from fiftyone.operators.store.models import KeyDocument

import adapter
from adapter import CommandLineRepo, decoded, ecache, encoded

FIELDS = [
    "store_name", "key", "value", "dataset_id", "created_at", "updated_at", "expires_at", "policy",
]  # fmt: skip


class RecordedRepo(CommandLineRepo):
    """A repository that keeps everything with `ecache`, and tells a mocked collection."""

    def __init__(self, collection=None, dataset_id=None, notification_service=None):
        super().__init__(None, dataset_id, notification_service)
        self._mock = collection

    def _query(self, store_name, **more):
        return {"store_name": store_name, "dataset_id": self._dataset_id, **more}

    def _plant(self, documents):
        """Writes what the mock would have returned."""
        for document in documents if isinstance(documents, list) else [documents]:
            if not isinstance(document, dict):
                continue
            if adapter.ENGINE == "mongodb":
                foo.get_db_conn()[self.COLLECTION_NAME].insert_one(dict(document))
            else:
                self._put(document["store_name"], document["key"], document.get("value"))

    def _document(self, store_name, key):
        found = CommandLineRepo.get_key(self, store_name, key)
        return {name: getattr(found, name) for name in FIELDS}

    def create_store(self, store_name, metadata=None, policy="persist"):
        created = super().create_store(store_name, metadata, policy)
        words = [*self._store(store_name), "--format", "jsonl"]
        row = json.loads(ecache("stores", "show", *words)[1])
        document = {name: row.get(name) for name in ("created_at", "updated_at", "expires_at")}
        self._mock.insert_one(
            {
                **self._query(store_name, key="__store__", value=decoded(row["metadata"]) or None),
                **{name: adapter.date(value) for name, value in document.items()},
                "policy": row["policy"],
            }
        )
        return created

    def set_key(self, store_name, key, value, ttl=None, policy="persist"):
        # Fields that an overwrite changes are set, and the others are those of an insertion.
        self._put(store_name, key, "another value", *self._lifetime((ttl or 0) + 1000, policy))
        before = self._document(store_name, key)
        time.sleep(0.002)
        self._put(store_name, key, value, *self._lifetime(ttl, policy))
        after = self._document(store_name, key)
        changed = {name for name in FIELDS if before[name] != after[name]}
        update = {
            "$set": {name: after[name] for name in changed},
            "$setOnInsert": {name: after[name] for name in FIELDS if name not in changed},
        }
        self._mock.update_one(self._query(store_name, key=key), update, upsert=True)
        return KeyDocument(**after)

    def get_key(self, store_name, key):
        planted = self._mock.find_one(self._query(store_name, key=key))
        if not isinstance(planted, dict):
            return super().get_key(store_name, key)
        self._plant(planted)
        words = [*self._entry(store_name, key), "--format", "json"]
        return KeyDocument(store_name, key, decoded(json.loads(ecache("get", *words)[1])))

    def list_keys(self, store_name):
        query = self._query(store_name, key={"$ne": "__store__"})
        self._plant(self._mock.find(query, {"key": 1}))
        return super().list_keys(store_name)

    def update_ttl(self, store_name, key, ttl):
        self._put(store_name, key, 1)
        updated = super().update_ttl(store_name, key, ttl)
        expires = self._document(store_name, key)["expires_at"]
        self._mock.update_one(self._query(store_name, key=key), {"$set": {"expires_at": expires}})
        return updated

    def delete_key(self, store_name, key):
        self._put(store_name, key, 1)
        self._mock.delete_one(self._query(store_name, key=key))
        return super().delete_key(store_name, key)

    def delete_store(self, store_name):
        self._put(store_name, "k", 1)
        self._mock.delete_many(self._query(store_name))
        return super().delete_store(store_name)


class Clock:
    """Stops ecache's time at the last moment from which FiftyOne counted a lifetime."""

    def get_expiration(self, ttl):
        if ttl is None:
            return None
        now = datetime.utcnow()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        os.environ["ECACHE_TEST_NOW"] = now.isoformat(timespec="milliseconds") + "Z"
        return now + timedelta(seconds=ttl)


def key_of(arguments):
    """Returns the key of a call, as ecache computes it."""
    return ecache("key", "--args", json.dumps(arguments))[1].strip()


def stored(serialize):
    """Returns a serialization whose results have gone through a store."""

    def through_a_store(value):
        kept = encoded(serialize(value))
        ecache("set", "serialized", "k", "-", "--type", "json", stdin=kept)
        return decoded(json.loads(ecache("get", "serialized", "k", "--format", "json")[1]))

    return through_a_store


@pytest.fixture(autouse=True)
def recorded(on_the_command_line, monkeypatch, request):
    if adapter.ENGINE == "fiftyone":
        return
    names = vars(request.module)
    if isinstance(names.get("MagicMock"), type) and "MongoExecutionStoreRepo" in names:
        monkeypatch.setattr(request.module, "MongoExecutionStoreRepo", RecordedRepo)
        monkeypatch.setattr(KeyDocument, "get_expiration", Clock().get_expiration)
        # Is set by the clock.
        monkeypatch.setenv("ECACHE_TEST_NOW", "")
        monkeypatch.delenv("ECACHE_TEST_NOW")
    if "build_cache_key" in names:
        monkeypatch.setattr(request.module, "build_cache_key", key_of)
    if names.get("utils") is utils:
        monkeypatch.setattr(utils, "_build_cache_key", key_of)
    if "auto_serialize" in names:
        monkeypatch.setattr(request.module, "auto_serialize", stored(names["auto_serialize"]))
