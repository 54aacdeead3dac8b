"""`vigil tune` as a user runs it: killed, resumed, and its recipes trained again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command_line import vigil
from tests.support.training import SMALL
from tools.checkout import ROOT
from training.bundle import read_bundle

pytest.importorskip("optuna")

RECIPE = (
    SMALL.replace("epochs = 10", "epochs = 4")
    + """
[tune]
"model.hidden" = [[8], [16]]
"model.code" = { low = 2, high = 12 }
"fit.power" = [1.0, 2.0]
"""
)
SHORT = ("--splits", "2", "--seeds", "2", "--finalists", "2", "--workers", "2")


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "instructions=90"), "the smallest takes "),
        (("--budget", "speed=90"), "unknown limit 'speed'"),
        (("--time", "soon"), "write a number with a unit"),
        (("--board", "nano"), "nano"),
        (("--resume",), "no search at "),
    ],
)
def test_bad_input_is_one_line(recipe, tmp_path, words, message):
    done = vigil("tune", str(recipe), *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + done.stdout


def test_an_unknown_key_of_the_space_is_one_line(recipe, tmp_path):
    recipe.write_text(RECIPE + '"fit.pwoer" = [1.0]\n', encoding="utf-8")
    done = vigil("tune", str(recipe), cwd=tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr
        == "vigil: recipe 'small': [tune] unknown key 'fit.pwoer'; did you mean 'power'?\n"
    )


def _start(recipe: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tools.cli", "tune", str(recipe), *SHORT, *words],
        cwd=recipe.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _fitted(storage: Path) -> int:
    return storage.read_text(errors="replace").count('"figures"') if storage.exists() else 0


@pytest.mark.slow
def test_a_search_that_is_killed_and_resumed_gives_recipes_that_train_to_the_same_bytes(
    recipe, tmp_path
):
    storage = tmp_path / "build" / "small-tuned" / "search.log"
    killed = _start(recipe, "--trials", "200")
    limit = time.monotonic() + 300
    while _fitted(storage) < 3:
        assert killed.poll() is None and time.monotonic() < limit, killed.communicate()[0]
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    kept = _fitted(storage)
    again = _start(recipe, "--trials", str(kept + 5), "--resume")
    text = again.communicate(timeout=400)[0]
    assert again.returncode == 0, text
    # The last trial may have been killed between its figures and its end; it is done again.
    stored = int(re.search(r"(\d+) fitted trials are stored already", text)[1])
    assert kept - 1 <= stored <= kept

    folder = storage.parent
    figures = json.loads((folder / "front.json").read_text())
    # A batch of eight that had begun is completed, also beyond the number of trials.
    assert kept + 5 <= figures["trials"] <= kept + 12
    assert figures["chosen"] in [each["name"] for each in figures["finalists"]]
    assert "fresh seeds" in (folder / "front.md").read_text()
    assert (folder / "front.png").stat().st_size > 10_000 and (folder / "front.svg").exists()
    path = next(folder.glob("*.toml"))
    first = read_bundle(tmp_path / "build" / path.stem)
    done = vigil("train", str(path), "--out", str(tmp_path / "twice"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_bundle(tmp_path / "twice").model == first.model

    # Figures of another TensorFlow or of other code are not to be compared with these.
    for pattern, other in [
        (r'("tensorflow":\s*")', "versions"),
        (r'("code of Vigil":\s*")', "code of Vigil"),
    ]:
        journal = storage.read_text()
        text, changed = re.subn(pattern, r"\g<1>0", journal)
        storage.write_text(text)
        done = vigil("tune", str(recipe), *SHORT, "--resume", cwd=tmp_path)
        storage.write_text(journal)
        assert changed == 1 and done.returncode == 2
        assert f"storage of another search (other {other})" in done.stderr


def test_the_program_lists_its_commands_without_tensorflow_and_optuna():
    code = (
        "import sys; from tools.cli.program import load_commands; load_commands(None); "
        "print([name for name in ('tensorflow', 'optuna', 'ray') if name in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
