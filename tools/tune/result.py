"""The end of a search: finalists trained with fresh seeds, and the files of the result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.tune.budget import Budget, Cost
from tools.tune.space import apply
from tools.tune.study import Done, Study, front
from tools.tune.workers import Task, Workers
from training.bundle.errors import ConvertError, DataError, RecipeError, TuneError
from training.recipe import Recipe
from training.suggest import toml as json_text

if TYPE_CHECKING:
    # It loads TensorFlow, which takes seconds, and the program lists its commands without.
    from tools.tune.search import Setting

SEEDS_FROM = 10_000
"""First fresh seed, unless a trial has used it."""


@dataclass(frozen=True)
class Spread:
    """A mean and the range over seeds or splits."""

    mean: float
    lowest: float
    highest: float
    deviation: float  # standard deviation; 0 for one value
    count: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Summarize values; there is at least one."""
        array = np.asarray(values, np.float64)
        deviation = float(array.std(ddof=1)) if len(array) > 1 else 0.0
        mean, lowest, highest = map(float, (array.mean(), array.min(), array.max()))
        return Spread(mean, lowest, highest, deviation, len(array))

    @property
    def text(self) -> str:
        """`0.9935 (0.9878 to 0.9962)`."""
        return f"{self.mean:.4f} ({self.lowest:.4f} to {self.highest:.4f})"

    @property
    def short(self) -> str:
        """`0.9935 ±0.0018`, with the standard deviation."""
        return f"{self.mean:.4f} ±{self.deviation:.4f}"

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.deviation / float(np.sqrt(self.count))


@dataclass(frozen=True)
class Finalist:
    """A recipe of the front with figures of int8 models of fresh seeds."""

    recipe: Recipe
    trial: int | None  # None: the recipe that the search began with
    cost: Cost
    believed: Spread  # detection on the splits of the search, in float
    fresh: Spread  # detection with fresh seeds, in int8
    test: Spread | None  # AUROC on the test part, with the same seeds; None: not labelled
    false_alarms: Spread | None  # on the test part
    recall: Spread | None  # on the test part


def choose_finalists(trials: list[Done], most: int) -> list[Done]:
    """Choose trials of the front, evenly spaced from the cheapest to the best.

    If the front has fewer than `most`, the best of the front of the other trials join it, and so
    on: a trial that was surpassed by a little may be the better one with fresh seeds.

    Raises:
        TuneError: no trial has a figure.
    """
    if not trials:
        raise TuneError("the time was over before the first trial: give a longer --time")
    points = front(trials)
    if not points:
        problems = [each.problem for each in trials if each.problem]
        why = f"; the last one: {problems[-1]}" if problems else ""
        raise TuneError(f"no trial of {len(trials)} was fitted within the budget{why}")
    chosen = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    finalists = [points[i] for i in chosen]
    rest = [each for each in trials if each not in points]
    while len(finalists) < most and (points := front(rest)):
        best = sorted(points, key=lambda each: -each.mean)
        finalists += best[: most - len(finalists)]
        rest = [each for each in rest if each not in points]
    return sorted(finalists, key=lambda each: each.cost.window if each.cost else 0.0)


def score_finalists(
    setting: Setting, study: Study, workers: Workers, chosen: Sequence[Done], seeds: int
) -> Iterator[Finalist]:
    """Train each finalist, and the original recipe, with fresh seeds, and score them once.

    The original recipe comes first, whatever it costs; it is left out if it cannot be fitted or
    compiled. The study keeps the figures of each recipe, so that a search that is resumed trains
    only the others.

    Raises:
        DataError: a finalist cannot be trained with fresh seeds.
    """
    entries: list[tuple[int | None, Recipe, Cost, Sequence[float]]] = []
    original = setting.recipe
    screened = _screen(setting, workers)
    if screened is not None:
        entries.append((None, original, *screened))
    for number, each in enumerate(chosen, 1):
        assert each.cost is not None
        recipe = apply(original, each.values)
        name = f"{original.name[:50]}-tuned-{number}"
        recipe = recipe.model_copy(update={"name": name})
        entries.append((each.number, recipe, each.cost, each.detection))
    used = setting.task(original).seeds
    fresh = tuple(islice((seed for seed in count(SEEDS_FROM) if seed not in used), seeds))
    kept = [study.finals(trial, fresh) for trial, *_ in entries]
    outcomes = workers.run(
        [
            Task(recipe, "finals", fresh, setting.seed + 1)
            for (_, recipe, *_), finals in zip(entries, kept, strict=True)
            if finals is None
        ]
    )
    for (trial, recipe, cost, detection), stored in zip(entries, kept, strict=True):
        finals = stored
        if finals is None:
            outcome = next(outcomes)
            if outcome.problem is not None:
                raise DataError(f"recipe '{recipe.name}': {outcome.problem}")
            finals = outcome.finals
            study.keep_finals(trial, fresh, finals)
        # The plans of the fitted models, whose scales are known now, replace the forecast.
        cost = replace(cost, instructions=max(each.instructions for each in finals))
        yield Finalist(
            recipe,
            trial,
            cost,
            Spread.of(detection),
            Spread.of([each.detection for each in finals]),
            _spread([each.test_auroc for each in finals]),
            _spread([each.test_false_alarms for each in finals]),
            _spread([each.test_recall for each in finals]),
        )


