"""How often the parts of the signal chain run for one window, and the instructions that they take.

The stages are those of firmware/lib/signal that see every window or frame: filter, quality gate,
input (features and scaler) and score. `chain_costs.json` has what each part takes on a Cortex-M4
with DSP, fitted by `python -m benchmarks.chain_costs` to counts of emulated programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.convert.work import Work, added, instructions, repeated
from training.bundle.features import Statistic, transform_points
from training.bundle.manifest import (
    Biquads,
    Features,
    GateLimits,
    JoinScore,
    Manifest,
    NoScaler,
    Segmenter,
)

COSTS = Path(__file__).resolve().parent / "chain_costs.json"

STAGES = ("filter", "gate", "input", "score")
"""Names of the stages, in the order of the chain."""

Gate = Literal["none", "shape", "mains"]
"""Measures of the gate: none, the shape, or the shape and the share of mains hum."""
ScalerKind = Literal["none", "affine", "per_window"]


@dataclass(frozen=True)
class ChainShape:
    """All that the work of the chain depends on."""

    window: int  # frames
    hop: int  # new frames of a window, which the filter sees
    channels: int
    sections: int  # biquads of the filter; 0: no filter
    gate: Gate
    scaler: ScalerKind
    statistics: tuple[Statistic, ...]
    edges: tuple[int, ...]  # bins of the transform, as of band_edges(); empty: no spectrum
    # kind of the score, or the kinds that a joined score adds up
    scores: tuple[str, ...]
    joined: bool = False
    # Mean number of samples per channel and window that are the largest or the smallest so far:
    # the gate takes a branch for each.
    extremes: float = 0.0

    @property
    def features(self) -> int:
        """Features of a channel."""
        return len(self.statistics) + max(0, len(self.edges) - 1)

    @property
    def inputs(self) -> int:
        """Values of the model's input."""
        raw = 0 if self.scaler == "none" else self.window
        return (raw + self.features) * self.channels


def extremes(counts: NDArray[np.int16]) -> float:
    """Return ChainShape.extremes of windows, int16 [n, window, channels]."""
    if counts.shape[1] < 2:
        return 0.0
    highest = np.maximum.accumulate(counts, axis=1)[:, :-1]
    lowest = np.minimum.accumulate(counts, axis=1)[:, :-1]
    new = (counts[:, 1:] >= highest).sum(axis=1) + (counts[:, 1:] <= lowest).sum(axis=1)
    return float(new.mean())


def chain_shape(manifest: Manifest, counts: NDArray[np.int16]) -> ChainShape:
    """Read the shape of a bundle's chain.

    Args:
        counts: int16 [n, window, channels], normal windows such as the golden ones.
    """
    gate, features, score = manifest.gate, manifest.features, manifest.score
    measured: Gate = "none"
    if isinstance(gate, GateLimits):
        measured = "mains" if gate.mains else "shape"
    heads = [head.score for head in score.heads] if isinstance(score, JoinScore) else [score]
    fixed = isinstance(manifest.segmenter, Segmenter)
    return ChainShape(
        window=manifest.segmenter.window,
        hop=manifest.segmenter.hop if fixed else manifest.segmenter.window,
        channels=len(manifest.signal.channels),
        sections=len(manifest.filter.sections) if isinstance(manifest.filter, Biquads) else 0,
        gate=measured,
        scaler="none" if isinstance(manifest.scaler, NoScaler) else manifest.scaler.kind,
        statistics=tuple(features.statistics) if isinstance(features, Features) else (),
        edges=tuple(features.edges) if isinstance(features, Features) else (),
        scores=tuple(head.kind for head in heads),
        joined=isinstance(score, JoinScore),
        extremes=extremes(counts),
    )


def stage_instructions(shape: ChainShape) -> dict[str, float]:
    """Instructions of each of STAGES for one window; the filter's are those of `hop` frames."""
    return {stage: instructions(work, COSTS) for stage, work in stage_work(shape).items()}


def stage_work(shape: ChainShape) -> dict[str, Work]:
    """How often each part of each stage runs for one window."""
    return {
        "filter": _filter(shape),
        "gate": _gate(shape),
        "input": _input(shape),
        "score": _score(shape),
    }


