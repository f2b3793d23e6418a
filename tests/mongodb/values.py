"""Values of every BSON type go through SQLite, lines, dumps and `get | set`, and come back to the byte.

Run by tests/mongodb/fiftyone.rs, which says where the server is, and which `ecache` is meant.
ECACHE_TEST_CASES is the number of random values, from ECACHE_TEST_SEED on.
"""

import datetime
import json
import os
import random
import struct
import subprocess
import uuid

import bson
import pymongo
from bson import DBRef, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary, UuidRepresentation
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

SERVER, OPTIONS = os.environ["SERVER"], os.environ["OPTIONS"]
NAME = os.environ["DATABASE"]
CASES, SEED = (int(os.environ.get(f"ECACHE_TEST_{name}", usual)) for name, usual in (("CASES", 300), ("SEED", 7)))
OID = "65f0c0ffee00000000000001"
TIME = "2026-03-04T05:06:07.089Z"
DATASET, CLONE = ObjectId(), ObjectId()
client = pymongo.MongoClient(f"{SERVER}/?{OPTIONS}")


def location(name):
    return f"{SERVER}/{NAME}-{name}?{OPTIONS}"


def ecache(*words, stdin=b"", code=0):
    ran = subprocess.run([os.environ["ECACHE"], *words], input=stdin, capture_output=True)
    assert ran.returncode == code, (words, ran)
    return ran.stdout


def element(kind, payload=b""):
    """An element named x of a type that the driver does not write."""
    inner = bytes([kind]) + b"x\0" + payload
    return RawBSONDocument(struct.pack("<i", len(inner) + 5) + inner + b"\0")


def text(value):
    return struct.pack("<i", len(value) + 1) + value + b"\0"


def repeated():
    raw = bson.encode({"a": 1, "b": 2, "c": {"a": "x", "b": None}})
    return RawBSONDocument(raw.replace(b"b\0", b"a\0"))


SINGLE = [
    None, True, False, "", "x", "nul \0 é 😀", "bytes", 0, 5, -1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63),
    Int64(0), Int64(5), Int64(-(2**31)), 5.0, -0.0, 0.1, 1e16, 1e-7, 5e-324, 1.7976931348623157e308,
    float("inf"), float("-inf"), float("nan"),
    struct.unpack("<d", b"\1\0\0\0\0\0\xf8\x7f")[0], struct.unpack("<d", b"\0\0\0\0\0\0\xf8\xff")[0],
    ObjectId(OID), DatetimeMS(0), DatetimeMS(1), DatetimeMS(-1), DatetimeMS(2**63 - 1), DatetimeMS(-(2**63)),
    datetime.datetime(2026, 3, 4, 5, 6, 7), datetime.datetime(9999, 12, 31, 23, 59, 59),
    Decimal128("1.50"), Decimal128("1E+3"), Decimal128("-0"), Decimal128("NaN"), Decimal128("-Infinity"),
    Decimal128.from_bid(b"\xff" * 16), Decimal128.from_bid(b"\1" + b"\0" * 14 + b"\xfc"),
    *(Binary(b"\0\1\2", subtype) for subtype in (0, 1, 2, 3, 5, 6, 8, 9, 128, 254)), Binary(b"", 0), Binary(b"", 2),
    Binary.from_uuid(uuid.UUID(int=7), UuidRepresentation.STANDARD),
    Binary.from_uuid(uuid.UUID(int=7), UuidRepresentation.PYTHON_LEGACY),
    Regex("^a", "ix"), Regex("", 0), Code("f"), Code("f", {}), Code("f", {"$oid": OID, "x": ObjectId(OID)}),
    Timestamp(1, 2), Timestamp(2**32 - 1, 2**32 - 1), MinKey(), MaxKey(), DBRef("c", ObjectId(OID)),
    element(0x06), element(0x0E, text(b"f")), element(0x0C, text(b"c") + b"\7" * 12),
    [], {}, [None, [1, [Int64(2)]]], {"": 1, ".": 2, "a.b": 3, "$": 4, "$x": {"$y": 5}}, repeated(),
    {"_cls": "bytes", "value": "AAE="}, {"value": "AAE=", "_cls": "bytes"}, {"_cls": "bytes", "value": "AAE"},
    {"_cls": "datetime", "value": TIME}, {"_cls": "tuple", "values": [1, Int64(1)]}, {"_cls": "Classification", "label": "cat"},
    {"$date": TIME}, {"$date": "$created_at"}, {"$date": 0}, {"$date": Int64(-1)}, {"$date": {"$numberLong": "-1"}},
    {"$oid": OID}, {"$oid": "x"}, {"$binary": {"base64": "AAE=", "subType": "00"}}, {"$binary": "AAE=", "$type": "00"},
    {"$regex": "a", "$options": "i"}, {"$regularExpression": {"pattern": "a", "options": "i"}}, {"$uuid": str(uuid.UUID(int=7))},
    {"$numberLong": "5"}, {"$numberInt": "5"}, {"$numberDouble": "NaN"}, {"$numberDecimal": "1"}, {"$minKey": 1},
    {"$code": "f"}, {"$code": "f", "$scope": {}}, {"$timestamp": {"t": 1, "i": 2}}, {"$undefined": True}, {"$literal": {"$oid": OID}},
    {"$bson": 1}, {"$bson": {"$oid": OID}}, {"$bson": {"$oid": "x"}}, {"$bson": ObjectId(OID)}, {"$bson": {"$bson": 1}},
    {"$bson": {"$bson": {"$bson": {"$date": TIME}}}}, {"$bson": {"$oid": OID}, "more": 1}, {"$bson": [{"$bson": Int64(1)}]},
]  # fmt: skip
NAMES = ["a", "", "$bson", "$oid", "$date", "$code", "$scope", "$numberLong", "_cls", "value", "a.b", "é"]


