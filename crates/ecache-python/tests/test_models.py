"""Data classes, models and enums: as arguments told apart, as results exact or not kept."""

import collections
import dataclasses
import enum
import fractions
import functools
import typing
import warnings
from dataclasses import InitVar, dataclass, field

import attrs
import pandas
import pydantic
import pytest
from pydantic import ConfigDict, Field, PrivateAttr, RootModel, computed_field, field_serializer

from execution_cache import CacheWarning, execution_cache

T = typing.TypeVar("T")


class Hides(pydantic.BaseModel):
    shown: int = 1
    hidden: str = Field("", exclude=True)
    masked: int = 0
    _private: int = PrivateAttr(0)

    @field_serializer("masked")
    def mask(self, value):
        return 0

    @computed_field
    @property
    def double(self) -> int:
        return self.shown * 2

    def with_private(self, value):
        self._private = value
        return self


class Open(pydantic.BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = Field(1, alias="A")


class Frozen(pydantic.BaseModel, frozen=True):
    inner: Hides


class Derived(Frozen):
    pass


class Box(pydantic.BaseModel, typing.Generic[T]):
    content: T


class Cat(pydantic.BaseModel):
    kind: typing.Literal["cat"] = "cat"
    name: str


class Dog(pydantic.BaseModel):
    kind: typing.Literal["dog"] = "dog"
    name: str


class Pet(RootModel[typing.Annotated[Cat | Dog, Field(discriminator="kind")]]):
    pass


@pydantic.dataclasses.dataclass
class Checked:
    x: int


@dataclass
class Plain:
    x: int
    made: list = field(init=False, default_factory=list)
    factor: InitVar[int] = 1

    def __post_init__(self, factor):
        self.scaled = self.x * factor


@dataclass(slots=True, frozen=True, kw_only=True)
class Slotted:
    x: int


class SlottedToo(Slotted):
    __slots__ = ("__secret",)

    def with_secret(self, value):
        object.__setattr__(self, "_SlottedToo__secret", value)
        return self


@dataclass
class Other:
    x: int

    @functools.cached_property
    def double(self):
        return self.x * 2

    def to_dict(self):
        return {}


@attrs.define
class Attrs:
    x: int
    y: int = attrs.field(default=0, repr=False, eq=False)


@attrs.frozen(slots=False)
class AttrsFrozen:
    x: int


class Bits(enum.Flag):
    A = 1
    B = 2
    C = 4


class Letter(enum.Enum):
    A = "a"
    ALSO_A = "a"
    B = "b"


class Word(str, enum.Enum):
    A = "a"


Pair = collections.namedtuple("Pair", "x y")


class Typed(typing.NamedTuple):
    x: int
    y: int


class Named(dict):
    def items(self):
        return ()


class Scaled(list):
    def __init__(self, members, scale):
        super().__init__(members)
        self.scale = scale


class Celsius(float):
    pass


def arguments():
    """Returns arguments, any two of which differ."""
    return [
        Hides(), Hides(shown=2), Hides(shown=1), Hides(hidden="a"), Hides(masked=1),
        Hides().with_private(1), Open(), Open(A=2), Open(b=1), Open(A=1, b=2),
        Frozen(inner=Hides()), Frozen(inner=Hides(hidden="a")), Derived(inner=Hides()),
        Box[int](content=1), Box[float](content=1), Box[str](content="1"), Box(content=1),
        Cat(name="a"), Dog(name="a"), Pet(Cat(name="a")), Pet(Dog(name="a")), Pet(Cat(name="b")),
        Checked(1), Plain(1), Plain(1, factor=2), Plain(2), Slotted(x=1), Slotted(x=2),
        SlottedToo(x=1), SlottedToo(x=1).with_secret(1), SlottedToo(x=1).with_secret(2),
        Other(1), Other(2), Attrs(1), Attrs(2), Attrs(1, 1), AttrsFrozen(1), AttrsFrozen(2),
        Bits.A, Bits.A | Bits.B, Bits.A | Bits.C, Bits(0), Letter.A, Letter.B, Word.A, "a",
        Pair(1, 2), Typed(1, 2), (1, 2), {"x": 1}, Named(x=1), Named(x=2),
        Scaled([1], 1), Scaled([1], 2), [1], Celsius(1.0), 1.0, {"a": 1, "b": 2},
        collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1),
        collections.defaultdict(int, a=1), collections.defaultdict(list, a=1),
        collections.Counter(a=1), collections.deque([1]), collections.deque([1], 5),
        range(3), range(0, 3, 2), slice(3), fractions.Fraction(1, 3), bytearray(b"a"), b"a",
        int, float, collections.Counter, Plain, Other, len, functools.reduce,
        pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1.0]}), pandas.DataFrame({"b": [1]}),
        pandas.DataFrame({"a": [1]}, index=["x"]), pandas.DataFrame([[1, 2]], columns=["a", "a"]),
        pandas.DataFrame([[3, 2]], columns=["a", "a"]), pandas.DataFrame({"a": ["1"]}),
        pandas.Series([1]), pandas.Series([1], name="a"), pandas.Series([1], dtype="int8"),
        pandas.Index([1]), pandas.to_datetime(["2026-01-01"]), pandas.Timestamp("2026-01-01"),
        pandas.Timestamp("2026-01-01 00:00:00.000000001"), pandas.Timedelta(1), pandas.NaT,
    ]  # fmt: skip


