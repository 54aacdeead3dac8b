"""Strips of the beats that an evaluation judges wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.measure.ecg.figures import Limits
from tools.measure.ecg.records import Judged, N, Record, S, V
from tools.measure.ecg.study import Study
from tools.report.ecg.tables import limits_of

ROWS, PER_RECORD = 5, 2
AROUND = 1.5  # s on each side of R
COLUMNS = ((V, "ventricular, missed"), (S, "supraventricular, missed"), (N, "normal, flagged"))
SQUARES = {"major": (0.2, 0.5, "#e0a0a0"), "minor": (0.04, 0.1, "#f6dede")}  # s, mV, color


def draw_wrong(study: Study, rate: float, path: Path) -> None:
    """Draw beats of DS1 that are on the wrong side of the threshold at `rate`.

    A column has one class, with the beats furthest from the threshold, two of a record at most.
    """
    import matplotlib  # takes a second

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    limits = limits_of(study, rate)["DS1"]
    records = {record.name: record for record in study.records["DS1"]}
    figure, axes = plt.subplots(ROWS, len(COLUMNS), figsize=(13, 11), squeeze=False)
    for column, (kind, title) in zip(axes.T, COLUMNS, strict=True):
        worst = _worst(study.judged.ds1, limits, kind)
        for axis, (judged, at) in zip(column, worst, strict=False):
            _strip(axis, study, records[judged.name], int(judged.peaks[at]))
            minutes, seconds = divmod(judged.peaks[at] / (study.rate_hz), 60)
            axis.set_title(
                f"{judged.name} at {minutes:.0f}:{seconds:04.1f}, score "
                f"{judged.scores[at]:.1f} of {limits[judged.name]:.1f}",
                fontsize=9,
            )
        for axis in column[len(worst) :]:
            axis.set_axis_off()
        column[0].set_title(f"{title}\n{column[0].get_title()}", fontsize=9)
    figure.supxlabel("seconds from R")
    figure.supylabel("mV")
    figure.tight_layout()
    figure.savefig(path, dpi=72, metadata={"Software": None})
    plt.close(figure)


def _worst(records: list[Judged], limits: Limits, kind: int) -> list[tuple[Judged, int]]:
    """Return the wrong beats of a class that are furthest from their thresholds."""
    sign = 1 if kind == N else -1
    wrong = []
    for record in records:
        margins = sign * (record.scores - limits[record.name])
        rows = np.flatnonzero((record.classes == kind) & (margins > 0))
        rows = rows[np.argsort(-margins[rows], kind="stable")[:PER_RECORD]]
        wrong += [(float(margins[i]), record, int(i)) for i in rows]
    wrong.sort(key=lambda each: -each[0])
    return [(record, at) for _, record, at in wrong[:ROWS]]


def _strip(axis: object, study: Study, record: Record, peak: int) -> None:
    from matplotlib.axes import Axes
    from matplotlib.ticker import MultipleLocator

    assert isinstance(axis, Axes)
    rate = study.rate_hz
    wearer, before = study.chain.wearer, study.chain.segmenter.before
    start = (wearer.first - before) / rate
    axis.axvspan(start, start + wearer.length / rate, color="#dce6f4")
    around = round(AROUND * rate)
    first, last = max(0, peak - around), min(record.recording.frames, peak + around)
    strip = record.recording.physical()[first:last, study.chain.segmenter.lead]
    axis.plot((np.arange(first, last) - peak) / rate, strip, color="black", linewidth=0.9)
    for which, (seconds, millivolts, color) in SQUARES.items():
        for ticks, step in ((axis.xaxis, seconds), (axis.yaxis, millivolts)):
            place = ticks.set_major_locator if which == "major" else ticks.set_minor_locator
            place(MultipleLocator(step))
        axis.grid(True, which="major" if which == "major" else "minor", color=color, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.set_xlim(-AROUND, AROUND)
    axis.set_xticks([-1, 0, 1])
    axis.tick_params(labelsize=7)
