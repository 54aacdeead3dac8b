"""A small trained bundle that any test may ask for; trained once a session, in some ten seconds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from training.bundle import Bundle
from training.recipe import Recipe, make_recipe

SMALL = """
name = "small"
[data]
name = "simulated"
train_seconds = 150
test_seconds = 60
[windows]
length = 64
hop = 32
train_hop = 16
[split]
order = "time"
validation = 0.1
calibration = 0.4
[model]
family = "dense"
hidden = [24]
code = 8
[fit]
epochs = 10
schedule = "cosine"
"""


def small_recipe(**changes: dict[str, Any] | Any) -> Recipe:
    """A recipe that trains in seconds; `changes` by section, like fit={"epochs": 2}.

    A change of data.name or model.family replaces its whole section.
    """
    values = tomllib.loads(SMALL)
    for section, change in changes.items():
        if isinstance(change, dict) and not {"name", "family"} & set(change):
            values.setdefault(section, {}).update(change)
        else:
            values[section] = change
    return make_recipe(values)


@pytest.fixture(scope="session")
def trained_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Simulated ECG, a 64-24-8-24-64 dense autoencoder. Read it, do not change it."""
    from training.train import train

    path: Path = tmp_path_factory.mktemp("bundles") / "small"
    return train(small_recipe(), path, progress=False)
