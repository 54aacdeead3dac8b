"""The command calibrate: a threshold for one patient or one machine.

A bundle's guarantee holds for windows that are exchangeable with those it was calibrated on. The
windows of a new patient are not; a stretch of that patient's own normal signal comes closest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from tools.cli.app import app
from tools.cli.options import Name, bundle_path, console
from tools.recordings.load import of_file
from training.bundle import read_bundle
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL
from training.bundle.manifest import Beats, float32_text
from training.bundle.reference import compute
from training.bundle.segment import segmenter_of
from training.threshold import Choice, conformal


@app.command()
def calibrate(
    source: Annotated[
        Path, typer.Argument(help="A recording of normal signal: .csv, .npz or .hea (WFDB).")
    ],
    name: Name = "ecg5000",
    rate: Annotated[
        float | None,
        typer.Option(help="False-alarm rate, between 0 and 1 (default: the recipe's)."),
    ] = None,
) -> None:
    """Choose a threshold for one patient or machine from its own normal signal."""
    if rate is not None and not 0 < rate < 1:
        raise typer.BadParameter(f"--rate {rate:g}: a share between 0 and 1, such as 0.02")
    bundle, out = bundle_path(name), console()
    result = calibrate_threshold(bundle, source, rate)
    left_out = f" ({result.left_out:,} labelled abnormal left out)" if result.left_out else ""
    out.print(
        f"{escape(source.name)}: {result.windows:,} normal windows{left_out}; the bundle's "
        f"threshold {result.before:.4g} flags {result.flagged_before:,} of them"
    )
    value = float32_text(result.choice.value)
    out.print(f"threshold {value} (conformal): {escape(result.choice.guarantee)}")
    out.print(f"vigil monitor {bundle.name} --threshold {value}", soft_wrap=True)


@dataclass(frozen=True)
class Calibration:
    """A threshold chosen from one recording, and the bundle's own for comparison."""

    windows: int  # number of windows from which the threshold was chosen
    left_out: int  # number of windows that the recording labels abnormal
    choice: Choice  # the chosen threshold and its guarantee
    before: float  # the bundle's threshold
    flagged_before: int  # number of the windows above the bundle's threshold


def calibrate_threshold(bundle_dir: Path, source: Path, rate: float | None = None) -> Calibration:
    """Score the windows of `source` and choose the threshold that a share `rate` would exceed.

    Windows that the file labels abnormal are left out; all others count as normal.

    Args:
        source: recording in a format that the monitor plays; .csv in physical units.
        rate: false-alarm rate, between 0 and 1; the recipe's if None.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: the recording does not fit the bundle, or every window is labelled abnormal.
    """
    bundle = read_bundle(bundle_dir)
    m = bundle.manifest
    played = of_file(source, bundle)
    cut = segmenter_of(m).push(0, played.counts)
    if isinstance(m.segmenter, Beats):
        labels = np.array([played.label(int(f) + m.segmenter.before, 1) for f in cut.first])
    else:
        labels = np.array([played.label(int(f), m.segmenter.window) for f in cut.first])
    normal = labels != ABNORMAL
    if not normal.any():
        raise DataError(f"{source}: every window is labelled abnormal; a normal stretch is needed")
    scores = compute(bundle, cut.counts[normal]).score
    assert scores is not None
    before = np.float32(m.threshold.value)
    return Calibration(
        windows=int(normal.sum()),
        left_out=int((~normal).sum()),
        choice=conformal(scores, m.threshold.false_alarm_rate if rate is None else rate),
        before=float(before),
        flagged_before=int((scores > before).sum()),
    )
