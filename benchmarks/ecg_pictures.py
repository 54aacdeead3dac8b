"""Draws the ventricular beats that benchmarks/ecg.py misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.ecg_figures import Judged, V
from training.data.recording import Recording

STRIPS, PER_RECORD = 8, 2
AROUND = 1.5  # s on each side of R


def draw_missed(
    recordings: Mapping[str, Recording],
    records: Sequence[Judged],
    limits: Mapping[str, float],
    path: Path,
) -> None:
    """Draw V beats that score below the threshold of their record: the least of each record."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    missed = []
    for record in records:
        rows = np.flatnonzero((record.classes == V) & (record.scores <= limits[record.name]))
        missed += [(record, int(i)) for i in rows[np.argsort(record.scores[rows])[:PER_RECORD]]]
    figure, axes = plt.subplots(STRIPS // 2, 2, figsize=(10, 8), sharex=True, squeeze=False)
    for axis, (record, at) in zip(axes.flat, missed, strict=False):
        recording = recordings[record.name]
        rate, peak = recording.rate_hz or 1.0, int(record.peaks[at])
        first = max(0, peak - round(AROUND * rate))
        strip = recording.physical()[first : peak + round(AROUND * rate), 0]
        time = (first - peak + np.arange(len(strip))) / rate
        axis.axvspan(-0.08, 0.32, color="#f4c7c3")
        axis.plot(time, strip, color="black", linewidth=0.8)
        axis.set_xticks(np.arange(-1.4, 1.5, 0.2), minor=True)
        axis.grid(True, which="both", color="#e8b8b8", linewidth=0.4)
        minutes, seconds = divmod(peak / rate, 60)
        axis.set_title(
            f"{record.name} at {minutes:.0f}:{seconds:02.0f}, "
            f"{record.scores[at]:.2f} of {limits[record.name]:.2f}",
            fontsize=9,
        )
    for axis in axes[-1]:
        axis.set_xlabel("seconds from R")
    figure.supylabel("mV")
    figure.tight_layout()
    figure.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(figure)
