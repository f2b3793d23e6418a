"""Starts MongoDB servers, runs a command, and stops them by their process ids."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pymongo

PATIENCE = 60
REPLICA_SET = "ecache"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder, path, replica_set):
    """Starts a server, and returns its process and address."""
    data = Path(path) / "data"
    data.mkdir(parents=True)
    port = free_port()
    command = [
        str(folder / "mongod"),
        "--dbpath", str(data),
        "--port", str(port),
        "--bind_ip", "127.0.0.1",
        "--nounixsocket",
        "--logpath", str(Path(path) / "log"),
        "--wiredTigerCacheSizeGB", "0.5",
        # Tests stop the clock: the server must not remove what expires by its own.
        "--setParameter", "ttlMonitorEnabled=false",
        "--setParameter", "diagnosticDataCollectionEnabled=false",
        # Each test makes commands fail for its own application name only.
        "--setParameter", "enableTestCommands=1",
    ]
    if replica_set:
        command += ["--replSet", REPLICA_SET]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder / "lib")}
    # What interrupts the command is not to stop the servers under it.
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    return server, f"127.0.0.1:{port}"


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if condition():
                return
        except pymongo.errors.PyMongoError:
            pass
        if time.monotonic() > deadline:
            sys.exit(f"with: MongoDB was not ready within {PATIENCE} s")
        time.sleep(0.1)


def uri(addresses, replica_set):
    """The servers' location, once they can be written to."""
    direct = pymongo.MongoClient(
        addresses[0], directConnection=True, serverSelectionTimeoutMS=1000
    )
    wait_for(lambda: direct.admin.command("ping"))
    if replica_set:
        members = [{"_id": number, "host": host} for number, host in enumerate(addresses)]
        configuration = {"_id": REPLICA_SET, "members": members}
        wait_for(lambda: direct.admin.command("replSetInitiate", configuration))
    wait_for(lambda: direct.admin.command("hello")["isWritablePrimary"])
    options = f"?replicaSet={REPLICA_SET}" if replica_set else ""
    return f"mongodb://{','.join(addresses)}/{options}"


def main():
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    replica_set = words[:1] == ["--replica-set"]
    command = words[1:] if replica_set else words
    with tempfile.TemporaryDirectory(prefix="ecache-mongodb-") as temporary:
        servers = []
        try:
            for number in range(3 if replica_set else 1):
                servers.append(start(folder, f"{temporary}/{number}", replica_set))
            location = uri([address for _, address in servers], replica_set)
            environment = {
                **os.environ,
                "ECACHE_TEST_MONGODB": location,
                "ECACHE_TEST_PYTHON": sys.executable,
            }
            return subprocess.call(command, env=environment)
        finally:
            for server, _ in servers:
                server.send_signal(signal.SIGTERM)
            for server, _ in servers:
                try:
                    server.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
