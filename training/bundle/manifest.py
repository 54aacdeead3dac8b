"""The schema of a bundle's manifest.json, as specified in docs/bundle.md."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.decision_schema import AlarmLevels, Decision, Drift, FalseAlarms, NoDecision
from training.bundle.features import MOST_FRAMES, transform_points
from training.bundle.fields import Count, Int8, Int32, Name, RecipeSettings, Sha256, Size, Text
from training.bundle.numbers import Float32, PositiveFloat32, Rate, float32_text
from training.bundle.scores import (
    Head,
    JoinScore,
    LevelScore,
    MahalanobisScore,
    ReconstructionScore,
    Score,
    inputs_of,
)
from training.bundle.segmenter_schema import (
    Beats,
    Biquads,
    Grid,
    NoConversion,
    NoFilter,
    Polyphase,
    Qrs,
    Segmenter,
    grid_of,
)
from training.bundle.stages import (
    Affine,
    Features,
    GateLimits,
    NoFeatures,
    NoGate,
    NoScaler,
    PerWindow,
)
from training.bundle.validation import Strict
from training.bundle.wearer_schema import NoWearer, Wearer

# Classes and types of other files that are read as attributes of this module.
__all__ = [
    "Affine",
    "AlarmLevels",
    "Beats",
    "Biquads",
    "Decision",
    "Drift",
    "FalseAlarms",
    "Features",
    "Float32",
    "GateLimits",
    "Grid",
    "Head",
    "JoinScore",
    "LevelScore",
    "MahalanobisScore",
    "Name",
    "NoConversion",
    "NoDecision",
    "NoFeatures",
    "NoFilter",
    "NoGate",
    "NoScaler",
    "NoWearer",
    "PerWindow",
    "Polyphase",
    "PositiveFloat32",
    "Qrs",
    "Rate",
    "ReconstructionScore",
    "Score",
    "Segmenter",
    "Wearer",
    "float32_text",
]

SCHEMA = 1


class NotJudged(Strict):
    """Test windows that the gate rejected, by label."""

    normal: Count = 0
    abnormal: Count = 0
    unknown: Count = 0


class WindowCounts(Strict):
    """Number of windows in each part of the data set."""

    train: Count
    validation: Count
    calibration: Count
    test_normal: Count
    test_abnormal: Count
    test_unknown: Count = 0
    not_judged: NotJudged = NotJudged()  # of the test windows; not in the counts above


class Data(Strict):
    """The data set on which the model was trained."""

    name: Text
    description: Text
    simulated: bool
    sha256: Sha256
    windows: WindowCounts


class Signal(Strict):
    """Channels, units and rate of the signal; each list has one entry per channel."""

    rate_hz: PositiveFloat32 | None
    rate_is_nominal: bool
    channels: list[Text]
    units: list[Text]
    gain: list[float]
    offset: list[Int32]

    @model_validator(mode="after")
    def _one_entry_per_channel(self) -> Self:
        n = len(self.channels)
        if not n or {len(self.units), len(self.gain), len(self.offset)} != {n}:
            raise ValueError("channels, units, gain and offset must have one entry per channel")
        if any(g == 0 or not math.isfinite(g) for g in self.gain):
            raise ValueError("gain must be finite and not zero")
        return self


class Tensor(Strict):
    """Size and quantization of an int8 tensor with `size` values."""

    size: Size
    scale: PositiveFloat32
    zero_point: Int8


class ModelFile(Strict):
    """The flatbuffer file, and the properties read from it."""

    file: Literal["model.tflite"]
    bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256
    crc32: Annotated[int, Field(ge=0, lt=2**32)]
    family: str
    parameters: Count
    macs: Count
    operators: list[str]
    input: Tensor
    output: Tensor


Method = Literal["conformal", "percentile", "sigma", "best_f1", "fixed"]


class Offer(Strict):
    """The threshold of one method, with its figures on the test set."""

    method: Method
    setting: float | None  # rate (conformal, percentile), k (sigma), none (best_f1, fixed)
    value: Float32
    false_alarm_rate: Rate | None
    recall: Rate | None
    precision: Rate | None
    f1: Rate | None


class Threshold(Strict):
    """The threshold above which a window is an anomaly, with its guarantee."""

    value: Float32
    method: Method
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)]
    guaranteed_rate: Annotated[float, Field(gt=0, lt=1)] | None
    guarantee: str
    calibration_scores: list[Float32]
    offered: list[Offer]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        scores = self.calibration_scores
        if any(a > b for a, b in itertools.pairwise(scores)):
            raise ValueError("calibration_scores must ascend")
        return self


class Confusion(Strict):
    """Number of test windows by label and decision; windows of unknown label are left out."""

    true_positive: Count
    false_positive: Count
    true_negative: Count
    false_negative: Count


class Stage(Strict):
    """Figures of one stage of the model on the test set.

    A figure that the labels do not allow is None.
    """

    auroc: Rate | None
    average_precision: Rate | None
    threshold: Float32
    false_alarm_rate: Rate | None
    recall: Rate | None
    precision: Rate | None
    f1: Rate | None
    confusion: Confusion
    false_alarms_per_hour: Annotated[float, Field(ge=0)] | None
    flagged: Rate | None = None  # share of all test windows, with or without a label


class Metrics(Strict):
    """Figures of the float model and of the int8 model on the same test windows."""

    keras: Stage
    int8: Stage


class Caught(Strict):
    """What became of normal windows into which one disturbance was injected."""

    kind: str
    size: float
    unit: str
    windows: Count
    flagged: Count  # above the threshold
    not_judged: Count  # rejected by the gate


class Agreement(Strict):
    """How far the int8 model follows the float model; null without enough windows."""

    rank_correlation: Annotated[float, Field(ge=-1, le=1)] | None  # of the test scores, Spearman
    saturated: Rate  # share of the calibration windows' int8 inputs at an end of the grid


class Checks(Strict):
    """Checks of a fitted model that need no labels, and simple detectors beside it."""

    baselines: dict[str, Stage] = Field(default_factory=dict)  # by name
    challenge: list[Caught] = Field(default_factory=list)
    agreement: Agreement | None = None


class Golden(Strict):
    """The file of golden windows (docs/bundle.md)."""

    file: Literal["golden.npz"]
    bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256
    windows: Annotated[int, Field(ge=4)]


class Manifest(Strict):
    """The contents of manifest.json."""

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    name: Name
    data: Data
    signal: Signal
    rate: Annotated[NoConversion | Polyphase, Field(discriminator="kind")] = NoConversion()
    segmenter: Annotated[Segmenter | Beats, Field(discriminator="kind")]
    filter: Annotated[NoFilter | Biquads, Field(discriminator="kind")] = NoFilter()
    gate: Annotated[NoGate | GateLimits, Field(discriminator="kind")] = NoGate()
    scaler: Annotated[NoScaler | Affine | PerWindow, Field(discriminator="kind")]
    features: Annotated[NoFeatures | Features, Field(discriminator="kind")] = NoFeatures()
    model: ModelFile
    score: Annotated[Score, Field(discriminator="kind")]
    wearer: Annotated[NoWearer | Wearer, Field(discriminator="kind")] = NoWearer()
    threshold: Threshold
    decision: Annotated[NoDecision | Decision, Field(discriminator="kind")] = NoDecision()
    metrics: Metrics
    checks: Checks = Checks()
    golden: Golden
    recipe: RecipeSettings
    seed: int
    versions: dict[str, str]

    @property
    def grid(self) -> Grid:
        """Lengths of windows in frames of the stream, as the link and the recordings have them."""
        return grid_of(self.segmenter, self.rate)

    @property
    def model_rate_hz(self) -> float | None:
        """Frames per second of the windows that the model sees."""
        rate = self.signal.rate_hz
        if rate is None or isinstance(self.rate, NoConversion):
            return rate
        return rate * self.rate.up / self.rate.down

    @property
    def raw_size(self) -> int:
        """Number of the model's inputs that are the raw window; its features follow them."""
        if isinstance(self.scaler, NoScaler):
            return 0
        return self.segmenter.window * len(self.signal.channels)

    @property
    def feature_count(self) -> int:
        """Number of the model's inputs that are features."""
        if isinstance(self.features, NoFeatures):
            return 0
        return self.features.per_channel * len(self.signal.channels)

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of int8 inputs and outputs of the model."""
        return self.model.input.size, self.model.output.size

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        channels = len(self.signal.channels)
        size = self.raw_size + self.feature_count
        parts = {"window * channels": self.raw_size, "features": self.feature_count}
        words = " + ".join(name for name, values in parts.items() if values)
        for tensor, what in ((self.model.input, "input"), (self.model.output, "output")):
            if tensor.size != size:
                raise ValueError(f"model.{what}.size is {tensor.size}, but {words} is {size}")
        if isinstance(self.segmenter, Beats) and self.segmenter.lead >= channels:
            raise ValueError("segmenter.lead is not one of the channels")
        if isinstance(self.wearer, Wearer):
            if not isinstance(self.segmenter, Beats):
                raise ValueError("wearer judges beats, but segmenter.kind is 'fixed'")
            self.wearer.check_window(self.segmenter.window, channels)
        if isinstance(self.gate, GateLimits):
            self._gate_fits(self.gate, channels)
        if isinstance(self.features, Features):
            self._features_fit(self.features)
        if isinstance(self.rate, Polyphase):
            self._rate_fits(self.rate)
        self._score_fits()
        for scaler, entries, name in self._scalers():
            if scaler.zero_point != self.model.input.zero_point:
                raise ValueError(f"{name}.zero_point differs from model.input.zero_point")
            if isinstance(scaler, Affine):
                if {len(scaler.center), len(scaler.multiplier)} != {entries}:
                    what = "channel" if name == "scaler" else "feature"
                    raise ValueError(f"{name}.center and multiplier must have one entry per {what}")
            elif self.segmenter.window > 32768:
                raise ValueError("a per_window scaler accepts at most 32768 frames")
        return self

    def _scalers(self) -> list[tuple[Affine | PerWindow, int, str]]:
        scalers: list[tuple[Affine | PerWindow, int, str]] = []
        if not isinstance(self.scaler, NoScaler):
            scalers.append((self.scaler, len(self.signal.channels), "scaler"))
        if isinstance(self.features, Features):
            scalers.append((self.features.scaler, self.feature_count, "features.scaler"))
        return scalers

    def _rate_fits(self, rate: Polyphase) -> None:
        if self.signal.rate_hz is None or self.signal.rate_is_nominal:
            raise ValueError("rate converts a known sample rate, but signal.rate_hz is not one")
        if self.segmenter.hop * rate.down % rate.up:
            raise ValueError("segmenter.hop is no whole number of the sensor's frames")

    def _score_fits(self) -> None:
        heads = self.score.heads if isinstance(self.score, JoinScore) else ()
        for score in (self.score, *(head.score for head in heads)):
            inputs = inputs_of(score)
            if inputs and not self.raw_size <= inputs[0] <= inputs[-1] < self.model.input.size:
                raise ValueError(f"score '{score.kind}' reads inputs that are no features")

    def _features_fit(self, features: Features) -> None:
        if self.segmenter.window > MOST_FRAMES:
            raise ValueError(f"features accept windows of at most {MOST_FRAMES} frames")
        bins = transform_points(self.segmenter.window) // 2
        if features.edges and features.edges[-1] > bins + 1:
            raise ValueError(f"features.edges must lie in 1 to {bins + 1} for this window")

    def _gate_fits(self, gate: GateLimits, channels: int) -> None:
        limits = (
            gate.min_range,
            gate.min_variation,
            gate.max_run,
            gate.max_extreme,
            gate.max_mains,
            gate.lowest,
            gate.highest,
        )
        if {len(limit) for limit in limits} != {channels}:
            raise ValueError("the limits of gate must have one entry per channel")
        for cosine in gate.mains:
            if self.segmenter.window >= 4096 * math.sqrt(1 - (cosine / 2**15) ** 2):
                raise ValueError(
                    f"gate.mains {cosine}: the window is too long for this frequency at this rate"
                )
