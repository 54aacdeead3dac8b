"""The sections of a recipe, except those of data set and model family, which have their own."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from training.bundle.decision_schema import MOST_WINDOWS
from training.bundle.features import STATISTICS, Statistic
from training.bundle.manifest import Float32, Method
from training.bundle.validation import Strict

Share = Annotated[float, Field(ge=0, lt=1)]
Amount = Annotated[float, Field(ge=0, le=100)]


class Windows(Strict):
    """How the recordings are cut into windows; all lengths are in frames."""

    # "fixed": every `hop` frames. "beats": about each R peak of an ECG (training.beats).
    kind: Literal["fixed", "beats"] = "fixed"
    length: Annotated[int, Field(ge=1, le=65536)]
    hop: Annotated[int, Field(ge=1, le=65536)]  # for "beats", fixed by the detector
    # For "beats": frames of the window before R, and the channel in which beats are detected.
    before: Annotated[int, Field(ge=0, le=65535)] | None = None
    lead: Annotated[int, Field(ge=0, le=115)] = 0
    # A smaller hop for the training part alone; None is `hop`.
    train_hop: Annotated[int, Field(ge=1, le=65536)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _hop_of_beats(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("kind") == "beats":
            return {"hop": 1, **values}
        return values

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.kind == "fixed":
            if self.before is not None:
                raise ValueError("windows.before is for windows.kind = 'beats'; remove it")
        elif self.before is None or self.before >= self.length:
            raise ValueError("windows.kind = 'beats' needs windows.before, less than the length")
        elif self.hop != 1 or self.train_hop is not None:
            raise ValueError("windows of kind 'beats' have no hop: remove hop and train_hop")
        return self


class Split(Strict):
    """How the normal windows of the training recording are divided."""

    # "shuffled" draws windows at random, for windows that stand alone, such as beats.
    # "time" takes contiguous stretches and drops windows that cross a border, for streams.
    order: Literal["shuffled", "time"]
    validation: Share  # selects the best epoch; never trained on
    calibration: Share  # sets the threshold; not used by the fit

    @model_validator(mode="after")
    def _leaves_training_windows(self) -> Self:
        if self.validation + self.calibration >= 0.95:
            raise ValueError("validation and calibration leave nothing to train on; lower one")
        return self


class Filter(Strict):
    """Biquads before the windows (training.filters); without any cutoff there is no filter."""

    low_hz: Annotated[float, Field(gt=0)] | None = None  # cutoff of a high-pass
    high_hz: Annotated[float, Field(gt=0)] | None = None  # cutoff of a low-pass
    order: Annotated[int, Field(ge=2, le=4, multiple_of=2)] = 2  # of each (Butterworth)
    notch_hz: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=2)] = ()


class Gate(Strict):
    """The quality gate: windows that cannot be judged (training.quality_gate)."""

    kind: Literal["limits", "none"] = "limits"
    # Mains frequencies to look for, Hz. A frequency is left out if the sample rate is unknown, or
    # if rate and window do not allow it.
    mains_hz: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=2)] = (50, 60)


class Scaler(Strict):
    """How counts are scaled to int8."""

    # "affine": one factor per channel. "per_window": mean and deviation of each window. "none": the
    # raw window is no input of the model, which then needs features.
    kind: Literal["affine", "per_window", "none"] = "affine"
    # Unit of the model's real values, for "affine": the standard deviation of the normal training
    # windows about their mean, or their range from 0 to 1 (for sigmoid and cross-entropy).
    real: Literal["deviation", "range"] = "deviation"
    # int8 covers the range of the normal training windows, widened by this share at each end.
    headroom: Annotated[float, Field(ge=0, le=4)] = 0.1
    # For "per_window": smallest deviation, in units of the signal, by which a window is divided.
    min_deviation: Annotated[float, Field(ge=0)] = 0.0


class Features(Strict):
    """Features of each channel, which the model sees beside the raw window or alone.

    Each is scaled by its mean and deviation over the training windows.
    """

    statistics: tuple[Statistic, ...] = ()
    # Bands of the spectrum, about as wide as their frequencies are high; 0: no spectrum.
    bands: Annotated[int, Field(ge=0, le=64)] = 0

    @field_validator("statistics")
    @classmethod
    def _in_order(cls, names: tuple[Statistic, ...]) -> tuple[Statistic, ...]:
        return tuple(name for name in STATISTICS if name in names)

    @property
    def per_channel(self) -> int:
        """Number of features of a channel."""
        return len(self.statistics) + self.bands


class Fit(Strict):
    """How the weights are fitted."""

    loss: Literal["mse", "mae", "binary_crossentropy"] = "mse"
    # Each window's loss is raised to this power before the mean is taken. 1 gives all windows the
    # same weight; a larger power gives more weight to windows with a large error, so that the
    # model also learns rare normal shapes.
    power: Annotated[float, Field(ge=1, le=16)] = 1.0
    # Weight in a window's loss of the values that corruption.masking, span or square do not hide;
    # hidden values have 1.
    given_weight: Annotated[float, Field(gt=0, le=1)] = 1.0
    # Error that the labelled abnormal windows of the training part shall exceed: the mean of
    # (abnormal / their loss) ** power is added to the objective. 0 fits normal windows alone.
    abnormal: Annotated[float, Field(ge=0, le=100)] = 0.0
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    batch: Annotated[int, Field(ge=1, le=65536)] = 32
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    # Epochs without a lower validation loss after which the fit stops; 0 never stops it. The
    # weights of the best epoch are kept.
    patience: Annotated[int, Field(ge=0)] = 0
    # Compute loss and gradient with the kernels rounded to int8 (quantization-aware training of
    # the weights), and keep the rounded weights.
    round_weights: bool = False
    # Epochs for which each pair of layers is fitted alone before the whole model is fitted (greedy
    # layer-wise pretraining, dense stacks only). 0 fits the whole model at once.
    pretrain: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class Corruption(Strict):
    """Corruption of the model's input during the fit; an amount of 0 leaves that kind out."""

    gaussian: Amount = 0.0  # standard deviation of white noise
    wander: Amount = 0.0  # largest amplitude of baseline wander, 0.5 to 2 cycles per window
    hum: Amount = 0.0  # largest amplitude of mains hum
    hum_cycles: Annotated[float, Field(gt=0, le=0.5)] = 0.25  # cycles of the hum per frame
    # Share of the windows that have each of the three kinds above, drawn apart for each kind: below
    # 1, the model also learns windows with one kind alone, and clean ones.
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    masking: Annotated[float, Field(ge=0, le=1)] = 0.0  # share of values that become `fill`
    # Share of the values that become the largest or the smallest of their channel.
    salt_pepper: Annotated[float, Field(ge=0, le=1)] = 0.0
    span: Annotated[int, Field(ge=0)] = 0  # frames of one masked stretch
    square: Annotated[int, Field(ge=0)] = 0  # side of one masked square, in pixels
    width: Annotated[int, Field(ge=0)] = 0  # width of the image in a window, for `square`
    fill: Annotated[float, Field(ge=-100, le=100)] = 0.0  # value of masked samples

    @property
    def hides(self) -> bool:
        """Whether values are masked."""
        return bool(self.masking or self.span or self.square)

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.square and not self.width:
            raise ValueError("square needs the width of the image: set corruption.width")
        if self.width and not self.square:
            raise ValueError(
                "corruption.width is the width of the image for square: set both or none"
            )
        default = type(self).model_fields["hum_cycles"].default
        if self.hum_cycles != default and not self.hum:
            raise ValueError("corruption.hum_cycles has no effect without corruption.hum: set both")
        if self.share != 1 and not (self.gaussian or self.wander or self.hum):
            raise ValueError(
                "corruption.share needs added noise: set corruption.gaussian, wander or hum too"
            )
        if self.fill != 0 and not self.hides:
            raise ValueError(
                "corruption.fill needs masked samples: set corruption.masking, span or square too"
            )
        return self


