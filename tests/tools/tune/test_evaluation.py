"""Detection: what trials are compared by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.training import small_recipe
from tools.tune.evaluation import LEAST_ABNORMAL, Bench
from tools.tune.space import Space
from training.bundle.labels import ABNORMAL
from training.windows import divide, load_data

pytestmark = pytest.mark.slow

QUICK = {"fit": {"epochs": 1}, "checks": {"baselines": False, "challenge": 0}}


def test_all_trials_of_a_search_are_measured_on_the_same_objective():
    recipe, dataset = load_data(small_recipe(**QUICK))
    # An alternation that nothing normal resembles, in the first of the windows.
    counts, labels = dataset.train.counts.copy(), np.zeros_like(dataset.train.labels)
    frames = slice(0, 32 * (LEAST_ABNORMAL + 2))
    counts[frames] = 20_000 * np.where(np.arange(frames.stop) % 2, 1, -1)[:, None]
    labels[frames] = ABNORMAL
    dataset = replace(dataset, train=replace(dataset.train, counts=counts, labels=labels))
    long = small_recipe(windows={"length": 128, "hop": 64, "train_hop": 32}, **QUICK)

    def abnormal(one):
        return len(divide(dataset, one.windows, one.split, one.seed).abnormal)

    assert abnormal(recipe) >= LEAST_ABNORMAL > abnormal(long) > 0
    bench = Bench(recipe, dataset, Space({}))
    assert bench.objective.startswith("AUROC of the")
    for each in (recipe, long):
        assert bench.screen(each, [1, 2], 1) == [1.0, 1.0]
