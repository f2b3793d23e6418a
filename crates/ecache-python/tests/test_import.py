"""What an import costs, and where it is refused."""

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_an_import_loads_none_of_the_large_modules():
    large = {"inspect", "typing", "asyncio", "datetime", "hashlib", "json", "re", "numpy"}
    done = run("import sys, execution_cache; print(*sys.modules)")
    loaded = set(done.stdout.split())
    before = set(run("import sys; print(*sys.modules)").stdout.split())
    assert "execution_cache._native" in loaded
    assert not (loaded - before) & large


def test_a_sub_interpreter_is_refused(tmp_path):
    module = "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
    interpreters = pytest.importorskip(module)
    del interpreters
    text = """
try:
    import execution_cache
except ImportError as error:
    print(error, flush=True)
"""
    done = run(f"import {module} as m; m.run_string(m.create(), {text!r})")
    assert "interpreter" in done.stdout, done.stderr


def test_a_free_threaded_build_is_refused():
    done = run("import sys; sys.abiflags = 't'; import execution_cache")
    assert "ImportError: execution_cache does not work on a free-threaded build" in done.stderr
