"""Processes and threads: one computation, whatever is forked, spawned or killed meanwhile."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from execution_cache import Cache, execution_cache


def slow(cache, log, seconds=0.3):
    """Returns a cached function that notes each computation in a file."""

    @execution_cache(cache=cache, store_name="slow")
    def slow(x):
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(seconds)
        return [x]

    return slow


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "computations"
    path.touch()
    return path


def computations(log):
    return len(log.read_text().splitlines())


def work(path, log, barrier):
    f = slow(Cache(path), log)
    barrier.wait()
    assert f(1) == [1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_at_one_key_compute_once(cache, log, method):
    # The parent has used the store: its children inherit what it has open.
    slow(cache, log)("warm")
    context = multiprocessing.get_context(method)
    barrier = context.Barrier(8)
    processes = [context.Process(target=work, args=(cache.path, log, barrier)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * 8
    assert computations(log) == 2


def test_threads_at_one_key_compute_once(cache, log):
    f = slow(cache, log)
    results = []
    threads = [threading.Thread(target=lambda: results.append(f(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[1]] * 8 and computations(log) == 1
    results[0].append(2)
    assert f(1) == results[1] == [1]


def forked(run):
    """Runs a function in a forked child, which ends with it; returns the child's number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        run()
        code = 0
    finally:
        os._exit(code)


def ended(child, seconds):
    """Waits for a child to end well."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_waits_for_a_key_that_its_parent_computes(cache, log):
    f = slow(cache, log, seconds=0.5)
    f("warm")
    leader = threading.Thread(target=f, args=(1,))
    leader.start()
    time.sleep(0.1)
    child = forked(lambda: f(1))
    ended(child, 5)
    leader.join()
    assert computations(log) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forks_amid_busy_threads(cache, log):
    @execution_cache(cache=cache, residency="transient")
    def f(x):
        return x

    ends = threading.Event()

    def busy(n):
        while not ends.is_set():
            for x in range(20):
                assert f(x * n) == x * n

    threads = [threading.Thread(target=busy, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        for n in range(15):
            ended(forked(lambda: [f(x) for x in range(10 + n)]), 20)
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    with closing(sqlite3.connect(f"file:{cache.path}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_child_that_its_computation_waits_for_computes_itself(cache, log):
    parent = os.getpid()

    @execution_cache(cache=cache, store_name="forks")
    def f(x):
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\n")
        if os.getpid() == parent:
            ended(forked(lambda: f(x)), 10)
        return [x]

    assert f(1) == [1]
    assert computations(log) == 2


WAITER = """
import signal, sys, threading, time
from execution_cache import Cache, execution_cache

# A program in the background of a script ignores it, and so would this one.
signal.signal(signal.SIGINT, signal.default_int_handler)

@execution_cache(cache=Cache(sys.argv[1]), store_name="waits", version="1")
def f(x):
    print("computing", flush=True)
    time.sleep(60)

def calls():
    try:
        f(1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        os._exit(7)

import os
if sys.argv[2] == "thread":
    threading.Thread(target=f, args=(1,), daemon=True).start()
    time.sleep(0.3)
print("calling", flush=True)
calls()
"""


@pytest.mark.parametrize("leader", ["process", "thread"])
def test_ctrl_c_ends_a_wait_at_once(cache, leader):
    def start(how):
        command = [sys.executable, "-c", WAITER, cache.path, how]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    others = [start("alone")] if leader == "process" else []
    try:
        for other in others:
            assert [other.stdout.readline() for _ in range(2)] == ["calling\n", "computing\n"]
        waiter = start(leader)
        others.append(waiter)
        lines = ["calling\n"] if leader == "process" else ["computing\n", "calling\n"]
        assert [waiter.stdout.readline() for _ in lines] == lines
        time.sleep(0.3)
        waiter.send_signal(signal.SIGINT)
        assert waiter.stdout.readline() == "interrupted\n"
        assert waiter.wait(10) == 7
    finally:
        for other in others:
            other.kill()
            other.wait()
            other.stdout.close()


def is_known_to_be_open(path):
    """Reports whether another process holds the lock that tells SQLite that a file is in use."""
    held = """
import fcntl, os, struct, sys
lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 128, 1, 0)
with open(sys.argv[1] + "-shm", "rb") as file:
    lock = fcntl.fcntl(file, fcntl.F_GETLK, lock)
