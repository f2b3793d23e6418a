"""Types as mypy sees them; not run."""

from typing import Any, Literal, assert_type

from execution_cache import Cache, ExecutionStore, Message, execution_cache

cache = Cache("store.db")


@execution_cache
def plain(path: str, n: int = 2) -> list[int]:
    return [len(path), n]


@execution_cache(cache=cache, ttl=60)
async def task(path: str) -> int:
    return len(path)


class Processor:
    @execution_cache(store_name="processor_cache")
    def method(self, ctx: Any, path: str) -> bytes:
        return path.encode()


assert_type(plain("a"), list[int])
assert_type(plain("a", n=3), list[int])
assert_type(plain.clear_cache("a"), int)
assert_type(plain.uncached("a"), list[int])
assert_type(Processor().method(None, "a"), bytes)
plain(1)  # type: ignore[arg-type]
plain()  # type: ignore[call-arg]
Processor().method("a")  # type: ignore[call-arg]
execution_cache(residency="disk")  # type: ignore[call-overload]
assert_type([entry.key for entry in cache.entries(user="ann")], list[str])
cache.entries(usr="ann")  # type: ignore[call-arg]


async def main() -> int:
    return await task("a")


def changed(message: Message) -> None:
    assert_type(message.metadata.operation_type, Literal["insert", "update", "delete"])


store = ExecutionStore.create("thumbnails", cache=cache)
assert_type(store.subscribe(changed), str)
store.set("key", 1, policy="forever")  # type: ignore[arg-type]
assert_type(cache.stats(store="a")["hits"], float)
execution_cache(stale=60, ttl=60)
