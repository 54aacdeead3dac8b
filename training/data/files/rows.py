"""Files in which each row is a window: UCR's archive, Kaggle's heartbeats, TensorFlow's ecg.csv."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.labels import UNKNOWN
from training.data.files.header import MOST_NUMBERED, label_end
from training.data.files.labels import label_rows
from training.data.files.options import SettingNeededError
from training.data.files.sheet import Column, Sheet

# "7", "c7", "V7", "t_7", "x.7"; the columns of an array that is named X, or has no name.
_NUMBERED = re.compile(r"(?:signal_|[cvtx_. ])*\d+", re.I)


def refuse_windows(sheet: Sheet) -> None:
    """Raise SettingNeededError if the columns look like the samples of one window."""
    numbered = [c for c in sheet.columns if _NUMBERED.fullmatch(c.name)]
    if len(numbered) > MOST_NUMBERED:
        ends = [[f"{v:g}" for v in sheet.columns[c].values[:400]] for c in (0, -1)]
        raise SettingNeededError(
            f"{sheet.path}: {len(numbered)} columns are named by numbers, as if each row were one "
            "window; set data.row_is_window to 'label first', 'label last' or 'no label', or name "
            "the 'channels'",
            row_is_window=label_end(*ends),
        )


def rows_as_windows(
    sheet: Sheet, order: str, normal: Sequence[str] | None
) -> tuple[Sheet, NDArray[np.int8]]:
    """Lay the windows of a sheet end to end, as one channel with a cut between any two.

    Args:
        sheet: one window per row.
        order: the end of a row at which its label stands, or "no label".
        normal: what the label of a normal row says, as in `label_rows`.

    Returns:
        The sheet of one channel, and the labels of its frames, int8 [frames].

    Raises:
        DataError: a sample is not a number, or a label has no plain meaning.
    """
    columns = list(sheet.columns)
    label = None
    if order != "no label":
        label = columns.pop(0 if order == "label first" else -1)
    for column in columns:
        sheet.require_numbers(column)
    length, rows = len(columns), sheet.frames
    if not length:
        raise DataError(f"{sheet.path}: a row holds a label and no samples")
    labels = np.full(rows, UNKNOWN, np.int8)
    if label is not None:
        labels = label_rows(sheet, label, normal)
    values = np.stack([c.values for c in columns], axis=1).reshape(-1)
    flat = Sheet(
        path=sheet.path,
        columns=(Column("signal", values),),
        rate_hz=sheet.rate_hz,
        breaks=np.arange(1, rows, dtype=np.int64) * length,
        row_start=(tuple(s * length for s in sheet.row_start[0]), sheet.row_start[1]),
        notes=(*sheet.notes, f"{rows} rows of {length} samples: each is a window"),
        window=length,
    )
    return flat, np.repeat(labels, length)