def _filter(shape: ChainShape) -> Work:
    if not shape.sections:
        return {}
    values = shape.hop * shape.channels
    return {
        "filter.frame": shape.hop,
        "filter.value": values,
        "filter.section": values * shape.sections,
    }


def _gate(shape: ChainShape) -> Work:
    if shape.gate == "none":
        return {}
    pairs, odd = divmod(shape.window - 1, 2)
    kinds = ("shape", "mains") if shape.gate == "mains" else ("shape",)
    work = {"gate.window": 1.0}
    for kind in kinds:
        for part, times in (("channel", 1), ("pair", pairs), ("odd", odd)):
            work[f"gate.{kind}_{part}"] = times * shape.channels
    work["gate.extreme"] = shape.extremes * shape.channels
    return work


def _input(shape: ChainShape) -> Work:
    scaler: Work = {}
    if shape.scaler != "none":
        values = shape.window * shape.channels
        scaler = {
            f"scaler.{shape.scaler}": 1,
            f"scaler.{shape.scaler}_channel": shape.channels,
            f"scaler.{shape.scaler}_value": values,
        }
    if not shape.features:
        return scaler
    channel = added(
        {"features.channel": 1, "features.value": shape.features},
        _statistics(shape.statistics, shape.window) if shape.statistics else {},
        _spectrum(shape.edges, shape.window) if shape.edges else {},
    )
    return added(scaler, {"features": 1}, repeated(channel, shape.channels))


def _statistics(names: Sequence[str], frames: int) -> Work:
    work: dict[str, float] = {"statistics": 1, "statistics.pair": frames // 2}
    work["statistics.odd"] = frames % 2
    for name in names:
        work[f"statistics.{name}"] = 1
    if {"deviation", "crest"} & set(names):
        work["statistics.variance"] = 1
    if {"crest", "kurtosis"} & set(names):
        work["statistics.peak"] = 1
    if {"kurtosis", "crossings"} & set(names):
        work["statistics.moments"] = 1
        work["statistics.moments_value"] = frames
    return work


def _spectrum(edges: Sequence[int], frames: int) -> Work:
    values = transform_points(frames) // 2
    pairs = frames // 2
    work: dict[str, float] = {
        "spectrum": 1,
        "spectrum.four": frames // 4,  # of the mean
        "spectrum.one": frames % 4,
        "spectrum.pair": pairs,
        "spectrum.odd": frames % 2,
        "spectrum.zero": values - pairs - frames % 2,
        "spectrum.separate": values // 2,
        "spectrum.band": len(edges) - 1,
        "spectrum.bin": edges[-1] - edges[0],
    }
    distance = 1
    if values.bit_length() % 2 == 0:  # an odd number of steps
        work["spectrum.first_step"] = values // 2
        distance = 2
    passes, calls, groups = 0, 0, 0
    first_groups = 0
    while distance < values:
        passes += 1
        first_groups += values // (4 * distance)
        calls += distance - 1
        groups += (distance - 1) * (values // (4 * distance))
        distance *= 4
    work |= {
        "spectrum.pass": passes,
        "spectrum.first_group": first_groups,
        "spectrum.call": calls,
        "spectrum.group": groups,
    }
    return work


def _score(shape: ChainShape) -> Work:
    work = added(*(_head(kind, shape) for kind in shape.scores))
    # With the other scores of a join, the compiler has too few registers.
    if shape.joined:
        work = {f"{part}_joined": times for part, times in work.items()}
    return work


def _head(kind: str, shape: ChainShape) -> Work:
    if kind in ("mse", "mae"):
        return {f"score.{kind}": 1, f"score.{kind}_value": shape.inputs}
    if kind == "level":
        return {"score.level": 1, "score.level_channel": shape.channels}
    count = shape.features * shape.channels
    pairs = sum((row + 2) // 2 for row in range(count))
    return {
        "score.mahalanobis": 1,
        "score.mahalanobis_feature": count,
        "score.mahalanobis_pair": pairs,
    }
