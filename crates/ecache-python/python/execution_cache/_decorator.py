"""The decorator: what it accepts, what it refuses, and the function that it returns."""

import functools
import types

from ._native import Awaiting, Cache, Function, describe

_RESIDENCIES = ["transient", "ephemeral", "hybrid"]
_COMPANIONS = ["uncached", "set_cache", "clear_cache", "clear_all_caches"]

# Flags of a code object, as in `inspect`.
_VARARGS, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x04, 0x20, 0x80, 0x200

_UNSET = object()


def execution_cache(
    _func=None,
    *,
    residency="hybrid",
    ttl=None,
    max_size=None,
    link_to_dataset=True,
    key_fn=None,
    store_name=None,
    version=None,
    operator_scoped=False,
    user_scoped=False,
    prompt_scoped=False,
    jwt_scoped=False,
    collection_name=None,
    serialize=None,
    deserialize=None,
    cache=None,
    self_key=_UNSET,
    stale=None,
    stale_if_error=None,
):
    """Caches the results of a function.

    The key is made of the arguments. A parameter `ctx`, first or after `self`, is the context of
    the call: any object that has what FiftyOne's context has (`dataset` or `dataset_id`,
    `operator_uri`, `prompt_id`, `user_id`, `user_request_token`), as far as the options need it.

    Args:
        residency: where results are kept: "transient" in the store, "ephemeral" in memory,
            "hybrid" in both
        ttl: the lifetime of a result, in seconds
        max_size: the most results in memory; 1024 by default
        link_to_dataset: whether results belong to the context's dataset
        key_fn: makes a list or tuple of the arguments, from which the key is made
        store_name: the execution store; by default the function's module and name
        version: results of other versions are not used
        operator_scoped, prompt_scoped: whether the operator or the prompt is part of the key
        user_scoped, jwt_scoped: whether the user or the token is part of the key; a call without
            one is not cached
        collection_name: the collection of the store
        serialize, deserialize: convert results to values with a stored form, and back
        cache: the `Cache` to use; by default that of the command `ecache`
        self_key: for a method without a context, makes the part of `self` that its results depend
            on; `None` if there is none
        stale: the time after the ttl, in seconds, for which an expired result is returned while a
            thread, or a task of an `async def`, computes a new one
        stale_if_error: the time after the ttl, in seconds, for which an expired result takes the
            place of an exception
    """
    given = {
        "residency": residency,
        "ttl": _seconds(ttl),
        "max_size": max_size,
        "link_to_dataset": link_to_dataset,
        "store_name": store_name,
        "version": version,
        "operator_scoped": operator_scoped,
        "user_scoped": user_scoped,
        "prompt_scoped": prompt_scoped,
        "jwt_scoped": jwt_scoped,
        "collection_name": collection_name,
        "stale": _seconds(stale),
        "stale_if_error": _seconds(stale_if_error),
    }

    def decorator(func):
        _refuse(func, residency, max_size)
        parameters = _parameters(func, key_fn, self_key)
        function = Function(
            func,
            cache or _default(),
            names=_names(func),
            parameters=parameters,
            options=given,
            serialize=serialize,
            deserialize=deserialize,
        )
        return _wrapper(func, function)

    return decorator if _func is None else decorator(_func)


@functools.cache
def _default():
    return Cache()


def _seconds(time):
    """Returns a time in seconds: a number, or a `timedelta`."""
    return time.total_seconds() if hasattr(time, "total_seconds") else time


def _refuse(func, residency, max_size):
    """Raises FiftyOne's errors, and one for what returns no result."""
    name = getattr(func, "__name__", repr(func))
    if any(hasattr(func, companion) for companion in _COMPANIONS):
        raise ValueError(
            f"Function {name} is already decorated with "
            "@execution_cache and cannot be decorated again."
        )
    if residency not in _RESIDENCIES:
        raise ValueError(
            f"Invalid residency option '{residency}'. Valid options are: {_RESIDENCIES}"
        )
    if max_size is not None and residency == "transient":
        raise ValueError("max_size is only valid for ephemeral and hybrid residency.")
    if not hasattr(func, "__code__"):
        raise TypeError(
            f"{name} is no function written in Python: decorate one that calls it"
            if callable(func)
            else f"{name} is no function: a staticmethod or classmethod goes above the decorator"
        )
    if func.__code__.co_flags & (_GENERATOR | _ASYNC_GENERATOR):
        raise TypeError(f"{name} is a generator, which has no result to cache: return a list")


