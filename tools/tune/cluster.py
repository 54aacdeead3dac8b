"""Workers on a Ray cluster: the data once per node, a task per trial, lost tasks done again."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from tools.tune.space import Space
from tools.tune.workers import Outcome, Task, in_order, perform, set_up_process
from training.bundle.errors import TuneError
from training.data.recording import Dataset
from training.recipe import Recipe

if TYPE_CHECKING:
    from tools.tune.evaluation import Bench

RETRIES = 20
"""Times that Ray gives a task to another process after a node or a process died."""

CONNECT_SECONDS = 5.0

_benches: dict[str, Bench] = {}


class RayWorkers:
    """Processes of a Ray cluster, one per processor, placed by Ray."""

    def __init__(self, address: str, recipe: Recipe, dataset: Dataset, space: Space) -> None:
        """Connect to a cluster at `address`, HOST:PORT of its head node.

        This machine must be a node of the cluster, and every node needs Vigil of the same version.

        Raises:
            TuneError: Ray is not installed, or the cluster cannot be reached.
        """
        try:
            # Imported here, so that a search on one machine does not need it.
            import ray
        except ImportError:
            raise TuneError(
                "--ray needs Ray, which is not installed; run: pip install -e '.[cluster]'"
            ) from None
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise TuneError(f"--ray {address}: write HOST:PORT of the head node")
        cure = "start one with `ray start --head`, or check the address"
        try:  # Ray itself would wait for long
            with socket.create_connection((host, int(port)), CONNECT_SECONDS) as connection:
                own = connection.getsockname()[0]
        except (OSError, OverflowError) as problem:
            raise TuneError(f"no Ray cluster at {address} ({problem}): {cure}") from None
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            # Both addresses are given: without the first, Ray joins any cluster of this machine;
            # without the second, it guesses which address this machine has.
            ray.init(
                address=address,
                _node_ip_address=own,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as problem:  # Ray raises many kinds, some of them without a base
            reason = str(problem).strip().splitlines() or [type(problem).__name__]
            raise TuneError(f"the Ray cluster at {address} refuses: {reason[0]}") from None
        self._ray: Any = ray
        self.count = int(self._ray.cluster_resources().get("CPU", 1))
        self._shared = ray.put((recipe, dataset, space))
        self._key = self._shared.hex()
        self._remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_evaluate)
        self._load()

    def _load(self) -> None:
        """Start every process of the cluster, which takes seconds, before the first trial."""
        load = self._ray.remote(num_cpus=1, max_retries=RETRIES)(_load)
        try:
            self._ray.get([load.remote(self._key, self._shared) for _ in range(self.count)])
        except self._ray.exceptions.RayError as problem:
            self.close()
            # A traceback of the node, whose last line is the error.
            lines = str(problem).strip().splitlines() or [type(problem).__name__]
            raise TuneError(
                f"a node of the Ray cluster cannot load Vigil ({lines[-1]}): install the same "
                "version with the same packages on each node"
            ) from None

    def run(self, tasks: Iterable[Task | None], end: float | None = None) -> Iterator[Outcome]:
        """Yield outcomes as Workers.run does; tasks of a lost node are done on another."""

        def begin(task: Task) -> Future[Outcome]:
            future: Future[Outcome] = self._remote.remote(self._key, self._shared, task).future()
            return future

        try:
            yield from in_order(tasks, self.count, end, begin)
        except self._ray.exceptions.RayError as problem:
            line = str(problem).strip().splitlines()[0]
            raise TuneError(f"the Ray cluster lost a trial {RETRIES} times: {line}") from None

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()


def _load(key: str, shared: tuple[Recipe, Dataset, Space]) -> None:
    """Load TensorFlow and the data in a process of the cluster, if it has not."""
    if key not in _benches:
        set_up_process()
        # Here, because TensorFlow takes seconds to start and reads the variables when it does.
        from tools.tune.evaluation import Bench

        _benches.clear()
        _benches[key] = Bench(*shared)


def _evaluate(key: str, shared: tuple[Recipe, Dataset, Space], task: Task) -> Outcome:
    """Evaluate a task in a process of the cluster, which keeps TensorFlow and compiled fits."""
    _load(key, shared)
    return perform(_benches[key], task)
