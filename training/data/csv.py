"""A user's own sensor, from one file or several.

    # rate_hz: 250
    time,ecg [mV],label
    0.000,0.12,0
    0.004,0.15,

The reader derives delimiter, decimal sign, encoding, units and the clock from the file. A column
of numbers is a channel, unless it is the clock, constant, or named like a label. A label is 0
(normal), 1 (abnormal) or empty (not known). Frames with missing values, gaps in the time and the
borders between files cut the recording: no window crosses a cut.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.wording import argument, plural
from training.data import DataSettings
from training.data.files.cells import shown
from training.data.files.consistency import check_alike, check_apart, note_copies, note_order
from training.data.files.counts import FEW_COUNTS, Range, choose_range, to_int16
from training.data.files.formats import suffixes
from training.data.files.options import Options, SettingNeededError
from training.data.files.table import Table, read_table
from training.data.recording import Dataset, Recording

Paths = str | Annotated[list[str], Field(min_length=1)]


class Settings(Options, DataSettings):
    """Where the files are and how to read them."""

    name: Literal["csv"] = "csv"
    path: Paths  # a file, a folder, a pattern such as "log*.csv", or a list of these
    # Files to test on; without them, the last `test_share` of `path` is held back.
    test_path: Paths | None = None
    # Files of faults, added to those to test on: every frame of them is abnormal. Without labels,
    # the frames held back of `path` then count as normal.
    fault_path: Paths | None = None
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    units: list[str] | None = None  # one per channel
    # Counts per unit, one per channel. Without it whole numbers stay as they are, and others get
    # the power of two that leaves as much room above the largest value as below it.
    gain: list[Annotated[float, Field(gt=0)]] | None = None
    # Added to the counts, one per channel: -(middle value * gain) for a signal far from zero.
    offset: list[Annotated[int, Field(ge=-(2**31), lt=2**31)]] | None = None

    @model_validator(mode="after")
    def _one_entry_per_channel(self) -> Self:
        for what in ("units", "gain", "offset"):
            given = getattr(self, what)
            if given is not None and self.channels is not None and len(given) != len(self.channels):
                raise ValueError(f"{what} must have one entry for each of {self.channels}")
        return self


def load(settings: Settings) -> Dataset:
    """Read the files as a data set; DataError names file, row and column."""
    for path in find_paths(settings.path):
        if has_beats(path):
            raise DataError(f"{path}: {beats_cure(path)}")
    train = read_tables(settings.path, settings, label_optional=settings.test_path is not None)
    return load_tables(train, settings)


def has_beats(path: Path) -> bool:
    """Return whether this is a WFDB record with annotated beats beside it."""
    return path.suffix == ".hea" and path.with_suffix(".atr").is_file()


def beats_cure(path: Path) -> str:
    """Say what to do with a record that `has_beats`, in place of training on windows of it."""
    return (
        "an ECG with annotated beats, through which windows of fixed length would cut anywhere; "
        "train on heartbeats with 'vigil train ecg', and judge this record with 'vigil monitor "
        f"ecg --source {argument(path.name)}'"
    )


def load_tables(train: list[Table], settings: Settings) -> Dataset:
    """Make a data set of the tables of `settings.path`, and read the files to test on."""
    train = note_order(note_copies(train))
    ranges = _ranges(train, settings)
    whole = _joined(train, ranges, settings)
    if settings.test_path is not None:
        test = _as_trained("test_path", train, settings)
        tested = replace(_joined(test, ranges, settings), units=whole.units, rate_hz=whole.rate_hz)
        dataset = Dataset("csv", whole.description, whole, tested)
    elif settings.row_is_window is not None:
        dataset = _rows_held_back(whole, settings.test_share)
    else:
        border = round(whole.frames * (1 - settings.test_share))
        parts = whole.part(0, border), whole.part(border, whole.frames)
        dataset = Dataset("csv", whole.description, *parts)
    if settings.fault_path is None:
        return dataset
    tables = _as_trained("fault_path", train, settings, label_optional=True)
    faults = _joined(tables, ranges, settings)
    if len(tables) == 1:
        faults = replace(faults, notes=tuple(f"{faults.name}: {note}" for note in faults.notes))
    return replace(dataset, test=_with_faults(dataset.test, faults))


def _as_trained(
    setting: str, train: list[Table], settings: Settings, *, label_optional: bool = False
) -> list[Table]:
    """Read the files of `setting`, to test on.

    Raises DataError if channels, units or rate differ from those trained on, or a file is trained
    on.
    """
    paths: Paths = getattr(settings, setting)
    if settings.channels is None and settings.row_is_window is None:
        settings = settings.model_copy(update={"channels": list(train[0].channels)})
    tables = read_tables(paths, settings, label_optional=label_optional)
    check_apart(train, tables, f"data.{setting}")
    check_alike([train[0], *tables], settings.units)
    return note_copies(tables, train)


def _with_faults(test: Recording, faults: Recording) -> Recording:
    """Append frames that are all abnormal to the frames to test on."""
    labels = test.labels
    if (labels == UNKNOWN).all():
        labels = np.full(test.frames, NORMAL, np.int8)
    return replace(
        test,
        counts=np.concatenate([test.counts, faults.counts]),
        labels=np.concatenate([labels, np.full(faults.frames, ABNORMAL, np.int8)]),
        cuts=np.concatenate([test.cuts, [test.frames], test.frames + faults.cuts]).astype(np.int64),
        notes=(*test.notes, *faults.notes),
    )


def _rows_held_back(whole: Recording, share: float) -> Dataset:
    """Hold back every n-th window, since windows in rows are independent of each other."""
    stretches = whole.stretches()
    taken = np.floor(np.arange(1, len(stretches) + 1) * share + 1e-9)
    held = np.diff(taken, prepend=0) > 0
    if len(stretches) < 2 or held.all() or not held.any():
        raise DataError(f"{whole.name}: {len(stretches)} windows are too few to hold some back")

    def chosen(which: NDArray[np.bool_]) -> Recording:
        parts = [stretches[n] for n in np.flatnonzero(which)]
        frames = np.concatenate([np.arange(start, stop) for start, stop in parts])
        cuts = np.cumsum([stop - start for start, stop in parts])[:-1]
        return replace(whole, counts=whole.counts[frames], labels=whole.labels[frames], cuts=cuts)

    return Dataset("csv", whole.description, chosen(~held), chosen(held))


def find_paths(paths: str | Sequence[str]) -> list[Path]:
    """Return the files of paths, folders and patterns, each once, sorted within each.

    A folder stands for the files in it of its most frequent known format. Raises DataError if
    there is none.
    """
    files: list[Path] = []
    for text in [paths] if isinstance(paths, str) else paths:
        path = expanded(text)
        if path.is_dir():
            files += _in_folder(path)
        elif not path.exists() and any(c in text for c in "*?["):
            files += _matching(path)
        else:
            files.append(path)
    return list({path.resolve(): path for path in reversed(files)}.values())[::-1]


def expanded(text: str) -> Path:
    """Return a path with "~" replaced by the user's folder; DataError if it cannot be a path."""
    if not text:
        raise DataError("the path is empty; name a file or a folder")
    if "://" in text:
        raise DataError(f"{text}: is an address; download the file and name it")
    try:
        text.encode()
        return Path(text).expanduser()
    except UnicodeEncodeError:
        raise DataError(f"{text}: the name is not UTF-8, as a recipe is; rename it") from None
    except RuntimeError:
        raise DataError(f"{text}: no such user") from None