print(struct.unpack("hhqqi", lock)[0] != fcntl.F_UNLCK)
"""
    done = subprocess.run([sys.executable, "-c", held, path], capture_output=True, text=True)
    return done.stdout == "True\n"


READ = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.close()"


def test_pythons_own_sqlite_takes_the_locks_of_its_process_away(cache):
    """The reason for a limit in docs/python.md: POSIX locks end with any descriptor of a file."""
    f = slow(cache, os.devnull, seconds=0)
    f(1)
    query = "SELECT count(*) FROM sqlite_master"
    assert is_known_to_be_open(cache.path)
    subprocess.run([sys.executable, "-c", READ, cache.path, query], check=True)
    assert is_known_to_be_open(cache.path), "another process does no harm"
    assert len(cache.entries()) == 1
    assert is_known_to_be_open(cache.path), "and neither does this way to read"
    with closing(sqlite3.connect(cache.path)) as connection:
        connection.execute(query)
    assert not is_known_to_be_open(cache.path)


LEADER = """
import os, sys, time
from execution_cache import Cache, execution_cache

@execution_cache(cache=Cache(sys.argv[1]), store_name="killed", version=sys.argv[2:])
def f(x):
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    print("computing", flush=True)
    time.sleep(30)

f(1)
"""


def test_a_killed_leader_with_a_living_child_lets_the_next_one_compute(cache, tmp_path):
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER, cache.path],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert leader.stdout.readline() == "computing\n"
        leader.kill()
        leader.wait()

        @execution_cache(cache=cache, store_name="killed", version=[])
        def f(x):
            return "computed"

        started = time.monotonic()
        assert f(1) == "computed"
        assert time.monotonic() - started < 1
    finally:
        os.killpg(leader.pid, signal.SIGKILL)
        leader.stdout.close()


WRITER = """
import sys
from execution_cache import Cache, execution_cache

@execution_cache(cache=Cache(sys.argv[1]), store_name="storm", residency="transient")
def f(x):
    return [x] * 50

for x in range(100000):
    f(x)
    print(x, flush=True)
"""


def test_no_acknowledged_result_is_lost_by_a_kill(cache):
    acknowledged = 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, cache.path], stdout=subprocess.PIPE, text=True
        )
        for _ in range(acknowledged + 40):
            assert writer.stdout.readline()
        writer.kill()
        rest = writer.stdout.read().splitlines(keepends=True)
        writer.stdout.close()
        writer.wait()
        whole = [line for line in rest if line.endswith("\n")]
        acknowledged = max(acknowledged + 40, *(int(line) + 1 for line in whole or ["0"]))
        kept = {entry.args for entry in cache.entries(store="storm")}
        assert {f"[{x}]" for x in range(acknowledged)} <= kept


def test_removals_by_another_process_leave_memory(cache, ecache):
    @execution_cache(cache=cache)
    def f(x):
        return time.monotonic_ns()

    first = f(1)
    ecache("clear", "--all")
    time.sleep(0.15)
    assert f(1) != first


SCRIPT = """
import multiprocessing, sys
from execution_cache import Cache, execution_cache

cache = Cache(sys.argv[1])
WORDS = {words!r}

@execution_cache(cache=cache, residency="transient")
def f(word):
    if word in {{"a", "b", "c", "d", "e"}}:
        print("computed", flush=True)
    return WORDS, {result!r}

def work():
    print(f("a"), flush=True)

if __name__ == "__main__":
    work()
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    child.join()
"""


def test_the_functions_of_a_script_are_those_of_its_children_until_they_change(cache, tmp_path):
    def run(name="script.py", words=1, result="old", seed="1"):
        script = tmp_path / name
        script.write_text(SCRIPT.format(words=words, result=result))
        command = [sys.executable, script, cache.path]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert run() == ["computed", "(1, 'old')", "(1, 'old')"]
    for seed in "23456":
        assert run(seed=seed) == ["(1, 'old')"] * 2, "a set in its code has another order"
    assert run(result="new") == ["computed", "(1, 'new')", "(1, 'new')"]
    assert run("another.py", words=2) == ["computed", "(2, 'old')", "(2, 'old')"]
    assert run() == ["(1, 'old')"] * 2
