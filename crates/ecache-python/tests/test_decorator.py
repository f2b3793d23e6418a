"""The decorator: options, errors, companions and identity."""

import pickle
import threading
import time
from types import SimpleNamespace

import pytest

from execution_cache import Cache, CacheWarning, execution_cache

CTX = SimpleNamespace(
    dataset_id="6b03de1228195dbc2df5c505",
    operator_uri="@a/b/c",
    prompt_id="p",
    user_id="ann",
    user_request_token="secret",
)


def changed(**scopes):
    return SimpleNamespace(**{**vars(CTX), **scopes})


def counted(cache, **options):
    """Returns a cached function that returns how often it was called, and its arguments."""
    calls = []

    @execution_cache(cache=cache, **options)
    def called(ctx, path, n=2):
        calls.append(path)
        return [len(calls), path, n]

    return called


@pytest.mark.parametrize("residency", ["transient", "ephemeral", "hybrid"])
def test_a_second_call_is_answered_from_the_cache(cache, residency):
    f = counted(cache, residency=residency)
    assert f(CTX, "a") == [1, "a", 2]
    assert f(CTX, "a") == [1, "a", 2]
    assert f(CTX, "b") == [2, "b", 2]
    kept = {entry.dataset_id for entry in cache.entries()}
    assert kept == (set() if residency == "ephemeral" else {CTX.dataset_id})


def test_keyword_arguments_are_part_of_the_key(cache):
    f = counted(cache)
    assert f(CTX, path="a") == f(CTX, "a") == f(path="a", ctx=CTX) == [1, "a", 2]
    assert f(CTX, path="b") == [2, "b", 2]
    assert f(CTX, "a", n=3) == f(CTX, "a", 3) == f(CTX, n=3, path="a") == [3, "a", 3]


@pytest.mark.parametrize("arguments", [{"path": "a"}, {"unknown": 1}])
def test_a_wrong_call_is_an_error_beside_a_result(cache, arguments):
    f = counted(cache)
    f(CTX, "a")
    for _ in range(2):
        with pytest.raises(TypeError, match="multiple values|unexpected keyword"):
            f(CTX, "a", **arguments)
    assert f(CTX, "a")[0] == 1


def test_keyword_only_and_further_arguments_do_not_collide_with_positional_ones(cache):
    @execution_cache(cache=cache)
    def f(*args, key=None, **rest):
        return [list(args), key, rest]

    calls = [((), {}), ((1,), {}), ((), {"key": 1}), ((), {"other": 1}), (({"key": 1},), {})]
    calls.append((({"_cls": "kwargs", "values": {"key": 1}},), {}))
    for args, kwargs in calls * 2:
        assert f(*args, **kwargs) == f.uncached(*args, **kwargs)
    assert f.counters()["computations"] == len(calls)


def test_a_changed_default_is_a_miss(cache):
    def make(default):
        @execution_cache(cache=cache)
        def f(a, b=default):
            return b

        return f

    assert make(1)("x") == 1
    assert make(2)("x") == 2
    assert make(1)("x") == 1


def test_functions_of_one_name_have_results_of_their_own(cache):
    decorated = execution_cache(cache=cache)
    functions = [decorated(lambda x: x + 1), decorated(lambda x: x * 3)]
    for body in ("return x * 5", "return x * 7"):
        names = {"__name__": "names", "decorated": decorated}
        exec(f"@decorated\ndef _(x):\n    {body}", names)
        functions.append(names["_"])
    for _ in range(2):
        assert [f(2) for f in functions] == [3, 6, 10, 14]


@pytest.mark.parametrize("scope", ["operator_uri", "prompt_id", "user_id", "user_request_token"])
def test_scopes_are_part_of_the_key(cache, scope):
    option = {"operator_uri": "operator_scoped", "prompt_id": "prompt_scoped"}
    option |= {"user_id": "user_scoped", "user_request_token": "jwt_scoped"}
    f = counted(cache, **{option[scope]: True})
    assert f(CTX, "a")[0] == f(CTX, "a")[0] == 1
    assert f(changed(**{scope: "another"}), "a")[0] == 2
    without = changed(**{scope: None})
    answers = [f(without, "a")[0], f(without, "a")[0]]
    # FiftyOne's rule: without a user or a token a call is not cached.
    assert answers == ([3, 4] if scope.startswith("user") else [3, 3])


