"""Labels of an ECG's frames from the annotations of its beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN

# AAMI classes by WFDB's symbol: 0 N, 1 S, 2 V, 3 F, 4 Q.
CLASSES = {
    **dict.fromkeys("NLReBjn", 0),
    **dict.fromkeys("SAaJ", 1),
    **dict.fromkeys("VEr", 2),
    "F": 3,
    **dict.fromkeys("Q/f?", 4),
}
MATCH_SECONDS = 0.15  # about an annotation, within which EC57 accepts a detected beat


def label_frames(
    frames: int, rate_hz: float, at: NDArray[np.int64], symbols: Sequence[str]
) -> NDArray[np.int8]:
    """Label `frames` frames: normal or abnormal near a beat, elsewhere unknown.

    Args:
        at: int64 [n], ascending, frame of each annotation.
        symbols: n symbols of WFDB annotations; those that are no beats are passed over.

    Returns:
        int8 [frames]. A frame belongs to the nearest beat within `MATCH_SECONDS`.
    """
    labels = np.full(frames, UNKNOWN, np.int8)
    beats = [i for i, symbol in enumerate(symbols) if symbol in CLASSES]
    if not beats or not frames:
        return labels
    where = np.asarray(at)[beats]
    kinds = np.array([NORMAL if CLASSES[symbols[i]] == 0 else ABNORMAL for i in beats], np.int8)
    nearest = np.searchsorted((where[1:] + where[:-1]) / 2, np.arange(frames))
    near = np.abs(np.arange(frames) - where[nearest]) <= MATCH_SECONDS * rate_hz
    labels[near] = kinds[nearest[near]]
    return labels
