"""A threshold for one patient, or one machine: conformal, from a stretch of its own normal signal.

A bundle's guarantee holds for windows that are exchangeable with those it was calibrated on. A
new patient's are not; the first minutes of that patient are the nearest there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.monitor.source import of_file
from training.bundle import read_bundle
from training.bundle.errors import DataError
from training.bundle.reference import compute
from training.data.recording import ABNORMAL
from training.native import Segmenter
from training.threshold import Choice, conformal


@dataclass(frozen=True)
class Calibrated:
    """A threshold of its own beside the bundle's."""

    bundle: str  # its name
    windows: int  # that the choice was made from
    left_out: int  # windows that are labelled abnormal
    choice: Choice
    before: float  # the bundle's threshold
    flagged_before: int  # of the windows, by the bundle's threshold


def calibrate(bundle_dir: Path, source: Path, rate: float | None = None) -> Calibrated:
    """Score the windows of `source` and take the threshold that `rate` of them would exceed.

    `source` is what the monitor plays: .csv in physical units, .npz or .hea. `rate` (0 to 1) is
    the recipe's when None. Windows that the file labels abnormal are left out; the rest counts as
    normal. Raises BundleError or DataError.
    """
    bundle = read_bundle(bundle_dir)
    m = bundle.manifest
    played = of_file(source, bundle)
    index, counts, _ = Segmenter(m.segmenter.window, m.segmenter.hop, len(m.signal.channels)).push(
        0, played.counts
    )
    first = index.astype(np.int64) * m.segmenter.hop
    labels = np.array([played.label(int(f), m.segmenter.window) for f in first])
    normal = labels != ABNORMAL
    if not normal.any():
        raise DataError(f"{source}: every window of it is labelled abnormal")
    scores = compute(bundle, counts[normal]).score
    assert scores is not None
    before = np.float32(m.threshold.value)
    return Calibrated(
        bundle=m.name,
        windows=int(normal.sum()),
        left_out=int((~normal).sum()),
        choice=conformal(scores, m.threshold.false_alarm_rate if rate is None else rate),
        before=float(before),
        flagged_before=int((scores > before).sum()),
    )
