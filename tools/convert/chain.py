"""Writes the stages that judge a window as C++ constants: gate, input, score and decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.bundle.decision import table
from training.bundle.errors import ConvertError
from training.bundle.features import make_transform, statistics_set
from training.bundle.manifest import (
    Affine,
    AlarmLevels,
    Beats,
    Biquads,
    Decision,
    Features,
    GateLimits,
    JoinScore,
    LevelScore,
    MahalanobisScore,
    Manifest,
    NoScaler,
    Polyphase,
    ReconstructionScore,
    Wearer,
)


@dataclass(frozen=True)
class Stage:
    """One stage as C++: its class, the initializer of its object, and the tables it points to."""

    header: str
    type: str
    value: str
    tables: tuple[str, ...] = ()


def chain_text(manifest: Manifest, alarm: AlarmLevels | None = None) -> tuple[list[str], str]:
    """Write the chain of a bundle: the headers that it needs, sorted, and the constant kChain.

    Args:
        alarm: instead of the bundle's.

    Raises:
        ConvertError: there is an alarm, but the bundle has no decision over windows.
    """
    stages = [_gate(manifest), _input(manifest), _score(manifest)]
    if isinstance(manifest.decision, Decision):
        stages.append(_decision(manifest, manifest.decision, alarm))
    elif alarm is not None:
        raise ConvertError(
            f"{manifest.name} decides window by window: train it with alarm.kind 'mean' or 'count'"
        )
    tables = [table for stage in stages for table in stage.tables]
    types = ", ".join(stage.type for stage in stages)
    values = ",\n    ".join(stage.value for stage in stages)
    lines = [
        *(f"inline constexpr {table};" for table in tables),
        f"using Chain = vigil::Chain<{types}>;",
        f"inline constexpr Chain kChain = {{\n    {values},\n}};",
    ]
    return sorted({"chain.h", *(stage.header for stage in stages)}), "\n".join(lines)


def segmenter_text(manifest: Manifest) -> tuple[list[str], str]:
    """Write rate conversion, filter and segmenter: their headers, and the constant kSegmenter."""
    channels = len(manifest.signal.channels)
    filtered, converted = manifest.filter, manifest.rate
    twice = channels * (2 if isinstance(filtered, Biquads) else 1)
    stages = [_segmenter(manifest, twice)]
    if isinstance(filtered, Biquads):
        sections = ",\n    ".join(f"{{{', '.join(map(str, s))}}}" for s in filtered.sections)
        table = f"BiquadSection kFilter[] = {{\n    {sections}}}"
        value = "{Span<const BiquadSection>(kFilter)}"
        stages.append(Stage("filtered.h", "Filtered", value, (table,)))
    if isinstance(converted, Polyphase):
        table = f"std::int16_t kRateFilter[] = {{{', '.join(map(str, converted.coefficients))}}}"
        value = (
            f"{{{converted.up}, {converted.down}, {converted.taps}, {channels}, "
            "Span<const std::int16_t>(kRateFilter)}"
        )
        stages.append(Stage("resampled.h", "Resampled", value, (table,)))
    # Each stage is a template about the one behind it, and about that one's configuration.
    lines, type, config = [], "", ""
    for stage in stages:
        type = f"{stage.type}<{type}, {config}>" if type else stage.type
        config = "kSegmenter" if stage is stages[-1] else f"k{stage.type}Settings"
        lines += [f"inline constexpr {table};" for table in stage.tables]
        lines.append(f"inline constexpr {type}::Config {config} = {stage.value};")
    return [stage.header for stage in stages], "\n".join([*lines, f"using SegmentStage = {type};"])


def _segmenter(manifest: Manifest, channels: int) -> Stage:
    segmenter = manifest.segmenter
    if not isinstance(segmenter, Beats):
        value = f"{{{segmenter.window}, {segmenter.hop}, {channels}}}"
        return Stage("segmenter.h", "Segmenter", value)
    lengths = ", ".join(str(value) for value in segmenter.qrs.model_dump().values())
    return Stage(
        "beats.h",
        "BeatSegmenter",
        f"{{\n    {segmenter.window}, {segmenter.before}, {segmenter.hop}, {channels}, "
        f"{segmenter.lead},\n    {{{lengths}}}}}",
    )


def wearer_text(manifest: Manifest) -> str:
    """Write the wearer of a bundle: the type WearerStage, and its constants."""
    wearer = manifest.wearer
    if not isinstance(wearer, Wearer):
        return "using WearerStage = NoWearer;"
    score = {"template": "forms", "autoencoder": "model", "both": "both"}[wearer.score]
    return (
        f"inline constexpr WearerConfig kWearer = {{WearerScore::{score}, "
        f"{len(manifest.signal.channels)}, {wearer.first}, {wearer.length}, {wearer.shift}, "
        f"{wearer.learn}}};\nusing WearerStage = LearnedWearer<kWearer>;"
    )


def float_text(value: float) -> str:
    """Write a single-precision literal that reads back as the same value."""
    text = str(np.float32(value))
    return f"{text}F" if "." in text or "e" in text else f"{text}.0F"


def _gate(manifest: Manifest) -> Stage:
    gate = manifest.gate
    if not isinstance(gate, GateLimits):
        return Stage("quality_gate.h", "NoGate", "{}")
    limits = ", ".join(
        f"{{{', '.join(f'{value}U' for value in row)}, {lowest}, {highest}}}"
        for *row, lowest, highest in zip(
            gate.min_variation,
            gate.max_run,
            gate.max_extreme,
            gate.max_mains,
            gate.min_range,
            gate.lowest,
            gate.highest,
            strict=True,
        )
    )
    tables = [f"GateLimits kGateLimits[] = {{{limits}}}"]
    mains = "{}"
    if gate.mains:
        tables.append(f"std::int16_t kGateMains[] = {{{', '.join(map(str, gate.mains))}}}")
        mains = "Span<const std::int16_t>(kGateMains)"
    value = f"{{Span<const GateLimits>(kGateLimits), {mains}}}"
    kind = f"QualityGate<{'true' if gate.mains else 'false'}>"
    return Stage("quality_gate.h", kind, value, tuple(tables))


def _input(manifest: Manifest) -> Stage:
    scaler = _scaler(manifest)
    features = manifest.features
    if not isinstance(features, Features):
        return scaler
    stages = (scaler, _statistics(features), _spectrum(features, manifest.segmenter.window))
    types = ", ".join(stage.type for stage in stages)
    of_features, table = _affine(features.scaler, "kFeatureScaler")
    values = ",\n     ".join([*(stage.value for stage in stages), of_features])
    tables = (*(each for stage in stages for each in stage.tables), table)
    return Stage("feature_input.h", f"FeatureInput<{types}>", f"{{{values}}}", tables)


def _scaler(manifest: Manifest) -> Stage:
    scaler = manifest.scaler
    if isinstance(scaler, NoScaler):
        return Stage("feature_input.h", "NoScaler", "{}")
    if isinstance(scaler, Affine):
        value, table = _affine(scaler, "kScaler")
        return Stage("scaler.h", "AffineScaler", value, (table,))
    return Stage(
        "scaler.h",
        "PerWindowScaler",
        f"{{{len(manifest.signal.channels)}, {scaler.min_deviation}, "
        f"{scaler.steps_per_deviation}, {scaler.zero_point}}}",
    )


def _affine(scaler: Affine, name: str) -> tuple[str, str]:
    """Return the initializer of an AffineScaler and the table of its channels."""
    pairs = ", ".join(
        f"{{{c}, {m}}}" for c, m in zip(scaler.center, scaler.multiplier, strict=True)
    )
    value = f"{{Span<const AffineChannel>({name}Channels), {scaler.shift}, {scaler.zero_point}}}"
    return value, f"AffineChannel {name}Channels[] = {{{pairs}}}"


def _statistics(features: Features) -> Stage:
    return Stage("statistics.h", f"Statistics<{statistics_set(features.statistics)}>", "{}")


def _spectrum(features: Features, window: int) -> Stage:
    if not features.edges:
        return Stage("feature_input.h", "NoSpectrum", "{}")
    transform = make_transform(window)
    tables = {
        "std::uint16_t kBandEdges": features.edges,
        "std::int16_t kHann": transform.hann,
        "std::int16_t kSines": transform.sines,
    }
    views = ", ".join(
        f"Span<const {kind}>({name})" for kind, name in (each.split() for each in tables)
    )
    return Stage(
        "spectrum.h",
        f"Spectrum<{len(features.edges) - 1}, {transform.points // 2}>",
        f"{{{{{views}, {transform.noise}}}}}",
        tuple(f"{name}[] = {{{', '.join(map(str, v))}}}" for name, v in tables.items()),
    )


def _score(manifest: Manifest) -> Stage:
    score = manifest.score
    if not isinstance(score, JoinScore):
        return _head(score, manifest)
    heads = [_head(head.score, manifest) for head in score.heads]
    value = "{}"
    for head, stage in reversed(list(zip(score.heads, heads, strict=True))):
        value = f"{{{float_text(head.weight)}, {stage.value},\n     {value}}}"
    types = ", ".join(stage.type for stage in heads)
    tables = tuple(table for stage in heads for table in stage.tables)
    return Stage("join.h", f"Join<{types}>", value, tables)


def _head(score: ReconstructionScore | MahalanobisScore | LevelScore, manifest: Manifest) -> Stage:
    zero_point = manifest.model.input.zero_point
    if isinstance(score, MahalanobisScore):
        # A row of an odd number of weights has a 0 behind it: mahalanobis() takes pairs.
        padded = [row + [0] * (len(row) % 2) for row in score.weights]
        weights = ", ".join(str(weight) for row in padded for weight in row)
        rows = ", ".join(
            f"{{{offset}, {float_text(factor)}}}"
            for offset, factor in zip(score.offset, score.factor, strict=True)
        )
        return Stage(
            "mahalanobis.h",
            f"Mahalanobis<{len(score.weights)}>",
            f"{{Span<const std::int16_t>(kWhitening), Span<const WhiteningRow>(kWhiteningRows), "
            f"{score.first}, {zero_point}}}",
            (
                f"std::int16_t kWhitening[] = {{{weights}}}",
                f"WhiteningRow kWhiteningRows[] = {{{rows}}}",
            ),
        )
    if isinstance(score, LevelScore):
        return Stage(
            "level.h",
            "Level",
            f"{{{score.first}, {score.stride}, {score.channels}, {zero_point}, "
            f"{float_text(score.factor)}}}",
        )
    return Stage(
        "score.h",
        f"ReconstructionError<ScoreKind::{score.kind}>",
        f"{{{score.input_weight}, {score.output_weight}, "
        f"{zero_point}, {manifest.model.output.zero_point}, {float_text(score.factor)}}}",
    )


def _decision(manifest: Manifest, decision: Decision, levels: AlarmLevels | None) -> Stage:
    scores = manifest.threshold.calibration_scores
    pairs = ", ".join(f"{{{float_text(s)}, {above}U}}" for s, above in table(scores))
    alarm, drift = levels or decision.alarm, decision.drift
    both = f"{float_text(alarm.raise_level)}, {float_text(alarm.clear_level)}"
    return Stage(
        "decision.h",
        "DecisionSettings",
        f"{{{{Span<const CalibrationPoint>(kCalibrationPoints), {len(scores)}U}}, "
        f"{{AlarmKind::{alarm.kind}, {alarm.windows}, {both}}}, "
        f"{{{drift.block}U, {drift.limit}U}}, {float_text(manifest.threshold.value)}}}",
        (f"CalibrationPoint kCalibrationPoints[] = {{{pairs}}}",),
    )
