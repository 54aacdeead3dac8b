"""A search on a Ray cluster: the trials of one machine, also when a node is lost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.tools.cli.test_tune import RECIPE
from tools.checkout import ROOT
from tools.tune.cluster import RayWorkers
from tools.tune.space import Space
from training.bundle.errors import TuneError


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "no Ray cluster at 127.0.0.1:9 .*: start one with `ray start --head`"),
        ("nonsense", "write HOST:PORT of the head node"),
        ("localhost:99999999", "no Ray cluster at localhost:99999999"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_one_line(address, message):
    pytest.importorskip("ray")
    with pytest.raises(TuneError, match=message) as caught:
        RayWorkers(address, None, None, Space({}))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "ray::_load()\n  File ...\nModuleNotFoundError: No module named 'tools'\n",
            "named 'tools'",
        ),
        ("", "RayError"),
    ],
)
def test_a_node_without_vigil_is_one_line_before_the_first_trial(monkeypatch, text, named):
    ray = pytest.importorskip("ray")

    def fail(_waiting: object) -> None:
        raise ray.exceptions.RayError(text)

    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(ray, "put", lambda _: SimpleNamespace(hex=lambda: "key"))
    remote = SimpleNamespace(remote=lambda *_: None)
    monkeypatch.setattr(ray, "remote", lambda **_: lambda _function: remote)
    monkeypatch.setattr(ray, "get", fail)
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        with pytest.raises(TuneError, match=f"cannot load Vigil .*{named}.*: install") as caught:
            RayWorkers(address, None, None, Space({}))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def _figures(journal: Path) -> dict[int, object]:
    """What the journal says of each trial that was told."""
    figures, told = {}, []
    for line in journal.read_text().splitlines():
        entry = json.loads(line)
        if "figures" in entry.get("user_attr", {}):
            figures[entry["trial_id"]] = entry["user_attr"]["figures"]
        if entry.get("state") in (1, 2, 3):  # complete, pruned, failed
            told.append(entry["trial_id"])
    assert sorted(told) == sorted(set(told))  # none is counted twice
    return {trial: figures[trial] for trial in told}


@pytest.mark.slow
@pytest.mark.cluster
def test_a_killed_node_and_a_killed_driver_leave_the_trials_of_one_machine(tmp_path):
    (tmp_path / "small.toml").write_text(RECIPE, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    search = [sys.executable, "-m", "tests.support.small_search", str(tmp_path / "small.toml")]
    alone, both = tmp_path / "alone.log", tmp_path / "both.log"
    subprocess.run([*search, str(alone), "12"], env=env, check=True)
    nodes = ["unshare", "-rn", sys.executable, "-m", "tests.support.two_ray_nodes"]
    words = [*nodes, str(tmp_path), str(both), "2", "5", *search, str(both), "12", "ADDRESS"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "one node was killed" in done.stdout
    assert "the driver was killed" in done.stdout
    assert "2 processors" in done.stdout
    assert len(_figures(both)) == 12
    assert _figures(both) == _figures(alone)
