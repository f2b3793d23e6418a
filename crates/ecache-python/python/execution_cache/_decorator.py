"""The decorator: what it accepts, what it refuses, and the function that it returns."""

import functools
import os

from ._identity import Identity
from ._native import Cache, Function

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
        ttl: the lifetime of a result, in seconds or as a `timedelta`; at 0 or below, none is kept
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
        "ttl": ttl,
        "max_size": max_size,
        "link_to_dataset": link_to_dataset,
        "store_name": store_name or None,
        "version": version,
        "operator_scoped": operator_scoped,
        "user_scoped": user_scoped,
        "prompt_scoped": prompt_scoped,
        "jwt_scoped": jwt_scoped,
        "collection_name": collection_name or None,
        "stale": stale,
        "stale_if_error": stale_if_error,
    }

    for name, hook in [("serialize", serialize), ("deserialize", deserialize)]:
        if hook is not None and not callable(hook):
            raise TypeError(f"{name} is not a function, but {hook!r}")
    if self_key is not _UNSET and self_key is not None and not callable(self_key):
        raise TypeError(f"self_key is not a function, but {self_key!r}")

    def decorator(func):
        _refuse(func, residency, max_size)
        parameters = _parameters(func, key_fn, self_key)
        store, off = (cache, None) if cache is not None else _default()
        if _is_off():
            off = ""

        def make(identity):
            return Function(
                func,
                store,
                names=(identity.text, identity.name),
                parameters=parameters,
                options=given,
                hooks=(serialize, deserialize),
                off=identity.reason if off is None else off,
            )

        identity = Identity(func)
        if identity.is_watched():
            return _wrapper(func, None, _Following(func, make).now)
        function = make(identity)
        return _wrapper(func, function, lambda: function)

    return decorator if _func is None else decorator(_func)


@functools.cache
def _default():
    """Returns the store of the command, and the reason if there is none."""
    try:
        return Cache(), None
    except (OSError, ValueError) as error:
        return Cache.in_memory(), str(error)


@functools.cache
def _is_off():
    """Reports whether functions only compute, as with `ECACHE=off`."""
    return os.environ.get("ECACHE", "").lower() == "off"


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
            f"{name} is not a function written in Python: decorate one that calls it"
            if callable(func)
            else f"{name} is not a function: a staticmethod or classmethod goes above the decorator"
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
        "unnamed": code.co_posonlyargcount,
        "defaults": func.__defaults__ or (),
        "ctx": ctx,
        "skipped": is_method + (ctx is not None),
        "key_fn": key_fn,
        "self_key": None if self_key is _UNSET else self_key,
    }


class _Following:
    """Makes a function anew once its identity has changed, as by a cell of a notebook."""

    def __init__(self, func, make):
        self._func = func
        self._make = make
        self._identity = Identity(func)
        self._function = make(self._identity)

    def now(self):
        if not self._identity.is_current():
            identity = Identity(self._func)
            if identity.text != self._identity.text:
                self._function = self._make(identity)
            self._identity = identity
        return self._function


def _check(companion, func, args, kwargs):
    """Raises an error for arguments that no call has: a method's companion is not bound to it."""
    import inspect

    try:
        inspect.signature(func).bind(*args, **kwargs)
    except TypeError as error:
        owner, _, name = func.__qualname__.rpartition(".")
        hint = ""
        if func.__code__.co_varnames[:1] in [("self",), ("cls",)]:
            owner = owner.rpartition(".")[2] or "Class"
            hint = f", the object first: {owner}.{name}.{companion}(object, ...)"
        message = f"{companion} takes the arguments of a call{hint} ({error})"
        raise TypeError(message) from None


def _wrapper(func, function, now):
    """Returns a function that looks like `func` and is answered from the cache: by `function`, or
    by what `now` returns.

    It is a function and no native object, so that it binds as a method and is pickled by name. A
    native function that returns itself has no result: the call is computed here, since a greenlet
    that leaves it in the middle must leave no native code behind.
    """
    if func.__code__.co_flags & _COROUTINE:
        from ._asynchronous import refresh, run

        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            function = now()
            started = function.start(*args, **kwargs)
            result = await run(started)
            if refreshing := started.refresh():
                refresh(refreshing, function)
            return result

    elif function:

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            result = function(*args, **kwargs)
            return func(*args, **kwargs) if result is function else result

    else:

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            function = now()
            result = function(*args, **kwargs)
            return func(*args, **kwargs) if result is function else result

    def set_cache(*args, **kwargs):
        _check("set_cache", func, args[:-1], kwargs)
        return now().set_cache(*args, **kwargs)

    def clear_cache(*args, **kwargs):
        _check("clear_cache", func, args, kwargs)
        return now().clear_cache(*args, **kwargs)

    wrapper.uncached = func
    wrapper.set_cache = set_cache
    wrapper.clear_cache = clear_cache
    wrapper.clear_all_caches = lambda dataset_id=None: now().clear_all_caches(dataset_id)
    wrapper.counters = lambda: now().counters()
    return wrapper
