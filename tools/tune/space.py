"""The space that a search covers: settings of the recipe, and the values that each may take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from training import data
from training.bundle.errors import RecipeError
from training.bundle.validation import Strict, brief, nearest, validate
from training.recipe import Recipe, make_recipe

MOST_VALUES = 1000


class Range(Strict):
    """All numbers between two ends; whole numbers if both ends are."""

    low: Annotated[int, Field(ge=-(2**53), le=2**53)] | float
    high: Annotated[int, Field(ge=-(2**53), le=2**53)] | float
    log: bool = False  # the logarithm is uniform, not the number

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Dimension = Range | list[Any]
"""A range, or the values to choose from; a value may be a list or a whole section."""


@dataclass(frozen=True)
class Space:
    """The settings to vary. A key is `section.setting`, or `section` for a section as a whole."""

    dimensions: dict[str, Dimension]

    def as_json(self) -> dict[str, Any]:
        """The space as plain values."""
        return {
            key: each.model_dump() if isinstance(each, Range) else each
            for key, each in self.dimensions.items()
        }

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Ask an Optuna trial for a value of each setting; the same trial gives the same values."""
        values: dict[str, Any] = {}
        for key, each in self.dimensions.items():
            if isinstance(each, list):
                # Optuna's choices are numbers and text only.
                values[key] = json.loads(
                    trial.suggest_categorical(key, [json.dumps(value) for value in each])
                )
            elif each.whole:
                values[key] = trial.suggest_int(key, each.low, each.high, log=each.log)
            else:
                values[key] = trial.suggest_float(key, each.low, each.high, log=each.log)
        return values

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draw values at random."""
        values: dict[str, Any] = {}
        for key, each in self.dimensions.items():
            if isinstance(each, list):
                values[key] = each[int(rng.integers(len(each)))]
            elif each.whole:
                values[key] = int(rng.integers(int(each.low), int(each.high) + 1))
            else:
                values[key] = float(rng.uniform(each.low, each.high))
        return values

    def widest(self, recipe: Recipe) -> dict[int, tuple[list[int], int]]:
        """Widths of the encoder and of the code that no trial exceeds, by the number of layers."""
        choices = {
            key: each if isinstance(each, list) else [each.high]
            for key, each in self.dimensions.items()
        }
        models = [
            each
            for each in (recipe.model.model_dump(), *choices.get("model", []))
            if isinstance(each, dict) and "hidden" in each
        ]
        hidden = [each["hidden"] for each in models] + choices.get("model.hidden", [])
        codes: list[Any] = [each.get("code") for each in models] + choices.get("model.code", [])
        # A choice of another type is no width; its trials are not possible.
        hidden = [each for each in hidden if isinstance(each, list) and all(map(_whole, each))]
        code: int = max((each for each in codes if _whole(each)), default=1)
        return {
            depth: (
                np.max([each for each in hidden if len(each) == depth], axis=0).tolist(),
                code,
            )
            for depth in {len(each) for each in hidden}
        }

    def corners(self) -> list[dict[str, Any]]:
        """Values at which models are small, two or three of each dimension.

        A layer of four values can take fewer instructions than a narrower one, as the paired
        kernel has rows in fours.
        """

        def smallest(each: Dimension) -> Any:
            return each.low if isinstance(each, Range) else min(each, key=_size)

        def paired(each: Dimension) -> Any:
            if not isinstance(each, Range) or not each.whole:
                return smallest(each)
            return min(max(4, each.low), each.high)

        def first(each: Dimension) -> Any:
            return each.low if isinstance(each, Range) else each[0]

        return [
            {key: pick(each) for key, each in self.dimensions.items()}
            for pick in (smallest, paired, first)
        ]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _size(value: Any) -> tuple[float, str]:
    """Order choices: numbers, lists and sections by the sum of the numbers in them."""
    values = value.values() if isinstance(value, dict) else value
    if isinstance(value, bool | str) or value is None:
        return 0.0, str(value)
    if isinstance(value, int | float):
        return float(value), ""
    return sum(_size(each)[0] for each in values), str(value)


def apply(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """Return the recipe with some settings changed.

    Raises:
        RecipeError: the settings do not agree with each other.
    """
    settings = recipe.model_dump(mode="json")
    for key, value in values.items():
        section, _, setting = key.partition(".")
        if setting:
            settings[section] = {**settings[section], setting: value}
        else:
            settings[section] = value
    return make_recipe(settings, f"recipe '{recipe.name}'")


def read_space(recipe: Recipe) -> Space:
    """Return the space of the recipe's section [tune], or the default for its kind of data.

    Raises:
        RecipeError: a key is no setting, or none of its values is valid, or the recipe fits the
            abnormal windows that trials are compared by.
    """
    fits = recipe.tune.get("fit", [])
    as_a_whole = isinstance(fits, list) and any(
        isinstance(each, dict) and each.get("abnormal") for each in fits
    )
    if recipe.fit.abnormal or "fit.abnormal" in recipe.tune or as_a_whole:
        raise RecipeError(
            f"recipe '{recipe.name}': fit.abnormal fits the labelled abnormal windows, which must "
            "be new to the trials of a search: set it to 0, and set it in the result"
        )
    given = recipe.tune or default_space(recipe)
    dimensions = {key: _dimension(recipe, key, value) for key, value in given.items()}
    for key in dimensions:
        section = key.partition(".")[0]
        if key != section and section in dimensions:
            raise RecipeError(
                f"recipe '{recipe.name}': [tune] varies '{section}' as a whole and '{key}' too: "
                "leave one of them out"
            )
    return Space(dimensions)


def _dimension(recipe: Recipe, key: str, value: Any) -> Dimension:
    where = f"recipe '{recipe.name}': [tune]"
    section, _, setting = key.partition(".")
    sections = set(type(recipe).model_fields) - {"name", "seed", "fallback", "data", "tune"}
    if section not in sections:
        raise RecipeError(f"{where} has no section '{section}'{nearest(section, sections)}")
    if setting:
        known = set(type(getattr(recipe, section)).model_fields) - {"family", "kind"}
        known |= {"kind"} if section in ("scaler", "score") else set()
        if setting not in known:
            raise RecipeError(f"{where} unknown key '{key}'{nearest(setting, known)}")
    if isinstance(value, dict) and setting:
        range_ = validate(Range, value, f"{where} '{key}'", RecipeError)
        if range_.low > range_.high or (range_.log and range_.low <= 0):
            raise RecipeError(f"{where} '{key}': low must be below high, and above 0 with log")
        each: Dimension = range_
        values = [range_.low, range_.high]
    elif isinstance(value, list) and 0 < len(value) <= MOST_VALUES:
        each = values = value
    else:
        raise RecipeError(
            f"{where} '{key}' is {brief(str(value), 40)}: write a list of values, or a range such "
            "as { low = 2, high = 16 }"
        )
    problems = []
    for one in values:
        try:
            apply(recipe, {key: one})
        except RecipeError as problem:
            problems.append(problem)
    if len(problems) == len(values):
        raise RecipeError(f"{where} '{key}': no value is valid: {problems[0]}")
    return each


def default_space(recipe: Recipe) -> dict[str, Any]:
    """Return what is worth varying for this kind of data and family, as in a section [tune]."""
    space: dict[str, Any] = {}
    fields = type(recipe.model).model_fields
    if "hidden" in fields:
        space["model.hidden"] = [
            *([8], [12], [16], [24], [32], [48], [64]),
            *([16, 8], [24, 12], [32, 16], [48, 24], [64, 32]),
        ]
        space["model.activation"] = ["relu", "tanh"]
        if recipe.model.family in ("dense", "ensemble"):
            space["fit.power"] = [1.0, 2.0, 3.0, 4.0]
    code = getattr(recipe.model, "code", None)
    if isinstance(code, int):  # a code of a series has two sides
        high = max(2 * code, 4)
        if "hidden" in fields:  # these families refuse a code as wide as the window
            high = min(high, recipe.input_shape(1)[0] - 1)
        space["model.code"] = {"low": max(1, min(2, code)), "high": high}
    if not recipe.features.per_channel:
        space["score.kind"] = ["mse", "mae"]
    rate = recipe.fit.learning_rate
    space["fit.learning_rate"] = {"low": rate / 2, "high": rate * 4, "log": True}
    stream = data.piece_of(recipe.data) is None and recipe.windows.kind == "fixed"
    if stream and "hidden" in fields and recipe.windows.length >= 16:
        # A hop and a training hop of the same share of the window.
        windows = recipe.windows
        space["windows"] = [
            {
                "length": max(8, round(windows.length * by)),
                "hop": max(1, round(windows.hop * by)),
                **(
                    {"train_hop": max(1, round(windows.train_hop * by))}
                    if windows.train_hop is not None
                    else {}
                ),
            }
            for by in (0.5, 1, 2)
        ]
        if recipe.scaler.kind != "none" and recipe.scaler.real == "deviation":
            space["scaler.kind"] = ["affine", "per_window"]
    if any((recipe.corruption.gaussian, recipe.corruption.wander, recipe.corruption.hum)):
        amount = recipe.corruption.gaussian or recipe.corruption.hum
        space["corruption.gaussian"] = {"low": 0.0, "high": max(2 * amount, 0.1)}
    return space