def nested(pick, depth=0):
    kind = pick.random()
    if kind < 0.3 or depth > 5:
        return pick.choice(SINGLE)
    if kind < 0.45:
        return [nested(pick, depth + 1) for _ in range(pick.randrange(4))]
    if kind < 0.7:
        return {"$bson": nested(pick, depth + 1)}
    return {pick.choice(NAMES): nested(pick, depth + 1) for _ in range(pick.randrange(4))}


def deep(levels):
    value = None
    for level in range(levels):
        value = {"$bson": value} if level % 2 else [value]
    return value


def fill(database, values):
    """Documents as FiftyOne writes them: half of them of a dataset, some with an expiry."""
    now = datetime.datetime(2026, 11, 23, 6, 32, 50, 948000)
    later = now + datetime.timedelta(days=36500)
    filled = [
        {
            "store_name": f"s{at % 3}",
            "key": f"k{at}",
            "value": value,
            "dataset_id": DATASET if at % 2 else None,
            "created_at": now - datetime.timedelta(milliseconds=at),
            "updated_at": None if at % 5 == 0 else now,
            "expires_at": later if at % 7 == 0 else None,
            "policy": "evict" if at % 7 == 0 or at % 3 == 0 else "persist",
        }
        for at, value in enumerate(values)
    ]
    # As FiftyOne's create_store does.
    filled += [
        document | {"store_name": f"m{at}", "key": "__store__", "expires_at": None}
        for at, document in enumerate(filled[: len(SINGLE)])
    ]
    client[f"{NAME}-{database}"]["execution_store"].insert_many(filled)
    return len(filled)


def documents(database, query, fields=None):
    """Documents as bytes, since the driver cannot read them all."""
    found = client[f"{NAME}-{database}"]["execution_store"].find_raw_batches(query, fields)
    for batch in found:
        while batch:
            (length,) = struct.unpack_from("<i", batch)
            yield batch[:length]
            batch = batch[length:]


def name_of(document):
    """The store and the key."""

    def text(field):
        start = document.index(b"\x02" + field + b"\0") + len(field) + 6
        return document[start : document.index(b"\0", start)].decode()

    return text(b"store_name"), text(b"key")


def stored(database, dataset=None):
    """Every document but for its id, as its bytes; that of a clone as that of the original."""
    query = {"dataset_id": dataset} if dataset else {}
    found = documents(database, query, {"_id": 0})
    return {name_of(document): document.replace(CLONE.binary, DATASET.binary) for document in found}


def moves_keep_every_value(values):
    count = fill("a", values)
    everything = stored("a")
    assert len(everything) == count
    ecache("copy", location("a"), "a.db")
    ecache("copy", "a.db", location("sqlite"))
    assert stored("sqlite") == everything
    ecache("copy", location("sqlite"), "again.db")
    exports = [sorted(ecache("export", "--db", store).splitlines()) for store in ("a.db", "again.db")]
    assert exports[0] == exports[1]
    lines = ecache("export", "--db", location("a"))
    ecache("import", "-", "--db", location("lines"), stdin=lines)
    assert stored("lines") == everything
    ecache("import", "-", "--db", location("lines"), stdin=lines)
    assert stored("lines") == everything, "what is replaced by itself is the same"
    ecache("copy", location("a"), location("direct"))
    assert stored("direct") == everything
    with open("dump.bson", "wb") as dump:
        dump.writelines(documents("a", {}))
    ecache("import", "dump.bson", "--db", location("dump"))
    assert stored("dump") == everything
    ecache("copy", location("a"), location("a"), "--policy", "any", "--remap-dataset", f"{DATASET}={CLONE}")
    assert stored("a", CLONE) == {name: raw for name, raw in everything.items() if DATASET.binary in raw}


def get_then_set_keeps_a_value(values):
    def value(key):
        (document,) = documents("sqlite", {"key": key}, {"_id": 0, "value": 1})
        return document

    for at, meant in enumerate(values):
        name = [f"s{at % 3}", f"k{at}", "--db", location("sqlite")]
        if at % 2:
            name += ["--dataset", str(DATASET)]
        before = value(f"k{at}")
        shown = ecache("get", *name, "--format", "json")
        ecache("set", "--type", "json", *name, stdin=shown)
        assert value(f"k{at}") == before, (meant, shown)
        again = ecache("get", *name)
        assert again == shown, (meant, shown, again)
        ecache("set", "--type", "json", *name, stdin=again)
        assert value(f"k{at}") == before, (meant, again)


