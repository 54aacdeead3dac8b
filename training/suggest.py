"""A recipe for a file of samples: settings that make it readable, and windows that fit.

`find_settings` follows the cures that the reader's refusals carry; `recipe_text` fills the recipe
`csv` with these settings and with window lengths that the amount of data allows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL
from training.data import csv
from training.data.files.options import SettingNeededError
from training.data.files.table import Table
from training.data.recording import Dataset, Recording
from training.recipe import RECIPES

CURES = 6  # settings that are tried one after another
CALIBRATION = 105  # windows that a threshold at a false-alarm rate of 1 % takes, with some spare
INDEPENDENT = 60  # windows without common frames that training should have
MOST_WINDOWS = 200_000  # to train on; more take memory and hardly help
LONGEST, SHORTEST = 128, 4  # frames per window


def find_settings(paths: Sequence[str]) -> tuple[csv.Settings, list[Table]]:
    """Find settings under which the files can be read, and read them.

    Raises DataError if there is no such setting.
    """
    path: str | list[str] = paths[0] if len(paths) == 1 else list(paths)
    settings = csv.Settings(path=path, **_beside(paths))
    for _ in range(CURES):
        try:
            tables = csv.read_tables(settings.path, settings)
        except SettingNeededError as needed:
            settings = settings.model_copy(update=needed.settings)
        else:
            return settings, tables
    return settings, csv.read_tables(settings.path, settings)


def _beside(paths: Sequence[str]) -> dict[str, Any]:
    """Return settings from files that published data sets have beside their samples."""
    if len(paths) != 1:
        return {}
    path = Path(paths[0]).expanduser()
    test = path.with_name(re.sub("train", "test", re.sub("TRAIN", "TEST", path.name)))
    if test != path and test.is_file() and path.is_file():
        return {"test_path": str(test)}
    for folder in (path.parent, path.parent.parent.parent / "labels"):
        intervals = folder / "combined_windows.json"  # Numenta's benchmark
        if intervals.is_file() and path.is_file():
            names = json.loads(intervals.read_text(encoding="utf-8"))
            if any(str(name).rsplit("/", 1)[-1] == path.name for name in names):
                return {"intervals": str(intervals)}
    return {}


def windows(recording: Recording, row_is_window: bool) -> dict[str, int]:
    """Choose length, hop and train_hop in frames.

    A window is as long as 60 of them without common frames allow, at most 128 frames, and no
    longer than the stretches between cuts; the hop leaves enough windows to calibrate with.
    Raises DataError if even the shortest window does not fit.
    """
    stretches = np.array([stop - start for start, stop in recording.stretches()])
    if row_is_window:
        length = int(stretches[0])
        return {"length": length, "hop": length}
    normal = int((recording.labels != ABNORMAL).sum())
    length = LONGEST
    while length > SHORTEST and (
        normal < INDEPENDENT * length or stretches[stretches >= length].sum() < recording.frames / 2
    ):
        length //= 2
    if not (stretches >= length).any():
        raise DataError(
            f"{recording.name}: {recording.frames} frames in {len(stretches)} stretches are too "
            "few to train on; record for longer"
        )
    hop = min(hop_for(recording, length, share=0.3), length // 2)
    train_hop = max(1, hop // 8)
    while train_hop < hop and normal / train_hop > MOST_WINDOWS:
        train_hop *= 2
    return {"length": length, "hop": hop, "train_hop": train_hop}


def hop_for(recording: Recording, length: int, share: float) -> int:
    """Choose the largest hop, at most `length`, that leaves enough windows to calibrate with.

    `share` is the part of the normal windows that sets the threshold.
    """
    normal = int((recording.labels != ABNORMAL).sum())
    hop = 1
    while 2 * hop <= length and normal * share / (2 * hop) >= CALIBRATION:
        hop *= 2
    return hop


def recipe_name(path: str) -> str:
    """Return a name for the recipe and its bundle, from the name of a file or folder."""
    name = Path(path).expanduser().name.split(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")
    return name[:64] or "sensor"


def recipe_text(name: str, settings: csv.Settings, dataset: Dataset) -> str:
    """Return the recipe as TOML: that of `csv` with these settings and windows that fit."""
    chosen = windows(dataset.train, settings.row_is_window is not None)
    given = settings.model_dump(exclude_defaults=True, exclude={"name"})
    lines = [f"{key} = {toml(value)}" for key, value in given.items()]
    text = (RECIPES / "csv.toml").read_text(encoding="utf-8")
    text = text[text.index("[windows]") :]
    if "train_hop" not in chosen:
        text = re.sub(r"(?m)^train_hop.*\n", "", text)
        text = text.replace('order = "time"', 'order = "shuffled"')
    for key, value in chosen.items():
        text = re.sub(rf"(?m)^{key} = \d+", f"{key} = {value}", text, count=1)
    head = [
        f"# {dataset.description}",
        "# Written by `vigil inspect`; every setting may be changed.",
    ]
    head += ["", f"name = {toml(name)}", "seed = 1", "", "[data]", 'name = "csv"', *lines, ""]
    return "\n".join([*head, text])


def toml(value: Any) -> str:
    """Return a value as TOML, which is JSON for a value without null."""
    return json.dumps(value, ensure_ascii=False)
