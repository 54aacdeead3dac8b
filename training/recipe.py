"""Recipes: the settings of a training run, read from one TOML file and checked."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from training import data, models
from training.bundle.errors import RecipeError
from training.bundle.features import MOST_FRAMES, transform_points
from training.bundle.manifest import Name, NoWearer, Wearer
from training.bundle.regular_file import MEGABYTE, read_regular
from training.bundle.validation import Strict, brief, nearest, validate
from training.data import DataSettings
from training.models import FamilySettings
from training.sections import (
    Alarm,
    Checks,
    Corruption,
    Features,
    Filter,
    Fit,
    Gate,
    Scaler,
    Score,
    Split,
    ThresholdChoice,
    Windows,
)

if TYPE_CHECKING:
    import keras

RECIPES = Path(__file__).parent / "recipes"

DENSE_FAMILIES = ("adversarial", "dense", "ensemble", "sparse", "variational")
"""Families whose input need not be a series."""


class Recipe(Strict):
    """All settings of a training run."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    # Recipe to follow if the data set of this one is unavailable.
    fallback: str | None = None
    data: SerializeAsAny[DataSettings]
    windows: Windows
    split: Split
    filter: Filter = Filter()
    gate: Gate = Gate()
    scaler: Scaler = Scaler()
    features: Features = Features()
    model: SerializeAsAny[FamilySettings]
    fit: Fit = Fit()
    corruption: Corruption = Corruption()
    # Write also the encoder alone, encoder.tflite.
    encoder: bool = False
    score: Score = Score()
    wearer: Annotated[NoWearer | Wearer, Field(discriminator="kind")] = NoWearer()
    threshold: ThresholdChoice = ThresholdChoice()
    alarm: Alarm = Alarm()
    checks: Checks = Checks()
    tune: dict[str, Any] = Field(default={}, exclude=True)  # the space of `vigil tune`

    @field_validator("data", mode="before")
    @classmethod
    def _data_settings(cls, value: Any) -> DataSettings:
        return _tagged(value, DataSettings, "name", data.settings_types())

    @field_validator("model", mode="before")
    @classmethod
    def _model_settings(cls, value: Any) -> FamilySettings:
        return _tagged(value, FamilySettings, "family", models.settings_types())

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        for check in CHECKS:
            check(self)
        return self

    def build_model(self, channels: int) -> keras.Model:
        """Build the untrained Keras model, float32 [batch, input size] in and out."""
        return models.build(self.model, *self.input_shape(channels), self.seed)

    def input_shape(self, channels: int) -> tuple[int, int]:
        """Return frames and channels of the model's input; with features, it is one channel."""
        if not self.features.per_channel:
            return self.windows.length, channels
        raw = 0 if self.scaler.kind == "none" else self.windows.length
        return (raw + self.features.per_channel) * channels, 1

    def as_json(self) -> dict[str, Any]:
        """Return the settings that the manifest keeps; a path is reduced to the file's name."""
        values = self.model_dump(mode="json")
        for key in {"path", "test_path", "fault_path", "intervals"} & values["data"].keys():
            values["data"][key] = _without_folders(values["data"][key])
        return values


def _without_folders(value: Any) -> Any:
    """Reduce a path, or each path of a list, to the file name."""
    if isinstance(value, str):
        return Path(value).name
    if isinstance(value, list):
        return [Path(v).name if isinstance(v, str) else v for v in value]
    return value


# Checks between sections: each raises ValueError with one sentence that names the key and the fix.


def _check_pieces(recipe: Recipe) -> None:
    """Windows must not begin in one beat or image and end in the next."""
    piece = data.piece_of(recipe.data)
    if piece is None:
        return
    length = recipe.windows.length
    if recipe.windows.kind == "beats":
        raise ValueError(
            f"windows of kind 'beats' are cut from a continuous signal, but these data are pieces "
            f"of {piece} frames: set windows.kind to 'fixed'"
        )
    for key in ("hop", "train_hop"):
        hop = getattr(recipe.windows, key)
        if hop is not None and length > math.gcd(hop, piece):
            raise ValueError(
                f"windows of length {length} and {key} {hop} would begin in one piece of "
                f"{piece} frames of these data and end in the next: set windows.length and "
                f"windows.{key} to {piece}"
            )


