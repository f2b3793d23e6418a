"""Drives the calls of an `async def` on asyncio's loops."""

import asyncio
import functools
import time
import types
import weakref

from ._native import Awaiting, release_stopped

# The time between two looks for calls of loops that run no longer, in seconds.
_PAUSE = 0.02

# The time of the last look.
_looked = 0

# The number of waiting calls, by loop: a list of one.
_waiting = weakref.WeakKeyDictionary()

# The loop itself has only weak references to its tasks.
_refreshes = set()


@types.coroutine
def run(started):
    """Awaits a call."""
    loop = asyncio.get_running_loop()
    if time.monotonic() > _looked + _PAUSE:
        # A refresh that stopped is in the way of another one, for which no call waits.
        _look()
    error = None
    while True:
        waiter = loop.create_future()
        wake = functools.partial(loop.call_soon_threadsafe, _set, waiter)
        step, value = started.poll(loop, wake, error)
        if step == Awaiting.DONE:
            return value
        error = None
        try:
            if step == Awaiting.WAITING:
                yield from _wait(loop, waiter)
            else:
                yield value
        except BaseException as raised:
            error = raised


def _set(waiter):
    if not waiter.done():
        waiter.set_result(None)


def _wait(loop, waiter):
    """Waits for a result of another call, which may be one of a loop that never runs again."""
    count = _waiting.get(loop)
    if count is None:
        count = _waiting[loop] = [0]
        loop.call_later(_PAUSE, _look_again, loop)
    count[0] += 1
    try:
        yield from waiter
    finally:
        count[0] -= 1


def _look():
    global _looked
    _looked = time.monotonic()
    release_stopped()


def _look_again(loop):
    _look()
    if _waiting[loop][0]:
        loop.call_later(_PAUSE, _look_again, loop)
    else:
        del _waiting[loop]


def refresh(refreshing, function):
    """Computes a new result in the background."""
    task = asyncio.get_running_loop().create_task(_refresh(refreshing, function))
    _refreshes.add(task)
    task.add_done_callback(_refreshes.discard)


async def _refresh(refreshing, function):
    """Computes a new result, for nobody: an exception is a warning of the next call."""
    try:
        await run(refreshing)
    except Exception as error:
        function.warn_of_refresh(error)
