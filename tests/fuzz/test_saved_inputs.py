"""The archives of saved inputs: the same bytes for the same contents, and how findings get in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fuzz import saved_inputs
from tests.fuzz.run import DESCRIPTIONS
from tests.fuzz.saved_inputs import ARCHIVES, archive, command_to_add, findings, keep, saved
from tools.checkout import ROOT


@pytest.mark.parametrize("path", sorted(ARCHIVES.glob("*.zip")), ids=lambda path: path.stem)
def test_an_archive_depends_on_its_contents_alone(path, tmp_path):
    name, kind = path.stem.rsplit("_", 1)
    inputs = saved_inputs._read(path)
    assert inputs, f"{name} has no {kind}"
    again = tmp_path / path.name
    saved_inputs.write(again, dict(reversed(inputs.items())))
    assert again.read_bytes() == path.read_bytes()


def test_every_target_has_a_corpus():
    assert [name for name in DESCRIPTIONS if not saved(name, "corpus")] == []


def test_a_finding_is_tried_first_then_moved_to_the_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_inputs, "FINDINGS", tmp_path / "findings")
    monkeypatch.setattr(saved_inputs, "ARCHIVES", tmp_path)
    path = keep("model", b"crash")
    assert findings("model") == [path]
    assert saved("model", "regressions") == {path.name: b"crash"}
    saved_inputs.add(archive("model", "regressions"), [path])
    assert findings("model") == []
    assert saved("model", "regressions") == {path.name: b"crash"}


def test_the_printed_command_adds_a_file(tmp_path):
    file, target = tmp_path / "input", tmp_path / "model_regressions.zip"
    file.write_bytes(b"crash")
    words = command_to_add("model", saved_inputs.FINDINGS / "model" / "crash-1").split()
    assert words[3:] == [
        "tests/fuzz/corpora/model_regressions.zip",
        "tests/fuzz/findings/model/crash-1",
    ]
    subprocess.run([sys.executable, *words[1:3], target, file], cwd=ROOT, check=True)
    assert saved_inputs._read(target) == {"input": b"crash"}
