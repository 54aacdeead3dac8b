"""The browser view of a run: one thread per board, and one server for all of them."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO

from tools.monitor.board_run import BoardRun
from tools.monitor.controls import Controls
from tools.monitor.settings import Browser, Emulated, InProcess, MonitorSettings, Target
from tools.monitor.sinks import print_lines
from tools.monitor.web.hub import BoardView, Hub
from tools.monitor.web.server import serve
from tools.recordings.source import Source
from training.bundle import Bundle
from training.bundle.errors import VigilError

JOIN_SECONDS = 5.0  # that a stream has to close its session


def run_in_browser(
    settings: MonitorSettings,
    view: Browser,
    bundle: Bundle,
    source: Source | None,
    stop: Controls,
    out: TextIO,
) -> dict[str, BoardRun]:
    """Serve the page until `stop` quits, or until every board has failed at its start.

    The page is served on after a stream has ended. An error of one board is printed to standard
    error at once; the other boards' streams continue.

    Returns:
        The runs by key; the key of a single board is empty.

    Raises:
        VigilError: the page cannot be served, or its address cannot be printed.
    """
    hub = Hub()
    threads = [
        _BoardThread(settings, bundle, source, target, hub, key)
        for key, target in _keys(settings.targets).items()
    ]
    with serve(hub, view) as addresses:
        lines = [addresses.operator, "open it in a browser; Ctrl-C ends"]
        if view.shared:
            lines.insert(1, f"to look without commands: {addresses.viewer}")
        for failure in print_lines(lines, out):
            raise failure
        for each in threads:
            each.start()
        while not stop.quitting and not all(each.failed_at_start for each in threads):
            for each in threads:
                each.print_failure()
            time.sleep(0.1)
        for each in threads:
            each.board_run.controls.quit(stop.quit_reason or "the other boards failed")
        for each in threads:
            each.join(JOIN_SECONDS)
    for each in threads[1:]:
        each.print_failure()
    if len(threads) == 1:
        return {"": threads[0].board_run}
    return {each.view.key: each.board_run for each in threads}


def _keys(targets: tuple[Target, ...]) -> dict[str, Target]:
    names = [_name(target) for target in targets]
    return {
        name if names.count(name) == 1 else f"{name} {n + 1}": target
        for n, (name, target) in enumerate(zip(names, targets, strict=True))
    }


def _name(target: Target) -> str:
    match target:
        case Emulated():
            return "emulated"
        case InProcess():
            return "in-process"
    return target.name


class _BoardThread(threading.Thread):
    def __init__(
        self,
        settings: MonitorSettings,
        bundle: Bundle,
        source: Source | None,
        target: Target,
        hub: Hub,
        key: str,
    ) -> None:
        super().__init__(name=f"stream {key}", daemon=True)
        controls = Controls()
        self.view: BoardView = hub.view(key, controls)
        self.board_run = BoardRun(settings, bundle, target, source, controls, self.view, watch=True)
        self._printed = False

    def run(self) -> None:
        """Stream; show an error on the page."""
        run = self.board_run
        run.run()
        run.failures[:] = [
            failure
            if isinstance(failure, VigilError)
            else VigilError(f"{type(failure).__name__}: {failure}")
            for failure in run.failures
        ]
        if run.failures:
            self.view.fail(str(run.failures[0]))

    @property
    def failed_at_start(self) -> bool:
        """Whether the stream ended with an error before it began."""
        return bool(self.board_run.failures) and not self.board_run.opened

    def print_failure(self) -> None:
        """Print the error, if there is one, to standard error; only once."""
        if self.board_run.failures and not self.is_alive() and not self._printed:
            self._printed = True
            failure = self.board_run.failures[0]
            print(f"vigil: {self.view.key}: {failure}", file=sys.stderr, flush=True)
