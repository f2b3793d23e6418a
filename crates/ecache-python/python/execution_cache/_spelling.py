"""The text of what a function has beside its arguments: captured variables, defaults, its code.

It is the same in every process, and differs wherever the results may. An object is taken apart as
for a pickle, and never put together again.
"""

import copyreg
import sys
import types

from ._native import describe

# Objects that a function uses, while its results do not depend on them.
_TOOLS = {
    *(
        f"{module}.{name}"
        for module in ("threading", "multiprocessing.synchronize")
        for name in ("Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore")
    ),
    "_thread.lock",
    "_thread.RLock",
    "asyncio.locks.Condition",
    "asyncio.locks.Event",
    "asyncio.locks.Lock",
    "asyncio.locks.Semaphore",
    "execution_cache.Cache",
    "execution_cache.ExecutionStore",
    "logging.Logger",
    "logging.LoggerAdapter",
    "logging.RootLogger",
    "multiprocessing.synchronize.Lock",
    "multiprocessing.synchronize.RLock",
    "queue.Queue",
    "queue.SimpleQueue",
    "threading.local",
}

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class Formless(TypeError):
    """Says which object cannot be told from others."""


class Speller:
    """Spells objects. An object that contains itself is spelled once."""

    def __init__(self):
        # Objects are kept, so that no other one gets the same number.
        self._seen = {}

    def spelled(self, value):
        """Returns the text of an object."""
        if type(value) in _PLAIN:
            return describe(value)
        known = self._seen.get(id(value))
        if known is not None:
            return f"#{known[0]}"
        self._seen[id(value)] = len(self._seen), value
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.ModuleType):
            return f"module {value.__name__}"
        if isinstance(value, types.MethodType):
            return f"{self.spelled(value.__func__)} of {self.spelled(value.__self__)}"
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if name in _TOOLS or any(value is file for file in (sys.stdin, sys.stdout, sys.stderr)):
            return name
        return self._parts(name, value)

    def captured(self, func):
        """Returns the text of the variables that a function captured, by their names."""
        found = {}
        for name, content in cells(func):
            if not is_same(content, func):
                found[name] = self.spelled_as(name, content)
        return found

    def defaults(self, func):
        """Returns the text of the defaults of a function, by the names of the parameters: a call
        that leaves them out does not have them in its key.
        """
        names = func.__code__.co_varnames[: func.__code__.co_argcount]
        found = dict(zip(names[::-1], (func.__defaults__ or ())[::-1]))
        found.update(func.__kwdefaults__ or {})
        return {name: self.spelled_as(name, value) for name, value in sorted(found.items())}

    def spelled_as(self, name, value):
        """Returns the text of an object that has a name of the program's."""
        try:
            return self.spelled(value)
        except Exception as error:
            raise Formless(f"{name} is {_named(value)}, which {_reason(error)}") from None

    def _function(self, value):
        if hasattr(value, "uncached"):
            # A cached function: its wrapper has the store.
            return self.spelled(value.uncached)
        text = f"{value.__module__}.{value.__qualname__}"
        if is_loose(innermost(value)) or "<" in value.__qualname__:
            text += f" {spelled_code(value.__code__)} {self.defaults(value)}"
        return f"{text} {self.captured(value)}"

    def _class(self, value):
        text = f"class {value.__module__}.{value.__qualname__}"
        module = sys.modules.get(value.__module__)
        if value.__module__ not in _LOOSE and module is not None and "<" not in text:
            return text
        return f"{text} {[self.spelled(base) for base in value.__bases__]} {self.members(value)}"

    def members(self, value):
        """Returns the text of what a class consists of, by name."""
        found = {}
        for name, member in members(value):
            for part in held(member):
                found[name] = found.get(name, "") + self.spelled_as(f"{value.__name__}.{name}", part)
        return found

    def _parts(self, name, value):
        if type(value) in (list, tuple):
            return f"{name}{[self.spelled(member) for member in value]}"
        if type(value) in (set, frozenset):
            return f"{name}{sorted(map(self.spelled, value))}"
        if isinstance(value, (dict, types.MappingProxyType)) and type(value) in _DICTS:
            pairs = [(self.spelled(key), self.spelled(member)) for key, member in value.items()]
            return f"{name}{pairs}"
        if name.startswith("fiftyone."):
            raise TypeError("may be large")
        if name == "numpy.ndarray" and not value.dtype.hasobject:
            return describe(value)
        parts = held(value)
        if len(parts) != 1 or parts[0] is not value:
            return f"{name}({', '.join(map(self.spelled, parts))})"
        reduce = copyreg.dispatch_table.get(type(value))
        parts = reduce(value) if reduce else value.__reduce_ex__(4)
        if isinstance(parts, str):
            return _global(value, parts)
        make, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        parts = [make, list(arguments), state]
        parts += [None if items is None else list(items), None if pairs is None else list(pairs)]
        if make is getattr and isinstance(arguments[0], types.ModuleType):
            return f"{arguments[0].__name__}.{arguments[1]}"
        return f"{name}({', '.join(map(self.spelled, parts))})"