def _screen(setting: Setting, workers: Workers) -> tuple[Cost, Sequence[float]] | None:
    """Return cost and detection of the recipe that the search began with, if it has any."""
    try:
        cost = setting.cost(setting.recipe)
    except (DataError, RecipeError, ConvertError):
        return None
    outcome = next(workers.run([setting.task(setting.recipe)]))
    if outcome.problem is not None or not np.isfinite(outcome.detection).all():
        return None
    return cost, outcome.detection


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread.of(known) if known else None


def recommend(finalists: Sequence[Finalist], budget: Budget) -> Finalist:
    """Return the cheapest finalist whose fresh figure is within a standard error of the best.

    The test part is not looked at. A finalist whose fitted models exceed the budget after all, by
    the form of a few steps, is left out unless all do.
    """
    tuned = [each for each in finalists if each.trial is not None]
    tuned = [each for each in tuned if budget.allows(each.cost)] or tuned
    best = max(tuned, key=lambda each: each.fresh.mean)
    near = [each for each in tuned if each.fresh.mean >= best.fresh.mean - best.fresh.error]
    return min(near, key=lambda each: each.cost.window)


def unsurpassed(finalists: Sequence[Finalist], chosen: Finalist, budget: Budget) -> str | None:
    """Return a sentence if the original recipe is no worse than `chosen`, and costs no more.

    A recipe is no worse if its fresh figure is at most one standard error below.
    """
    for each in finalists:
        loss = chosen.fresh.mean - each.fresh.mean
        better = loss <= chosen.fresh.error and each.cost.window <= chosen.cost.window
        if each.trial is None and better and budget.allows(each.cost):
            noise = " (within the standard error)" if loss > 0 else ""
            return (
                f"Keep {each.recipe.name} as it was: with fresh seeds it detects "
                f"{each.fresh.mean:.4f} for {each.cost.window:,.0f} instructions of a window, "
                f"{chosen.recipe.name} {chosen.fresh.mean:.4f}{noise} for "
                f"{chosen.cost.window:,.0f}."
            )
    return None


def kilobyte(finalists: Sequence[Finalist], chosen: Finalist, budget: Budget) -> str:
    """Say what one more kilobyte of flash would buy beside the recommended finalist.

    The recipe that the search began with is among the finalists; those beyond the budget are not.
    """
    larger = [
        each
        for each in finalists
        if budget.allows(each.cost)
        and each.cost.flash > chosen.cost.flash
        and each.fresh.mean > chosen.fresh.mean
    ]
    if not larger:
        return "More flash buys nothing: no larger finalist detects better with fresh seeds."
    best = max(
        larger,
        key=lambda e: (e.fresh.mean - chosen.fresh.mean) / (e.cost.flash - chosen.cost.flash),
    )
    more = (best.cost.flash - chosen.cost.flash) / 1024
    gain = best.fresh.mean - chosen.fresh.mean
    noise = " (within the standard error)" if gain < best.fresh.error else ""
    name = best.recipe.name + (" as it was" if best.trial is None else "")
    if more < 1:
        return f"{name}: {more:.1f} kilobytes of flash more buy {gain:+.4f}{noise}."
    return (
        f"One more kilobyte of flash would buy {gain / more:+.4f} detection{noise}: "
        f"{name} takes {more:.1f} kilobytes more for {gain:+.4f}."
    )


def recipe_text(recipe: Recipe, comment: Sequence[str]) -> str:
    """Return a recipe as TOML; reading it gives an equal recipe."""
    settings = recipe.model_dump(mode="json", exclude_none=True)
    lines = [*(f"# {line}".rstrip() for line in comment), ""]
    plain = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    lines += [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for name, section in settings.items():
        if isinstance(section, dict):
            lines += [
                "",
                f"[{name}]",
                *(f"{key} = {_toml(value)}" for key, value in section.items()),
            ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """Return a value as TOML; a section within a section becomes an inline table."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json_text(value)


def write_recipes(finalists: Sequence[Finalist], folder: Path) -> list[tuple[Finalist, Path]]:
    """Write the recipe of each finalist but the original one; return them with their paths."""
    written = []
    for each in finalists:
        if each.trial is None:
            continue
        comment = [
            f"{each.recipe.name}: trial {each.trial} of a search by `vigil tune`.",
            f"Predicted for the image: {each.cost.text}.",
            f"Detection on {each.believed.count} splits of the search: {each.believed.text};",
            f"with {each.fresh.count} fresh seeds, int8: {each.fresh.text}.",
        ]
        path = folder / f"{each.recipe.name}.toml"
        path.write_text(recipe_text(each.recipe, comment), encoding="utf-8")
        written.append((each, path))
    return written


def write_json(
    path: Path, finalists: Sequence[Finalist], chosen: Finalist, facts: dict[str, Any]
) -> None:
    """Write the figures of all finalists."""

    def plain(each: Finalist) -> dict[str, Any]:
        values = {
            key: None if value is None else vars(value)
            for key, value in vars(each).items()
            if key not in ("recipe", "trial")
        }
        return {"name": each.recipe.name, "trial": each.trial, **values}

    contents = {**facts, "chosen": chosen.recipe.name, "finalists": [plain(f) for f in finalists]}
    path.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
