"""The wearer's usual beat, for views: what the flagged beats are compared with by eye."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import WindowNotJudged, WindowScored
from tools.monitor.history import History

BEATS = 32  # most beats of which the usual one is the median
FEWEST = 4


def usual_beat(
    history: History, beat: WindowScored | WindowNotJudged
) -> tuple[NDArray[np.float64], int] | None:
    """Return the median of the last beats before `beat` that were not flagged, and their number.

    In counts, float64 [window, channels], moved to the mean of `beat`. None without heartbeats, or
    if too few of them are kept.
    """
    if history.board is None or not history.board.cuts_beats:
        return None
    window = history.board.window
    own = history.samples(beat.first_frame, beat.first_frame + window)
    before = [
        history.samples(w.first_frame, w.first_frame + window)
        for w in list(history.windows)
        if not w.flag and w.index < beat.index
    ][-BEATS:]
    whole = [samples for samples in before if not np.isnan(samples).any()]
    if len(whole) < FEWEST or np.isnan(own).any():
        return None
    forms = np.stack([samples - samples.mean(axis=0) for samples in whole])
    return np.asarray(np.median(forms, axis=0) + own.mean(axis=0)), len(whole)
