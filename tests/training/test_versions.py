"""The hash that tells code of one version apart."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from training.versions import code_hash


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a module, a folder, a table and a compiled module."""
    root = tmp_path / "decider"
    for name in ("__init__.py", "inner/module.py", "costs.json", f"core{EXTENSION_SUFFIXES[0]}"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text("1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return root


@pytest.mark.parametrize("name", ["inner/module.py", "costs.json", f"core{EXTENSION_SUFFIXES[0]}"])
def test_every_file_of_code_counts_by_content_and_name(package: Path, name: str):
    before = code_hash(["decider"])
    assert code_hash(["decider"]) == before
    (package / name).write_text("2\n")
    changed = code_hash(["decider"])
    (package / name).write_text("1\n")
    assert code_hash(["decider"]) == before
    (package / name).rename(package / name.replace("o", "e"))
    assert len({before, changed, code_hash(["decider"])}) == 3


def test_files_that_python_and_editors_write_do_not_count(package: Path):
    before = code_hash(["decider"])
    (package / "__pycache__").mkdir()
    for name in ("__pycache__/module.cpython-311.pyc", "module.py.swp", "recipe.toml"):
        (package / name).write_text("1\n")
    assert code_hash(["decider"]) == before