def _check_wearer(recipe: Recipe) -> None:
    """A wearer judges beats, in the order of time."""
    if not isinstance(recipe.wearer, Wearer):
        return
    if recipe.windows.kind != "beats" or recipe.split.order != "time":
        raise ValueError(
            "wearer judges beats in the order of time: set windows.kind to 'beats' and "
            "split.order to 'time', or wearer.kind to 'none'"
        )
    recipe.wearer.check_window(recipe.windows.length, 1)
    if recipe.checks.challenge or recipe.checks.baselines:
        raise ValueError(
            "the checks score single windows, but a wearer's score depends on the beats before: "
            "set checks.challenge to 0 and checks.baselines to false"
        )


def _check_crossentropy(recipe: Recipe) -> None:
    """Cross-entropy needs inputs and outputs in 0 to 1."""
    if recipe.fit.loss != "binary_crossentropy":
        return
    ranged = recipe.scaler.kind == "affine" and recipe.scaler.real == "range"
    if not ranged or getattr(recipe.model, "output_activation", None) != "sigmoid":
        raise ValueError(
            "fit.loss 'binary_crossentropy' needs values in 0 to 1: set scaler.kind to 'affine', "
            "scaler.real to 'range' and model.output_activation to 'sigmoid' (or choose another "
            "loss for a family without that key)"
        )


def _check_variational(recipe: Recipe) -> None:
    """The loss must be a log likelihood, or its sum with the divergence is no bound."""
    if recipe.model.family != "variational":
        return
    if recipe.fit.loss == "mae" or recipe.fit.power != 1:
        raise ValueError(
            "the loss of a variational model must be a likelihood: set fit.loss to 'mse' "
            "(Gaussian) or 'binary_crossentropy' (Bernoulli), and fit.power to 1"
        )
    default = type(recipe.model).model_fields["deviation"].default
    changed = getattr(recipe.model, "deviation", default) != default
    if recipe.fit.loss == "binary_crossentropy" and changed:
        raise ValueError(
            "model.deviation belongs to a Gaussian likelihood, and fit.loss 'binary_crossentropy' "
            "is a Bernoulli one: leave model.deviation out, or set fit.loss to 'mse'"
        )


def _check_fit(recipe: Recipe) -> None:
    """Pretraining and rounded weights must apply to the family's layers; no window serves twice."""
    family = recipe.model.family
    if recipe.fit.pretrain and family != "dense":
        raise ValueError(
            "fit.pretrain fits pairs of dense layers without a penalty: set it to 0, or "
            f"model.family to 'dense' (it is '{family}')"
        )
    if recipe.fit.round_weights and family == "lstm":
        raise ValueError(
            "fit.round_weights rounds dense and convolutional kernels but not those of an LSTM: "
            "set it to false, or choose another model.family"
        )
    if recipe.fit.round_weights and family == "ensemble":
        raise ValueError(
            "fit.round_weights would be lost when the members of an ensemble are joined: set it "
            "to false, or choose another model.family"
        )
    if recipe.fit.abnormal and recipe.threshold.method == "best_f1":
        raise ValueError(
            "threshold.method 'best_f1' needs abnormal windows that are new to the model: set "
            "fit.abnormal to 0, or threshold.method to 'conformal'"
        )


def _check_features(recipe: Recipe) -> None:
    """Features need a dense stack, a window that the integers allow, and standard deviations."""
    if not recipe.features.per_channel:
        if recipe.scaler.kind == "none":
            raise ValueError(
                "scaler.kind 'none' leaves the model without an input: set features.statistics or "
                "features.bands too"
            )
        return
    if recipe.model.family not in DENSE_FAMILIES:
        raise ValueError(
            f"features are no series, as the family '{recipe.model.family}' needs: set "
            f"model.family to {', '.join(DENSE_FAMILIES)}, or leave out the section features"
        )
    length = recipe.windows.length
    if length > MOST_FRAMES:
        raise ValueError(
            f"features need windows of at most {MOST_FRAMES} frames: set windows.length (it is "
            f"{length})"
        )
    bins = transform_points(length) // 2
    if recipe.features.bands > bins:
        raise ValueError(
            f"features.bands is {recipe.features.bands}, but the spectrum of {length} frames has "
            f"{bins} bins: set it to {bins} or less"
        )
    if recipe.scaler.kind == "affine" and recipe.scaler.real == "range":
        raise ValueError(
            "features are standard deviations, and so must the raw window be: set scaler.real to "
            "'deviation'"
        )
    if recipe.corruption != Corruption():
        raise ValueError(
            "the section corruption damages samples, but features are inputs of the model too: "
            "leave out one of the sections"
        )


