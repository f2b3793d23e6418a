"""The identity of a function: its entries record it, and those of another are not used.

A function of a module is known by its name. The code of one that no import finds again, as in a
script, a notebook or `exec`, is part of its identity, and so is the code of the functions and
classes that it names and that are defined beside it. Captured variables and defaults belong to the
identity of any function, since they are in no key. A function that depends on an object without an
identity of its own is not cached.
"""

import os
import sys
import types

from ._spelling import (
    Formless,
    Speller,
    cells,
    hashed,
    held,
    innermost,
    is_loose,
    is_same,
    members,
    spelled_code,
)

# A longer text in an identity is replaced by its hash.
_LONGEST = 200

# Types of variables that a function names, of which no value has code.
_DATA = (bool, int, float, complex, str, bytes, list, dict, set, frozenset, tuple, types.ModuleType)


class Identity:
    """The identity of a function, as of now."""

    def __init__(self, func):
        inner = innermost(func)
        # A spawned child has the script of its parent under a name of its own.
        module = "__main__" if func.__module__ == "__mp_main__" else func.__module__
        self.name = f"{module}.{func.__qualname__}"
        self.text = self.name
        # The reason why the function has no identity
        self.reason = None
        self._watched = []
        try:
            self._add(func, inner)
        except Formless as error:
            self.reason = f"{error}: pass it as an argument"
        path = inner.__globals__.get("__file__")
        if module == "__main__" and path:
            self.text += f" of {os.path.abspath(path)}"

    def _add(self, func, inner):
        """Adds what tells the function from others of its name."""
        speller = Speller()
        self.text += _parts("(", speller.defaults(inner), ")")
        if func is not inner:
            self.text += _parts("(", speller.defaults(func), ")")
            # Decorators have the name of what they decorate.
            self.text += f" by {hashed(' '.join(_wrappers(func)))}"
        self.text += _parts(" [", speller.captured(func), "]")
        is_first = _codes.setdefault(self.name, inner.__code__) == inner.__code__
        if is_loose(inner) or not is_first or "<" in func.__qualname__ or _has_twin(inner):
            codes = _Codes(inner)
            try:
                codes.add(func)
                codes.add_owner(func)
            finally:
                self._watched = codes.watched
            self.text += f" {hashed(' '.join(codes.spelled))}"

    def is_watched(self):
        """Reports whether the identity may change with other definitions."""
        return bool(self._watched)

    def is_current(self):
        """Reports whether the function still calls what it called."""
        for names, name, value in self._watched:
            now = names.get(name)
            if now is not value and not (type(now) in _DATA and type(value) in _DATA):
                return False
        return True


# The first code of each name: a function that is defined again has a hash.
_codes = {}


def _has_twin(func):
    """Reports whether the module that is being executed has another function of this name, as in
    the branches of an `if`: which of them is defined may differ from one process to the next.
    """
    frame = sys._getframe()
    while frame and not (frame.f_globals is func.__globals__ and frame.f_code.co_name == "<module>"):
        frame = frame.f_back
    return frame is not None and _count(frame.f_code, func.__qualname__.split(".")) > 1


def _count(code, path):
    """Returns the number of functions of a path of names."""
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    inner = [part for part in inner if part.co_name == path[0]]
    return len(inner) if len(path) == 1 else sum(_count(part, path[1:]) for part in inner)


def _wrappers(func):
    """Returns the code of the functions that wrap the innermost one."""
    while func is not innermost(func):
        yield spelled_code(func.__code__)
        func = func.__wrapped__


def _parts(opening, named, closing):
    if not named:
        return ""
    text = ", ".join(f"{name}={value}" for name, value in named.items())
    return opening + (text if len(text) <= _LONGEST else hashed(text)) + closing


class _Codes:
    """The code of a function, and of the functions and classes that it names beside it."""

    def __init__(self, func):
        self.spelled = []
        self.watched = []
        self._names = func.__globals__ if is_loose(func) else {}
        self._module = func.__module__
        self._speller = Speller()
        self._seen = {}

    def add(self, value):
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        parts = held(value)
        if len(parts) != 1 or parts[0] is not value:
            for part in parts:
                self._add_part(part, type(value).__name__)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)

    def add_owner(self, func):
        """Adds the class of a method, which calls others by way of `self`."""
        owner, _, method = func.__qualname__.partition(".")
        if self._names and method and "<" not in owner:
            value = self._names.get(owner)
            self.watched.append((self._names, owner, value))
            self._add_neighbour(value)

    def _add_function(self, value):
        # The code of this package's own wrapper says nothing.
        if not hasattr(value, "uncached"):
            defaults = self._speller.defaults(value)
            self.spelled.append(f"{spelled_code(value.__code__)} {defaults}")
            self._add_names(value.__code__)
            for name, content in cells(value):
                if not is_same(content, value):
                    self._add_part(content, name)
        self.add(getattr(value, "__wrapped__", None))
        for implementation in getattr(value, "registry", {}).values():
            self._add_neighbour(implementation)

    def _add_class(self, value):
        self.spelled.append(f"class {value.__qualname__}")
        for base in value.__mro__[1:]:
            self._add_neighbour(base)
        for name, member in members(value):
            self.spelled.append(name)
            self.watched.append((vars(value), name, member))
            for part in held(member):
                self._add_part(part, f"{value.__name__}.{name}")

    def _add_part(self, value, name):
        """Adds an object that belongs to a function or class: its code, or else its text."""
        if isinstance(value, (types.FunctionType, type)):
            self._add_neighbour(value)
        else:
            self.spelled.append(self._speller.spelled_as(name, value))

    def _add_names(self, code):
        if not self._names:
            return
        for name in code.co_names:
            value = self._names.get(name)
            # One that is missing, or is data, may become a function later.
            self.watched.append((self._names, name, value))
            self._add_neighbour(value)
            if isinstance(value, types.FunctionType) and not self._is_neighbour(value):
                # A helper behind a decorator of another module.
                for _, content in cells(value):
                    self._add_neighbour(content)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._add_names(constant)

    def _add_neighbour(self, value):
        if self._is_neighbour(value):
            self.add(value)

    def _is_neighbour(self, value):
        """Reports whether a function or class is defined beside the function."""
        parts = held(value)
        if len(parts) != 1 or parts[0] is not value:
            return any(self._is_neighbour(part) for part in parts)
        if isinstance(value, types.FunctionType):
            return innermost(value).__globals__ is self._names
        return isinstance(value, type) and value.__module__ == self._module
