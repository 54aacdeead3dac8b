"""Conversion of the sample rate, of a recording or on the board, by the firmware's own C++."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import BundleError, DataError
from training.bundle.manifest import Beats, Manifest, NoConversion, Polyphase, Segmenter
from training.native import Resampler

HALF = 8  # input frames under the filter on each side, at equal rates
PASS = 0.9  # the cutoff, as a share of half the lower rate
UNITY = 1 << 14  # the coefficients of a phase sum to this
LARGEST = 512  # of the ratio's terms; a larger one would need a long table
FARTHEST = 16  # the larger rate over the smaller one


def rate_ratio(from_hz: float, to_hz: float, name: str = "the recording") -> Fraction:
    """Return `to_hz / from_hz` in lowest terms.

    Raises:
        DataError: the ratio has no small terms, or is too far from 1.
    """
    if from_hz > 0 and 1 / FARTHEST <= to_hz / from_hz <= FARTHEST:
        ratio = Fraction(to_hz / from_hz).limit_denominator(LARGEST)
        if ratio.numerator <= LARGEST and math.isclose(ratio, to_hz / from_hz, rel_tol=1e-6):
            return ratio
    raise DataError(
        f"{name}: {from_hz:g} frames per second cannot be resampled to {to_hz:g}: their ratio must "
        f"have terms up to {LARGEST} and be at most {FARTHEST}; choose another rate, or resample "
        "with another program first"
    )


def low_pass(ratio: Fraction) -> tuple[int, list[int]]:
    """Design the polyphase filter: its taps per phase, and the coefficients, phase after phase."""
    from scipy.signal import firwin  # takes half a second

    up, down = ratio.numerator, ratio.denominator
    half = math.ceil(HALF * max(1.0, down / up))
    centre = up * half
    taps = firwin(2 * centre + 1, PASS * min(1.0, up / down) / up, window=("kaiser", 6.0))
    table = []
    for phase in range(up):
        row = taps[centre + phase + up * (half - 1 - np.arange(2 * half))]
        rounded = np.rint(row / row.sum() * UNITY).astype(int)
        rounded[np.argmax(rounded)] += UNITY - rounded.sum()
        table += rounded.tolist()
    return 2 * half, table


def resampled(
    counts: NDArray[np.int16], from_hz: float, to_hz: float, name: str = "the recording"
) -> NDArray[np.int16]:
    """Convert int16 [frames, channels] at `from_hz` to int16 [k, channels] at `to_hz`.

    Frame n of the result lies at n / to_hz seconds. The signal is continued at its ends by its
    first and last frame.

    Raises:
        DataError: the rates have no small ratio.
    """
    ratio = rate_ratio(from_hz, to_hz, name)
    if ratio == 1 or not len(counts):
        return counts
    taps, table = low_pass(ratio)
    converter = Resampler(ratio.numerator, ratio.denominator, taps, counts.shape[1], table)
    tail = np.repeat(counts[-1:], taps, axis=0)
    result = converter.push(np.concatenate([counts, tail]))
    return result[: resampled_frames(len(counts), ratio)]


def resampled_frames(frames: int, ratio: Fraction) -> int:
    """Return the number of output frames that lie at or before the last of `frames`."""
    return math.floor((frames - 1) * ratio) + 1 if frames else 0


def at_rate(m: Manifest, rate_hz: float) -> Manifest:
    """Return the manifest for a sensor of another rate: the board converts to the model's rate.

    Raises:
        BundleError: the model has no rate of its own, or a conversion already, or no hop is a
            whole number of frames of both rates.
        DataError: the rates have no small ratio.
    """
    rate = m.signal.rate_hz
    if rate is None or m.signal.rate_is_nominal:
        raise BundleError(f"{m.name}: was trained on data without a sample rate to convert to")
    if not isinstance(m.rate, NoConversion):
        raise BundleError(f"{m.name}: already converts its sample rate; name the model's bundle")
    ratio = rate_ratio(rate_hz, rate, m.name)
    segmenter = _with_common_hop(m, ratio, rate_hz)
    taps, coefficients = low_pass(ratio)
    conversion = Polyphase(
        kind="polyphase",
        up=ratio.numerator,
        down=ratio.denominator,
        taps=taps,
        coefficients=coefficients,
        delay=taps // 2,
    )
    name = f"{m.name}-{rate_hz:g}hz"
    signal = m.signal.model_copy(update={"rate_hz": rate_hz})
    return m.model_copy(
        update={"name": name, "signal": signal, "rate": conversion, "segmenter": segmenter}
    )


def _with_common_hop(m: Manifest, ratio: Fraction, rate_hz: float) -> Segmenter | Beats:
    """Return the segmenter with a hop that is a whole number of frames of both rates.

    The hop of windows of fixed length stays. For beats, it is the longest within the detector's
    refractory time, which is lengthened by up to a tenth if there is none.
    """
    segmenter, up = m.segmenter, ratio.numerator
    if segmenter.hop % up == 0:
        return segmenter
    if not isinstance(segmenter, Beats):
        raise BundleError(
            f"{m.name}: its hop of {segmenter.hop} frames at {m.signal.rate_hz:g} Hz is no whole "
            f"number of frames at {rate_hz:g} Hz: train it with a windows.hop that is a multiple "
            f"of {up}"
        )
    longest = segmenter.qrs.refractory
    hop = max(longest // up, 1) * up
    try:
        qrs = segmenter.qrs.model_copy(update={"refractory": max(longest, hop)})
        if hop <= 1.1 * longest:
            values = {**segmenter.model_dump(), "hop": hop, "qrs": qrs.model_dump()}
            return Beats.model_validate(values)
    except ValueError:
        pass
    raise BundleError(
        f"{m.name}: {rate_hz:g} Hz and {m.signal.rate_hz:g} Hz have no common hop of at most "
        f"{longest} frames: choose another rate, or resample with another program first"
    )
