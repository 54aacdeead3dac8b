"""Workers that evaluate trials: processes of this machine that keep TensorFlow and the data loaded.

A task is one trial with all its splits, so that a result depends on the task alone, whichever
worker does it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tools.tune.space import Space
from tools.tune.study import Final
from training.bundle.errors import TuneError, VigilError
from training.data.recording import Dataset
from training.recipe import Recipe

if TYPE_CHECKING:
    from tools.tune.evaluation import Bench

ATTEMPTS = 3
"""Pools of processes that die one after the other, without an outcome, before a run is given up."""


@dataclass(frozen=True)
class Task:
    """A recipe to evaluate."""

    recipe: Recipe
    kind: Literal["screen", "finals"]
    seeds: tuple[int, ...]  # of the models
    seed: int  # of the splits, or of the disturbances


@dataclass(frozen=True)
class Outcome:
    """The result of a task."""

    detection: tuple[float, ...] = ()  # of "screen"
    finals: tuple[Final, ...] = ()  # of "finals"
    problem: str | None = None  # why there is no result


class Workers(Protocol):
    """Evaluates tasks, several at a time."""

    count: int

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        """Yield the outcome of each task, in the order of the tasks.

        Args:
            tasks: each is taken when it can be begun. None: there is no task now; the next one is
                looked for when the next outcome is.
            end: time of time.monotonic() from which on no task is begun; those begun are finished.
        """

    def close(self) -> None:
        """End the processes."""


def in_order(
    tasks: Iterable[Task | None],
    count: int,
    end: float | None,
    begin: Callable[[Task], Future[Outcome]],
) -> Iterator[Outcome]:
    """Yield the outcomes as Workers.run does, with at most `count` tasks begun and not finished."""
    waiting, begun = iter(tasks), deque[Future[Outcome]]()
    while True:
        running = [future for future in begun if not future.done()]
        while len(running) < count and (end is None or time.monotonic() < end):
            task = next(waiting, None)
            if task is None:
                break
            running.append(begin(task))
            begun.append(running[-1])
        if not begun:
            return
        if begun[0].done():
            yield begun.popleft().result()
        else:
            wait(running, return_when=FIRST_COMPLETED)


def perform(bench: Bench, task: Task) -> Outcome:
    """Evaluate one task; an error that the settings cause is part of the outcome."""
    try:
        if task.kind == "screen":
            return Outcome(detection=tuple(bench.screen(task.recipe, task.seeds, task.seed)))
        return Outcome(finals=tuple(bench.finals(task.recipe, task.seeds, task.seed)))
    except VigilError as problem:
        return Outcome(problem=str(problem))


def set_up_process() -> None:
    """Set the variables that TensorFlow reads when it is imported, for a process of a worker.

    One thread, because there is a worker per processor. XLA optimizes less, which shortens
    compilation; the fits are as fast.
    """
    os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_optimization_level" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_optimization_level=1".strip()


_bench: list[Bench] = []


def _start(recipe: Recipe, dataset: Dataset, space: Space, parent: int, processors: Any) -> None:
    """Prepare a worker process: one processor, one thread, the data in memory."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {processors.get()})
    set_up_process()
    # Here, because TensorFlow takes seconds to start and reads the variables when it does.
    from tools.tune.evaluation import Bench

    _bench.append(Bench(recipe, dataset, space))


def _end_with(parent: int) -> None:
    """End this process when the search that started it is gone, such as after SIGKILL."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold back Ctrl-C: here until the end of the block, and in processes begun in it for good.

    A terminal sends Ctrl-C to every process. Only the search answers it, and ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _perform(task: Task) -> Outcome:
    return perform(_bench[0], task)


class LocalWorkers:
    """Processes of this machine, pinned to a processor each."""

    def __init__(self, count: int, recipe: Recipe, dataset: Dataset, space: Space) -> None:
        self.count = count
        self._arguments = recipe, dataset, space
        self._pool: ProcessPoolExecutor | None = None  # begun with the first task

    def _begin(self, task: Task) -> Future[Outcome]:
        if self._pool is None:
            self._pool = self._make()
        with _interrupts_held_back():  # a task may start a process
            return self._pool.submit(_perform, task)

    def _make(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        processors = context.Queue()
        for number in range(self.count):
            processors.put(allowed[number % len(allowed)])
        return ProcessPoolExecutor(
            self.count, context, _start, (*self._arguments, os.getpid(), processors)
        )

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        """Yield outcomes as Workers.run does; tasks of a process that died are repeated."""
        waiting, deaths = iter(tasks), 0
        while deaths < ATTEMPTS:
            begun = deque[Task]()

            def begin(task: Task, begun: deque[Task] = begun) -> Future[Outcome]:
                begun.append(task)
                return self._begin(task)

            try:
                for outcome in in_order(waiting, self.count, end, begin):
                    begun.popleft()
                    deaths = 0
                    yield outcome
                return
            except BrokenProcessPool:
                deaths += 1
                self.close()
                waiting = chain(begun, waiting)
        raise TuneError(
            "worker processes die again and again: is memory short? Use fewer --workers"
        )

    def close(self) -> None:
        """End the processes at once."""
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