_DICTS = (dict, types.MappingProxyType)

# Modules whose functions and classes no import finds again.
_LOOSE = ("__main__", "__mp_main__")


def is_loose(func):
    """Reports whether no import of its module finds a function again."""
    if func.__module__ in _LOOSE:
        return True
    module = sys.modules.get(func.__module__)
    return module is None or getattr(module, "__dict__", None) is not func.__globals__


def innermost(func):
    """Returns the function that decorators wrapped."""
    while isinstance(wrapped := getattr(func, "__wrapped__", None), types.FunctionType):
        func = wrapped
    return func


def is_same(value, func):
    """Reports whether a value is a function itself, or its wrapper."""
    return isinstance(value, types.FunctionType) and innermost(value) is innermost(func)


def cells(func):
    """Returns the names and contents of the variables that a function captured."""
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:
            # Not defined yet, as the function itself.
            continue


def members(cls):
    """Returns the names and values of what a class consists of."""
    for name, value in vars(cls).items():
        is_function = any(isinstance(part, types.FunctionType) for part in held(value))
        if is_function or name in _TELLING or not (name.startswith("_") and name.endswith("_")):
            yield name, value


# Attributes of the libraries that make classes, with members or the defaults of fields.
_TELLING = ("__attrs_attrs__", "__dataclass_fields__", "__pydantic_fields__", "_member_map_")

# Attributes in which objects of these types have functions or values of the program.
_HOLDERS = {
    "_lru_cache_wrapper": ["__wrapped__"],
    "cached_property": ["func"],
    "classmethod": ["__func__"],
    "Field": ["default", "default_factory"],
    "FieldInfo": ["default", "default_factory"],
    "method": ["__func__", "__self__"],
    "partial": ["func", "args", "keywords"],
    "partialmethod": ["func", "args", "keywords"],
    "property": ["fget", "fset", "fdel"],
    "singledispatchmethod": ["func"],
    "staticmethod": ["__func__"],
    "vectorize": ["pyfunc"],
}


# Modules of these types.
_LIBRARIES = ("builtins", "dataclasses", "functools", "numpy", "pydantic")

# Types of what stands in a class and says nothing.
_NOTHING = (
    "_MISSING_TYPE",
    "PydanticUndefinedType",
    "_abc_data",
    "getset_descriptor",
    "member_descriptor",
)


def held(value):
    """Returns what an object is the holder of: itself, unless it is a holder."""
    kind = type(value).__name__
    if kind in _NOTHING or isinstance(value, types.DynamicClassAttribute):
        return []
    if kind in _HOLDERS and type(value).__module__.partition(".")[0] in _LIBRARIES:
        found = [getattr(value, name, None) for name in _HOLDERS[kind]]
        return [part for whole in found if whole is not None for part in held(whole)]
    if type(value) is dict and any(type(field).__name__ in _HOLDERS for field in value.values()):
        return [part for field in value.values() for part in held(field)]
    return [value]


def spelled_code(code):
    """Returns what a function does, as far as its code says."""

    def spelled(constant):
        if isinstance(constant, types.CodeType):
            return spelled_code(constant)
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


def hashed(text):
    """Returns a short hash of a text."""
    import hashlib

    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:12]


def _global(value, name):
    """Returns the name of an object that is a variable of its module."""
    module = getattr(value, "__module__", None) or type(value).__module__
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not value:
        raise TypeError(f"it is not found as {name} of {module}")
    return f"{module}.{name}"


def _named(value):
    return f"an object of type {type(value).__module__}.{type(value).__qualname__}"


def _reason(error):
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, Formless):
        return f"has a part that cannot be told from others: {error}"
    return f"cannot be told from others ({error})"
