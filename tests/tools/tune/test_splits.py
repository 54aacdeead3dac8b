"""Splits of a search share no frame between training and held-out windows, nor with the test."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.training import small_recipe
from tools.tune.splits import search_splits
from training.bundle.errors import DataError
from training.windows import divide, load_data


def _parts(recipe):
    recipe, dataset = load_data(recipe)
    return recipe, divide(dataset, recipe.windows, recipe.split, recipe.seed)


def test_stretches_of_a_stream_are_held_out_one_after_the_other():
    recipe, parts = _parts(small_recipe())
    splits = search_splits(parts, recipe, 4, 1)
    length = recipe.windows.length
    for split in splits:
        held = split.held_out.first
        assert (np.diff(held) >= recipe.windows.hop).all()  # as far apart as on the board
        apart = np.abs(split.train.first[:, None] - held[None, :])
        assert apart.min() >= length
        assert held.max() + length <= parts.calibration.first.min()
    starts = [split.held_out.first[0] for split in splits]
    assert starts == sorted(set(starts))
    assert len({len(split.train) for split in splits}) == 1


def test_windows_that_stand_alone_are_drawn_anew_by_seed_and_never_from_calibration():
    windows = {"length": 64, "hop": 64, "train_hop": None}
    split = {"order": "shuffled", "validation": 0.1, "calibration": 0.4}
    recipe, parts = _parts(small_recipe(windows=windows, split=split))
    one, again, other = (search_splits(parts, recipe, 3, seed) for seed in (1, 1, 2))
    calibration = set(parts.calibration.first.tolist())
    for each, same in zip(one, again, strict=True):
        parts_of = [set(w.first.tolist()) for w in (each.train, each.validation, each.held_out)]
        assert not (parts_of[0] & parts_of[1] or parts_of[0] & parts_of[2])
        assert not calibration & set.union(*parts_of)
        np.testing.assert_array_equal(each.train.counts, same.train.counts)
    assert not np.array_equal(one[0].held_out.first, one[1].held_out.first)
    assert not np.array_equal(one[0].held_out.first, other[0].held_out.first)


def test_a_recipe_without_validation_windows_has_none_in_a_split_either():
    windows = {"length": 64, "hop": 64, "train_hop": None}
    split = {"order": "shuffled", "validation": 0.0, "calibration": 0.4}
    recipe, parts = _parts(small_recipe(windows=windows, split=split))
    for each in search_splits(parts, recipe, 2, 1):
        assert not len(each.validation)
        assert len(each.train) + len(each.held_out) == len(parts.train)


def test_too_few_windows_are_refused():
    recipe, parts = _parts(small_recipe())
    with pytest.raises(DataError, match="too few"):
        search_splits(parts, recipe, 2000, 1)
