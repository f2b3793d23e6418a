"""The identity of a function: whatever its results depend on, or it is not cached."""

import collections
import enum
import functools
import logging
import multiprocessing
import operator
import os
import re
import subprocess
import sys
import textwrap
import threading
import types
import zoneinfo

import numpy
import pandas
import pytest

from execution_cache import CacheWarning, execution_cache


class Callable:
    def __init__(self, n):
        self.n = n

    def __call__(self, x):
        return x + self.n


class Color(enum.Enum):
    RED = 1
    BLUE = 2


def adding(n):
    return lambda x: x + n


def local(n):
    class Local:
        number = n

    return Local


OBJECTS = {
    "partial": lambda n: functools.partial(int, base=n),
    "pattern": lambda n: re.compile(str(n)),
    "method": lambda n: Callable(n).__call__,
    "method of a type in C": lambda n: str(n).join,
    "itemgetter": operator.itemgetter,
    "attrgetter": lambda n: operator.attrgetter(f"a{n}"),
    "methodcaller": lambda n: operator.methodcaller("f", n),
    "callable": Callable,
    "zone": lambda n: zoneinfo.ZoneInfo(["UTC", "Europe/Berlin"][n - 2]),
    "class": local,
    "instance of a class": lambda n: local(n)(),
    "functions in a list": lambda n: [adding(n)],
    "objects in a dict": lambda n: {"a": Callable(n)},
    "objects in a tuple": lambda n: (Callable(n),),
    "enum": lambda n: list(Color)[n - 2],
    "array": numpy.arange,
    "frame": lambda n: pandas.DataFrame({"a": [n]}),
    "namespace": lambda n: types.SimpleNamespace(a=n),
    "defaultdict": lambda n: collections.defaultdict([int, list][n - 2]),
    "lru_cache": lambda n: functools.lru_cache(adding(n)),
    "number": lambda n: [True, 1][n - 2],
}


# Not captured: what is captured belongs to the identity as it is when a function is decorated.
computed = []


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_captured_objects_and_defaults_are_told_apart(cache, make):
    def capture(captured):
        @execution_cache(cache=cache)
        def f():
            computed.append(captured)
            return 1

        @execution_cache(cache=cache)
        def g(default=captured):
            computed.append(default)
            return 1

        return f, g

    computed.clear()
    for n in (2, 3, 2, 3):
        for function in capture(make(n)):
            assert function() == function() == 1
    assert len(computed) == 4


@pytest.mark.parametrize("make", [lambda: (n for n in [1]), lambda: open(os.devnull)])
def test_a_function_with_an_object_that_cannot_be_told_apart_is_not_cached(cache, make):
    captured = make()
    computed.clear()

    @execution_cache(cache=cache)
    def f():
        computed.append(captured)
        return 1

    with pytest.warns(CacheWarning, match=r"f.* is not cached: captured is an object of type"):
        assert f() == 1
    assert f() == 1
    assert len(computed) == 2
    captured.close()


@pytest.mark.parametrize(
    "make",
    [threading.Lock, threading.Event, multiprocessing.Event, lambda: logging.getLogger("x"), lambda: sys.stdout]
)
def test_an_object_that_no_result_depends_on_is_of_no_account(cache, make):
    captured = make()

    @execution_cache(cache=cache)
    def f():
        return captured is None

    assert f() is f() is False
    assert f.counters()["computations"] == 1


BEGINNING = """
import dataclasses, enum, functools
from execution_cache import Cache, execution_cache

cache, computed = Cache.in_memory(), []
"""

FUNCTION = """
@execution_cache(cache=cache)
def f(x):
    computed.append(x)
    return {body}
"""

