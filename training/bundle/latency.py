"""Latency of the stages of a bundle's chain, in samples (docs/bundle.md)."""

from __future__ import annotations

from dataclasses import dataclass

from training.bundle.manifest import Beats, Biquads, Manifest, Polyphase


@dataclass(frozen=True)
class Latency:
    """By how many samples of the sensor a stage is late."""

    stage: str
    samples: float
    note: str


def latencies(m: Manifest) -> list[Latency]:
    """Return the stages that wait for later samples, in order; the others judge at once.

    The sum is the time from an event in the signal to the score of its window: at worst, for
    windows of fixed length.
    """
    stages = []
    scale = 1.0
    if isinstance(m.rate, Polyphase):
        scale = m.rate.down / m.rate.up
        stages.append(Latency("rate conversion", m.rate.delay, "half of the filter's taps"))
    if isinstance(m.filter, Biquads):
        late = round(m.filter.delay * scale, 1)
        stages.append(Latency("filter", late, "group delay at 10 Hz"))
    if isinstance(m.segmenter, Beats):
        wait = m.segmenter.span * scale
        note = f"from R; at least {round((m.segmenter.span - m.segmenter.hop) * scale)}"
        stages.append(Latency("beats", round(wait), note))
    else:
        note = "from the window's first sample"
        stages.append(Latency("windows", round(m.segmenter.window * scale), note))
    return stages
