"""The search: trials that are refused for their cost, or fitted and scored on all splits."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tools.convert.chain_work import extremes
from tools.tune.budget import Budget, Cost
from tools.tune.cost import Costs
from tools.tune.space import Dimension, Space, apply
from tools.tune.study import CONCURRENT, Done, Study, Trial
from tools.tune.workers import Task, Workers
from training.bundle.errors import BudgetError, ConvertError, DataError, RecipeError
from training.data.recording import Dataset
from training.input_quantization import InputQuantizer, fit_input_quantizer
from training.recipe import Recipe, check_model
from training.windows import cut, segmenter

ASKED = 20
"""Trials asked at most per trial that is to be fitted."""

PROBES = 64
"""Trials whose costs are computed to find out whether the budget can be met."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What a search is about."""

    recipe: Recipe
    dataset: Dataset
    space: Space
    budget: Budget
    costs: Costs
    splits: int
    seed: int
    concurrent: int = CONCURRENT  # trials that are asked and not told, on any number of workers
    _inputs: dict[str, tuple[InputQuantizer, float]] = field(default_factory=dict)

    def cost(self, recipe: Recipe) -> Cost:
        """Compute the cost of a recipe.

        Raises:
            DataError, RecipeError, ConvertError: the settings do not fit the data or the engine.
        """
        check_model(recipe, len(self.dataset.train.channels))
        sections = recipe.windows, recipe.scaler, recipe.features
        key = json.dumps([each.model_dump(mode="json") for each in sections])
        if key not in self._inputs:
            self._inputs[key] = self._input(recipe)
        return self.costs.of(recipe, *self._inputs[key])

    def _input(self, recipe: Recipe) -> tuple[InputQuantizer, float]:
        """The input quantization of a recipe, and what the gate's cost depends on."""
        train = self.dataset.train
        settings = segmenter(recipe.windows, train.rate_hz)
        # The size of a model depends on the shape of a window, not on its values.
        try:
            some = cut(train.part(0, min(train.frames, 20 * settings.span)), settings).counts
        except DataError:  # no window in the first frames, which gaps may interrupt
            some = cut(train, settings).counts
        if recipe.scaler.kind != "per_window" and (np.ptp(some, axis=(0, 1)) == 0).any():
            some = cut(train, settings).counts
        quantizer = fit_input_quantizer(recipe.scaler, some, train.gain, recipe.features)
        return quantizer, extremes(some)

    def task(self, recipe: Recipe) -> Task:
        """The task that screens a recipe."""
        seeds = tuple(self.seed * 1000 + number + 1 for number in range(self.splits))
        return Task(recipe, "screen", seeds, self.seed)


def affordable(setting: Setting) -> Space:
    """Return the space without choices that exceed the budget even in the smallest model.

    Costs are computed, nothing is fitted.

    Raises:
        BudgetError: no model of the space meets the budget; the message says what the smallest
            takes.
    """
    smallest: Cost | None = None
    least: dict[str, Any] = {}  # values of the smallest
    problem: Exception | None = None
    corners = setting.space.corners()

    def meets(values: dict[str, Any]) -> bool | None:
        """Whether a model meets the budget; None if its settings do not agree."""
        nonlocal smallest, least, problem
        try:
            cost = setting.cost(apply(setting.recipe, values))
        except (DataError, RecipeError, ConvertError) as error:
            problem = error
            return None
        excess = setting.budget.excess(cost)
        if smallest is None or max(excess.values()) < max(setting.budget.excess(smallest).values()):
            smallest, least = cost, values
        return setting.budget.allows(cost)

    def within(each: Dimension, key: str) -> Dimension:
        """Leave out the choices that no corner can afford."""
        if not isinstance(each, list):
            return each
        answers = [[meets({**corner, key: value}) for corner in corners] for value in each]
        return [v for v, met in zip(each, answers, strict=True) if any(m is not False for m in met)]

    while True:
        before = smallest
        kept = {key: within(each, key) for key, each in setting.space.dimensions.items()}
        if smallest is before:
            break
        corners.append(least)  # a smaller model than at the corners so far
    rng = np.random.default_rng(setting.seed)
    if all(kept.values()) and any(
        meets(values) for values in [*corners, *(Space(kept).draw(rng) for _ in range(PROBES))]
    ):
        return Space(kept)
    if smallest is None:
        raise BudgetError(f"no model of the space can be built: {problem}")
    raise BudgetError(
        f"no model of the space meets the budget of {setting.budget.text}: the smallest takes "
        f"{smallest.text}; raise --budget, or vary smaller models in [tune]"
    )


def search(
    setting: Setting,
    study: Study,
    workers: Workers,
    trials: int | None,
    seconds: float | None,
) -> Iterator[Done]:
    """Run trials until `trials` were fitted, or for that many seconds; yield each as it is stored.

    A trial beyond the budget is not fitted; at most ASKED times as many trials are told. At the end
    of the time, the trials that were begun are finished. The others that were asked are left for
    the next search of this study.

    A trial is asked each time that one was told, so that what the sampler knows depends on the
    trial's number alone: not on the workers, nor on where the search ends or is interrupted.
    """
    end = None if seconds is None else time.monotonic() + seconds
    told = study.finished()
    fitted, count = sum(bool(each.detection) for each in told), len(told)
    left = deque(study.unfinished())  # by an earlier search
    asked = deque[tuple[Task | None, Done]]()  # in their order
    ready = deque[Task]()
    begun = 0  # tasks that the workers took and that are not told

    def next_tasks() -> Iterator[Task | None]:
        nonlocal begun
        while True:
            needed = bool(ready) and (trials is None or begun < trials - fitted)
            begun += needed
            yield ready.popleft() if needed else None

    outcomes = workers.run(next_tasks(), end)
    while trials is None or (fitted < trials and count < ASKED * trials):
        while len(asked) < setting.concurrent:
            task, done = _prepare(setting, left.popleft() if left else study.ask())
            asked.append((task, done))
            if task is not None:
                ready.append(task)
        task, done = asked[0]
        if task is not None:
            outcome = next(outcomes, None)
            if outcome is None:  # the time is over
                return
            begun -= 1
            detection, problem = outcome.detection, outcome.problem
            if problem is None and not np.isfinite(detection).all():
                detection, problem = (), "the fit diverged"
            done = Done(done.number, done.values, detection, done.cost, problem)
        elif end is not None and time.monotonic() >= end and not begun:
            return
        asked.popleft()
        study.tell(done)
        fitted, count = fitted + bool(done.detection), count + 1
        yield done


def _prepare(setting: Setting, trial: Trial) -> tuple[Task | None, Done]:
    """Return the task of a trial, or none if it needs no fit; and the trial without detection."""
    try:
        recipe = apply(setting.recipe, trial.values)
        cost = setting.cost(recipe)
    except (DataError, RecipeError, ConvertError) as problem:
        return None, Done(trial.number, trial.values, (), None, str(problem))
    done = Done(trial.number, trial.values, (), cost, None)
    return (setting.task(recipe) if setting.budget.allows(cost) else None), done
