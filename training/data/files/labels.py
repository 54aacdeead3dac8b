"""Labels of rows: from a column of numbers or words, or from intervals of time."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.regular_file import read_regular
from training.data.files.cells import quoted, shown
from training.data.files.clock import Clock
from training.data.files.options import SettingNeededError
from training.data.files.sheet import Column, Sheet

MOST_JSON = 1 << 24  # bytes of a file of intervals

# Columns that hold the truth about a row, in the order in which one is taken for the label.
NAMES = (
    "label",
    "labels",
    "anomaly",
    "is_anomaly",
    "anomalous",
    "outlier",
    "is_outlier",
    "fault",
    "faulty",
    "failure",
    "class",
    "target",
    "state",
    "status",
    "changepoint",
)
# Words of longer names ("machine_status", "is_broken", "y_true"). With few different values the
# column is no channel; it is the label if one of the first set is in its name.
TRUTH = {"label", "labels", "anomaly", "anomalies", "anomalous", "abnormal", "outlier", "fault"}
TRUTH |= {"faults", "faulty", "failure", "failed", "broken", "defect", "defective", "attack"}
TRUTH |= {"truth", "true", "gt"}
CONDITION = {
    "class",
    "target",
    "state",
    "status",
    "condition",
    "event",
    "alarm",
    "annotation",
    "result",
}
MOST_LABELS = 32  # different values of a column that is taken for the label
WORDS = {"normal": NORMAL, "ok": NORMAL, "healthy": NORMAL, "good": NORMAL, "baseline": NORMAL}
WORDS |= {"pass": NORMAL, "passed": NORMAL, "fail": ABNORMAL, "failed": ABNORMAL}
WORDS |= {"nominal": NORMAL, "false": NORMAL, "no": NORMAL, "none": NORMAL}
WORDS |= {"true": ABNORMAL, "yes": ABNORMAL, "abnormal": ABNORMAL, "anomaly": ABNORMAL}
YES_NO = {"0", "1", "-1", "false", "true", "no", "yes"}  # which say nothing without the name
HEALTHY = {"normal", "ok", "healthy", "good", "nominal", "passed"}  # in a name: "is_normal"
WORDS |= {"fault": ABNORMAL, "bad": ABNORMAL, "faulty": ABNORMAL, "anomalous": ABNORMAL}


def is_named_like_label(column: Column) -> bool:
    """Return whether a column is no channel by its name, and by its few values if the name is long.

    A continuous `fault_current` is a channel, a `fault_type` of five kinds is none.
    """
    if column.name.strip().lower() in NAMES:
        return True
    return bool(_parts(column.name) & (TRUTH | CONDITION)) and has_few_values(column)


def is_label_by_name(name: str) -> bool:
    """Return whether a name is that of a label, and of no quantity such as `fault_current`."""
    parts = _parts(name)
    last = re.split(r"[^A-Za-z]+", name.strip())[-1].lower()
    ends = last in TRUTH | CONDITION | {"type", "kind", "name"}
    return name.strip().lower() in NAMES or (bool(parts & (TRUTH | CONDITION)) and ends)


def names_truth(column: Column) -> bool:
    """Return whether the name, or one of the words in the column, says what is normal."""
    if column.name.strip().lower() in NAMES or _parts(column.name) & TRUTH:
        return True
    return any(WORDS.get(word.lower()) == NORMAL for word in column.words)


def _parts(name: str) -> set[str]:
    """Return the words of a name: "machineStatus", "y_true", "Normal/Attack"."""
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return set(re.split(r"[^a-z]+", apart.lower()))


def has_few_values(column: Column) -> bool:
    """Return whether a column has at most `MOST_LABELS` different values."""
    if column.kind == "words":
        return len(column.words) <= MOST_LABELS
    known = column.values[:1_000_000]
    few = np.unique(known[:1000])
    if len(few) > MOST_LABELS + 1:  # quick answer for a signal; NaN may be one of them
        return False
    return column.kind == "number" and len(np.unique(known[~np.isnan(known)])) <= MOST_LABELS


def words_of(column: Column) -> list[str]:
    """Return the different labels of a column, the most frequent first."""
    known = column.values[~np.isnan(column.values)]
    values, counts = np.unique(known, return_counts=True)
    values = values[np.argsort(-counts, kind="stable")]
    if column.kind == "words":
        return [column.words[int(v)] for v in values]
    return [f"{v:g}" for v in values]


def words_by_label(column: Column, labels: NDArray[np.int8]) -> dict[int, list[str]]:
    """Return the words of a label column by the label of their rows, the most frequent first."""
    result: dict[int, list[str]] = {}
    for word in words_of(column):
        rows = np.isin(column.values, _codes(column, {word}))
        result.setdefault(int(labels[rows][0]), []).append(word)
    return result


def label_rows(sheet: Sheet, column: Column, normal: Sequence[str] | None) -> NDArray[np.int8]:
    """Return int8 [frames] from a label column.

    `normal` lists the labels of normal rows; every other label is abnormal. Without it, the
    column holds 0 and 1 (-1: not known), or words with a plain meaning. The label of a missing
    cell is not known, or normal if `normal` lists "". Raises DataError for any other label, and for
    0 and 1 in a column whose name says that 1 may be normal, such as "is_normal".
    """
    if column.kind.startswith("time"):
        raise DataError(f"{sheet.path}: column {quoted(column.name)} holds times, not labels")
    if column.kind == "number":
        sheet.require_numbers(column)
    labels = np.full(len(column.values), UNKNOWN, np.int8)
    known = ~np.isnan(column.values)
    said = words_of(column)
    if normal is not None:
        wanted = {word.strip().lower() for word in normal}
        matching = {word for word in said if word.lower() in wanted}
        codes = _codes(column, matching)
        labels[known] = np.where(np.isin(column.values[known], codes), NORMAL, ABNORMAL)
        if "" in wanted:
            labels[~known] = NORMAL
        return labels
    meaning = {word: _meaning(word, said) for word in said}
    bad = next((word for word, label in meaning.items() if label is None), None)
    if set(said) == {"1", "-1"}:  # as in UCR's archive, or of an outlier detector: either is normal
        bad = "-1"
    if bad is not None:
        frame = int(np.isin(column.values, _codes(column, {bad})).argmax())
        rows = np.isin(column.values, _codes(column, {said[0]})).sum()
        # A log of faults names them, and says nothing while there is none.
        usual = "" if (~known).sum() > rows and NORMAL not in meaning.values() else said[0]
        raise SettingNeededError(
            f"{sheet.path}: row {sheet.row(frame)}, column {quoted(column.name)}: a label is 0 "
            f"(normal), 1 (abnormal) or empty, not '{quoted(bad)}'; list the labels of normal "
            f'rows, such as data.normal = ["{quoted(usual)}"]'
            + (" if rows without a label are normal" if not usual else ""),
            normal=[usual],
        )
    flagged = [word for word, label in meaning.items() if label == ABNORMAL]
    if flagged and _parts(column.name) & HEALTHY and {w.lower() for w in said} <= YES_NO:
        raise SettingNeededError(
            f"{sheet.path}: column {quoted(column.name)}: a label of {quoted(flagged[0])} is "
            "abnormal, but the name says otherwise; set data.normal to the labels of normal rows, "
            f'such as data.normal = ["{quoted(flagged[0])}"]',
            normal=flagged,
        )
    for word, label in meaning.items():
        if label is not None:
            labels[np.isin(column.values, _codes(column, {word}))] = label
    return labels


def unknown_words(column: Column | None, normal: Sequence[str] | None) -> list[str]:
    """Return a note if `normal` lists words that no row of the label column has."""
    if column is None or normal is None:
        return []
    said = words_of(column)
    known = {word.lower() for word in said}
    if np.isnan(column.values).any():
        known.add("")
    absent = [quoted(word) for word in normal if word.strip().lower() not in known]
    if not absent:
        return []
    others = [
        quoted(word) for word in said if word.lower() not in {n.strip().lower() for n in normal}
    ]
    return [
        f"no row has the label {' or '.join(absent)} of data.normal; abnormal are "
        f"{', '.join(others[:8]) or 'none'}"
    ]


def _meaning(word: str, said: list[str]) -> int | None:
    """Return the label that a word means, None if that is not plain."""
    if re.fullmatch(r"-?[01](\.0*)?", word):
        return int(float(word))
    plain = WORDS.get(word.lower())
    if plain is not None:
        return plain
    # One word says normal: any other is a kind of fault.
    is_word = not word.lstrip("+-").replace(".", "", 1).isdigit()
    return ABNORMAL if is_word and any(WORDS.get(w.lower()) == NORMAL for w in said) else None


def _codes(column: Column, words: set[str]) -> list[float]:
    if column.kind == "words":
        return [float(n) for n, word in enumerate(column.words) if word in words]
    return [float(word) for word in words]


def label_intervals(
    sheet: Sheet, clock: Clock | None, intervals: str | Sequence[tuple[str, str]]
) -> NDArray[np.int8]:
    """Return int8 [frames]: abnormal from each interval's begin to its end, normal elsewhere.

    `intervals` are pairs of dates or seconds, or a JSON file of the Numenta benchmark's form:
    pairs of dates by file name. Seconds are those of the clock: 0.777 for a stamp of 777 ms.

    Raises DataError: no pairs for this file, a date for a clock without dates, or an end before
    its begin.
    """
    pairs = _from_file(sheet.path, intervals) if isinstance(intervals, str) else intervals
    if clock is None or clock.seconds is None:
        raise DataError(f"{sheet.path}: 'intervals' need a column of times")
    labels = np.where(np.isnan(clock.seconds), UNKNOWN, NORMAL).astype(np.int8)
    for begin, end in pairs:
        first, last = (_second(sheet.path, clock, text) for text in (begin, end))
        if first > last:
            raise DataError(
                f"{sheet.path}: the interval from '{quoted(begin)}' to '{quoted(end)}' ends before "
                "it begins"
            )
        labels[(clock.seconds >= first) & (clock.seconds <= last)] = ABNORMAL
    return labels


def _from_file(path: Path, intervals: str) -> Sequence[tuple[str, str]]:
    source = Path(intervals)
    try:
        values = json.loads(read_regular(source.expanduser(), MOST_JSON, DataError))
    except (ValueError, RuntimeError) as problem:  # not JSON, nested too deeply, no such user
        raise DataError(f"{source}: is not JSON: {quoted(str(problem))}") from None
    pairs = values
    if isinstance(values, dict):
        keys = [key for key in values if key.rsplit("/", 1)[-1] == path.name]
        if not keys:
            raise DataError(f"{source}: names no intervals for {path.name}")
        pairs = values[keys[0]]
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise DataError(f"{source}: must hold pairs [begin, end] for each file")
    return [(str(begin), str(end)) for begin, end in pairs]


def _second(path: Path, clock: Clock, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        stamp = np.datetime64(text.strip().removesuffix("Z"), "us")
        second = int(stamp.astype(np.int64)) / 1e6
    except (ValueError, TypeError):
        raise DataError(f"{path}: interval '{quoted(text)}' is not a date") from None
    if not clock.absolute:
        raise DataError(
            f"{path}: interval '{quoted(text)}' is a date, but column {shown(clock.name)} has "
            "none: give the seconds of that column"
        )
    return second