# What a cell defines, how the function uses it, and another definition.
DEFINITIONS = {
    "enum": ("class E(enum.Enum): A = {n}", "E.A.value"),
    "attribute that can be changed": ("class K: a = [{n}]", "K.a[0]"),
    "default of pydantic": (
        "import pydantic\nclass M(pydantic.BaseModel):\n a: int = {n}",
        "M().a",
    ),
    "factory of pydantic": (
        "import pydantic\n"
        "class M(pydantic.BaseModel):\n a: int = pydantic.Field(default_factory=lambda: {n})",
        "M().a",
    ),
    "factory of a data class": (
        "@dataclasses.dataclass\n"
        "class M:\n a: int = dataclasses.field(default_factory=lambda: {n})",
        "M().a",
    ),
    "factory of attrs": (
        "import attrs\n@attrs.define\nclass M:\n a: int = attrs.field(factory=lambda: {n})",
        "M().a",
    ),
    "setter": (
        "class K:\n"
        " @property\n def a(self): return self.b\n"
        " @a.setter\n def a(self, value): self.b = value + {n}\n"
        "def use(k=None):\n k = K(); k.a = 1; return k.a",
        "use()",
    ),
    "decorator without wraps": (
        "def decorate(f): return lambda *args: f(*args)\n@decorate\ndef g(): return {n}",
        "g()",
    ),
    "function in a partial": (
        "def h(k): return k()\ndef z(): return {n}\ng = functools.partial(h, k=z)",
        "g()",
    ),
    "value in a partial": ("def h(k): return k\ng = functools.partial(h, k={n})", "g()"),
    "registered function": (
        "@functools.singledispatch\ndef g(x): return 0\n@g.register\ndef _(x: int): return {n}",
        "g(1)",
    ),
    "function that NumPy calls": (
        "import numpy\ng = numpy.vectorize(lambda x: x + {n})",
        "int(g(1))",
    ),
    "abstract class": ("import abc\nclass A(abc.ABC):\n def m(self): return {n}", "A().m()"),
}


def cells(*cells):
    """Executes cells of a notebook in a module `__main__`; returns its variables."""
    module, main = types.ModuleType("__main__"), sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        for cell in cells:
            exec(cell, vars(module))
    finally:
        sys.modules["__main__"] = main
    return vars(module)


CALL = "results = [*globals().get('results', []), f(1), f(1)]"


@pytest.mark.parametrize(("definition", "body"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_what_a_function_of_a_notebook_names_is_followed(definition, body):
    one, two = definition.format(n=1), definition.format(n=2)
    names = cells(BEGINNING, one, FUNCTION.format(body=body), CALL, two, CALL)
    first, again, other, then = names["results"]
    assert first == again != other == then
    assert len(names["computed"]) == 2


@pytest.mark.parametrize(
    ("before", "body", "after"),
    [
        ("from math import floor as g", "g(1.5)", "def g(x): return 2"),
        ("g = 1", "g if g == 1 else g()", "def g(): return 2"),
        ("class K:\n def m(self): return 1", "K().m()", "K.m = lambda self: 2"),
    ],
)
def test_a_name_that_becomes_a_function_is_noticed(before, body, after):
    names = cells(BEGINNING, before, FUNCTION.format(body=body), CALL, after, CALL)
    assert names["results"] == [1, 1, 2, 2]
    assert len(names["computed"]) == 2


def test_methods_that_a_method_calls_are_followed():
    classes = """
class Base:
    def inherited(self): return 1

class K(Base):
    @execution_cache(cache=cache, self_key=None)
    def f(self, x):
        computed.append(x)
        return self.inherited() + super().inherited() + self.own()

    def own(self): return 1

f = K().f
"""
    changes = ["K.own = lambda self: 10", "Base.inherited = lambda self: 100"]
    names = cells(BEGINNING, classes, CALL, changes[0], CALL, changes[1], CALL)
    assert names["results"] == [3, 3, 12, 12, 210, 210]
    assert len(names["computed"]) == 3


def test_decorators_of_one_function_are_told_apart(cache):
    def doubled(f):
        @functools.wraps(f)
        def wrapper(x):
            return 2 * f(x)

        return wrapper

    def plain(x):
        return x

    one, two = execution_cache(cache=cache)(plain), execution_cache(cache=cache)(doubled(plain))
    assert (one(1), two(1)) == (1, 2)


BRANCHES = """
import os
from execution_cache import Cache, execution_cache

cache = Cache("store.db")

if os.environ["BRANCH"] == "1":
    @execution_cache(cache=cache)
    def load(x):
        return "1"
else:
    @execution_cache(cache=cache)
    def load(x):
        return "2"
"""


def test_branches_of_a_module_that_define_one_name_are_told_apart(tmp_path):
    (tmp_path / "branches.py").write_text(textwrap.dedent(BRANCHES))
    script = "import branches; print(branches.load(0), branches.load.counters()['computations'])"

    def run(branch):
        env = {**os.environ, "BRANCH": branch}
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        ).stdout

    assert [run(branch) for branch in "121"] == ["1 1\n", "2 1\n", "1 0\n"]