def _matching(pattern: Path) -> list[Path]:
    """Return the files that match, each once: a link to a folder above gives it many times."""
    paths = [Path(p) for p in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207
    files: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda p: len(p.parts)):
        if path.is_file():
            files.setdefault(path.resolve(), path)
    if not files:
        where = "" if pattern.is_absolute() else f" in the current folder, {Path.cwd()}"
        raise DataError(f"{pattern}: no file matches this pattern{where}")
    return sorted(files.values())


def _in_folder(folder: Path) -> list[Path]:
    by_suffix: dict[str, list[Path]] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as problem:
        raise DataError(f"{folder}: {problem.strerror}") from None
    for path in paths:
        suffix = next((s for s in suffixes() if path.name.lower().endswith(s)), None)
        if suffix is not None and path.is_file():
            by_suffix.setdefault(suffix, []).append(path)
    if not by_suffix:
        raise DataError(f"{folder}: holds no file of a known format ({', '.join(suffixes())})")
    return max(by_suffix.values(), key=len)


def read_tables(
    paths: str | Sequence[str], settings: Settings, *, label_optional: bool = False
) -> list[Table]:
    """Read every file; DataError if their channels, units or rates differ."""
    files = find_paths(paths)
    tables: list[Table] = []
    for path in files:
        fixed = settings
        if tables and settings.channels is None and settings.row_is_window is None:
            # A channel that is constant in one file alone stays a channel.
            fixed = settings.model_copy(update={"channels": list(tables[0].channels)})
        try:
            tables.append(read_table(path, fixed, label_optional=label_optional or len(files) > 1))
        except SettingNeededError:
            raise
        except DataError as problem:
            if not tables or not str(problem).startswith(f"{path}: no column"):
                raise
            names = ", ".join(tables[0].channels)
            raise DataError(
                f"{problem}; files that are read together need the channels of the first one, "
                f"{tables[0].path} ({names}): give the others on their own, or set data.channels"
            ) from None
    check_alike(tables, settings.units)
    first = tables[0]
    for what in ("units", "gain", "offset"):
        given = getattr(settings, what)
        if given is not None and len(given) != len(first.channels):
            raise DataError(
                f"{first.path}: {len(first.channels)} channels ({', '.join(first.channels)}), "
                f"but '{what}' has {len(given)} entries"
            )
    return tables


