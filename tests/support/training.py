"""A small trained bundle for any test: trained once, for all workers, in some ten seconds."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from typing import Any

import pytest

from tests.support.build_cache import cached, digest
from tools.checkout import ROOT
from training.bundle import Bundle, read_bundle
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
def trained_bundle() -> Bundle:
    """Simulated ECG, a 64-24-8-24-64 dense autoencoder. It must not be changed."""
    # It imports TensorFlow, which few tests need.
    from training.train import train

    packages = [f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy", "scipy")]
    key = digest(SMALL, *packages, ROOT / "training", ROOT / "firmware" / "lib" / "signal")
    folder = cached(key, lambda path: train(small_recipe(), path / "small", progress=False))
    return read_bundle(folder / "small")
