"""The steps of `vigil calibrate RECORDING`: score a recording, and choose a threshold from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.controls import Controls
from tools.monitor.events import Event, WearerStatus, WindowNotJudged, WindowScored
from tools.monitor.stream import Stream
from tools.recordings.load import of_file
from tools.recordings.source import Source
from training.bundle import Bundle, read_bundle
from training.bundle.chain import LEARNING, REASONS, gate_of, is_judged, is_scored
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL
from training.bundle.manifest import Beats, Wearer
from training.bundle.reference import compute
from training.bundle.segment import segmenter_of
from training.threshold import Choice, tolerant


@dataclass(frozen=True)
class Calibration:
    """A threshold chosen from one recording, and the bundle's own for comparison."""

    windows: int  # number of windows from which the threshold was chosen
    left_out: int  # number of windows that the recording labels abnormal
    not_judged: int  # number of other windows that the gate rejects
    choice: Choice  # the chosen threshold and its guarantee
    before: float  # the bundle's threshold
    flagged_before: int  # number of the windows above the bundle's threshold
    wearer: WearerStatus | None = None  # learned from the first beats, which are not counted above


def calibrate_threshold(
    bundle_dir: Path, source: Path, rate: float | None = None, tolerated: float = 0.0
) -> Calibration:
    """Score the windows of `source` and choose the threshold that a share `rate` would exceed.

    Windows that the file labels abnormal, and those that the gate rejects, are left out; all others
    count as normal. A board that takes the same windows chooses the same threshold, to the bit.

    Args:
        source: recording in a format that the monitor plays; .csv in physical units.
        rate: false-alarm rate, between 0 and 1; the recipe's if None.
        tolerated: largest share of abnormal windows.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: the recording does not fit the bundle, or no window of it can be used.
    """
    bundle = read_bundle(bundle_dir)
    m = bundle.manifest
    played = of_file(source, bundle)
    wearer = None
    if isinstance(m.wearer, Wearer):
        scores, labels, rejected, wearer = _by_wearer(bundle, played)
    else:
        scores, labels, rejected = _by_window(bundle, played)
    normal = scores[labels != ABNORMAL]
    if not len(normal):
        if wearer is not None and wearer.refused:
            raise DataError(
                f"{source}: too few of its beats resemble one another to learn a wearer: is it an "
                "ECG of this lead, and were the electrodes attached?"
            )
        if wearer is not None and not wearer.learned:
            raise DataError(
                f"{source}: {wearer.beats} heartbeats; the wearer is learned from {wearer.learn}, "
                "and beats after them set the threshold: give five minutes or more"
            )
        if len(labels):
            raise DataError(
                f"{source}: every window is labelled abnormal; a normal stretch is needed"
            )
        raise DataError(f"{source}: the quality gate rejects every window: is the sensor attached?")
    before = np.float32(m.threshold.value)
    return Calibration(
        windows=len(normal),
        left_out=len(scores) - len(normal),
        not_judged=rejected,
        choice=tolerant(normal, m.threshold.false_alarm_rate if rate is None else rate, tolerated),
        before=float(before),
        flagged_before=int((normal > before).sum()),
        wearer=wearer,
    )


def _by_window(bundle: Bundle, played: Source) -> tuple[NDArray[np.float32], NDArray[np.int8], int]:
    """Return scores and labels of the judged windows, and how many normal ones are not judged."""
    m = bundle.manifest
    cut = segmenter_of(m).push(0, played.counts)
    if isinstance(m.segmenter, Beats):
        labels = np.array([played.label(int(f) + m.grid.before, 1) for f in cut.first], np.int8)
    else:
        labels = np.array([played.label(int(f), m.grid.window) for f in cut.first], np.int8)
    reasons = gate_of(m)(cut.raw)
    scored = is_scored(reasons)
    scores = compute(bundle, cut.counts[scored]).score
    assert scores is not None
    judged = is_judged(reasons[scored], scores, m.threshold.value)
    rejected = int((labels != ABNORMAL).sum() - (labels[scored][judged] != ABNORMAL).sum())
    return scores[judged], labels[scored][judged], rejected


def _by_wearer(
    bundle: Bundle, played: Source
) -> tuple[NDArray[np.float32], NDArray[np.int8], int, WearerStatus]:
    """Return the same for a model that learns a wearer, as a board computes it beat by beat."""
    board, events = InProcessBoard(bundle), list[Event]()
    Stream(board, played, Controls(), events.append).run()
    judged = [event for event in events if isinstance(event, WindowScored)]
    rejected = sum(
        isinstance(event, WindowNotJudged) and event.reason != REASONS[LEARNING] for event in events
    )
    assert board.wearer is not None
    return (
        np.array([event.score for event in judged], np.float32),
        np.array([event.label for event in judged], np.int8),
        rejected,
        board.wearer,
    )
