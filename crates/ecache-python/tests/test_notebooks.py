"""Functions that no import finds again: of notebooks, scripts, `-c`, `exec` and closures."""

import functools
import json
import os
import subprocess
import sys
import textwrap

import pytest

from execution_cache import execution_cache

KERNEL = """
import io, json, sys
from contextlib import redirect_stdout
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
shell.user_ns["path"] = sys.argv[1]
outputs = []
for cell in json.load(sys.stdin):
    with redirect_stdout(io.StringIO()) as output:
        shell.run_cell(cell, store_history=True).raise_error()
    outputs.append(output.getvalue().split())
print(json.dumps(outputs))
"""

DECORATE = """
from execution_cache import Cache, execution_cache
cached = execution_cache(cache=Cache(path))
"""

DEFINE = """
@cached
def f(x):
    print("computed")
    return {body}
"""


def kernel(cache, *cells):
    """Runs cells in a kernel of their own; returns the words that each printed."""
    pytest.importorskip("IPython")
    command = [sys.executable, "-c", KERNEL, cache.path]
    given = json.dumps([textwrap.dedent(cell) for cell in cells])
    environment = {**os.environ, "IPYTHONDIR": os.path.dirname(cache.path)}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_code_of_a_cell_is_the_functions_identity(cache):
    call = "print(f(1))"
    old, new = DEFINE.format(body="[x, 'old']"), DEFINE.format(body="[x, 'new']")
    # Other cells and lines before it do not count.
    cells = [DECORATE, old, call, call, old, call, new, call, "# a comment\n\n" + old, call]
    computed = kernel(cache, *cells)
    assert computed[2] == ["computed", "[1,", "'old']"]
    assert computed[3] == computed[5] == ["[1,", "'old']"]
    assert computed[7] == ["computed", "[1,", "'new']"]
    assert computed[9] == ["[1,", "'old']"]
    # After a restart.
    assert kernel(cache, DECORATE, "y = 3", new, call)[3] == ["[1,", "'new']"]
    assert kernel(cache, DECORATE, old, call)[2] == ["[1,", "'old']"]


HELPERS = {
    "function": "def helper(x): return {body}",
    "lambda": "helper = lambda x: {body}",
    "of a helper": "def inner(x): return {body}\ndef helper(x): return inner(x)",
    "default": "def helper(x, by={body}): return by",
    "class": "class helper:\n    def __new__(cls, x): return {body}",
    "base": "class Base:\n    size = {body}\nclass Helper(Base): pass\n"
    "helper = lambda x: Helper.size",
    "cached": "@cached\ndef helper(x): return {body}",
    "partial": "import functools\ndef inner(x, y): return x\n"
    "helper = functools.partial(inner, {body})",
    "lru_cache": "import functools\n@functools.lru_cache\ndef helper(x): return {body}",
}


@pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)
def test_names_that_a_function_uses_belong_to_its_identity(cache, helper):
    define, call = DEFINE.format(body="helper(1)"), "print(f(1))"
    one, two = helper.format(body="1"), helper.format(body="2")
    computed = kernel(cache, DECORATE, define, one, call, call, two, call, one, call)
    assert computed[3] == ["computed", "1"] and computed[4] == ["1"]
    # The cell of the function itself has not run again.
    assert computed[6] == ["computed", "2"] and computed[8] == ["1"]
    assert kernel(cache, DECORATE, two, define, call)[3] == ["2"]
    assert kernel(cache, DECORATE, one, define, call)[3] == ["1"]


def test_a_helper_that_runs_again_unchanged_changes_nothing(cache):
    helper, define = "def helper(x): return x", DEFINE.format(body="helper(x)")
    count = "print(f.counters()['memory_hits'], f.clear_cache(1))"
    cells = [DECORATE, helper, define, "f(1);", "f(1);", helper, "f(1);", count, "f(1);", count]
    assert kernel(cache, *cells)[-3:] == [["2", "1"], ["computed"], ["2", "1"]]


def test_coroutines_and_methods_of_cells_follow_their_code(cache):
    define = """
    def helper(x): return [x, {body}]

    @cached
    async def task(x):
        print("computed")
        return helper(x)

    class Model:
        @execution_cache(cache=Cache(path), self_key=None)
        def predict(self, x):
            print("computed")
            return helper(x)
    """
    call = "print(await task(1), Model().predict(1))"
    one, two = define.format(body=1), define.format(body=2)
    computed = kernel(cache, DECORATE, one, call, call, two, call)
    assert computed[2][:2] == computed[5][:2] == ["computed", "computed"]
    assert "".join(computed[3]) == "[1,1][1,1]"
    assert "".join(computed[5][2:]) == "[1,2][1,2]"