def _parameters(func, key_fn, self_key):
    """Returns how the arguments of a call are found."""
    code = func.__code__
    names = code.co_varnames[: code.co_argcount]
    is_method = names[:1] in [("self",), ("cls",)]
    ctx = names.index("ctx") if "ctx" in names[: 1 + is_method] else None
    if is_method and self_key is _UNSET and ctx is None and key_fn is None:
        raise ValueError(
            f"{func.__qualname__} is a method: name what of {names[0]} its results depend on, as in "
            "self_key=lambda self: self.name, or self_key=None"
        )
    return {
        "positional": names,
        "defaults": func.__defaults__ or (),
        "ctx": ctx,
        "skipped": is_method + (ctx is not None),
        "key_fn": key_fn,
        "self_key": None if self_key is _UNSET else self_key,
    }


def _names(func):
    """Returns the identity of a function, which its entries record, and the name of its store.

    Defaults belong to the identity, since a call that leaves them out does not have them in its
    key, and so does the code of a function whose name is not its own.
    """
    # A spawned child has the script of its parent under a name of its own.
    module = "__main__" if func.__module__ == "__mp_main__" else func.__module__
    name = f"{module}.{func.__qualname__}"
    identity = name
    code = func.__code__
    defaults = dict(zip(code.co_varnames[: code.co_argcount][::-1], (func.__defaults__ or ())[::-1]))
    defaults.update(func.__kwdefaults__ or {})
    if defaults:
        spelled = (f"{name}={_spelled(value)}" for name, value in sorted(defaults.items()))
        identity += f"({', '.join(spelled)})"
    is_script = module == "__main__"
    if is_script and (path := func.__globals__.get("__file__")):
        import os

        identity += f" of {os.path.abspath(path)}"
    is_first = _codes.setdefault(name, code) == code
    if is_script or not is_first or func.__name__ == "<lambda>":
        identity += f" {_digest(code)}"
    return identity, name


# The first code of each name: a function that is defined again has a digest.
_codes = {}


def _spelled(value):
    try:
        return describe(value)
    except (TypeError, ValueError):
        return type(value).__qualname__


def _digest(code):
    """Returns a hash of what a function does, as far as its code says."""
    import hashlib

    def spelled(constant):
        if isinstance(constant, types.CodeType):
            names = constant.co_names, constant.co_varnames, constant.co_freevars
            return f"{constant.co_code!r} {names} {spelled(constant.co_consts)}"
        if isinstance(constant, tuple):
            return f"({', '.join(map(spelled, constant))})"
        if isinstance(constant, frozenset):
            # Its order differs from one process to the next.
            return f"{{{', '.join(sorted(map(spelled, constant)))}}}"
        return repr(constant)

    return hashlib.sha256(spelled(code).encode(errors="backslashreplace")).hexdigest()[:12]


def _wrapper(func, function):
    """Returns a function that looks like `func` and is answered from the cache.

    It is a function and no native object, so that it binds as a method and is pickled by name.
    """
    if func.__code__.co_flags & _COROUTINE:
        start = function.start

        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            started = start(*args, **kwargs)
            result = await _drive(started)
            if refresh := started.refresh():
                _run_in_background(_refresh(refresh, function))
            return result

    else:

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

    wrapper.uncached = func
    wrapper.set_cache = function.set_cache
    wrapper.clear_cache = function.clear_cache
    wrapper.clear_all_caches = function.clear_all_caches
    wrapper.counters = function.counters
    return wrapper


# The loop itself has only weak references to its tasks.
_refreshes = set()


def _run_in_background(coroutine):
    import asyncio

    task = asyncio.get_running_loop().create_task(coroutine)
    _refreshes.add(task)
    task.add_done_callback(_refreshes.discard)


async def _refresh(refresh, function):
    """Computes a new result, for nobody: an exception is a warning of the next call."""
    try:
        await _drive(refresh)
    except Exception as error:
        function.warn_of_refresh(error)


@types.coroutine
def _drive(started):
    """Awaits a call on asyncio's loop."""
    import asyncio

    loop = asyncio.get_running_loop()
    error = None
    while True:
        waiter = loop.create_future()
        wake = functools.partial(loop.call_soon_threadsafe, _set, waiter)
        step, value = started.poll(wake, error)
        if step == Awaiting.DONE:
            return value
        error = None
        try:
            if step == Awaiting.WAITING:
                yield from waiter
            else:
                yield value
        except BaseException as raised:
            error = raised


def _set(waiter):
    if not waiter.done():
        waiter.set_result(None)
