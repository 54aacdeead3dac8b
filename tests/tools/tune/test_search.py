"""A search with workers that compute a known function: order, interruption, budget, choice."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.training import small_recipe
from tools.boards.catalogue import find_board
from tools.tune import search as searches
from tools.tune.budget import Budget, Cost, read_budget
from tools.tune.cost import Costs
from tools.tune.result import (
    choose_finalists,
    score_finalists,
)
from tools.tune.search import ASKED, Setting, affordable, search
from tools.tune.space import apply, read_space
from tools.tune.study import Done, Final, Study
from tools.tune.workers import Outcome, Task
from training.bundle.errors import BudgetError, ConvertError, TuneError
from training.windows import load_data

pytest.importorskip("optuna")
TUNE = {
    "model.hidden": [[8], [16], [32], [48]],
    "model.code": {"low": 2, "high": 12},
    "fit.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
}


@pytest.fixture(scope="module")
def setting() -> Setting:
    recipe, dataset = load_data(small_recipe(tune=TUNE))
    board = find_board("nano33ble")
    budget = read_budget(board, None)
    costs = Costs(board, dataset.train.rate_hz)
    return Setting(recipe, dataset, read_space(recipe), budget, costs, splits=4, seed=3)


class FakeWorkers:
    """Detection grows with the code, up to 6, and falls with the hidden width.

    After `most` tasks the search is interrupted, or its time is over.
    """

    count = 2

    def __init__(self, most: int = 10**9, late: bool = False) -> None:
        self.left, self.late, self.recipes, self.tasks = most, late, [], []

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        for task in tasks:
            if self.left == 0 and self.late:
                assert end is not None
                return
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            self.recipes.append(task.recipe)
            self.tasks.append(task)
            if task.kind == "finals":
                finals = [
                    Final(seed, 0.9 + 1e-5 * seed, 0.5, None, 0.25, 99) for seed in task.seeds
                ]
                yield Outcome(finals=tuple(finals))
                continue
            model = task.recipe.model
            good = 0.9 + 0.01 * min(model.code, 6) - 0.0001 * sum(model.hidden)
            yield Outcome(detection=tuple(good + 1e-4 * seed for seed in task.seeds))

    def close(self) -> None:
        pass


class ManyWorkers(FakeWorkers):
    """Has begun up to `count` tasks when it yields an outcome; after `most`, the time is over."""

    def __init__(self, count: int, most: int = 10**9) -> None:
        super().__init__()
        self.count, self.most, self.taken = count, most, 0

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        waiting, begun = iter(tasks), deque[Task]()
        while True:
            while len(begun) < self.count and self.most > 0:
                task = next(waiting, None)
                if task is None:
                    break
                self.most -= 1
                self.taken += 1
                begun.append(task)
            if not begun:
                return
            yield from super().run([begun.popleft()])


def _study(setting: Setting, path: Path, resume: bool = False, **identity: object) -> Study:
    values = {"seed": setting.seed, **identity}
    return Study(path, values, setting.space, setting.budget, resume)


def _facts(trials: list[Done]) -> list[tuple]:
    return [(t.number, t.values, t.detection, t.cost, t.problem) for t in trials]


def test_the_same_seed_gives_the_same_search(setting, tmp_path):
    runs = []
    for name in ("a", "b"):
        study = _study(setting, tmp_path / name)
        runs.append(list(search(setting, study, FakeWorkers(), 24, None)))
    assert _facts(runs[0]) == _facts(runs[1])
    assert _facts(runs[0]) == _facts(study.finished())
    assert [t.number for t in runs[0]] == list(range(24))
    assert len({str(t.values) for t in runs[0]}) == 24  # each trial is drawn by itself
    other = dataclasses.replace(setting, seed=4)
    changed = list(search(other, _study(other, tmp_path / "c"), FakeWorkers(), 8, None))
    assert _facts(changed) != _facts(runs[0][:8])


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_trials_depend_on_the_seed_and_not_on_the_number_of_workers(setting, tmp_path, count):
    tight = dataclasses.replace(setting, budget=Budget(1e9, 1e9, 3000))  # refuses some
    one = list(search(tight, _study(tight, tmp_path / "1"), FakeWorkers(), 24, None))
    many = list(search(tight, _study(tight, tmp_path / "n"), ManyWorkers(count), 24, None))
    assert _facts(many) == _facts(one)
    assert len(one) > 24


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize("seconds", [None, 1e9])
def test_where_a_search_ends_does_not_change_what_it_draws_later(setting, tmp_path, count, seconds):
    tight = dataclasses.replace(setting, budget=Budget(1e9, 1e9, 3000))
    whole = list(search(tight, _study(tight, tmp_path / "whole"), FakeWorkers(), 24, None))
    study = _study(tight, tmp_path / "cut")
    list(search(tight, study, ManyWorkers(count, 13), 13 if seconds is None else None, seconds))
    assert sum(bool(each.detection) for each in study.finished()) == 13
    rest = ManyWorkers(count)
    list(search(tight, study, rest, 24, None))
    assert _facts(study.finished()) == _facts(whole)
    assert rest.taken == 24 - 13


def test_as_many_trials_are_under_way_as_the_setting_says(setting, tmp_path):
    for concurrent in (1, 5, 12):
        own = dataclasses.replace(setting, concurrent=concurrent)
        study, workers = _study(own, tmp_path / str(concurrent)), ManyWorkers(50)
        for told in search(own, study, workers, 24, None):
            begun = workers.taken - 1 - told.number
            assert begun == min(concurrent, 24 - told.number) - 1


def test_the_sampler_draws_what_optunas_own_draws(setting, tmp_path):
    import optuna

    from tools.tune.sampler import STARTUP

    def own(seed: int) -> optuna.samplers.TPESampler:
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True)

    told = []
    for name in ("ours", "own"):
        study = _study(setting, tmp_path / name)
        if name == "own":
            study._sampler = own  # type: ignore[assignment]
        told.append(list(search(setting, study, FakeWorkers(), 40, None)))
    assert _facts(told[0]) == _facts(told[1])


class Diverging(FakeWorkers):
    """One of the splits of a trial with 48 hidden units has no detection."""

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        for outcome in super().run(tasks, end):
            wide = self.recipes[-1].model.hidden == [48]
            yield Outcome(detection=(float("nan"), *outcome.detection[1:])) if wide else outcome


def test_a_trial_that_diverges_on_a_split_is_told_and_does_not_count(setting, tmp_path):
    told = list(search(setting, _study(setting, tmp_path / "a"), Diverging(), 24, None))
    assert sum(bool(each.detection) for each in told) == 24 < len(told)
    for each in told:
        wide = each.values["model.hidden"] == [48]
        assert (each.problem, not each.detection) == ("the fit diverged" if wide else None, wide)


@pytest.mark.parametrize("at", [1, 5, 8, 19])
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(setting, tmp_path, at):
    whole = list(search(setting, _study(setting, tmp_path / "whole"), FakeWorkers(), 24, None))
    with pytest.raises(KeyboardInterrupt):
        list(search(setting, _study(setting, tmp_path / "cut"), FakeWorkers(at), 24, None))
    study = _study(setting, tmp_path / "cut", resume=True)
    assert len(study.finished()) == at
    rest = FakeWorkers()
    list(search(setting, study, rest, 24, None))
    assert _facts(study.finished()) == _facts(whole)
    assert len(rest.recipes) == 24 - at  # no trial is done twice


@pytest.mark.parametrize("count", [1, 3, 50])
@pytest.mark.parametrize("at", [3, 5, 11, 19])
def test_a_search_whose_time_is_over_is_continued_as_if_it_had_not_been(
    setting, tmp_path, at, count
):
    whole = list(search(setting, _study(setting, tmp_path / "whole"), FakeWorkers(), 24, None))
    study = _study(setting, tmp_path / "cut")
    told = list(search(setting, study, ManyWorkers(count, at), None, 1e9))
    assert _facts(told) == _facts(whole[:at])
    del study  # it holds the lock
    study = _study(setting, tmp_path / "cut", resume=True)
    list(search(setting, study, ManyWorkers(count), 24, None))
    assert _facts(study.finished()) == _facts(whole)


def test_what_was_begun_is_told_after_the_end_though_trials_before_it_are_refused(
    setting, tmp_path, monkeypatch
):
    tight = dataclasses.replace(setting, budget=Budget(1e9, 1e9, 3000))
    now = [0.0]
    monkeypatch.setattr(searches.time, "monotonic", lambda: now[0])
    workers, told = ManyWorkers(50), []
    for each in search(tight, _study(tight, tmp_path / "a"), workers, None, 1.0):
        told.append(each)
        if len(told) > 6 and not each.detection:  # a refused trial is at hand when the time ends
            workers.most, now[0] = 0, 2.0
    fitted = sum(bool(each.detection) for each in told)
    assert fitted == workers.taken > 0


@pytest.mark.parametrize("at", [5, 8])
def test_a_search_whose_time_is_over_tells_what_was_begun_and_is_continued(setting, tmp_path, at):
    whole = list(search(setting, _study(setting, tmp_path / "whole"), FakeWorkers(), 24, None))
    study = _study(setting, tmp_path / "cut")
    told = list(search(setting, study, FakeWorkers(at, late=True), None, 1e9))
    assert _facts(told) == _facts(study.finished()) == _facts(whole[:at])
    list(search(setting, study, FakeWorkers(), 24, None))
    assert _facts(study.finished()) == _facts(whole)


def test_finalists_that_were_scored_before_an_interruption_are_not_trained_again(setting, tmp_path):
    study = _study(setting, tmp_path / "a")
    chosen = choose_finalists(list(search(setting, study, FakeWorkers(), 16, None)), 3)
    whole = list(score_finalists(setting, study, FakeWorkers(), chosen, 2))
    assert [each.trial for each in whole] == [None, *(each.number for each in chosen)]
    assert {each.cost.instructions for each in whole} == {99}  # of the fitted models

    # The second of the four finalists is interrupted, after the search's figure of the recipe.
    study = _study(setting, tmp_path / "b")
    list(search(setting, study, FakeWorkers(), 16, None))
    with pytest.raises(KeyboardInterrupt):
        list(score_finalists(setting, study, FakeWorkers(2), chosen, 2))
    del study
    study, rest = _study(setting, tmp_path / "b", resume=True), FakeWorkers()
    assert list(score_finalists(setting, study, rest, chosen, 2)) == whole
    assert len(rest.recipes) == 1 + 3
    # Figures of other seeds are other figures.
    more = FakeWorkers()
    list(score_finalists(setting, study, more, chosen, 3))
    assert len(more.recipes) == 1 + 4


@pytest.mark.parametrize("seed", [1, 10])
def test_finalists_have_seeds_that_no_trial_had(setting, tmp_path, seed):
    setting = dataclasses.replace(setting, seed=seed)
    study, workers = _study(setting, tmp_path / "a"), FakeWorkers()
    chosen = choose_finalists(list(search(setting, study, workers, 8, None)), 2)
    list(score_finalists(setting, study, workers, chosen, 3))
    seeds = {
        kind: {seed for task in workers.tasks if task.kind == kind for seed in task.seeds}
        for kind in ("screen", "finals")
    }
    assert len(seeds["finals"]) == 3 and not seeds["finals"] & seeds["screen"]


class WithoutOriginal(FakeWorkers):
    """The recipe that the search began with diverges."""

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        tasks = list(tasks)
        for task, outcome in zip(tasks, super().run(tasks, end), strict=True):
            diverged = task.kind == "screen" and task.recipe.name == "small"
            yield Outcome(detection=(0.9, float("nan"))) if diverged else outcome


class RefusedCosts(Costs):
    """The engine has no kernel for the recipe that the search began with."""

    def of(self, *_args: object) -> Cost:
        raise ConvertError("no kernel")


def test_a_search_ends_well_although_its_first_recipe_cannot_be_fitted_or_compiled(
    setting, tmp_path
):
    study = _study(setting, tmp_path / "a")
    chosen = choose_finalists(list(search(setting, study, FakeWorkers(), 16, None)), 3)
    expected = [each.number for each in chosen]
    finalists = score_finalists(setting, study, WithoutOriginal(), chosen, 2)
    assert [each.trial for each in finalists] == expected
    costs = RefusedCosts(setting.costs.board, setting.costs.rate_hz)
    refused = dataclasses.replace(setting, costs=costs)
    finalists = score_finalists(refused, study, FakeWorkers(), chosen, 2)
    assert [each.trial for each in finalists] == expected


@pytest.mark.parametrize("first", [False, True])
def test_a_journal_that_was_cut_while_it_was_written_goes_on(setting, tmp_path, first):
    path = tmp_path / "search.log"
    list(search(setting, _study(setting, path), FakeWorkers(), 8, None))
    data = path.read_bytes()
    # Within the first or the last line, as after a power cut.
    path.write_bytes(data[: 20 if first else len(data) - 7])
    study = _study(setting, path, resume=True)
    list(search(setting, study, FakeWorkers(), 16, None))
    assert [t.number for t in study.finished()] == list(range(16))


def test_models_beyond_the_budget_are_not_fitted_and_do_not_count(setting, tmp_path):
    tight = dataclasses.replace(setting, budget=Budget(1e9, 1e9, 2700))
    tight = dataclasses.replace(tight, space=affordable(tight))
    assert tight.space.dimensions["model.hidden"] == [[8], [16]]
    workers = FakeWorkers()
    trials = list(search(tight, _study(tight, tmp_path / "a"), workers, 16, None))
    assert len(workers.recipes) == sum(bool(t.detection) for t in trials) == 16
    for each in trials:
        assert each.cost is not None
        assert bool(each.detection) == (each.cost.instructions <= 2700)


def test_a_recording_that_begins_with_gaps_has_the_same_costs(setting):
    train = setting.dataset.train
    gaps = np.arange(10, 20 * setting.recipe.windows.length, 10)
    dataset = dataclasses.replace(
        setting.dataset, train=dataclasses.replace(train, cuts=gaps.astype(np.int64))
    )
    # A setting of its own, which keeps no input of the other.
    torn = dataclasses.replace(setting, dataset=dataset, _inputs={})
    costs = [each.cost(setting.recipe) for each in (setting, torn)]
    assert costs[0].instructions == costs[1].instructions
    assert (costs[0].flash, costs[0].sram) == (costs[1].flash, costs[1].sram)


def test_a_search_in_which_nothing_meets_the_budget_ends(setting, tmp_path):
    tiny = dataclasses.replace(setting, budget=Budget(1e9, 1e9, 300))
    study = _study(tiny, tmp_path / "a")
    told = list(itertools.islice(search(tiny, study, FakeWorkers(), 1, None), 2 * ASKED))
    assert len(told) == ASKED and not any(each.detection for each in told)


def test_the_sampler_gets_by_how_much_a_model_exceeds_each_limit(setting, tmp_path):
    study = _study(setting, tmp_path / "a")
    trial = study.ask()
    cost = Cost(round(1.5 * setting.budget.flash), round(0.5 * setting.budget.sram), 100, 50)
    study.tell(Done(trial.number, trial.values, (), cost, None))
    constraints = study._study.trials[0].constraints
    assert constraints == {"flash": pytest.approx(0.5), "sram": pytest.approx(-0.5)}


def test_a_budget_that_a_single_model_meets_leaves_that_model(setting):
    choices = {"model.hidden": [[8], [16]], "score.kind": ["mse", "mae"]}
    tune = {**choices, "model.code": {"low": 2, "high": 12}}
    recipe = setting.recipe.model_copy(update={"tune": tune})
    values = {"model.hidden": [8], "model.code": 4, "score.kind": "mse"}
    budget = Budget(1e9, 1e9, window=setting.cost(apply(recipe, values)).window)
    one = dataclasses.replace(setting, recipe=recipe, space=read_space(recipe), budget=budget)
    assert affordable(one).dimensions == {
        **one.space.dimensions,
        "model.hidden": [[8]],
        "score.kind": ["mse"],
    }


def test_a_budget_that_nothing_meets_says_what_the_smallest_model_takes(setting):
    tiny = dataclasses.replace(setting, budget=Budget(1e9, 1e9, 300))
    with pytest.raises(
        BudgetError,
        match=r"smallest takes .* 1,\d\d\d instructions, \d,\d\d\d instructions per window; raise",
    ) as e:
        affordable(tiny)
    assert "\n" not in str(e.value)


def test_a_search_that_was_killed_between_two_settings_of_a_trial_draws_the_others_alike(
    setting, tmp_path
):
    path = tmp_path / "search.log"
    whole = list(search(setting, _study(setting, path), FakeWorkers(), 8, None))
    data = path.read_bytes()
    ends = [match.end() for match in re.finditer(rb".*param_value_internal.*\n", data)]
    assert len(ends) == 15 * len(TUNE)  # 8 are told, and 7 more under way
    for number, end in enumerate(ends[: 2 * len(TUNE)]):
        cut = tmp_path / f"{number}.log"
        cut.write_bytes(data[:end])
        again = list(search(setting, _study(setting, cut, resume=True), FakeWorkers(), 8, None))
        assert _facts(again) == _facts(whole[-len(again) :])


def test_storage_of_another_search_is_refused_and_left_alone(setting, tmp_path):
    path = tmp_path / "search.log"
    list(search(setting, _study(setting, path, splits=4), FakeWorkers(), 8, None))
    kept = path.read_bytes()
    with pytest.raises(TuneError, match=r"another search \(other splits\)"):
        _study(setting, path, resume=True, splits=8)
    with pytest.raises(TuneError, match="continue it with --resume"):
        _study(setting, path, splits=4)
    with pytest.raises(TuneError, match="no search at"):
        _study(setting, tmp_path / "none.log", resume=True)
    assert path.read_bytes().startswith(kept)  # opening a journal appends to it
    with pytest.raises(TuneError, match="cannot be written: "):
        _study(setting, path / "below.log")


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (rb"(?s).*", b"samples\n1\n2"),
        (rb"(?s).*", b"[1]\n"),
        (rb"(?s).*", b'{"op_code": 99, "worker_id": "1"}\n'),
        (rb"\A", b"\0\n"),
        (rb'"flash"', b'"flush"'),
        (rb'"flash":\d+', b'"flash":null'),
        (rb'"detection":\[', b'"detection":[{},'),
        (rb'(?<="param_value_internal":)\d', b"99999999999999999999"),
    ],
)
def test_a_file_that_is_no_journal_is_refused_in_one_line(setting, tmp_path, pattern, replacement):
    path = tmp_path / "search.log"
    list(search(setting, _study(setting, path), FakeWorkers(), 8, None))
    damaged = re.sub(pattern, lambda _: replacement, path.read_bytes(), count=1)
    path.write_bytes(damaged)
    with pytest.raises(TuneError, match="not a search of vigil, or damaged") as caught:
        _study(setting, path, resume=True)
    assert "\n" not in str(caught.value)
    assert path.read_bytes().startswith(damaged)


def test_a_journal_belongs_to_one_process_at_a_time(setting, tmp_path):
    path = tmp_path / "search.log"
    first = _study(setting, path)
    with pytest.raises(TuneError, match="in use by a search that is running"):
        _study(setting, path, resume=True)
    del first
    assert _study(setting, path, resume=True).finished() == []