def test_datasets_have_results_of_their_own(cache):
    f = counted(cache)
    assert f(CTX, "a")[0] == 1
    assert f(changed(dataset_id="b" * 24), "a")[0] == 2
    assert f.clear_all_caches(dataset_id=CTX.dataset_id) == 1
    assert f(changed(dataset_id="b" * 24), "a")[0] == 2
    assert f(CTX, "a")[0] == 3
    assert f.clear_all_caches() == 2


def test_fiftyones_context_names_its_dataset(cache):
    document = SimpleNamespace(id="c" * 24)
    ctx = SimpleNamespace(dataset=SimpleNamespace(_doc=document))
    f = counted(cache)
    f(ctx, "a")
    assert [entry.dataset_id for entry in cache.entries()] == ["c" * 24]


def test_methods_leave_self_out_or_say_what_of_it_counts(cache):
    class Processor:
        def __init__(self, name):
            self.name = name
            self.calls = 0

        @execution_cache(cache=cache)
        def with_context(self, ctx, path):
            self.calls += 1
            return path

        @execution_cache(cache=cache, self_key=lambda self: self.name)
        def named(self, path):
            return self.name + path

    one, two = Processor("one"), Processor("two")
    assert one.with_context(CTX, "a") == two.with_context(CTX, "a") == "a"
    assert (one.calls, two.calls) == (1, 0)
    assert (one.named("x"), two.named("x"), one.named("x")) == ("onex", "twox", "onex")
    assert Processor.named.counters()["computations"] == 2


def test_functions_that_cannot_be_cached_are_refused_at_once(cache):
    with pytest.raises(ValueError, match="Invalid residency option 'disk'"):
        counted(cache, residency="disk")
    with pytest.raises(ValueError, match="max_size is only valid"):
        counted(cache, residency="transient", max_size=3)
    with pytest.raises(ValueError, match="already decorated"):
        execution_cache(counted(cache))
    with pytest.raises(TypeError, match="generator"):

        @execution_cache
        def numbers():
            yield 1

    with pytest.raises(ValueError, match="self_key"):

        class C:
            @execution_cache
            def method(self):
                pass

    with pytest.raises(TypeError, match="not a function written in Python"):
        execution_cache(len)


@pytest.mark.parametrize("args", [(), (None,), (None, "a")])
def test_a_context_that_is_missing_is_fiftyones_error(cache, args):
    with pytest.raises(ValueError, match="first argument to be an ExecutionContext"):
        counted(cache)(*args)


def test_a_key_fn_makes_the_key(cache):
    f = counted(cache, key_fn=lambda ctx, path: (path.lower(),))
    assert f(CTX, "A")[0] == f(CTX, "a")[0] == 1
    for wrong in (lambda ctx, path: "text", lambda ctx, path: 1 / 0):
        with pytest.raises(ValueError, match="Failed to create custom cache key"):
            counted(cache, key_fn=wrong)(CTX, "a")


def test_companions(cache):
    f = counted(cache)
    assert f(CTX, "a")[0] == 1
    assert f.uncached(CTX, "a")[0] == 2
    assert f.set_cache(CTX, "a", "set") is True
    assert f(CTX, "a") == "set"
    assert f.clear_cache(CTX, "a") == 1
    assert f.clear_cache(CTX, "a") == 0
    assert f(CTX, "a")[0] == 3
    assert f.__name__ == "called" and f.__wrapped__ is f.uncached


def test_versions_and_store_names(cache):
    counted(cache, store_name="processor_cache", version=0)(CTX, "a")
    assert [entry.store for entry in cache.entries()] == ["processor_cache#v0"]


def test_a_ttl_ends_in_both_tiers(cache):
    f = counted(cache, ttl=0.2)
    assert f(CTX, "a")[0] == f(CTX, "a")[0] == 1
    time.sleep(0.25)
    assert f(CTX, "a")[0] == 2


def test_an_expired_result_takes_the_place_of_an_exception(cache):
    fails = []

    @execution_cache(cache=cache, ttl=0.05, stale_if_error=60)
    def f():
        if fails:
            raise RuntimeError("on purpose")
        return "result"

    assert f() == "result"
    fails.append(True)
    time.sleep(0.1)
    assert f() == "result"


def test_exceptions_are_not_cached(cache):
    @execution_cache(cache=cache)
    def f(x):
        raise KeyError(x)

    for _ in range(2):
        with pytest.raises(KeyError, match="x"):
            f("x")
    assert f.counters()["computations"] == 2


