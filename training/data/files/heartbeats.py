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
NO_BEAT = 5  # class of a frame without a beat
MATCH_SECONDS = 0.15  # about an annotation, within which EC57 accepts a detected beat


def classify_frames(
    frames: int, rate_hz: float, at: NDArray[np.int64], symbols: Sequence[str]
) -> NDArray[np.int16]:
    """Classify `frames` frames by AAMI's classes.

    Args:
        at: int64 [n], ascending, frame of each annotation.
        symbols: n symbols of WFDB annotations; those that are no beats are passed over.

    Returns:
        int16 [frames]. A frame belongs to the nearest beat within `MATCH_SECONDS`; without one, and
        in ventricular flutter, which has no beats, it is NO_BEAT.
    """
    classes = np.full(frames, NO_BEAT, np.int16)
    beats = [i for i, symbol in enumerate(symbols) if symbol in CLASSES]
    if not beats or not frames:
        return classes
    where = np.asarray(at)[beats]
    kinds = np.array([CLASSES[symbols[i]] for i in beats], np.int16)
    nearest = np.searchsorted((where[1:] + where[:-1]) / 2, np.arange(frames))
    near = np.abs(np.arange(frames) - where[nearest]) <= MATCH_SECONDS * rate_hz
    classes[near] = kinds[nearest[near]]
    begin = None
    for frame, symbol in zip(at, symbols, strict=True):
        if symbol == "[":
            begin = int(frame)
        elif symbol == "]" and begin is not None:
            classes[begin : int(frame) + 1] = NO_BEAT
            begin = None
    return classes


def label_frames(
    frames: int, rate_hz: float, at: NDArray[np.int64], symbols: Sequence[str]
) -> NDArray[np.int8]:
    """Label `frames` frames: normal or abnormal near a beat, elsewhere unknown.

    The arguments are those of `classify_frames`.

    Returns:
        int8 [frames].
    """
    return labels_of(classify_frames(frames, rate_hz, at, symbols))


def labels_of(classes: NDArray[np.int16]) -> NDArray[np.int8]:
    """Label frames by their classes: int16 [frames] to int8 [frames]."""
    known = np.where(classes == 0, NORMAL, ABNORMAL)
    return np.where(classes == NO_BEAT, UNKNOWN, known).astype(np.int8)
