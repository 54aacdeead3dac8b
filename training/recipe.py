"""Recipes: everything that decides what a training run gives, in one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from training import data, models, rules
from training.bundle.errors import RecipeError
from training.bundle.manifest import Method, Name
from training.bundle.validation import Strict, nearest, validate
from training.corruption import Settings as Corruption

RECIPES = Path(__file__).parent / "recipes"

Share = Annotated[float, Field(ge=0, lt=1)]


class Windows(Strict):
    """How the stream is cut, in frames."""

    length: Annotated[int, Field(ge=1, le=65536)]
    hop: Annotated[int, Field(ge=1, le=65536)]
    # The training part alone may be cut more densely; calibration and test are cut by `hop`.
    train_hop: Annotated[int, Field(ge=1, le=65536)] | None = None


class Split(Strict):
    """What is held out of the training recording's normal windows."""

    # "shuffled": any window anywhere, for windows that stand alone (beats);
    # "time": one stretch after another, with windows that straddle a border left out, for streams.
    order: Literal["shuffled", "time"]
    validation: Share  # stops the fit early; never trained on
    calibration: Share  # sets the threshold; neither trained on nor looked at before

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.validation + self.calibration >= 0.95:
            raise ValueError("validation and calibration leave nothing to train on; lower one")
        return self


class Scaler(Strict):
    """How counts become int8."""

    kind: Literal["affine", "per_window"] = "affine"
    # What 1.0 stands for in the model, affine only: a standard deviation of the training normals
    # about their mean, or their whole range from 0 (for sigmoid outputs and cross-entropy).
    real: Literal["deviation", "range"] = "deviation"
    # The int8 grid covers the training normals' range, widened by this share of it on each side.
    headroom: Annotated[float, Field(ge=0, le=4)] = 0.1
    # per_window only: below this deviation, in units, a window counts as flat.
    min_deviation: Annotated[float, Field(ge=0)] = 0.0


class Fit(Strict):
    """How the weights are found."""

    loss: Literal["mse", "mae", "binary_crossentropy"] = "mse"
    # What is minimised is the mean of the windows' losses raised to this power: 1 weighs all
    # windows alike, more leans on those that are reconstructed worst, so that rare normal shapes
    # are learned too.
    power: Annotated[float, Field(ge=1, le=16)] = 1.0
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    batch: Annotated[int, Field(ge=1, le=65536)] = 32
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    # Epochs without a better validation loss before the fit stops; 0 never stops it. The best
    # epoch's weights are kept.
    patience: Annotated[int, Field(ge=0)] = 0
    # Fit as the board will compute: loss and gradient are taken with the kernels rounded to int8
    # (quantization-aware training of the weights), and those are the weights kept.
    round_weights: bool = False
    # Epochs that each pair of layers is fitted alone, from the outside in, before the whole is
    # (greedy layer-wise pretraining; dense stacks only). 0: everything at once.
    pretrain: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class Score(Strict):
    """What distance is."""

    kind: Literal["mse", "mae"] = "mse"


class ThresholdChoice(Strict):
    """How the threshold is set."""

    method: Method = "conformal"
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    sigma: Annotated[float, Field(gt=0, le=100)] = 3.0


class Recipe(Strict):
    """A training run."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    # The recipe to follow when this one's data set cannot be had.
    fallback: str | None = None
    data: SerializeAsAny[Strict]
    windows: Windows
    split: Split
    scaler: Scaler = Scaler()
    model: SerializeAsAny[Strict]
    fit: Fit = Fit()
    corruption: Corruption = Corruption()  # of the input, while fitting
    # Also write encoder.tflite: the encoder alone, a feature extractor.
    encoder: bool = False
    score: Score = Score()
    threshold: ThresholdChoice = ThresholdChoice()

    @field_validator("data", mode="before")
    @classmethod
    def _data_settings(cls, value: Any) -> Strict:
        return _tagged(value, "data", "name", data.settings_types())

    @field_validator("model", mode="before")
    @classmethod
    def _model_settings(cls, value: Any) -> Strict:
        return _tagged(value, "model", "family", models.settings_types())

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        rules.check(self)
        return self

    def as_json(self) -> dict[str, Any]:
        """What the manifest keeps: all settings, but of a path only the file's name."""
        values = self.model_dump(mode="json")
        values["data"] = {
            key: Path(value).name if key == "path" else value
            for key, value in values["data"].items()
        }
        return values


def _tagged(value: Any, section: str, tag: str, kinds: dict[str, type[Strict]]) -> Strict:
    """Settings whose type one of the keys (`tag`) decides."""
    if isinstance(value, Strict):
        return value
    if not isinstance(value, dict) or tag not in value:
        raise RecipeError(f"'{section}.{tag}' is missing; known: {', '.join(sorted(kinds))}")
    kind = value[tag]
    if kind not in kinds:
        raise RecipeError(f"'{section}.{tag}' is '{kind}'{nearest(str(kind), kinds)}")
    return validate(kinds[kind], value, "", RecipeError, section)


def recipe_names() -> list[str]:
    """Names of the recipes that come with Vigil."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(name_or_path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of that name among Vigil's own, or in the TOML file at that path.

    `changes` are settings in place of the file's, each "section.key=value" with a TOML value
    (quotes around a text may be left out).
    Raises RecipeError, one line naming file, key and the nearest right one.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in recipe_names():
            raise RecipeError(
                f"no recipe '{name_or_path}'{nearest(str(name_or_path), recipe_names())}"
            )
        path = RECIPES / f"{name_or_path}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RecipeError(f"{path}: {problem}") from None
    for change in changes:
        _change(values, change)
    return make_recipe(values, str(path))


def _change(values: dict[str, Any], change: str) -> None:
    """Put one "section.key=value" into a recipe's mapping."""
    key, equals, text = change.partition("=")
    *sections, last = (part.strip() for part in key.split("."))
    if not equals or not last or not all(sections):
        raise RecipeError(f"'{change}': a setting is changed by SECTION.KEY=VALUE")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise RecipeError(f"'{change}': '{section}' is a setting, not a section")
    values[last] = value


def make_recipe(values: dict[str, Any], where: str = "recipe") -> Recipe:
    """A recipe from a mapping like the TOML file's; RecipeError names `where` and the key."""
    try:
        return validate(Recipe, values, where, RecipeError)
    except RecipeError as problem:
        text = str(problem)  # of the sections that are checked on their own, without `where`
        raise RecipeError(text if text.startswith(f"{where}: ") else f"{where}: {text}") from None
