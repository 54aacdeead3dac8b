"""The order in which tasks are begun, and their outcomes yielded."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from tools.tune import workers
from tools.tune.space import Space
from tools.tune.workers import LocalWorkers, Outcome, Task, in_order
from training.bundle.errors import TuneError


def _ignores_ctrl_c(_: Task) -> Outcome:
    return Outcome(
        detection=(float(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())),)
    )


TASKS = [Task(None, "screen", (number,), 0) for number in range(7)]  # type: ignore[arg-type]


class Processes:
    """Tasks that finish when the clock, which counts how often it is read, says so."""

    def __init__(self) -> None:
        self.begun, self.running = [], []

    def begin(self, task: Task) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self.begun.append(task.seeds[0])
        self.running.append((task, future))
        return future

    def finish(self, place: int) -> None:
        task, future = self.running.pop(place)
        future.set_result(Outcome(detection=task.seeds))


@pytest.fixture
def processes(monkeypatch) -> Processes:
    """The newest running task always finishes first, so that outcomes come out of order."""
    processes = Processes()

    def wait(running, return_when):
        assert {future for _, future in processes.running} == set(running)
        processes.finish(-1)

    monkeypatch.setattr(workers, "wait", wait)
    return processes


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_outcomes_have_the_order_of_the_tasks_whichever_is_ready_first(processes, count):
    most = 0
    for number, outcome in enumerate(in_order(TASKS, count, None, processes.begin)):
        assert outcome.detection == (number,)
        most = max(most, len(processes.running))
    assert number == 6 and most <= count
    assert processes.begun == list(range(7))


@pytest.mark.parametrize(("reads", "expected"), [(0, 0), (1, 1), (2, 2), (4, 4)])
def test_no_task_is_begun_after_the_end_and_those_begun_are_finished(
    processes, monkeypatch, reads, expected
):
    clock = iter(range(100))
    monkeypatch.setattr(workers.time, "monotonic", lambda: float(next(clock)))
    outcomes = list(in_order(TASKS, 2, reads, processes.begin))
    assert processes.begun == list(range(expected))
    assert [outcome.detection for outcome in outcomes] == [(n,) for n in range(expected)]
    assert not processes.running


@pytest.mark.parametrize("deaths", [2, 3])
def test_tasks_of_a_process_that_died_are_repeated_and_no_outcome_is_yielded_twice(deaths):
    begun = []

    class Mortal(LocalWorkers):
        def _begin(self, task: Task) -> Future[Outcome]:
            number = task.seeds[0]
            begun.append(number)
            future: Future[Outcome] = Future()
            if number == 4 and begun.count(4) <= deaths:
                future.set_exception(BrokenProcessPool())
            else:
                future.set_result(Outcome(detection=task.seeds))
            return future

    workers = Mortal(2, None, None, Space({}))  # type: ignore[arg-type]
    outcomes = workers.run(iter(TASKS))
    if deaths == 3:
        with pytest.raises(TuneError, match="die again and again"):
            list(outcomes)
    else:
        assert [outcome.detection for outcome in outcomes] == [(n,) for n in range(7)]
        assert sorted(set(begun)) == list(range(7))


def test_processes_that_die_now_and_then_end_no_search():
    begun = []

    class Mortal(LocalWorkers):
        def _begin(self, task: Task) -> Future[Outcome]:
            future: Future[Outcome] = Future()
            if task.seeds[0] in begun:
                future.set_result(Outcome(detection=task.seeds))
            else:  # the first attempt of every task
                future.set_exception(BrokenProcessPool())
            begun.append(task.seeds[0])
            return future

    workers = Mortal(1, None, None, Space({}))  # type: ignore[arg-type]
    assert [outcome.detection for outcome in workers.run(TASKS)] == [(n,) for n in range(7)]
    assert begun == sorted([*range(7), *range(7)])


def test_ctrl_c_reaches_the_search_and_not_its_processes(monkeypatch):
    """A process that is interrupted while it loads TensorFlow would print a traceback."""
    monkeypatch.setattr(workers, "_perform", _ignores_ctrl_c)
    local = LocalWorkers(1, None, None, Space({}))  # type: ignore[arg-type]
    context = multiprocessing.get_context("spawn")
    monkeypatch.setattr(local, "_make", lambda: ProcessPoolExecutor(1, context))
    try:
        assert [outcome.detection for outcome in local.run(TASKS[:2])] == [(1,), (1,)]
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        local.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "--xla_backend_optimization_level=1"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_backend_optimization_level=1"),
        ("--xla_backend_optimization_level=3", "--xla_backend_optimization_level=3"),
    ],
)
def test_a_worker_has_one_thread_and_keeps_the_users_flags_of_xla(monkeypatch, before, after):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "8")
    monkeypatch.setenv("XLA_FLAGS", before)
    workers.set_up_process()
    assert os.environ["XLA_FLAGS"] == after
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == os.environ["TF_NUM_INTEROP_THREADS"] == "1"
