from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from os import PathLike
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, TypeVar, overload

from typing_extensions import TypedDict, Unpack

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Owner = TypeVar("_Owner")
_Rest = ParamSpec("_Rest")
_Names = str | Sequence[str]
_Seconds = float | timedelta
_Policy = Literal["evict", "persist"]

class _Filter(TypedDict, total=False):
    """The conditions on entries, all of which must hold."""

    store: _Names
    dataset: _Names | None
    key: _Names
    user: _Names
    operator: _Names
    prompt: _Names
    arg: _Names
    policy: _Policy
    expired: bool
    older_than: _Seconds
    newer_than: _Seconds
    unused_for: _Seconds
    larger_than: int
    smaller_than: int

class CacheWarning(UserWarning): ...

class _Cached(Generic[_P, _R]):
    """A cached function."""

    __name__: str
    __wrapped__: Callable[_P, _R]

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def __get__(self, instance: None, owner: type | None = None) -> _Cached[_P, _R]: ...
    @overload
    def __get__(
        self: _Cached[Concatenate[_Owner, _Rest], _R],
        instance: _Owner,
        owner: type | None = None,
    ) -> _Cached[_Rest, _R]: ...
    def uncached(self, *args: Any, **kwargs: Any) -> _R: ...
    def set_cache(self, *args: Any, **kwargs: Any) -> bool: ...
    def clear_cache(self, *args: Any, **kwargs: Any) -> int: ...
    def clear_all_caches(self, dataset_id: object = None) -> int: ...
    def counters(self) -> dict[str, int]: ...

@overload
def execution_cache(_func: Callable[_P, _R], /) -> _Cached[_P, _R]: ...
@overload
def execution_cache(
    *,
    residency: Literal["transient", "ephemeral", "hybrid"] = "hybrid",
    ttl: _Seconds | None = None,
    max_size: int | None = None,
    link_to_dataset: bool = True,
    key_fn: Callable[..., tuple[Any, ...] | list[Any]] | None = None,
    store_name: str | None = None,
    version: object = None,
    operator_scoped: bool = False,
    user_scoped: bool = False,
    prompt_scoped: bool = False,
    jwt_scoped: bool = False,
    collection_name: str | None = None,
    serialize: Callable[[Any], Any] | None = None,
    deserialize: Callable[[Any], Any] | None = None,
    cache: Cache | None = None,
    self_key: Callable[[Any], Any] | None = ...,
    stale: _Seconds | None = None,
    stale_if_error: _Seconds | None = None,
) -> Callable[[Callable[_P, _R]], _Cached[_P, _R]]: ...

class Cache:
    def __new__(cls, path: str | PathLike[str] | None = None) -> Cache: ...
    @staticmethod
    def in_memory() -> Cache: ...
    @property
    def path(self) -> str | None: ...
    def entries(self, **filter: Unpack[_Filter]) -> list[Entry]: ...
    def clear(self, **filter: Unpack[_Filter]) -> int: ...
    def stats(self, **filter: Unpack[_Filter]) -> dict[str, float]: ...
    def get(
        self, store: str, key: str, default: Any = None, *, dataset_id: object = None
    ) -> Any: ...
    def set(
        self,
        store: str,
        key: str,
        value: object,
        ttl: _Seconds | None = None,
        *,
        dataset_id: object = None,
    ) -> None: ...
    def delete(self, store: str, key: str, *, dataset_id: object = None) -> bool: ...

class Entry:
    store: Final[str]
    key: Final[str]
    dataset_id: Final[str | None]
    kind: Final[str]
    policy: Final[str]
    size: Final[int]
    created_at: Final[float]
    updated_at: Final[float]
    expires_at: Final[float | None]
    hits: Final[int]
    function: Final[str | None]
    args: Final[str | None]
    cost: Final[float | None]
    user_id: Final[str | None]
    operator_uri: Final[str | None]
    prompt_id: Final[str | None]

class MessageMetadata:
    operation_type: Final[Literal["insert", "update", "delete"]]
    dataset_id: Final[str | None]
    timestamp: Final[str]

class Message:
    key: Final[str]
    value: Final[Any]
    metadata: Final[MessageMetadata]

class _Times(TypedDict):
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None

class ExecutionStore:
    def __new__(
        cls,
        store_name: str,
        *,
        cache: Cache | None = None,
        dataset_id: object = None,
        collection_name: str | None = None,
        default_policy: _Policy = "persist",
    ) -> ExecutionStore: ...
    @staticmethod
    def create(
        store_name: str,
        dataset_id: object = None,
        default_policy: _Policy = "persist",
        collection_name: str | None = None,
        *,
        cache: Cache | None = None,
    ) -> ExecutionStore: ...
    @property
    def store_name(self) -> str: ...
    def list_stores(self) -> list[str]: ...
    def get(self, key: str) -> Any: ...
    def set(
        self, key: str, value: object, ttl: _Seconds | None = None, policy: _Policy | None = None
    ) -> None: ...
    def set_cache(self, key: str, value: object, ttl: _Seconds | None = None) -> None: ...
    def set_if_absent(
        self, key: str, value: object, ttl: _Seconds | None = None, policy: _Policy | None = None
    ) -> bool: ...
    def compare_and_set(
        self,
        key: str,
        expected: object,
        value: object,
        ttl: _Seconds | None = None,
        policy: _Policy | None = None,
    ) -> bool: ...
    def get_entry(self, key: str) -> Entry | None: ...
    def get_metadata(self, key: str) -> _Times | None: ...
    def has(self, key: str) -> bool: ...
    def delete(self, key: str) -> bool: ...
    def update_ttl(self, key: str, new_ttl: _Seconds | None) -> bool: ...
    def update_policy(self, key: str, policy: _Policy) -> bool: ...
    def get_ttl(self, key: str) -> float | None: ...
    def list_keys(self) -> list[str]: ...
    def count_keys(self) -> int: ...
    def clear(self) -> int: ...
    def clear_cache(self) -> int: ...
    def subscribe(self, callback: Callable[[Message], object]) -> str: ...
    def unsubscribe(self, subscription_id: str) -> bool: ...
