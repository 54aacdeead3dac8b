"""A recipe for a file of samples: settings that make it readable, and a design that fits it.

`find_settings` follows the cures that the reader's refusals carry; `suggest` fills the recipe `csv`
with these settings and with the design that fits the recording (training.design).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.bundle.errors import DataError
from training.bundle.regular_file import read_regular
from training.data import csv
from training.data.files.labels import MOST_JSON
from training.data.files.options import SettingNeededError
from training.data.files.table import Table
from training.data.recording import Dataset
from training.design import choose_design
from training.recipe import RECIPES

CURES = 6  # settings that are tried one after another


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
    path = csv.expanded(paths[0])
    if not path.is_file():
        return {}
    test = path.with_name(re.sub("train", "test", re.sub("TRAIN", "TEST", path.name)))
    if test != path and test.is_file():
        return {"test_path": str(test)}
    for folder in (path.parent, path.parent.parent.parent / "labels"):
        intervals = folder / "combined_windows.json"  # Numenta's benchmark
        if intervals.is_file():
            try:
                names = json.loads(read_regular(intervals, MOST_JSON, DataError))
            except (ValueError, RecursionError):
                continue
            if isinstance(names, dict) and any(
                str(name).rsplit("/", 1)[-1] == path.name for name in names
            ):
                return {"intervals": str(intervals)}
    return {}


def recipe_name(path: str) -> str:
    """Return a name for the recipe and its bundle, from the name of a file or folder."""
    name = (Path(path).name or Path(path).resolve().name).split(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")
    return name[:64] or "sensor"


@dataclass(frozen=True)
class Suggestion:
    """A recipe for a file of samples, and a sentence for each choice that depends on the file."""

    text: str  # TOML
    reasons: tuple[str, ...]
    window: int  # frames


def suggest(name: str, settings: csv.Settings, dataset: Dataset) -> Suggestion:
    """Fill the recipe `csv` with these settings and with the design that fits the recording."""
    design = choose_design(dataset.train, settings.row_is_window is not None)
    given = settings.model_dump(exclude_defaults=True, exclude={"name"})
    lines = [f"{key} = {toml(value)}" for key, value in given.items()]
    text = (RECIPES / "csv.toml").read_text(encoding="utf-8")
    text = text[text.index("[windows]") :]
    if design.train_hop is None:
        text = re.sub(r"(?m)^train_hop.*\n", "", text)
        text = text.replace('order = "time"', 'order = "shuffled"')
    if not design.samples:
        text = re.sub(r'(?m)^(\[scaler\]\s+)kind = "affine"', r'\1kind = "none"', text)
    chosen = {
        "length": design.length,
        "hop": design.hop,
        "train_hop": design.train_hop,
        "statistics": list(design.statistics),
        "bands": design.bands,
    }
    for key, value in chosen.items():
        text = re.sub(rf"(?m)^{key} = (\d+|\[[^\]]*\])", f"{key} = {toml(value)}", text, count=1)
    head = [
        f"# {dataset.description}",
        "# Written by `vigil inspect`; every setting may be changed.",
        "#",
        *(f"# {reason}" for reason in design.reasons),
    ]
    head += ["", f"name = {toml(name)}", "seed = 1", "", "[data]", 'name = "csv"', *lines, ""]
    return Suggestion("\n".join([*head, text]), design.reasons, design.length)


def needed_settings(settings: csv.Settings) -> str:
    """Return the settings that the files need beside their path, as a recipe has them; "" if none.

    They decide what the samples and labels mean, and a user has not chosen them.
    """
    needed = settings.model_dump(exclude_defaults=True, exclude={"name", "path"})
    return ", ".join(f"data.{key} = {toml(value)}" for key, value in needed.items())


def toml(value: Any) -> str:
    """Return a value as TOML, which is JSON for a value without null."""
    return json.dumps(value, ensure_ascii=False)