SCRIPT = """
import sys
from execution_cache import Cache, execution_cache

@execution_cache(cache=Cache(sys.argv[1]))
def f(x):
    print("computed", end=" ")
    return helper(x)

def helper(x):
    return {body}

print(f(1))
"""


@pytest.mark.parametrize("how", ["-c", "script", "-m", "stdin", "exec"])
def test_programs_follow_their_code(cache, tmp_path, how):
    def run(body):
        script = SCRIPT.format(body=body)
        (tmp_path / "program.py").write_text(script)
        arguments = {
            "-c": ["-c", script],
            "script": [tmp_path / "program.py"],
            "-m": ["-m", "program"],
            "stdin": ["-"],
            "exec": ["-c", f"exec({script!r}, {{}})"],
        }
        command = [sys.executable, *arguments[how], cache.path]
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, cwd=tmp_path, check=True
        )
        return done.stdout.split()

    assert run("'old'") == ["computed", "old"]
    assert run("'old'") == ["old"]
    assert run("'new'") == ["computed", "new"]
    assert run("'old'") == ["old"]


def test_an_interactive_session_follows_its_code(cache):
    define = "@cached\ndef f(x): return [x, {body}]\n\nprint(f(1), f.counters()['computations'])\n"
    start = f"path = {cache.path!r}\n{DECORATE}\n"
    given = start + define.format(body=1) + define.format(body=2) + define.format(body=1)

    def run():
        command = [sys.executable, "-i", "-q"]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert run() == ["[1, 1] 1", "[1, 2] 1", "[1, 1] 0"]
    assert run() == ["[1, 1] 0", "[1, 2] 0", "[1, 1] 0"]


def test_a_captured_variable_belongs_to_the_identity(cache):
    def make(n, names=(), model=None):
        @execution_cache(cache=cache)
        def f(x):
            return [x, n, sorted(names), type(model).__name__]

        return f

    # Four of one name have results for equal arguments in the store.
    for variants in [[(1,), (2,), ("1",)], [(3, ("a",)), (3, {"b", "a"}), (3, (), object())]]:
        cache.clear()
        for _ in range(2):
            functions = [make(*variant) for variant in variants]
            assert [f(0) for f in functions] == [f.uncached(0) for f in functions]
            computations = [f.counters()["computations"] for f in functions]
        assert computations == [0] * len(variants), "each has a result of its own"


def test_a_captured_function_belongs_to_the_identity(cache):
    def by(n):
        return lambda x: x * n

    def make(scale):
        @execution_cache(cache=cache)
        def f(x):
            return scale(x)

        return f

    for _ in range(2):
        functions = [make(by(1)), make(by(2)), make(lambda x: x * 3), make(lambda x: x * 4)]
        assert [f(1) for f in functions] == [1, 2, 3, 4]
    assert [f.counters()["computations"] for f in functions] == [0] * 4


def logged(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*args, **kwargs)

    return wrapper


def test_a_decorated_function_is_known_by_what_it_decorates(cache):
    def make(body, default=1):
        names = {"__name__": "cells", "logged": logged, "cached": execution_cache(cache=cache)}
        exec(f"@cached\n@logged\ndef f(x, y={default}):\n    return {body}", names)
        return names["f"]

    for _ in range(2):
        functions = [make("x + y"), make("x * 10"), make("x + y", default=2)]
        assert [f(1) for f in functions] == [2, 10, 3]
    assert [f.counters()["computations"] for f in functions] == [0] * 3


def test_code_that_differs_in_its_try_blocks_alone_is_told_apart(cache):
    def make(lines):
        names = {"__name__": "cells", "cached": execution_cache(cache=cache)}
        body = "\n".join(f"    {line}" for line in lines)
        exec(f"@cached\ndef f(x):\n{body}", names)
        return names["f"]

    caught = ["try:", "    x.append(1)", "    x.pop()", "    1 / 0", "except Exception:"]
    caught += ["    return 'caught'", "return 'none'"]
    nothing = ["try:", "    x.append(1)", "    x.pop()", "except Exception:"]
    nothing += ["    return 'caught'", "1 / x[0]", "return 'none'"]
    assert [make(caught)([1]), make(nothing)([1])] == ["caught", "none"]


@pytest.mark.parametrize("signature", ["a, b", "a, *, b", "*, a, b"])
def test_functions_within_are_told_apart_by_their_parameters(cache, signature):
    def make(signature):
        names = {"__name__": "cells", "cached": execution_cache(cache=cache)}
        inner = f"def g({signature}): pass"
        exec(f"@cached\ndef f(x):\n    {inner}\n    return g.__code__.co_argcount", names)
        return names["f"]

    for _ in range(2):
        for other in ("a, b", signature):
            assert make(other)(0) == make(other).uncached(0)
