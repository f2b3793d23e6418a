"""Stored forms of types beyond JSON's and FiftyOne's plain ones.

Nothing is ever unpickled, and no name from a stored value is imported: a value is one of the types
below, or a dict as it was stored. Modules are imported for the first object of their types.
"""

SAMPLE = "fiftyone.core.sample.Sample"


def reduce(value):
    """Returns the class and the content of a value that `restore` makes again."""
    form = _FORMS.get(_name(type(value)))
    if form is None and _is_a(value, "numpy.generic"):
        form = _FORMS["numpy.generic"]
    if form is None:
        raise TypeError(f"{_name(type(value))} has no stored form: name a `serialize`")
    return form.name, form.reduce(value)


def restore(name, content):
    """Returns the value of this class and content."""
    return _FORMS[name].restore(content)


def knows(name):
    """Reports whether `restore` makes values of this class."""
    return name in _FORMS


def copy(value):
    """Returns a value that no change of this one reaches: itself, if nothing can change it."""
    name, content = reduce(value)
    return value if _FORMS[name].is_immutable else restore(name, content)


def reduce_argument(value):
    """Returns the class and the content of an argument, whose key has the content's form.

    The class "" adds nothing to the form of the content; `None` says that the content is a form.

    Objects that FiftyOne can hash come first, in its order and in its forms.
    """
    name = _name(type(value))
    if name == SAMPLE:
        return SAMPLE, value.to_dict()
    if hasattr(value, "to_dict"):
        return None, value.to_dict()
    if hasattr(value, "to_json"):
        return None, value.to_json()
    for base in (dict, list, tuple, set):
        if isinstance(value, base):
            return "", base(value)
    for base in ("datetime", "date"):
        if _is_a(value, f"datetime.{base}"):
            return base, value.isoformat()
    if isinstance(value, str):
        # An enum's own `__str__` is its name.
        return "", str.__str__(value)
    for base in (int, float, bytes):
        if isinstance(value, base):
            return "", base(value)
    if name == "numpy.ndarray":
        return None, value.tolist()
    if _is_a(value, "numpy.generic"):
        return "", value.item()
    return _reduce_further(name, value)


def reduce_own_argument(value):
    """Returns the class and the content of an argument of a function that is none of FiftyOne's.

    Unlike FiftyOne's keys, this tells an array from a list, and a member of an enum or a named
    tuple from a number or a tuple.
    """
    name = _name(type(value))
    if name in _FORMS or _is_a(value, "numpy.generic"):
        try:
            return reduce(value)
        except (TypeError, ValueError):
            # A zone by name, or an array of objects: no value, but an argument all the same.
            pass
    if hasattr(value, "tzinfo") and hasattr(value, "fold"):
        return name, [value.isoformat(), repr(value.tzinfo), value.fold]
    _, content = reduce_argument(value)
    # A `to_dict` may return a dict of the type that it is of.
    return name, dict(content) if isinstance(content, dict) else content


def _reduce_further(name, value):
    if name not in _FORMS:
        if hasattr(value, "__dataclass_fields__"):
            return name, {field: getattr(value, field) for field in value.__dataclass_fields__}
        if hasattr(value, "model_dump"):
            return name, value.model_dump()
        if hasattr(type(value), "__members__"):
            return name, value.name
    return reduce(value)


def reduce_raw(value):
    """Returns an object within a complete form as `json.dumps` takes it."""
    for base in (dict, list, tuple, int, float):
        if isinstance(value, base):
            return None, base(value)
    if isinstance(value, str):
        return None, str.__str__(value)
    raise TypeError(f"{_name(type(value))} has no stored form within a `to_dict`")


def _name(cls):
    # Python 3.13 has its paths in a module of their own.
    return f"{cls.__module__.removesuffix('._local')}.{cls.__qualname__}".removeprefix("builtins.")


def _is_a(value, name):
    """Reports whether a value is of the type of this name or one derived from it."""
    return any(_name(base) == name for base in type(value).__mro__)


class _Form:
    """The form of one type: how it is taken apart and made again."""

    def __init__(self, name, reduce, restore, is_immutable=True):
        self.name = name
        self.reduce = reduce
        self.restore = restore
        self.is_immutable = is_immutable


def _reduce_datetime(value):
    text = value.isoformat()
    # A zone by name and a repeated hour are not in the text.
    if repr(_restore_datetime(text)) != repr(value):
        raise TypeError("a datetime with a time zone by name has no stored form")
    return text


def _restore_datetime(text):
    from datetime import datetime

    return datetime.fromisoformat(text)


def _restore_date(text):
    return _restore_datetime(text).date()


def _reduce_time(value):
    if value.tzinfo is not None or value.fold:
        raise TypeError("a time with a time zone has no stored form")
    return value.isoformat()


def _restore_time(text):
    from datetime import time

    return time.fromisoformat(text)


def _reduce_timedelta(value):
    return [value.days, value.seconds, value.microseconds]


def _restore_timedelta(parts):
    from datetime import timedelta

    return timedelta(*parts)


def _restore_decimal(text):
    from decimal import Decimal

    return Decimal(text)


def _restore_uuid(text):
    from uuid import UUID

    return UUID(text)


def _restore_path(name):
    def restore(text):
        import pathlib

        return getattr(pathlib, name)(text)

    return restore


def _reduce_array(value):
    import io

    import numpy

    file = io.BytesIO()
    numpy.save(file, value, allow_pickle=False)
    return file.getvalue()


def _restore_array(content):
    import io

    import numpy

    return numpy.load(io.BytesIO(content), allow_pickle=False)


def _restore_scalar(content):
    return _restore_array(content)[()]


def _reduce_sample(value):
    return value.to_dict()


def _restore_sample(fields):
    from fiftyone import Sample

    return Sample.from_dict({key: value for key, value in fields.items() if key != "_cls"})


_FORMS = {
    form.name: form
    for form in [
        _Form("complex", lambda value: [value.real, value.imag], lambda parts: complex(*parts)),
        _Form("date", lambda value: value.isoformat(), _restore_date),
        _Form("datetime", _reduce_datetime, _restore_datetime),
        _Form("datetime.time", _reduce_time, _restore_time),
        _Form("datetime.timedelta", _reduce_timedelta, _restore_timedelta),
        _Form("decimal.Decimal", str, _restore_decimal),
        _Form("uuid.UUID", str, _restore_uuid),
        *(
            _Form(f"pathlib.{name}", str, _restore_path(name))
            for name in ("PosixPath", "PurePosixPath")
        ),
        _Form("numpy.ndarray", _reduce_array, _restore_array, is_immutable=False),
        _Form("numpy.generic", _reduce_array, _restore_scalar),
        _Form(SAMPLE, _reduce_sample, _restore_sample, is_immutable=False),
    ]
}
# FiftyOne's names for these two are their names within their module.
_FORMS["datetime.date"] = _FORMS["date"]
_FORMS["datetime.datetime"] = _FORMS["datetime"]