def test_a_result_cannot_be_poisoned(cache):
    for residency in ("ephemeral", "hybrid"):

        @execution_cache(cache=cache, residency=residency, store_name=residency)
        def f():
            return {"a": [1, {"b": {2}}], "flat": [1]}

        for _ in range(3):
            result = f()
            assert result == f.uncached()
            result["a"][1]["b"].add(3)
            result["flat"].append(4)


def test_values_without_a_form_are_computed_with_a_warning(cache):
    class Thing:
        pass

    @execution_cache(cache=cache)
    def f(x):
        return Thing()

    message = r"test_values_without_a_form.*f .*could not keep.*Thing has no"
    with pytest.warns(CacheWarning, match=message):
        assert isinstance(f(1), Thing)

    @execution_cache(cache=cache)
    def g(x):
        return 1

    with pytest.warns(CacheWarning, match="key of the arguments: .*Thing has no stored form"):
        assert g(Thing()) == 1


@pytest.mark.filterwarnings("ignore::execution_cache.CacheWarning")
@pytest.mark.parametrize("residency", ["hybrid", "transient", "ephemeral"])
def test_threads_that_ask_together_have_results_of_their_own(cache, residency):
    class Thing:
        pass

    makes = [lambda: iter([1, 2, 3])] + [Thing, bytearray] * (residency != "ephemeral")
    for make in makes:

        @execution_cache(cache=cache, residency=residency)
        def f():
            time.sleep(0.2)
            return make()

        results = []
        threads = [threading.Thread(target=lambda: results.append(f())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(result) for result in results}) == 4, make


def test_results_in_memory_alone_may_be_of_any_type(cache):
    @execution_cache(cache=cache, residency="ephemeral")
    def f():
        return object()

    assert f() is f()


def test_hooks_convert_results(cache):
    class Thing:
        def __init__(self, n):
            self.n = n

    for residency in ("hybrid", "transient"):

        @execution_cache(
            cache=cache,
            residency=residency,
            store_name=residency,
            serialize=lambda thing: {"n": thing.n},
            deserialize=lambda form: Thing(form["n"]),
        )
        def f(n):
            return Thing(n)

        assert [f(3).n, f(3).n, f.counters()["computations"]] == [3, 3, 1]


def test_a_hook_that_raises_is_a_warning(cache):
    @execution_cache(cache=cache, serialize=lambda _: 1 / 0)
    def f():
        return "result"

    with pytest.warns(CacheWarning, match="serialize a result: division by zero"):
        assert f() == "result"


def test_a_store_that_cannot_be_opened_is_a_warning(tmp_path):
    f = counted(Cache(tmp_path))
    with pytest.warns(CacheWarning, match="open the store"):
        assert f(CTX, "a")[0] == 1


@execution_cache(cache=Cache.in_memory())
def importable(x):
    return x


def test_a_cached_function_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(importable)) is importable


def test_an_old_result_is_returned_while_a_new_one_is_computed(cache):
    results = iter(range(10))

    @execution_cache(cache=cache, ttl=0.1, stale=60, serialize=str, deserialize=int)
    def f(x):
        return next(results)

    assert f(1) == f(1) == 0
    time.sleep(0.15)
    assert f(1) == 0, "the old one, at once"
    deadline = time.monotonic() + 10
    while f.counters()["computations"] < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert f(1) in (0, 1) and f.counters()["stale_hits"] >= 1


def test_a_refresh_that_fails_leaves_the_old_result_and_warns(cache):
    fails, ends = [], []

    @execution_cache(cache=cache, ttl=0.1, stale=60)
    def f(x):
        ends.append(x)
        if fails:
            raise KeyError("on purpose")
        return [x]

    def call_until(count):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and len(ends) < count:
            assert f(1) == [1]
            time.sleep(0.01)

    call_until(1)
    fails.append("from now on")
    time.sleep(0.15)
    with pytest.warns(CacheWarning, match="could not refresh a result: 'on purpose'"):
        call_until(3)
        # The third begins after the second, whose warning is there by now.
        f(1)
        fails.clear()
        call_until(len(ends) + 1)
        f(1)


@pytest.mark.parametrize("option", ["stale", "stale_if_error"])
def test_no_result_takes_the_place_of_ctrl_c(cache, option):
    raised = []

    @execution_cache(cache=cache, ttl=0.05, **{option: 0.05 if option == "stale" else 60})
    def f(x):
        if raised:
            raise raised[0]
        return x

    assert f(1) == 1
    time.sleep(0.15)
    raised.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        f(1)
    raised[0] = SystemExit(3)
    with pytest.raises(SystemExit):
        f(1)