class Score(Strict):
    """How far a window is from normal (training.score)."""

    # "mse", "mae": error of the reconstruction. "mahalanobis": distance of the features from those
    # of training. "level": largest mean of a channel. "join": the fourth roots of all three.
    kind: Literal["mse", "mae", "mahalanobis", "level", "join"] = "mse"

    def check(self, features: Features) -> None:
        """Raise ValueError if a score of features has none."""
        if self.kind in ("mse", "mae"):
            return
        if not features.per_channel:
            raise ValueError(
                f"score.kind '{self.kind}' is a distance of features: set features.statistics, or "
                "set score.kind to 'mse'"
            )
        if self.kind != "mahalanobis" and "mean" not in features.statistics:
            raise ValueError(
                f"score.kind '{self.kind}' needs the level of each channel: add 'mean' to "
                "features.statistics, or set score.kind to 'mahalanobis'"
            )


class ThresholdChoice(Strict):
    """How the threshold is chosen (training.threshold)."""

    method: Method = "conformal"
    false_alarm_rate: Annotated[float, Field(ge=1e-9, lt=1)] = 0.01
    sigma: Annotated[float, Field(gt=0, le=100)] = 3.0
    # The threshold itself, such as one that was calibrated elsewhere; `method` is then not used.
    value: Float32 | None = None


class Alarm(Strict):
    """A decision over several windows (training.decision)."""

    # "mean": the mean score of the last windows. "count": how many of them are flagged.
    kind: Literal["none", "mean", "count"] = "none"
    windows: Annotated[int, Field(ge=1, le=MOST_WINDOWS)] = 8
    count: Annotated[int, Field(ge=1, le=MOST_WINDOWS)] = 4  # flagged windows that raise the alarm
    # For "mean": the mean that raises the alarm, as a multiple of the threshold. None: the
    # smallest that the first half of the calibration part does not reach.
    level: Annotated[Float32, Field(gt=0)] | None = None
    # The alarm is cleared below this share of what raises it. None: 0.8 or, for "mean", half way
    # from the usual mean of the calibration part to the level that raises, if that is more.
    clear: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _count_fits(self) -> Self:
        if self.kind == "count" and self.count > self.windows:
            raise ValueError(f"count {self.count} is more than windows, {self.windows}")
        return self


class Checks(Strict):
    """Checks of the fitted model (training.checks)."""

    baselines: bool = True  # score simple detectors on the same windows
    # Normal windows to inject each disturbance into; fewer where the model is large; 0: none.
    challenge: Annotated[int, Field(ge=0, le=10_000)] = 200
