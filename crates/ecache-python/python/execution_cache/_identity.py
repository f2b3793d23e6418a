"""The identity of a function: its entries record it, and those of another are not used.

A function of a module is known by its name. The code of one that no import finds again, as in a
script, a notebook or `exec`, is part of its identity, and so is the code of the functions and
classes that it names and that are defined beside it. Captured variables and defaults belong to the
identity of any function, since they are in no key.
"""

import sys
import types

from ._native import describe

# A longer text in an identity is replaced by its hash.
_LONGEST = 200

# Attributes in which objects of these types have a function.
_HOLDERS = {
    "_lru_cache_wrapper": "__wrapped__",
    "cached_property": "func",
    "classmethod": "__func__",
    "method": "__func__",
    "partial": "func",
    "property": "fget",
    "staticmethod": "__func__",
}

# Types of attributes of a class that are as they stand in its code.
_CONSTANTS = (type(None), bool, int, float, str, bytes)


class Identity:
    """The identity of a function, as of now."""

    def __init__(self, func):
        inner = innermost(func)
        # A spawned child has the script of its parent under a name of its own.
        module = "__main__" if func.__module__ == "__mp_main__" else func.__module__
        self.name = f"{module}.{func.__qualname__}"
        self.text = self.name + _parts("(", defaults(inner), ")")
        if func is not inner:
            self.text += _parts("(", defaults(func), ")")
        self.text += _parts(" [", _captured(func, set()), "]")
        path = inner.__globals__.get("__file__")
        if module == "__main__" and path:
            import os

            self.text += f" of {os.path.abspath(path)}"
        is_first = _codes.setdefault(self.name, inner.__code__) == inner.__code__
        self._watched = []
        if _is_loose(inner) or not is_first or func.__name__ == "<lambda>":
            codes = _Codes(inner)
            codes.add(func)
            self.text += f" {_hash(' '.join(codes.spelled))}"
            self._watched = codes.watched

    def is_watched(self):
        """Reports whether the identity may change with other definitions."""
        return bool(self._watched)

    def is_current(self):
        """Reports whether the function still calls what it called."""
        return all(names.get(name) is value for names, name, value in self._watched)


# The first code of each name: a function that is defined again has a hash.
_codes = {}


def innermost(func):
    """Returns the function that decorators wrapped."""
    while isinstance(wrapped := getattr(func, "__wrapped__", None), types.FunctionType):
        func = wrapped
    return func


def defaults(func):
    """Returns the defaults of a function: a call that leaves them out does not have them in its
    key.
    """
    names = func.__code__.co_varnames[: func.__code__.co_argcount]
    found = dict(zip(names[::-1], (func.__defaults__ or ())[::-1]))
    found.update(func.__kwdefaults__ or {})
    return {name: _spelled(value, set()) for name, value in sorted(found.items())}


def _parts(opening, named, closing):
    if not named:
        return ""
    text = ", ".join(f"{name}={value}" for name, value in named.items())
    return opening + (text if len(text) <= _LONGEST else _hash(text)) + closing


def _captured(func, seen):
    """Returns the captured variables of a function and of those that it wraps, as they are now."""
    found = {}
    seen.add(id(func))
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or ()):
        try:
            value = cell.cell_contents
        except ValueError:
            # Not defined yet, as the function itself.
            continue
        if id(value) not in seen:
            found[name] = _spelled(value, seen)
    return found


def _spelled(value, seen):
    """Returns a text that is the same in every process, and differs as far as it can be told."""
    if isinstance(value, types.FunctionType):
        seen.add(id(value))
        text = f"{value.__module__}.{value.__qualname__}"
        if _is_loose(innermost(value)) or value.__name__ == "<lambda>":
            text += f" {_hash(_spelled_code(value.__code__))}"
        return text + _parts(" [", _captured(value, seen), "]")
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        # What an object makes of itself may be large, as of a dataset.
        if not hasattr(value, "to_dict"):
            return describe(value)
    except Exception:
        pass
    return type(value).__qualname__


def _is_loose(func):
    """Reports whether no import of its module finds a function again."""
    if func.__module__ in ("__main__", "__mp_main__"):
        return True
    module = sys.modules.get(func.__module__)
    return module is None or getattr(module, "__dict__", None) is not func.__globals__


class _Codes:
    """The code of a function, and of the functions and classes that it names beside it."""

    def __init__(self, func):
        self.spelled = []
        self.watched = []
        self._names = func.__globals__ if _is_loose(func) else {}
        self._module = func.__module__
        self._seen = set()

    def add(self, value):
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        holder = type(value).__name__
        if holder in _HOLDERS:
            self.spelled.append(_spelled([*getattr(value, "args", ())], set()))
            self.add(getattr(value, _HOLDERS[holder], None))
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.FunctionType):
            # The code of this package's own wrapper says nothing.
            if not hasattr(value, "uncached"):
                self.spelled.append(f"{_spelled_code(value.__code__)} {defaults(value)}")
                self._add_names(value.__code__)
            self.add(getattr(value, "__wrapped__", None))

    def _add_class(self, value):
        self.spelled.append(f"class {value.__qualname__}")
        for base in value.__mro__[1:]:
            self._add_neighbour(base)
        for name, member in vars(value).items():
            self.add(member)
            if type(member) in _CONSTANTS and not name.startswith("__"):
                self.spelled.append(f"{name}={member!r}")

    def _add_names(self, code):
        for name in code.co_names:
            value = self._names.get(name)
            # One that is missing may be defined later.
            if value is None or self._is_neighbour(value):
                self.watched.append((self._names, name, value))
                self._add_neighbour(value)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._add_names(constant)

    def _add_neighbour(self, value):
        if self._is_neighbour(value):
            self.add(value)

    def _is_neighbour(self, value):
        """Reports whether a function or class is defined beside the function."""
        while type(value).__name__ in _HOLDERS:
            value = getattr(value, _HOLDERS[type(value).__name__], None)
        if isinstance(value, types.FunctionType):
            return innermost(value).__globals__ is self._names
        return isinstance(value, type) and value.__module__ == self._module


def _spelled_code(code):
    """Returns what a function does, as far as its code says."""

    def spelled(constant):
        if isinstance(constant, types.CodeType):
            return _spelled_code(constant)
        if isinstance(constant, tuple):
            return f"({', '.join(map(spelled, constant))})"
        if isinstance(constant, frozenset):
            # Its order differs from one process to the next.
            return f"{{{', '.join(sorted(map(spelled, constant)))}}}"
        return repr(constant)

    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    # Before Python 3.11, the ends of `try` blocks are in the code itself.
    blocks = getattr(code, "co_exceptiontable", b"")
    return f"{code.co_code!r} {blocks!r} {counts} {names} {spelled(code.co_consts)}"


def _hash(text):
    import hashlib

    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:12]
