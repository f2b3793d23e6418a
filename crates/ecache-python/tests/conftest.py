"""What the tests share: a store of their own, and the command on it."""

import os
import subprocess

import pytest

from execution_cache import Cache


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "store.db")


@pytest.fixture
def ecache(cache):
    """Runs the command on the store of the test."""

    def run(*arguments, stdin=""):
        command = [os.environ["ECACHE_BIN"], "--db", cache.path, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
