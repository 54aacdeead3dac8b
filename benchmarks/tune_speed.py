"""Compare the speed of `vigil tune` with KerasTuner: same space, splits, fits and scores.

    python -m benchmarks.tune_speed [--recipe ecg5000] [--trials 48] [--keras-trials 3]

Both search in this process on one thread, one after the other. A trial of either fits the model
once per split, for the epochs and with the early stopping of the recipe, and is scored on what the
split holds out. KerasTuner's trials use `model.fit`, as its users do. Rates are per minute of
processor time, so that other programs on the machine disturb them little; start-up is not counted,
tracing and compilation are. Without keras-tuner (`pip install keras-tuner`), its half is left out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")

from benchmarks.fit import plain_fit
from tools.boards.catalogue import find_board
from tools.tune.budget import read_budget
from tools.tune.cost import Costs
from tools.tune.evaluation import Bench, Run, run_of
from tools.tune.search import Setting, search
from tools.tune.space import Range, Space, apply, read_space
from tools.tune.study import Study
from tools.tune.workers import Outcome, Task, perform
from training.models import dense
from training.recipe import read_recipe
from training.stacked_fit import Member
from training.windows import load_data

SEED = 1


class InProcess:
    """Workers of a search: this process itself, whose processor time can be read."""

    count = 1

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        """Yield the outcome of each task, in order; this benchmark has no end of time."""
        for task in tasks:
            assert task is not None  # the next outcome is awaited only while there is a task
            yield perform(self._bench, task)

    def close(self) -> None:
        """Do nothing."""


class PlainBench(Bench):
    """The same trials, each model fitted with `model.fit`."""

    def fit(self, members: Sequence[Member]) -> list[Run]:
        """Fit models one after the other."""
        runs = []
        for each in members:
            model = dense.build_stack(each.model, each.train.shape[1], each.seed, "dense")
            plain_fit(model, each.train, each.validation, each.fit, each.seed)
            runs.append(run_of(model))
        return runs


def keras_tuner_trials(setting: Setting, trials: int, folder: str) -> int:
    """Search with KerasTuner's Bayesian optimization; return the number of trials."""
    # Imported here, because it is no dependency.
    import keras_tuner

    bench = PlainBench(setting.recipe, setting.dataset, setting.space)
    task = setting.task(setting.recipe)

    class Tuner(keras_tuner.BayesianOptimization):  # type: ignore[misc]
        """Trials that are cross-validated, in the way of KerasTuner's guide."""

        def run_trial(self, trial: Any, *_args: Any, **_kwargs: Any) -> float:
            recipe = apply(setting.recipe, _values(setting.space, trial.hyperparameters))
            return float(np.mean(bench.screen(recipe, task.seeds, task.seed)))

    space = keras_tuner.HyperParameters()
    _values(setting.space, space)
    tuner = Tuner(
        objective=keras_tuner.Objective("default_objective", "max"),
        max_trials=trials,
        hyperparameters=space,
        directory=folder,
        seed=SEED,
    )
    tuner.search()
    return len(tuner.oracle.trials)


def _values(space: Space, trial: Any) -> dict[str, Any]:
    """Ask KerasTuner for a value of each setting."""
    values: dict[str, Any] = {}
    for key, each in space.dimensions.items():
        if isinstance(each, Range):
            kind = trial.Int if each.whole else trial.Float
            values[key] = kind(key, each.low, each.high, sampling="log" if each.log else "linear")
        else:
            values[key] = each[trial.Choice(key, list(range(len(each))))]
    return values


def measure(name: str, trials: int, keras_trials: int) -> None:
    """Print the rates of both, and their ratio."""
    recipe, dataset = load_data(read_recipe(name), print)
    board, space = find_board("nano33ble"), read_space(recipe)
    costs = Costs(board, dataset.train.rate_hz, dataset.train.rate_is_nominal)
    budget = read_budget(board, None)
    setting = Setting(recipe, dataset, space, budget, costs, splits=8, seed=SEED)
    bench = Bench(recipe, dataset, space)
    print(f"{name}: {setting.splits} splits per trial; load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        study = Study(Path(folder) / "search.log", {"seed": SEED}, space, budget, resume=False)
        begin, wall = time.process_time(), time.perf_counter()
        done = sum(
            bool(each.detection) for each in search(setting, study, InProcess(bench), trials, None)
        )
        rate = _report("vigil tune, trials", done, setting.splits, begin, wall)

        # The last one is warm, as all but the first of each shape are in a search.
        bench.finals(recipe, [10_000], SEED)
        begin, wall = time.process_time(), time.perf_counter()
        for seed in range(10_001, 10_006):
            bench.finals(recipe, [seed], SEED)
        _report("vigil tune, fits converted to int8 and scored", 5, 1, begin, wall)

        begin, wall = time.process_time(), time.perf_counter()
        try:
            done = keras_tuner_trials(setting, keras_trials, folder)
        except ImportError:
            print("KerasTuner: left out, not installed; run: pip install keras-tuner")
            return
        plain = _report("KerasTuner, trials", done, setting.splits, begin, wall)
    print(f"vigil tune does {rate / plain:.1f} times the trials per minute")


def _report(what: str, count: int, fits: int, begin: float, wall: float) -> float:
    """Print a rate, and return it: per minute of processor time."""
    used, passed = time.process_time() - begin, time.perf_counter() - wall
    rate = 60 * count / used
    of_fits = f" ({rate * fits:.0f} fits)" if fits > 1 else ""
    print(
        f"{what}: {count} in {used:.1f} s of processor time ({passed:.1f} s passed): "
        f"{rate:.1f} per minute{of_fits}",
        flush=True,
    )
    return rate


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="ecg5000")
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--keras-trials", type=int, default=3)
    options = parser.parse_args()
    measure(options.recipe, options.trials, options.keras_trials)


if __name__ == "__main__":
    main()
