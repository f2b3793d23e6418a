"""Stored forms of types beyond JSON's and FiftyOne's plain ones.

Nothing is ever unpickled, and no name from a stored value is imported: a value is one of the types
below, or a dict as it was stored. Modules are imported for the first object of their types.
"""

SAMPLE = "fiftyone.core.sample.Sample"


def reduce(value):
    """Returns the class and the content of a value that `restore` makes again."""
    form = FORMS.get(name_of(type(value)))
    if form is None and is_a(value, "numpy.generic"):
        form = FORMS["numpy.generic"]
    if form is None:
        raise TypeError(f"{name_of(type(value))} has no stored form")
    return form.name, form.reduce(value)


def restore(name, content):
    """Returns the value of this class and content."""
    return FORMS[name].restore(content)


def knows(name):
    """Reports whether `restore` makes values of this class."""
    return name in FORMS


def copy(value):
    """Returns a value that no change of this one reaches: itself, if nothing can change it."""
    name, content = reduce(value)
    return value if FORMS[name].is_immutable else restore(name, content)


def name_of(cls):
    """Returns the name of a class as forms have it."""
    # Python 3.13 has its paths in a module of their own.
    return f"{cls.__module__.removesuffix('._local')}.{cls.__qualname__}".removeprefix("builtins.")


def is_a(value, name):
    """Reports whether a value is of the type of this name or one derived from it."""
    return any(name_of(base) == name for base in type(value).__mro__)


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

    # Two types of integers may have one name, and a text may end with zeros that are not stored.
    if value.dtype.names is None and numpy.dtype(value.dtype.str).char != value.dtype.char:
        raise TypeError(f"{value.dtype.type.__name__} of NumPy has no stored form")
    if isinstance(value, (bytes, str)) and value[-1:] in (b"\0", "\0"):
        raise TypeError("a text of NumPy that ends with a zero has no stored form")

    file = io.BytesIO()
    numpy.save(file, value, allow_pickle=False)
    return file.getvalue()


def _restore_array(content):
    import io

    import numpy

    file = io.BytesIO(content)
    value = numpy.load(file, allow_pickle=False)
    if file.read(1):
        raise ValueError("an array does not end there")
    return value


def _restore_scalar(content):
    return _restore_array(content)[()]


def _reduce_sample(value):
    return value.to_dict()


def _restore_sample(fields):
    from fiftyone import Sample

    return Sample.from_dict({key: value for key, value in fields.items() if key != "_cls"})


FORMS = {
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
FORMS["datetime.date"] = FORMS["date"]
FORMS["datetime.datetime"] = FORMS["datetime"]
