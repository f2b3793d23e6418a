"""Forms of arguments, from which keys are made: of more types than a value can be read back as.

Two arguments that differ never share a key. An object's form is therefore its whole state, not what
it shows of itself: a model may leave fields out of its dump.
"""

import sys
import types
import weakref

from ._forms import FORMS, SAMPLE, is_a, name_of, reduce

# The hash of the code of each class that no import finds again, as of a notebook.
_hashes = weakref.WeakKeyDictionary()


def reduce_argument(value):
    """Returns the class and the content of an argument, whose key has the content's form.

    The class "" adds nothing to the form of the content; `None` says that the content is a form.

    Objects that FiftyOne can hash come first, in its order and in its forms.
    """
    name = name_of(type(value))
    if name == SAMPLE:
        return SAMPLE, value.to_dict()
    if isinstance(value, type):
        return _reduce_definition(value)
    if hasattr(value, "to_dict"):
        return None, value.to_dict()
    if hasattr(value, "to_json"):
        return None, value.to_json()
    for base in (dict, list, tuple, set):
        if isinstance(value, base):
            return "", base(value)
    for base in ("datetime", "date"):
        if is_a(value, f"datetime.{base}"):
            return base, value.isoformat()
    if isinstance(value, str):
        # An enum's own `__str__` is its name.
        return "", str.__str__(value)
    for base in (int, float, bytes):
        if isinstance(value, base):
            return "", base(value)
    if name == "numpy.ndarray":
        return None, value.tolist()
    if is_a(value, "numpy.generic"):
        return "", value.item()
    if name in FORMS:
        return reduce(value)
    return _reduce_object(name, value)


def reduce_own_argument(value):
    """Returns the class and the content of an argument of a function that is none of FiftyOne's.

    Unlike FiftyOne's keys, this tells an array from a list, and a member of an enum or a named
    tuple from a number or a tuple.
    """
    name = name_of(type(value))
    if name in FORMS or is_a(value, "numpy.generic"):
        try:
            return reduce(value)
        except (TypeError, ValueError):
            # A zone by name, or an array of objects: no value, but an argument all the same.
            pass
    if name == "numpy.ndarray":
        return name, [value.tolist(), value.shape, repr(value.dtype), value.dtype.char]
    if is_a(value, "numpy.generic") and not isinstance(value, (bytes, str)):
        if type(value.item()) is not type(value):
            return name, [value.dtype.char, value.item()]
    if hasattr(value, "tzinfo") and hasattr(value, "fold"):
        # A time of pandas has a unit.
        parts = [value.isoformat(), repr(value.tzinfo), value.fold, getattr(value, "unit", None)]
        return name, parts
    if is_a(value, "datetime.date"):
        return name, value.isoformat()
    return _reduce_object(name, value)


def _reduce_object(name, value):
    """Returns the form of an object by what it consists of."""
    if isinstance(value, _DEFINITIONS):
        return _reduce_definition(value)
    name += _code_of(type(value))
    if hasattr(type(value), "__members__"):
        # A combination of flags has no name before Python 3.11.
        return name, [value.name, value.value]
    if name in _CONTENTS:
        return name, _CONTENTS[name](value)
    if any(hasattr(type(value), mark) for mark in _MARKS):
        return name, _state(value)
    for base, content in _BASES:
        if isinstance(value, base):
            # A named tuple is told from one with its fields in another order.
            fields = getattr(type(value), "_fields", None)
            return name, [content(value), _state(value), fields]
    for base, content in _FRAMES.items():
        if any(is_a(value, f"pandas.{module}{base}") for module in ("", _MODULES[base])):
            own = {field: getattr(value, field, None) for field in getattr(value, "_metadata", ())}
            return name, [content(value), own, list(getattr(value, "attrs", {}).items())]
    for method in ("to_dict", "to_json"):
        if hasattr(value, method):
            content = getattr(value, method)()
            # It may be of the type that it is the form of.
            return name, dict(content) if isinstance(content, dict) else content
    return reduce(value)


