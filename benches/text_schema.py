"""What the store is compared with: the obvious schema, with names as text in every row and index."""

import sqlite3
from typing import Iterable

from generate import Entry

TABLE = """
CREATE TABLE entries(
  id INTEGER PRIMARY KEY,
  store_name TEXT NOT NULL,
  key TEXT NOT NULL,
  dataset_id TEXT NOT NULL,
  user_id TEXT,
  operator_uri TEXT,
  prompt_id TEXT,
  policy TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER,
  expires_at INTEGER,
  value TEXT NOT NULL
);
CREATE UNIQUE INDEX entries_key ON entries(store_name, key, dataset_id);
CREATE INDEX entries_dataset ON entries(dataset_id);
CREATE INDEX entries_user ON entries(user_id) WHERE user_id IS NOT NULL;
CREATE INDEX entries_operator ON entries(operator_uri) WHERE operator_uri IS NOT NULL;
CREATE INDEX entries_prompt ON entries(prompt_id) WHERE prompt_id IS NOT NULL;
CREATE INDEX entries_expiry ON entries(expires_at) WHERE expires_at IS NOT NULL;
"""

# The fields of an entry under the names that `ecache ls` gives them.
JSON = """
SELECT json_object('store_name', store_name, 'key', key, 'dataset_id', dataset_id, 'policy', policy,
  'created_at', created_at, 'updated_at', updated_at, 'expires_at', expires_at, 'size', size,
  'user_id', user_id, 'operator_uri', operator_uri, 'prompt_id', prompt_id, 'value', json(value))
FROM entries
"""


def create(connection: sqlite3.Connection, present: str = "IS NOT NULL") -> None:
    """Creates the table and indexes in an empty database; `present` tells what a partial index holds."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(TABLE.replace("IS NOT NULL;", f"{present};"))


def row(entry: Entry) -> tuple:
    """An entry as a row, its id left out."""
    return (
        entry.store_name, entry.key, entry.dataset_id, entry.user_id, entry.operator_uri, entry.prompt_id,
        "evict", len(entry.value), entry.created_at, None, entry.expires_at, entry.value,
    )


def insert(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Inserts entries in one transaction, with a page cache that holds most of the indexes."""
    connection.execute("PRAGMA cache_size=-262144")
    connection.executemany(
        f"INSERT INTO entries VALUES (NULL{', ?' * 12})", map(row, entries)
    )
    connection.commit()


def where_entry(entry: Entry) -> str:
    """The condition for one entry. What is generated holds no quotes."""
    return (
        f"store_name = '{entry.store_name}' AND key = '{entry.key}' AND dataset_id = '{entry.dataset_id}'"
    )