@pytest.mark.parametrize("wrapped", [lambda x: x, lambda x: [x], lambda x: Box(content=x)])
def test_no_two_of_them_share_a_key(cache, wrapped):
    @execution_cache(cache=cache, residency="ephemeral")
    def f(x):
        return next(numbers)

    numbers = iter(range(1000))
    given = [*map(wrapped, arguments())]
    assert [f(x) for x in given] == [*range(len(given))]
    assert [f(x=x) for x in map(wrapped, arguments())] == [*range(len(given))]
    assert f.counters()["computations"] == len(given)


def test_with_a_context_models_are_told_apart_as_well(cache):
    given = arguments()[: arguments().index(Bits.A)]

    @execution_cache(cache=cache, residency="ephemeral")
    def f(ctx, x):
        return next(numbers)

    numbers = iter(range(1000))
    given = [x for x in given if not hasattr(x, "to_dict")]
    assert [f(object(), x) for x in given * 2] == [*range(len(given))] * 2


def test_a_property_that_was_computed_changes_no_key(cache):
    @execution_cache(cache=cache)
    def f(x):
        return x.double

    other = Other(1)
    assert f(other) == f(other) == 2
    assert f.counters()["computations"] == 1


@pytest.mark.filterwarnings("ignore::execution_cache.CacheWarning")
def test_classes_and_functions_that_no_name_leads_to_have_no_key(cache):
    @execution_cache(cache=cache)
    def f(x):
        return x.__name__

    def local():
        pass

    for x in [local, lambda: 0, type("Plain", (), {}), dataclasses.make_dataclass("Made", ["x"])]:
        assert f(x) == x.__name__
    assert f.counters()["computations"] == 0


@pytest.mark.parametrize("residency", ["ephemeral", "hybrid", "transient"])
def test_a_model_as_a_result_is_exact_or_not_kept(cache, residency):
    # A function warns once of a type.
    refused = set()
    for result in arguments():

        @execution_cache(cache=cache, residency=residency)
        def f():
            return result

        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = [f(), f(), f()]
        f.clear_all_caches()
        for one in found:
            assert type(one) is type(result)
            assert repr(one) == repr(result)
        if any(issubclass(w.category, CacheWarning) for w in warned):
            refused.add(type(result))
        assert f.counters()["computations"] == (3 if type(result) in refused else 1), result


@pytest.mark.parametrize("residency", ["ephemeral", "hybrid", "transient"])
def test_models_are_kept_by_hooks(cache, residency):
    @execution_cache(
        cache=cache,
        residency=residency,
        serialize=lambda pets: [pet.model_dump() for pet in pets],
        deserialize=lambda forms: [Pet.model_validate(form) for form in forms],
    )
    def f(name):
        return [Pet(Cat(name=name)), Pet(Dog(name=name))]

    assert f("a") == f("a") == f("a")
    f("a")[0].root.name = "changed"
    assert f("a") == f.uncached("a")
    assert f.counters()["computations"] == 1


def test_a_typed_dict_is_a_dict(cache):
    class Movie(typing.TypedDict):
        name: str

    @execution_cache(cache=cache, residency="transient")
    def f(movie: Movie) -> Movie:
        return Movie(name=movie["name"])

    assert f(Movie(name="a")) == f({"name": "a"}) == {"name": "a"}
    assert f.counters()["computations"] == 1
