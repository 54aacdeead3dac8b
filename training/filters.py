"""Design of the board's biquad filters: band-pass and mains notch."""

from __future__ import annotations

from collections.abc import Sequence

from training import sections
from training.bundle.errors import RecipeError
from training.bundle.manifest import Biquads, NoFilter

FRACTION = 1 << 28  # of the coefficients


def design(
    rate_hz: float,
    low_hz: float | None = None,
    high_hz: float | None = None,
    notch_hz: Sequence[float] = (),
    order: int = 2,
    quality: float = 30.0,
) -> list[list[int]]:
    """Design a cascade of biquads, each [b0, b1, b2, a1, a2] times 2^28.

    Args:
        rate_hz: frames per second.
        low_hz: cutoff of a Butterworth high-pass of `order`, or None.
        high_hz: cutoff of a Butterworth low-pass of `order`, or None.
        notch_hz: mains frequencies to remove, with a width of frequency / `quality`; those that
            are not below half the rate are left out.

    Raises:
        RecipeError: a cutoff is not between 0 and half the rate.
    """
    from scipy.signal import butter, iirnotch, tf2sos  # takes half a second

    result = []
    for cutoff, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        if cutoff is None:
            continue
        if not 0 < cutoff < rate_hz / 2:
            raise RecipeError(
                f"filter: {cutoff:g} Hz is not between 0 and half the rate of {rate_hz:g} Hz"
            )
        result += list(butter(order, cutoff, kind, fs=rate_hz, output="sos"))
    for frequency in notch_hz:
        if frequency < rate_hz / 2:
            result += list(tf2sos(*iirnotch(frequency, quality, fs=rate_hz)))
    return [
        [round(float(value) * FRACTION) for value in (*section[:3], *section[4:])]
        for section in result
    ]


def filter_of(settings: sections.Filter, rate_hz: float | None) -> NoFilter | Biquads:
    """Return the filter that a recipe's section describes, for frames at `rate_hz`.

    Raises:
        RecipeError: the rate is unknown, or too low or too high for a frequency.
    """
    if settings.low_hz is None and settings.high_hz is None and not settings.notch_hz:
        return NoFilter()
    if rate_hz is None:
        raise RecipeError("filter: the data have no sample rate; remove the section [filter]")
    biquads = design(rate_hz, settings.low_hz, settings.high_hz, settings.notch_hz, settings.order)
    if not biquads:
        return NoFilter()
    late = delay(biquads, rate_hz, min(10.0, rate_hz / 10))
    try:
        return Biquads(kind="biquads", sections=biquads, delay=round(late, 2))
    except ValueError:  # coefficients are whole numbers: a pole may come to lie on the circle
        frequencies = [settings.low_hz, settings.high_hz, *settings.notch_hz]
        lowest = min(each for each in frequencies if each is not None)
        raise RecipeError(
            f"filter: {lowest:g} Hz is too low for the rate of {rate_hz:g} Hz; raise or remove it"
        ) from None


def delay(biquads: Sequence[Sequence[int]], rate_hz: float, at_hz: float = 10.0) -> float:
    """Return the cascade's group delay at a frequency, in frames."""
    from scipy.signal import group_delay  # takes half a second

    total = 0.0
    for b0, b1, b2, a1, a2 in biquads:
        _, frames = group_delay(([b0, b1, b2], [FRACTION, a1, a2]), [at_hz], fs=rate_hz)
        total += float(frames[0])
    return total