def _ranges(tables: list[Table], settings: Settings) -> list[Range]:
    """Choose gain and offset of every channel; DataError if one value takes all of the range."""
    ranges = []
    for c, name in enumerate(tables[0].channels):
        column = tables[0].values[:, c]
        if len(tables) > 1:
            column = np.concatenate([t.values[:, c] for t in tables])
        gain = None if settings.gain is None else settings.gain[c]
        offset = None if settings.offset is None else settings.offset[c]
        empty = bool(np.isnan(column).all())
        if empty or (len(column) > 1 and np.nanmin(column) == np.nanmax(column)):
            what = "holds no values" if empty else f"is {np.nanmin(column):g} in every row"
            raise DataError(
                f"{tables[0].path}: column {shown(name)} {what}; a constant channel holds no "
                "information: leave it out with 'channels'"
            )
        chosen = choose_range(column, gain, offset)
        if chosen.spoiled_by is not None:
            frame, table = chosen.spoiled_by, tables[0]
            for table in tables:
                if frame < len(table.values):
                    break
                frame -= len(table.values)
            raise DataError(
                f"{table.path}: row {table.row(frame)}, column {shown(name)}: with "
                f"{table.values[frame, c]:g} in the range of int16 most other values would become "
                "one and the same count; correct that row, or set 'gain'"
            )
        ranges.append(chosen)
    return ranges


def _joined(tables: list[Table], ranges: list[Range], settings: Settings) -> Recording:
    """Join the tables to one recording without missing frames."""
    parts = [_recording(table, ranges, settings) for table in tables]
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(part.frames for part in parts)])
    cuts = [part.cuts + start for part, start in zip(parts, starts[:-1], strict=True)]
    cuts += [starts[1:-1]]
    return replace(
        parts[0],
        name=f"{tables[0].path.name} and {len(tables) - 1} more",
        description=f"{len(tables)} files: {', '.join(tables[0].channels)}",
        counts=np.concatenate([part.counts for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        cuts=np.unique(np.concatenate(cuts)).astype(np.int64),
        notes=_notes(parts),
    )


def _notes(parts: list[Recording]) -> tuple[str, ...]:
    """Return the notes about each file; one that holds for all of them is said once."""
    common = [n for n in parts[0].notes if all(n in part.notes for part in parts)]
    own = [f"{p.name}: {note}" for p in parts for note in p.notes if note not in common]
    return (*(f"every file: {note}" for note in common), *own)


def _recording(table: Table, ranges: list[Range], settings: Settings) -> Recording:
    values, labels, cuts = table.values, table.labels, table.cuts
    if table.missing.any():
        values, labels, cuts = without_missing(table)
    counts, limited = to_int16(values, ranges)
    notes = [*table.notes]
    for c, name in enumerate(table.channels):
        if limited[c]:
            lie = "1 value lies" if limited[c] == 1 else f"{limited[c]} values lie"
            notes.append(
                f"channel {name}: {lie} beyond int16 at {ranges[c].gain:g} counts per unit and "
                f"{'is' if limited[c] == 1 else 'are'} limited to it"
            )
        span = int(np.ptp(counts[:, c].astype(np.int32))) if len(counts) else 0
        if span < FEW_COUNTS:
            notes.append(
                f"channel {name} spans {span} {plural('count', span)} only: set a larger 'gain' if "
                "it is finer"
            )
    return Recording(
        name=table.path.name,
        description=f"{table.path.name}: {', '.join(table.channels)}",
        counts=counts,
        labels=labels,
        channels=table.channels,
        units=tuple(settings.units) if settings.units is not None else table.units,
        gain=tuple(r.gain for r in ranges),
        offset=tuple(r.offset for r in ranges),
        rate_hz=table.rate_hz,
        cuts=cuts,
        notes=tuple(notes),
    )


def without_missing(
    table: Table,
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int64]]:
    """Return values, labels and cuts of the frames that hold every value."""
    keep = ~table.missing
    position: NDArray[np.int64] = np.cumsum(keep) - keep  # index among the kept frames
    holes = np.flatnonzero(np.diff(table.missing.view(np.int8)) == -1) + 1  # first after a hole
    cuts = np.unique(np.concatenate([position[table.cuts], position[holes]]))
    kept = int(keep.sum())
    return table.values[keep], table.labels[keep], cuts[(cuts > 0) & (cuts < kept)].astype(np.int64)