def plain(pick, depth=0):
    """A value that JSON has a form for, with names of BSON's types."""
    kind = pick.random()
    if kind < 0.3 or depth > 4:
        return pick.choice([None, True, 5, -1, 2**40, 5.0, -0.0, 1e300, "x", "é\0", TIME, OID, "5", "AAE=", "00"])
    if kind < 0.5:
        return [plain(pick, depth + 1) for _ in range(pick.randrange(3))]
    names = [name for name in NAMES if name != "$bson"]
    return {pick.choice(names): plain(pick, depth + 1) for _ in range(pick.randrange(1, 3))}


def json_that_is_set_is_what_python_reads(pick):
    texts = [
        '{"$date": "x"}', f'{{"$date": "{TIME}"}}', f'{{"$oid": "{OID}"}}', '{"$numberLong": "5"}', '{"a": {"$regex": "a", "$options": ""}}',
        "[1, 1.0, -0.0, 1e400, 5000000000]", '{"b":1 , "a":{}}', '"text"', "null", '{"": {".": {"$": []}}}', '{"a": 1, "a": 2}',
        '{"_cls": "bytes", "value": "AAE="}', '{"value": "AAE=", "_cls": "bytes"}', '{"$bson": {"x": 1}}', '"\\u0000\\u00e9é"',
    ]  # fmt: skip
    texts += [json.dumps(plain(pick), indent=pick.choice([None, 1])) for _ in range(40)]
    for at, typed in enumerate(texts):
        ecache("set", "--type", "json", "j", f"k{at}", typed, "--db", "json.db")
    ecache("copy", "json.db", location("json"))
    ecache("copy", location("json"), "json-again.db")
    collection = client[f"{NAME}-json"]["execution_store"]
    for at, typed in enumerate(texts):
        assert collection.find_one({"key": f"k{at}"})["value"] == json.loads(typed), typed
        for database in ("json.db", location("json"), "json-again.db"):
            assert ecache("get", "j", f"k{at}", "--db", database) == typed.encode() + b"\n", (typed, database)


def values_without_a_form_are_counted_and_the_rest_is_copied():
    texts = ["1", "[9223372036854775808]", '"\\ud800"', '{"a\\u0000": 1}', "[" * 180 + "]" * 180, "[" * 179 + "]" * 179]
    for at, typed in enumerate(texts):
        ecache("set", "--type", "json", "j", f"k{at}", typed, "--db", "odd.db")
    ran = subprocess.run(
        [os.environ["ECACHE"], "copy", "odd.db", location("odd")], capture_output=True, text=True
    )
    assert ran.returncode == 3 and ran.stderr.count("was left out: MongoDB cannot keep the value") == 4, ran
    assert ran.stderr.endswith("left out 4 entries, which TO cannot keep\n"), ran
    assert sorted(stored("odd")) == [("j", "k0"), ("j", "k5")]
    with open("odd.jsonl", "wb") as lines:
        lines.write(ecache("export", "--db", "odd.db"))
    ran = subprocess.run(
        [os.environ["ECACHE"], "import", "odd.jsonl", "--db", location("odd-import")], capture_output=True, text=True
    )
    why = 'key k1 in store j was left out: MongoDB cannot keep the value: an integer of 19 digits has more than 64 bits\n'
    assert ran.returncode == 3 and ran.stderr.startswith(f"warning: {why}"), ran
    assert ran.stderr.endswith("imported 2 entries (2 new, 0 replaced)\nwarning: left out 4 entries, which the store cannot keep\n"), ran
    assert stored("odd-import") == stored("odd")


def datasets_that_fiftyone_cannot_have_are_left_out():
    for at, dataset in enumerate(["street", str(DATASET)] * 11):
        ecache("set", "d", f"k{at}", "x", "--dataset", dataset, "--db", "datasets.db")
    for dry in (["--dry-run"], []):
        ran = subprocess.run(
            [os.environ["ECACHE"], "copy", "datasets.db", location("datasets"), *dry], capture_output=True, text=True
        )
        assert ran.returncode == 3, ran
        told = ran.stderr.splitlines()
        assert len(told) == 12 and told[0].count("no dataset has the id \"street\"") == 1, told
        assert told[-2].endswith("copy 11 entries (11 new, 0 replaced)" if dry else "copied 11 entries (11 new, 0 replaced)"), told
        assert told[-1] == "warning: left out 11 entries, which TO cannot keep", told
    assert len(stored("datasets")) == 11


pick = random.Random(SEED)
try:
    values = SINGLE + [deep(178)] + [nested(pick) for _ in range(CASES)]
    moves_keep_every_value(values)
    get_then_set_keeps_a_value(values[: len(SINGLE) + CASES // 10])
    json_that_is_set_is_what_python_reads(pick)
    values_without_a_form_are_counted_and_the_rest_is_copied()
    datasets_that_fiftyone_cannot_have_are_left_out()
finally:
    for database in client.list_database_names():
        if database.startswith(f"{NAME}-"):
            client.drop_database(database)
print("every check passed")