def _check_corruption(recipe: Recipe) -> None:
    """Masks must be smaller than a window, and no setting may be without effect."""
    settings, length = recipe.corruption, recipe.windows.length
    if settings.span >= length:
        raise ValueError(
            f"corruption.span is {settings.span} frames and would mask the whole window: set it "
            f"below windows.length {length}"
        )
    if settings.square:
        if length % settings.width:
            raise ValueError(
                f"corruption.width {settings.width} does not divide windows.length {length}: set "
                "it to the width of the image in a window"
            )
        side = min(settings.width, length // settings.width)
        if settings.square >= side:
            raise ValueError(
                f"corruption.square is {settings.square} pixels, but the image is "
                f"{length // settings.width} x {settings.width}: set it below {side}"
            )
    if recipe.fit.given_weight != 1 and not settings.hides:
        raise ValueError(
            "fit.given_weight needs hidden values: set corruption.masking, span or square too"
        )


def _check_model(recipe: Recipe) -> None:
    """The model must fit the windows, if the number of channels is known without the data."""
    channels = data.channels_of(recipe.data)
    if channels is not None:
        try:
            _check_shape(recipe, channels)
        except RecipeError as problem:
            raise ValueError(str(problem)) from None


CHECKS = (
    _check_pieces,
    _check_wearer,
    _check_crossentropy,
    _check_variational,
    _check_fit,
    _check_features,
    lambda recipe: recipe.score.check(recipe.features),
    _check_corruption,
    _check_model,
)


def check_model(recipe: Recipe, channels: int) -> None:
    """Check that the model fits windows with `channels` channels.

    Raises:
        RecipeError: it does not; the message names the recipe.
    """
    try:
        _check_shape(recipe, channels)
    except RecipeError as problem:
        raise RecipeError(f"recipe '{recipe.name}': {problem}") from None


def _check_shape(recipe: Recipe, channels: int) -> None:
    check = getattr(models.family(recipe.model.family), "check", None)
    if check is not None:
        check(recipe.model, *recipe.input_shape(channels))


Settings = TypeVar("Settings", bound=Strict)


def _tagged(
    value: Any, base: type[Settings], tag: str, kinds: dict[str, type[Settings]]
) -> Settings:
    """Validate the section whose key `tag`, "name" or "family", selects the settings class."""
    if isinstance(value, base):
        return value
    section = {"name": "data", "family": "model"}[tag]
    if not isinstance(value, dict) or tag not in value:
        raise RecipeError(f"'{section}.{tag}' is missing; known: {', '.join(sorted(kinds))}")
    kind = value[tag]
    if not isinstance(kind, str) or kind not in kinds:
        raise RecipeError(f"'{section}.{tag}' is '{kind}'{nearest(str(kind), kinds)}")
    return validate(kinds[kind], value, "", RecipeError, section)


def recipe_names() -> list[str]:
    """List the recipes in training/recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(name_or_path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe by its name in training/recipes, or from a TOML file.

    Args:
        name_or_path: a name, or a path that ends with .toml.
        changes: settings that replace those of the file, each "section.key=value" with a TOML
            value; quotes around a string may be left out.

    Raises:
        RecipeError: on one line, the file, the key and the nearest valid one.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in recipe_names():
            raise RecipeError(
                f"no recipe '{name_or_path}'{nearest(str(name_or_path), recipe_names())}"
            )
        path = RECIPES / f"{name_or_path}.toml"
    try:
        values = tomllib.loads(read_regular(path, MEGABYTE, RecipeError).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RecipeError(f"{path}: {problem}") from None
    except RecursionError:
        raise RecipeError(f"{path}: values are nested too deeply") from None
    return make_recipe(values, str(path), changes)


def _apply(values: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    *sections, last = (part.strip() for part in key.split("."))
    if not equals or not last or not all(sections):
        raise RecipeError(f"'{change}': write a change as SECTION.KEY=VALUE")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    except RecursionError:
        raise RecipeError(f"'{brief(change)}': values are nested too deeply") from None
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise RecipeError(f"'{change}': '{section}' is a setting, not a section")
    values[last] = value


def make_recipe(
    values: dict[str, Any], where: str = "recipe", changes: Sequence[str] = ()
) -> Recipe:
    """Validate a recipe from a mapping with the keys of the TOML file, after `changes` to it.

    Raises:
        RecipeError: on one line, `where`, the key and the reason.
    """
    for change in changes:
        _apply(values, change)
    try:
        return validate(Recipe, values, where, RecipeError)
    except RecipeError as problem:
        text = str(problem)  # the sections `data` and `model` are validated without `where`
        raise RecipeError(text if text.startswith(f"{where}: ") else f"{where}: {text}") from None
