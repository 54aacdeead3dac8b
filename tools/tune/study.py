"""The record of a search: trials asked, told and stored, so that a search can be continued.

Each trial is asked with a seed of its own, and told in its order. The next trials therefore depend
on the stored ones alone: a search that was interrupted and continued has the same trials as one
that was not.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tools.tune.budget import Budget, Cost
from tools.tune.space import Space
from training.bundle.errors import TuneError

CONCURRENT = 8
"""Trials that are asked and not told, unless a search has another number."""

FINALS = "finals of"
"""Start of the keys that store the figures of finalists."""


_DAMAGES = ValueError, TypeError, AssertionError, LookupError, ArithmeticError
"""Errors of Optuna and of this module on a damaged journal."""


@dataclass(frozen=True)
class Trial:
    """A trial whose settings are known and whose figures may not be."""

    number: int
    values: dict[str, Any]  # the settings, by key of the space


@dataclass(frozen=True)
class Final:
    """A model of one seed, trained as `vigil train` does: figures in int8."""

    seed: int
    detection: float  # on the training part's held-out windows; see Bench.objective
    test_auroc: float | None  # None: the test part has not both labels
    test_false_alarms: float | None
    test_recall: float | None
    instructions: float  # of one inference, from the plan


@dataclass(frozen=True)
class Done:
    """A finished trial."""

    number: int
    values: dict[str, Any]
    detection: tuple[float, ...]  # on each split; empty: refused before the fit
    cost: Cost | None  # None: the settings do not agree, or the model cannot be compiled
    problem: str | None  # why there is no detection

    @property
    def mean(self) -> float:
        """The detection that the search maximizes."""
        return sum(self.detection) / len(self.detection)


class Study:
    """Trials in a journal file. One process writes to it at a time."""

    def __init__(
        self, path: Path, identity: dict[str, Any], space: Space, budget: Budget, resume: bool
    ) -> None:
        """Open the journal, or begin one.

        Args:
            identity: what defines the search, as plain values; compared with the journal's.

        Raises:
            TuneError: Optuna is not installed, or the journal is damaged, of another search, or
                not to be continued.
        """
        try:
            # Imported here, so that other commands do not need it.
            import optuna
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend

            from tools.tune.sampler import Sampler
        except ImportError:
            raise TuneError(
                "a search needs Optuna, which is not installed; run: pip install -e '.[tune]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", module="optuna")
        self._optuna, self._sampler = optuna, Sampler
        self.space, self.budget = space, budget
        self._seed = int(identity["seed"])
        identity = json.loads(json.dumps(identity))
        if path.exists() and not resume:
            raise TuneError(
                f"{path} holds a search: continue it with --resume, or choose another --storage"
            )
        if resume and not path.exists():
            raise TuneError(f"no search at {path} to resume: leave --resume out")
        # Held as long as this process lives: Optuna's own lock, a file, survives SIGKILL.
        self._lock = FileLock(f"{path}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise TuneError(
                f"{path} is in use by a search that is running: wait for its end, or choose "
                "another --storage"
            ) from None
        except OSError as problem:
            raise TuneError(
                f"{path} cannot be written: {problem.strerror or problem}; choose another --storage"
            ) from None
        try:
            _drop_unfinished_line(path)
            storage = JournalStorage(JournalFileBackend(str(path), _NoLock()))  # type: ignore
            self._study = optuna.create_study(
                storage=storage,
                study_name="vigil",
                directions=["maximize", "minimize"],
                load_if_exists=resume,
            )
            kept = self._study.user_attrs.get("identity")
            self.finished()  # reads the figures of every trial
            self._finals = {
                key: tuple(_final(each) for each in value)
                for key, value in self._study.user_attrs.items()
                if key.startswith(FINALS)
            }
        except OSError as problem:
            raise TuneError(
                f"{path} cannot be read or written: {problem.strerror}; choose another --storage"
            ) from None
        except _DAMAGES as problem:
            raise TuneError(
                f"{path}: not a search of vigil, or damaged ({problem}): choose another --storage"
            ) from None
        if kept is None and not self._study.get_trials(deepcopy=False):
            self._study.set_user_attr("identity", identity)
        elif kept != identity:
            differing = [key for key in identity if (kept or {}).get(key) != identity[key]]
            raise TuneError(
                f"{path} is the storage of another search (other {', '.join(differing)}): choose "
                "another --storage, or give the same arguments"
            )

    def finished(self) -> list[Done]:
        """List the trials that were told, in their order."""
        return [
            self._done(each)
            for each in self._study.get_trials(deepcopy=False)
            if each.state.is_finished()
        ]

    def ask(self) -> Trial:
        """Return the next trial to evaluate."""
        self._seed_sampler(len(self._study.get_trials(deepcopy=False)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._study.ask()
            return Trial(trial.number, self.space.suggest(trial))

    def unfinished(self) -> list[Trial]:
        """List the trials that were asked and not told, such as before an interruption."""
        asked = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for kept in self._study.get_trials(deepcopy=False):
                if kept.state.is_finished():
                    continue
                if kept.params.keys() != self.space.dimensions.keys():  # interrupted in its draw
                    self._seed_sampler(kept.number)
                    # Settings that were stored are returned, and the others are drawn.
                    trial = self._optuna.trial.Trial(self._study, kept._trial_id)
                    self._draw_again(kept, trial.relative_params)
                    asked.append(Trial(kept.number, self.space.suggest(trial)))
                else:
                    asked.append(Trial(kept.number, self._values(kept)))
        return asked

    def _seed_sampler(self, number: int) -> None:
        self._study.sampler = self._sampler((self._seed * 1_000_003 + number) % 2**32)

    def _draw_again(self, kept: Any, drawn_together: dict[str, Any]) -> None:
        """Draw the stored settings of an unfinished trial once more, and drop them.

        Settings are drawn one after the other from one generator, unless they are drawn together.
        The settings that were not stored are therefore those of a search without interruption.
        """
        for key, distribution in kept.distributions.items():
            if key not in drawn_together and not distribution.single():
                self._study.sampler.sample_independent(self._study, kept, key, distribution)

    def tell(self, done: Done) -> None:
        """Store the figures of a trial that was asked."""
        kept = self._study.get_trials(deepcopy=False)[done.number]
        trial = self._optuna.trial.Trial(self._study, kept._trial_id)
        trial.set_user_attr(
            "figures",
            {
                "detection": list(done.detection),
                "cost": None if done.cost is None else vars(done.cost),
                "problem": done.problem,
            },
        )
        if done.cost is None or (done.problem is not None and self.budget.allows(done.cost)):
            self._study.tell(done.number, state=self._optuna.trial.TrialState.PRUNED)
            return
        for key, excess in self.budget.excess(done.cost).items():
            trial.set_constraint(key, excess)
        # A model beyond the budget is not fitted; its constraints say how far beyond it is.
        mean = done.mean if done.detection else 0.0
        self._study.tell(done.number, [mean, done.cost.window])

    def keep_finals(self, trial: int | None, seeds: Sequence[int], finals: Sequence[Final]) -> None:
        """Store the figures of a finalist; no trial is the recipe that the search began with."""
        self._study.set_user_attr(_finals_key(trial, seeds), [vars(each) for each in finals])

    def finals(self, trial: int | None, seeds: Sequence[int]) -> tuple[Final, ...] | None:
        """Return the figures of a finalist with these seeds if they were stored before."""
        return self._finals.get(_finals_key(trial, seeds))

    def _values(self, kept: Any) -> dict[str, Any]:
        """The stored settings of a trial, as Space.suggest returns them."""
        return {
            key: json.loads(value) if isinstance(self.space.dimensions[key], list) else value
            for key, value in kept.params.items()
        }

    def _done(self, kept: Any) -> Done:
        figures = kept.user_attrs.get("figures", {})
        cost, detection = figures.get("cost"), tuple(figures.get("detection", ()))
        _check_numbers(*detection, *(cost or {}).values())
        return Done(
            kept.number,
            self._values(kept),
            detection,
            None if cost is None else Cost(**cost),
            figures.get("problem"),
        )


def _final(figures: dict[str, Any]) -> Final:
    final = Final(**figures)
    unlabelled = final.test_auroc, final.test_false_alarms, final.test_recall
    _check_numbers(final.detection, final.instructions, *(x for x in unlabelled if x is not None))
    return final


def _check_numbers(*values: object) -> None:
    for value in values:
        if not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")


def _finals_key(trial: int | None, seeds: Sequence[int]) -> str:
    name = "the recipe" if trial is None else f"trial {trial}"
    return f"{FINALS} {name}, seeds {seeds[0]} to {seeds[-1]}"


class _NoLock:
    """Stands for Optuna's lock around each access, as a journal has one process."""

    def acquire(self) -> bool:
        """Do nothing."""
        return True

    def release(self) -> None:
        """Do nothing."""


def _drop_unfinished_line(path: Path) -> None:
    """Cut a last line that was not written whole, such as after a power cut.

    A file that is no journal is left alone.
    """
    if path.exists():
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data) and data.startswith(b'{"op_code"'):
            os.truncate(path, whole)


def front(trials: list[Done]) -> list[Done]:
    """Return the trials that no other one surpasses in both figures, the cheapest first."""
    best, kept = -math.inf, []
    known = [each for each in trials if each.detection and each.cost is not None]

    def order(each: Done) -> tuple[float, float, int]:
        assert each.cost is not None
        return each.cost.window, -each.mean, each.number

    for each in sorted(known, key=order):
        if each.mean > best:
            best = each.mean
            kept.append(each)
    return kept