def _code_of(cls):
    """Returns what tells a class from others of its name, if there may be others."""
    if cls.__module__ not in ("__main__", "__mp_main__") and "<locals>" not in cls.__qualname__:
        return ""
    if cls not in _hashes:
        from ._spelling import Speller, hashed

        _hashes[cls] = " " + hashed(Speller().spelled(cls))
    return _hashes[cls]


def _reduce_frame(value):
    columns = [value.iloc[:, at] for at in range(value.shape[1])]
    return [value.columns, value.index, value.flags.allows_duplicate_labels, *columns]


def _reduce_series(value):
    flag = value.flags.allows_duplicate_labels
    return [value.name, value.index, _dtype(value.dtype), value.tolist(), flag]


def _reduce_index(value):
    levels = [_dtype(dtype) for dtype in getattr(value, "dtypes", ())]
    frequency = getattr(value, "freqstr", None)
    return [list(value.names), _dtype(value.dtype), levels, frequency, value.tolist()]


def _dtype(dtype):
    """Returns the form of a type of values. The text of one with categories is cut."""
    categories = getattr(dtype, "categories", None)
    return [repr(dtype), categories, getattr(dtype, "ordered", None)]


_FRAMES = {"DataFrame": _reduce_frame, "Series": _reduce_series, "Index": _reduce_index}

# Their modules before pandas 3.
_MODULES = {"DataFrame": "core.frame.", "Series": "core.series.", "Index": "core.indexes.base."}

# Classes whose instances are what they declare: data classes, models of pydantic, classes of attrs.
_MARKS = ("__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__")

_CONTENTS = {
    "range": lambda value: [value.start, value.stop, value.step],
    "slice": lambda value: [value.start, value.stop, value.step],
    "bytearray": bytes,
    "fractions.Fraction": str,
    "collections.OrderedDict": lambda value: list(value.items()),
    "collections.defaultdict": lambda value: [value.default_factory, dict(value)],
    "collections.deque": lambda value: [list(value), value.maxlen],
    "mappingproxy": dict,
    "pandas.Timedelta": lambda value: value.value,
    "pandas._libs.tslibs.timedeltas.Timedelta": lambda value: value.value,
}

# An own `__str__` or `items` says nothing about the content.
_BASES = [
    (dict, lambda value: [[key, dict.__getitem__(value, key)] for key in dict.__iter__(value)]),
    (list, lambda value: list(list.__iter__(value))),
    (tuple, lambda value: list(tuple.__iter__(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: set(frozenset.__iter__(value))),
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
]


def _state(value):
    """Returns the attributes of an object."""
    state = dict(getattr(value, "__dict__", ()))
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot.startswith("__") and not slot.endswith("__"):
                slot = f"_{cls.__name__.lstrip('_')}{slot}"
            if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                state[slot] = getattr(value, slot)
    for field in getattr(type(value), "__dataclass_fields__", ()):
        # A default may be an attribute of the class alone.
        if field not in state and hasattr(value, field):
            state[field] = getattr(value, field)
    for name in list(state):
        # It follows from the others, and is there once it was asked for.
        if name_of(type(getattr(type(value), name, None))) == "functools.cached_property":
            del state[name]
    return state


_DEFINITIONS = (type, types.FunctionType, types.BuiltinFunctionType)


def _reduce_definition(value):
    """Returns the form of a class or function: its name, if that leads to nothing else."""
    module = getattr(value, "__module__", None)
    found = sys.modules.get(module)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not value or module in ("__main__", "__mp_main__"):
        raise TypeError(f"{value.__qualname__} of {module} cannot be told from others of its name")
    return "type" if isinstance(value, type) else "function", f"{module}.{value.__qualname__}"


def reduce_raw(value):
    """Returns an object within a complete form as `json.dumps` takes it."""
    for base in (dict, list, tuple, int, float):
        if isinstance(value, base):
            return None, base(value)
    if isinstance(value, str):
        return None, str.__str__(value)
    raise TypeError(f"{name_of(type(value))} has no stored form within a `to_dict`")
