"""Splits on which trials are compared: windows of the training part, divided in other ways.

No split holds a window of the test part or of the calibration part. The model that a search ends
with is therefore calibrated on windows that no trial saw.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from training.bundle.errors import DataError
from training.recipe import Recipe
from training.windows import Parts, Windows

HELD_OUT = 0.3
"""Share of the windows that a split holds out, if the windows are independent of each other."""


@dataclass(frozen=True, eq=False)
class SearchSplit:
    """Normal windows of one split."""

    train: Windows  # sets the weights
    validation: Windows  # selects the best epoch
    held_out: Windows  # scored


def search_splits(parts: Parts, recipe: Recipe, count: int, seed: int) -> list[SearchSplit]:
    """Divide the windows for training and validation of `parts` in `count` ways.

    Windows that stand alone are drawn at random. Windows of a stream are held out in contiguous
    stretches, one after the other, and no window for training shares a frame with them. All splits
    have as many windows.

    Raises:
        DataError: there are too few windows.
    """
    if recipe.split.order == "shuffled":
        splits = _shuffled(joined(parts.train, parts.validation), recipe, count, seed)
    else:
        splits = _stretches(parts, recipe, count, seed)
    train = min(len(split.train) for split in splits)
    held_out = min(len(split.held_out) for split in splits)
    if train < 8 or held_out < 4:
        raise DataError(
            f"{len(parts.train)} windows for training are too few to compare trials on {count} "
            "splits; make a longer recording"
        )
    return [
        SearchSplit(each.train[:train], each.validation, each.held_out[:held_out])
        for each in splits
    ]


def _shuffled(pool: Windows, recipe: Recipe, count: int, seed: int) -> list[SearchSplit]:
    n = len(pool)
    held_out, validation = round(HELD_OUT * n), round(recipe.split.validation * n)
    splits = []
    for number in range(count):
        order = np.random.default_rng((seed, number)).permutation(n)
        part = np.split(order, [held_out, held_out + validation])
        splits.append(SearchSplit(pool[part[2]], pool[part[1]], pool[part[0]]))
    return splits


def _stretches(parts: Parts, recipe: Recipe, count: int, seed: int) -> list[SearchSplit]:
    train, length = parts.train, recipe.windows.length
    hop = recipe.windows.train_hop or recipe.windows.hop
    stride = max(1, recipe.windows.hop // hop)  # held-out windows are as far apart as tested ones
    edges = np.linspace(0, len(train), count + 1).round().astype(int)
    splits = []
    for number in range(count):
        at = np.arange(edges[number], edges[number + 1])
        if not len(at):
            raise DataError(f"{len(train)} windows are too few for {count} splits")
        begin, end = train.first[at[0]], train.first[at[-1]] + length
        apart = (train.first + length <= begin) | (train.first >= end)
        # Shuffled, because splits are cut to the same length.
        kept = np.random.default_rng((seed, number)).permutation(np.flatnonzero(apart))
        splits.append(SearchSplit(train[kept], parts.validation, train[at[::stride]]))
    return splits


def joined(*parts: Windows) -> Windows:
    """Put windows one after the other."""
    arrays = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Windows)
    }
    return Windows(**arrays)
