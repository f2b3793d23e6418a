"""Uses FiftyOne without a URI, prints the port of the server that it started, and keeps it until
standard input ends."""

import os
import sys
import time

import fiftyone as fo
from fiftyone.operators.store import ExecutionStore

dataset = fo.Dataset("street", persistent=True)
ExecutionStore.create("s", dataset_id=dataset._doc.id).set("k", [1, 2])
lock = os.path.join(fo.config.database_dir, "mongod.lock")
with open(lock) as file:
    server = int(file.read())
# What the test starts next is not a child of this process.
print(fo.core.odm.get_db_conn().client.address[1], flush=True)
sys.stdin.read()

# Ends the server, which otherwise outlives this process for a moment.
import fiftyone.core.odm.database as database

database._db_service.stop()
while os.path.exists(f"/proc/{server}"):
    time.sleep(0.01)
