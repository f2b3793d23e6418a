"""FiftyOne's own contexts and samples: its decorator and this one, side by side.

Run by tests/python with FiftyOne's interpreter if there is a server: FiftyOne keeps its datasets
there. The results are in files.
"""

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.store as foos
import numpy
import pytest

from execution_cache import execution_cache


@pytest.fixture(scope="module")
def ctx():
    dataset = fo.Dataset()
    params = {"dataset_name": dataset.name, "prompt_id": "p", "params": {}}
    yield foo.ExecutionContext(operator_uri="@a/b/c", request_params=params)
    dataset.delete()


def both(cache, function, **options):
    """Returns a function cached by each decorator."""
    ours = execution_cache(cache=cache, **options)(function)
    theirs = foo.execution_cache(**options)(type(function)(function.__code__, globals(), "theirs"))
    return ours, theirs


def test_results_belong_to_the_contexts_dataset(cache, ctx):
    @execution_cache(cache=cache, prompt_scoped=True, operator_scoped=True)
    def f(ctx, path):
        return [path]

    assert f(ctx, "a") == f(ctx, "a") == ["a"]
    (entry,) = cache.entries()
    assert entry.dataset_id == str(ctx.dataset._doc.id)
    assert (entry.operator_uri, entry.prompt_id) == ("@a/b/c", "p")
    assert f.clear_all_caches(dataset_id=ctx.dataset._doc.id) == 1


@pytest.mark.parametrize(
    "argument",
    [
        "path",
        [1, 2.5, {"b": None, "a": (1,)}],
        numpy.arange(3),
        numpy.float32(0.5),
        fo.Sample(filepath="/a.png", tags=["x"]),
    ],
    ids=lambda argument: type(argument).__name__,
)
def test_keys_are_those_of_fiftyones_decorator(cache, ctx, argument):
    ours, theirs = both(cache, lambda ctx, x: 7, store_name="keys", residency="transient")
    assert ours(ctx, argument) == theirs(ctx, argument) == 7
    (entry,) = cache.entries()
    store = foos.ExecutionStore.create("keys", dataset_id=ctx.dataset._doc.id)
    assert store.get(entry.key) == 7
    store.clear()


@pytest.mark.parametrize("residency", ["hybrid", "transient"])
def test_a_sample_is_read_back_as_one(cache, ctx, residency):
    @execution_cache(cache=cache, residency=residency)
    def f(ctx):
        return fo.Sample(filepath="/a.png", tags=["x"])

    for _ in range(3):
        sample = f(ctx)
        assert type(sample) is fo.Sample
        assert (sample.filepath, sample.tags) == ("/a.png", ["x"])
        sample.tags.append("poison")
    assert f.counters()["computations"] == 1


def test_a_call_without_a_context_fails_as_there(cache):
    for f in both(cache, lambda ctx, x: 7):
        with pytest.raises(ValueError, match="first argument to be an ExecutionContext"):
            f(None, "a")
