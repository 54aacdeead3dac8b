"""Lengths of the QRS detector and of the windows about R, in frames, from a sample rate.

The lengths were tuned on the records of MIT-BIH's DS1 at 180 Hz (`vigil evaluate ecg`).
"""

from __future__ import annotations

from training.bundle.errors import RecipeError
from training.bundle.manifest import Beats, Qrs

SECONDS = {
    "smooth": 5 / 180,
    "baseline": 28 / 180,
    "slope": 3 / 180,
    "energy": 9 / 180,
    "settle": 8 / 180,
    "hold": 52 / 180,
    "refractory": 42 / 180,
    "t_wave": 60 / 180,
    "search_from": 72 / 180,
    "reach": 14 / 180,
    "edge": 14 / 180,
    "latency": 0.7,
    "learn": 1.0,
}
RATES = (125.0, 500.0)  # Hz, at which these lengths keep their meaning and the sums their range


def beats_at(rate_hz: float | None, length: int, before: int, lead: int = 0) -> Beats:
    """Return the segmenter of heartbeats for windows of `length` frames, R at frame `before`.

    Args:
        rate_hz: frames per second.
        lead: the channel in which beats are detected.

    Raises:
        RecipeError: the rate is unknown or out of range, or the window does not fit.
    """
    low, high = RATES
    if rate_hz is None or not low <= rate_hz <= high:
        given = "no sample rate" if rate_hz is None else f"{rate_hz:g} Hz"
        raise RecipeError(
            f"windows.kind = 'beats' needs a rate of {low:g} to {high:g} Hz, but the data have "
            f"{given}: resample them, or set windows.kind = 'fixed'"
        )
    lengths = {name: max(1, round(seconds * rate_hz)) for name, seconds in SECONDS.items()}
    if length - before > rate_hz:
        raise RecipeError(
            f"windows.length {length}: a beat window ends at most one second after R; set a "
            "shorter length, or a larger windows.before"
        )
    return Beats(
        kind="beats",
        window=length,
        before=before,
        hop=lengths["refractory"],
        lead=lead,
        qrs=Qrs(**lengths),
    )
