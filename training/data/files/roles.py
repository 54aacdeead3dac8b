"""The role of each column: clock, label, channel, or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.bundle.errors import DataError
from training.bundle.validation import nearest
from training.data.files.cells import shown
from training.data.files.clock import Clock, find_clock
from training.data.files.interleaved import refuse_interleaved
from training.data.files.labels import MOST_LABELS, NAMES, is_named_like_label, names_truth
from training.data.files.options import SettingNeededError
from training.data.files.sheet import Column, Sheet


@dataclass(frozen=True, eq=False)
class Roles:
    """The columns of a sheet by their use."""

    clock: Clock | None
    label: Column | None
    channels: tuple[Column, ...]
    notes: tuple[str, ...]


def assign(
    sheet: Sheet,
    channels: Sequence[str] | None,
    label: str | None,
    rate_hz: float | None,
    *,
    label_optional: bool = False,
    coded: bool = False,
) -> Roles:
    """Give every column its role.

    Args:
        sheet: the columns.
        channels: names of the channels. None: every column of numbers, except the clock, constant
            columns, and columns named like a label.
        label: name of the label's column; None: the first named like one.
        rate_hz: the declared rate, if known.
        label_optional: the column `label` may be absent.
        coded: labels may have other values than 0 and 1.

    Raises:
        DataError: a column does not exist, exists twice, or cannot have its role.
    """
    names = [c.name for c in sheet.columns]
    notes: list[str] = []
    truth = sorted(filter(is_named_like_label, sheet.columns), key=_rank)
    chosen = None
    if label is not None:
        chosen = None if label_optional and label not in names else _column(sheet, label)
    elif channels is None or any(c.name not in channels for c in truth):
        usable = [c for c in truth if channels is None or c.name not in channels]
        chosen = next((c for c in usable if names_truth(c) and _is_label(c, coded)), None)
        if chosen is not None and chosen.name != "label":
            notes.append(f"column {shown(chosen.name)} is taken for the label")
    fixed = [*(channels or ()), *([chosen.name] if chosen else [])]
    clock = find_clock(sheet, fixed + [c.name for c in truth], rate_hz or sheet.rate_hz)
    if channels is not None:
        used = [_column(sheet, name) for name in channels]
        for column in used:
            sheet.require_numbers(column)
    else:
        used = []
        timed = clock.columns if clock else ()
        for column in sheet.columns:
            if column.name in timed or column is chosen:
                continue
            if column in truth:
                notes.append(
                    f"column {shown(column.name)} is named like a label and left out (name it in "
                    "data.label or data.channels to use it)"
                )
            elif column.kind == "words":
                notes.append(f"column {shown(column.name)} holds words and is left out")
            else:
                used.append(column)
        for column in used:
            _column(sheet, column.name)  # two columns of one name cannot be distinguished
            sheet.require_numbers(column)
        constant = [c for c in used if _is_constant(c)]
        if len(constant) == len(used):
            constant = []
        for column in constant:
            notes.append(
                f"column {shown(column.name)} is constant and left out"
                if not np.isnan(column.values).all()
                else f"column {shown(column.name)} holds no values and is left out"
            )
        used = [c for c in used if c not in constant]
        refuse_interleaved(sheet, clock, [c for c in sheet.columns if c is not chosen])
        notes += [note for c in used if (note := _two_values(c))]
    if not used:
        if signals := [c for c in truth if c is not chosen and c.kind == "number"]:
            name = signals[0].name
            raise SettingNeededError(
                f"{sheet.path}: column {shown(name)}, the only one of numbers, is named like a "
                f'label; set data.channels = ["{shown(name)}"] if it is the signal',
                channels=[name],
            )
        words = [c for c in sheet.columns if c.kind == "words" and c is not chosen]
        if words:
            sheet.require_numbers(words[0])
        listed = ", ".join(shown(name) for name in names[:8])
        texts = [note for note in sheet.notes if "is free text" in note][:2]
        raise DataError("; ".join([f"{sheet.path}: no channel among the columns {listed}", *texts]))
    if chosen is not None and any(c is chosen for c in used):
        raise DataError(f"{sheet.path}: column {shown(chosen.name)} is both label and channel")
    return Roles(clock, chosen, tuple(used), tuple(notes))


def _column(sheet: Sheet, name: str) -> Column:
    named = [c for c in sheet.columns if c.name == name]
    if not named:
        names = [shown(c.name) for c in sheet.columns[:20]]
        raise DataError(f"{sheet.path}: no column {shown(name)}{nearest(name, names)}")
    if len(named) > 1:
        raise DataError(
            f"{sheet.path}: row 1: two columns are called {shown(name)}; rename one, or set "
            "data.header"
        )
    return named[0]


def _rank(column: Column) -> int:
    """Return the order in which columns named like a label are tried."""
    name = column.name.strip().lower()
    return NAMES.index(name) if name in NAMES else len(NAMES)


def _two_values(column: Column) -> str | None:
    """Return a note about a channel of two values: it may be a label of an unknown name."""
    values = np.unique(column.values[:1000])
    if len(values) > 3:
        return None
    known = column.values[~np.isnan(column.values)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    if low == high or not ((known == low) | (known == high)).all():
        return None
    return (
        f"channel {shown(column.name)} holds {low:g} and {high:g} alone: if it is a label, set "
        f'data.label = "{shown(column.name)}"'
    )


def _is_label(column: Column, coded: bool) -> bool:
    """Return whether a column named like a label may be one: it has few different values."""
    if column.kind == "words":
        return len(column.words) <= MOST_LABELS
    known = column.values[:1_000_000]
    values = set(np.unique(known[~np.isnan(known)]).tolist())
    coded |= column.name.strip().lower() in NAMES[:2]
    return column.kind == "number" and (
        values <= {0, 1, -1} or (coded and len(values) <= MOST_LABELS)
    )


def _is_constant(column: Column) -> bool:
    known = column.values[~np.isnan(column.values)]
    return len(column.values) > 1 and (len(known) == 0 or bool((known == known[0]).all()))
