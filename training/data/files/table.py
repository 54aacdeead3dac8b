"""A file as physical values with labels and cuts: all steps from the sheet to the signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bundle.labels import ABNORMAL, UNKNOWN
from training.bundle.wording import plural
from training.data.files import quality
from training.data.files.cells import shown
from training.data.files.clock import UNSTEADY, Clock, check_rate
from training.data.files.formats import read_sheet
from training.data.files.labels import label_intervals, label_rows, unknown_words
from training.data.files.options import Options, SettingNeededError
from training.data.files.resample import resample
from training.data.files.roles import Roles, assign
from training.data.files.rows import refuse_windows, rows_as_windows
from training.data.files.sheet import Sheet


@dataclass(frozen=True, eq=False)
class Table:
    """A file's channels, still in their units.

    values    float64 [frames, channels], NaN where a value is missing
    labels    int8 [frames]
    cuts      int64 [k]: frames that do not follow the frame before them
    lost      int64 [k]: frames missing before each cut, as far as the clock tells
    rate_hz   frames per second, declared or from the clock
    """

    path: Path
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate_hz: float | None
    values: NDArray[np.float64]
    labels: NDArray[np.int8]
    cuts: NDArray[np.int64]
    lost: NDArray[np.int64]
    sheet: Sheet
    roles: Roles
    notes: tuple[str, ...] = ()
    flat: tuple[quality.Stretch, ...] = ()
    missing: NDArray[np.bool_] = field(init=False)  # [frames]: a value of the frame is missing

    def __post_init__(self) -> None:
        object.__setattr__(self, "missing", np.isnan(self.values).any(axis=1))

    @property
    def clock(self) -> Clock | None:
        """The time column, if there is one."""
        return self.roles.clock

    @property
    def resampled(self) -> bool:
        """Whether the frames are not the rows of the file."""
        return len(self.values) != self.sheet.frames

    def row(self, frame: int) -> int:
        """Return the row of the file that holds `frame`."""
        return self.sheet.row(min(frame, self.sheet.frames - 1))


def read_table(
    path: Path, options: Options, *, label_optional: bool = False, prefer: Sequence[str] = ()
) -> Table:
    """Read one file of any known format.

    Args:
        options: how to read it.
        label_optional: the column that `options.label` names may be absent; no label is known
            then.
        prefer: channels to use if the file has them all and `options` names none.

    Raises:
        DataError: one line with file, row, column, cause and cure.
    """
    sheet = read_sheet(path, options)
    if options.channels is None and prefer and set(prefer) <= {c.name for c in sheet.columns}:
        options = options.model_copy(update={"channels": list(prefer)})
    if options.row_is_window is None:
        if options.channels is None:
            refuse_windows(sheet)
        roles = assign(
            sheet,
            options.channels,
            options.label,
            options.rate_hz,
            label_optional=label_optional,
            coded=options.normal is not None,
        )
        labels = _labels(sheet, roles, options)
    else:
        sheet, labels = rows_as_windows(sheet, options.row_is_window, options.normal)
        roles = Roles(None, None, sheet.columns, ())
    return _signal(sheet, roles, labels, options)


def _labels(sheet: Sheet, roles: Roles, options: Options) -> NDArray[np.int8]:
    if options.intervals is not None:
        return label_intervals(sheet, roles.clock, options.intervals)
    if roles.label is not None:
        return label_rows(sheet, roles.label, options.normal)
    return np.full(sheet.frames, UNKNOWN, np.int8)


def _signal(sheet: Sheet, roles: Roles, labels: NDArray[np.int8], options: Options) -> Table:
    """Apply missing values, cuts, resampling and interpolation, in this order."""
    path, clock = sheet.path, roles.clock
    notes = [*sheet.notes, *roles.notes]
    if clock is not None:
        notes += clock.notes(sheet)
    if options.intervals and not (labels == ABNORMAL).any():
        notes.append("no row lies in an interval of data.intervals: all count as normal")
    notes += unknown_words(roles.label, options.normal)
    channels = tuple(c.name for c in roles.channels)
    values = _side_by_side([column.values for column in roles.channels])
    for c, column in enumerate(roles.channels):
        notes += _mark_missing(values[:, c], column.name, options.missing)
    cuts, lost = sheet.breaks, np.zeros(len(sheet.breaks), np.int64)
    rate = options.rate_hz if options.rate_hz is not None else sheet.rate_hz
    if clock is not None:
        check_rate(sheet, clock, rate)
        cuts = np.union1d(cuts, clock.cuts)
        lost = np.zeros(len(cuts), np.int64)
        lost[np.searchsorted(cuts, clock.cuts)] = clock.lost
        rate = rate if rate is not None else clock.rate_hz
        if clock.seconds is not None and (untimed := np.isnan(clock.seconds)).any():
            values[untimed] = np.nan
            count = int(untimed.sum())
            rows = "1 row has" if count == 1 else f"{count} rows have"
            notes.append(
                f"{rows} no time that can be read (the first is row "
                f"{sheet.row(int(untimed.argmax()))}): their values are taken for missing"
            )
        if clock.irregular and options.resample_hz is None:
            rate = float(f"{clock.rate_hz or 1:.3g}")
            raise SettingNeededError(
                f"{path}: column {shown(clock.name)}: the frames are not taken at equal times; "
                f"set data.resample_hz, such as {rate:g}",
                resample_hz=rate,
            )
        if clock.off > UNSTEADY and options.resample_hz is None:
            notes.append(
                f"{100 * clock.off:.0f} % of the steps in time differ from the usual one by over "
                "30 %: if the rate varies, set data.resample_hz"
            )
    gone = np.asarray(np.isnan(values).any(axis=1))
    if gone.mean() > 0.4 and not options.interpolate:
        _refuse_sparse(path, channels, values)
    if gone.any():
        notes.append(_missing_note(sheet, roles, values, gone, options))
    flat = quality.flat_stretches(channels, values)
    notes += [quality.describe(s, (sheet.row(s.first), sheet.row(s.stop - 1))) for s in flat[:4]]
    if options.resample_hz is not None:
        seconds = clock.seconds if clock is not None else None
        values, labels, cuts, alone = resample(path, seconds, values, labels, options.resample_hz)
        rate, lost = options.resample_hz, np.zeros(len(cuts), np.int64)
        notes.append(
            f"resampled to {rate:g} frames per second: {len(values)} {plural('frame', len(values))}"
        )
        if clock is not None and clock.rate_hz is not None and clock.rate_hz > 2 * rate:
            notes.append(
                f"no filter removes what is faster than {rate / 2:g} Hz before the rate falls from "
                f"{clock.rate_hz:g} Hz: it comes back as slower waves"
            )
        if alone:
            stand = "stands" if alone == 1 else "stand"
            notes.append(f"{alone} of {sheet.frames} rows {stand} alone between gaps: left out")
    if options.interpolate and np.isnan(values).any():
        values, filled = quality.interpolate(values, cuts, options.interpolate)
        values_are = "values are" if filled != 1 else "value is"
        notes.append(f"{filled} missing {values_are} interpolated")
    return Table(
        path=path,
        channels=channels,
        units=tuple(c.unit for c in roles.channels),
        rate_hz=rate,
        values=values,
        labels=labels,
        cuts=cuts,
        lost=lost,
        sheet=sheet,
        roles=roles,
        notes=tuple(notes),
        flat=tuple(flat),
    )


def _refuse_sparse(path: Path, channels: Sequence[str], values: NDArray[np.float64]) -> None:
    """Raise SettingNeededError if a channel has a value in every k-th row alone."""
    slowest, name = 1, ""
    for column, channel in zip(values.T, channels, strict=True):
        steps = np.diff(np.flatnonzero(~np.isnan(column)))
        usual = float(np.median(steps)) if len(steps) else 1.0
        if usual >= 2 and (steps <= 1.5 * usual).mean() > 0.9:
            slowest, name = max((slowest, name), (int(np.percentile(steps, 99)), channel))
    if slowest > 1:
        raise SettingNeededError(
            f"{path}: column {shown(name)} has a value in one of {slowest} rows, so that hardly "
            f"two frames in a row are whole; set data.interpolate = {slowest - 1} to join its "
            "values by lines, or leave it out with 'channels'",
            interpolate=slowest - 1,
        )


def _side_by_side(columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the columns as one matrix, without a copy if they are adjacent in one already."""
    base = columns[0].base
    if isinstance(base, np.ndarray) and base.ndim == 2 and base.flags.f_contiguous:
        at = [(c.ctypes.data - base.ctypes.data) // max(1, c.nbytes) for c in columns]
        whole = all(c.base is base and len(c) == len(base) for c in columns)
        if whole and at == list(range(at[0], at[0] + len(at))):
            return base[:, at[0] : at[0] + len(at)]
    return np.asfortranarray(np.stack(columns, axis=1))


def _mark_missing(
    column: NDArray[np.float64], name: str, given: Sequence[float] | None
) -> list[str]:
    """Put NaN where a value stands for a missing one; return the notes about it."""
    if given is not None:
        column[np.isin(column, given)] = np.nan
        return []
    value = quality.sentinel(column)
    if value is None:
        far = quality.far_value(column)
        if far is None:
            return []
        return [
            f"channel {shown(name)} is {far[0]:g} in {100 * far[1]:.1f} % of the rows, far from "
            f"all other values: if it stands for a missing value, set data.missing = [{far[0]:g}]"
        ]
    at = column == value
    column[at] = np.nan
    return [
        f"channel {shown(name)} is {value:g} in {100 * at.mean():.1f} % of the rows, outside all "
        "other values: taken for missing (data.missing = [] keeps it)"
    ]


def _missing_note(
    sheet: Sheet,
    roles: Roles,
    values: NDArray[np.float64],
    gone: NDArray[np.bool_],
    options: Options,
) -> str:
    columns = [
        f"{shown(c.name)} {int(np.isnan(values[:, n]).sum())}"
        for n, c in enumerate(roles.channels)
        if np.isnan(values[:, n]).any()
    ]
    policy = "no window holds them" if not options.interpolate else "short holes are filled"
    count = int(gone.sum())
    return (
        f"{count} {plural('row', count)} with missing values ({', '.join(columns[:8])}; the first "
        f"is row {sheet.row(int(gone.argmax()))}): {policy}"
    )
