"""The command inspect: the contents of a file of samples, and a recipe for it."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from tools.cli.app import app
from tools.cli.options import TRAINING, console, keep_edited
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL
from training.bundle.wording import argument, plural
from training.data import csv
from training.data.files.clock import describe_rate
from training.data.files.counts import FEW_COUNTS
from training.data.files.labels import words_by_label
from training.data.files.table import Table
from training.data.recording import Dataset
from training.suggest import Suggestion, find_settings, needed_settings, recipe_name, suggest

MOST_ROWS = 40  # channels or files in a table, and notes below it


@app.command()
def inspect(
    paths: Annotated[list[str], typer.Argument(help="A file, a folder, or several.")],
    recipe: Annotated[
        Path | None, typer.Option("--recipe", "-r", help="Write the suggested recipe (.toml).")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            "-p",
            help="Picture to write: .png or .svg (default: NAME.png in the current folder).",
        ),
    ] = None,
    no_picture: Annotated[bool, typer.Option("--no-picture", help="Write no picture.")] = False,
) -> None:
    """Show channels, rate, gaps, missing values and labels of a file, and suggest a recipe."""
    out = console()
    for path, suffixes in ((recipe, (".toml",)), (picture, (".png", ".svg"))):
        if path is not None and path.suffix not in suffixes:
            raise typer.BadParameter(f"{path}: must end in {' or '.join(suffixes)}")
    files = csv.find_paths(paths)
    if len(files) > 1:
        _show_files(out, files)
    settings, tables = find_settings(paths)
    dataset = csv.load_tables(tables, settings)
    _show_channels(out, tables, dataset)
    _show_notes(out, dataset)
    name = recipe_name(paths[0] if recipe is None else recipe.name)
    suggestion = suggest(name, settings, dataset)
    if not no_picture:
        _draw(out, paths, tables, picture, suggestion.window)
    if (record := next(filter(csv.has_beats, files), None)) is not None:
        out.print(escape(csv.beats_cure(record)))
        return
    _suggest(out, paths, settings, suggestion, recipe)


def _draw(
    out: Console,
    paths: Sequence[str],
    tables: Sequence[Table],
    picture: Path | None,
    window: int,
) -> None:
    """Write the picture; without matplotlib, say so, unless the user asked for one by name."""
    try:
        # Imported here because matplotlib takes a second to start, and may not be installed.
        from tools.report.inspect_picture import draw
    except ModuleNotFoundError:
        if picture is not None:
            raise
        out.print(escape(f"no picture, which needs the packages of training: {TRAINING}"))
        return
    picture = picture or _picture_path(Path(paths[0]), recipe_name(paths[0]))
    try:
        draw(tables, picture, window, str(Path(paths[0]).resolve()))
    except OSError as problem:
        raise DataError(f"{picture}: cannot be written: {problem.strerror}") from None
    out.print(f"picture: [bold]{escape(str(picture))}[/]")


def _suggest(
    out: Console,
    paths: Sequence[str],
    settings: csv.Settings,
    suggestion: Suggestion,
    to: Path | None,
) -> None:
    for reason in suggestion.reasons:
        out.print(escape(reason))
    if to is None:
        out.print(f"needed settings: {escape(needed_settings(settings) or 'none')}")
        if len(paths) > 1:
            out.print("next: add [bold]--recipe NAME.toml[/], then [bold]vigil train NAME.toml[/]")
            return
        name = escape(argument(paths[0]))
        out.print(f"next: [bold]vigil train {name}[/], or --recipe NAME.toml to edit first")
        return
    try:
        if (kept := keep_edited(to, suggestion.text)) is not None:
            out.print(f"{escape(str(to))} had other settings: kept as [bold]{escape(str(kept))}[/]")
        to.write_text(suggestion.text, encoding="utf-8")
    except OSError as problem:
        raise DataError(f"{to}: cannot be written: {problem.strerror}") from None
    command = escape(f"vigil train {argument(to)}")
    out.print(f"recipe: [bold]{escape(str(to))}[/]; next: [bold]{command}[/]")


def _show_files(out: Console, files: list[Path]) -> None:
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for head in ("file", "frames", "rate", "cuts", "missing", "abnormal", "channels or refusal"):
        grid.add_column(
            head, justify="left" if head in ("file", "channels or refusal") else "right"
        )
    for path in files[:MOST_ROWS]:
        try:
            _, (table,) = find_settings([str(path)])
        except DataError as problem:
            reason = str(problem).removeprefix(f"{path}: ")
            grid.add_row(escape(path.name), "", "", "", "", "", f"[yellow]{escape(reason)}[/]")
            continue
        labelled = bool((table.labels >= 0).any())
        abnormal = f"{100 * (table.labels == ABNORMAL).mean():.1f} %" if labelled else "-"
        grid.add_row(
            escape(path.name),
            f"{len(table.values):,}",
            _rate(table.rate_hz),
            f"{len(table.cuts):,}",
            f"{int(table.missing.sum()):,}",
            abnormal,
            escape(", ".join(table.channels[:6]) + (", ..." if len(table.channels) > 6 else "")),
        )
    out.print(grid)
    if len(files) > MOST_ROWS:
        more = len(files) - MOST_ROWS
        out.print(f"and {more} more {plural('file', more)}")
    out.print()


def _show_channels(out: Console, tables: list[Table], dataset: Dataset) -> None:
    frames = sum(len(table.values) for table in tables)
    rate = tables[0].rate_hz
    seconds = "no rate: set data.rate_hz if there is one"
    if rate:
        seconds = f"{_duration(frames / rate)} at {describe_rate(rate)}"
    out.print(f"{frames:,} {plural('frame', frames)}, {seconds}")
    labels = np.concatenate([table.labels for table in tables])
    if (labels >= 0).any():
        normal = int((labels == NORMAL).sum())
        out.print(
            f"labels: {normal:,} {plural('frame', normal)} normal, "
            f"{int((labels == ABNORMAL).sum()):,} abnormal, {int((labels < 0).sum()):,} not known"
        )
    for line in _label_words(tables):
        out.print(escape(line))
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for head in ("channel", "unit", "smallest", "median", "largest", "counts", "missing", "flat"):
        grid.add_column(head, justify="left" if head in ("channel", "unit") else "right")
    train = dataset.train
    for c, name in enumerate(train.channels[:MOST_ROWS]):
        column = np.concatenate([table.values[:, c] for table in tables])
        counts = np.ptp(dataset.train.counts[:, c].astype(np.int32))
        flat = max((s.share for t in tables for s in t.flat if s.channel == name), default=0.0)
        kinds = {s.kind for t in tables for s in t.flat if s.channel == name}
        grid.add_row(
            escape(name),
            escape(train.units[c] or "-"),
            *_range(np.nanpercentile(column, (0, 50, 100))),
            f"[yellow]{counts}[/]" if counts < FEW_COUNTS else f"{counts:,}",
            f"{int(np.isnan(column).sum()):,}",
            f"[yellow]{100 * flat:.1f} % {' and '.join(sorted(kinds))}[/]" if kinds else "-",
        )
    out.print(grid)


def _label_words(tables: list[Table]) -> list[str]:
    """Return which words of the first file's label column mean normal, and which abnormal."""
    table = tables[0]
    column = table.roles.label
    if column is None or len(column.values) != len(table.labels):
        return []
    words = words_by_label(column, table.labels)
    parts = [
        f"{name} {', '.join(words[label][:6])}{', ...' if len(words[label]) > 6 else ''}"
        for label, name in ((NORMAL, "normal"), (ABNORMAL, "abnormal"))
        if label in words
    ]
    return [f"label column {column.name}: {'; '.join(parts)}"] if parts else []


def _picture_path(source: Path, name: str) -> Path:
    """Return NAME.png, or the next free number if that is the picture of another file."""
    # Imported here because it takes a tenth of a second.
    from PIL import Image

    for number in itertools.count(1):
        path = Path(f"{name}.png" if number == 1 else f"{name}-{number}.png")
        with contextlib.suppress(OSError), Image.open(path) as picture:
            if picture.info.get("Source", "") not in ("", str(source.resolve())):
                continue
        return path
    raise AssertionError


def _show_notes(out: Console, dataset: Dataset) -> None:
    for note in dataset.notes[:MOST_ROWS]:
        out.print(f"- {escape(note)}")
    if len(dataset.notes) > MOST_ROWS:
        more = len(dataset.notes) - MOST_ROWS
        out.print(f"- and {more} more {plural('note', more)}")


def _range(values: NDArray[np.float64]) -> list[str]:
    """Return smallest, median and largest value with the digits in which they differ."""
    span, largest = float(values[-1] - values[0]), float(np.abs(values).max())
    digits = min(12, max(5, 4 + math.ceil(math.log10(largest / span)))) if span else 5
    return [f"{value:.{digits}g}" for value in values]


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.6g}"


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
