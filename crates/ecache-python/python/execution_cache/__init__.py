"""Caches results of functions in memory and in one SQLite file.

    from execution_cache import execution_cache

    @execution_cache(ttl=60)
    def count_words(path):
        return len(open(path).read().split())

The options are those of FiftyOne's `execution_cache`. Threads, tasks and processes that ask at once
compute once; the command `ecache` lists, explains, clears and restores what is cached.
"""

import atexit
import sys

if "t" in sys.abiflags:
    raise ImportError("execution_cache does not work on a free-threaded build of Python")

from ._decorator import execution_cache
from ._native import (
    Cache,
    CacheWarning,
    Entry,
    ExecutionStore,
    Message,
    MessageMetadata,
    leave,
    sleep,
)

__all__ = [
    "Cache",
    "CacheWarning",
    "Entry",
    "ExecutionStore",
    "Message",
    "MessageMetadata",
    "execution_cache",
]


class _Ending(BaseException):
    """Stops a daemon thread in the place where it computes, as the interpreter ends."""

    def __init__(self):
        sleep()


atexit.register(leave, _Ending)
