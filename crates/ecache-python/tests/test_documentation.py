"""The examples of the documentation run as they stand, each page in an empty folder."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "page", [HERE / "README.md", HERE.parents[1] / "docs" / "python.md"], ids=lambda page: page.name
)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECACHE_DB", str(tmp_path / "store.db"))
    names = {"__name__": f"examples of {page.name}"}
    examples = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    for example in examples:
        exec(compile(example, str(page), "exec"), names)
    assert examples
