#!/usr/bin/env python3
"""Prints entries as the JSON lines that `ecache import` reads: the same for the same arguments.

Usage: generate.py COUNT [--burst LENGTH]

20 stores x 100 datasets, keys of 64 hexadecimal digits, values of about 200 bytes of JSON; a user on a fifth of
the entries, an operator on half, a prompt on a tenth, an expiry in the 2030s on half. Stores and datasets
alternate at random, which is the worst order for a store's entries to come in; with --burst, runs of that many
entries share theirs.
"""

import argparse
import hashlib
import json
import random
import sys
import time
from typing import Iterator, NamedTuple, Optional

STORES = 20
DATASETS = 100

# Milliseconds since 1970.
CREATED_FROM = 1_735_689_600_000  # 2025-01-01
CREATED_FOR = 300 * 86_400_000
EXPIRES_FROM = 1_893_456_000_000  # 2030-01-01
EXPIRES_FOR = 3650 * 86_400_000

# A moment, for ECACHE_TEST_NOW, by which everything has expired that can.
AFTER_EXPIRY = "2040-06-01T00:00:00Z"


class Entry(NamedTuple):
    """One entry; times are milliseconds since 1970."""

    store_name: str
    key: str
    dataset_id: str
    user_id: Optional[str]
    operator_uri: Optional[str]
    prompt_id: Optional[str]
    created_at: int
    expires_at: Optional[int]
    value: str


def dataset_id(number: int) -> str:
    """The id of a dataset, which looks like MongoDB's."""
    return f"65b1f0{number:018x}"


def key(number: int) -> str:
    """The key of an entry."""
    return hashlib.sha256(b"%d" % number).hexdigest()


def entries(count: int, burst: int = 1) -> Iterator[Entry]:
    """The first `count` entries, in runs of `burst` that share a store and a dataset."""
    chance = random.Random(count)
    store = dataset = 0
    for number in range(count):
        if number % burst == 0:
            store, dataset = chance.randrange(STORES), chance.randrange(DATASETS)
        yield Entry(
            store_name=f"compute_label_statistics_{store:02}",
            key=key(number),
            dataset_id=dataset_id(dataset),
            user_id=f"66c2a1{chance.randrange(1000):018x}" if chance.random() < 0.2 else None,
            operator_uri=f"@voxel51/brain/operator_{chance.randrange(20)}" if chance.random() < 0.5 else None,
            prompt_id=f"67d3b2{chance.randrange(10_000):018x}" if chance.random() < 0.1 else None,
            created_at=CREATED_FROM + chance.randrange(CREATED_FOR),
            expires_at=EXPIRES_FROM + chance.randrange(EXPIRES_FOR) if chance.random() < 0.5 else None,
            value=f'{{"label": "class-{number % 97}", "count": {number}, "confidence": {chance.random()!r}, '
            f'"padding": "{"x" * 110}"}}',
        )


def line(entry: Entry) -> str:
    """An entry as `ecache import` reads it."""
    fields = entry._asdict()
    value = fields.pop("value")
    for field in ("created_at", "expires_at"):
        if fields[field] is not None:
            seconds, millis = divmod(fields[field], 1000)
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
            fields[field] = f"{moment}.{millis:03}Z"
    # An entry that never expires is one that `clear` is to remove all the same.
    fields["policy"] = "evict"
    # The value goes out as the text that it is.
    return f'{json.dumps(fields)[:-1]}, "value": {value}}}\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--burst", type=int, default=1)
    arguments = parser.parse_args()
    for entry in entries(arguments.count, arguments.burst):
        sys.stdout.write(line(entry))


if __name__ == "__main__":
    main()
