"""The steps of `vigil calibrate --board`: stream, follow the calibration, say its result."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from typing_extensions import override

from tools.monitor import text
from tools.monitor.board_run import BoardRun, load_source
from tools.monitor.boards.opening import open_board
from tools.monitor.controls import (
    Calibrate,
    Controls,
    ForgetCalibration,
    RenewWearer,
    StopCalibration,
)
from tools.monitor.events import CalibrationStatus, Event, Notice, View, WearerStatus
from tools.monitor.run import polite_end
from tools.monitor.settings import MonitorSettings
from tools.recordings.source import Source, of_recording
from training.bundle import Bundle, read_bundle
from training.bundle.errors import DataError
from training.bundle.labels import UNKNOWN
from training.bundle.manifest import Wearer
from training.bundle.wording import plural
from training.data.recording import Recording
from training.threshold import tolerance_note


class _Controls(Controls):
    """The first request to quit stops the calibration that runs on the board."""

    running = False
    stopped = False

    @override
    def quit(self, reason: str) -> None:
        if self.running and not self.stopped:
            self.stopped = True
            self.ask(StopCalibration())
        else:
            super().quit(reason)


class _Follow(View):
    """Shows the progress, and ends the stream with the calibration."""

    def __init__(self, controls: _Controls, out: Console) -> None:
        self._controls = controls
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=out
        )
        self._task: TaskID | None = None
        self.status: CalibrationStatus | None = None
        self.wearer: WearerStatus | None = None
        self.finished = False  # all windows were taken
        self.problem = ""

    @override
    def handle(self, event: Event) -> None:
        match event:
            case CalibrationStatus():
                self._follow(event)
            case WearerStatus():
                self._take_wearer(event)
            case Notice() if event.text.startswith(("not calibrated", "calibration not")):
                self.problem = event.text
                self._end()

    def _follow(self, status: CalibrationStatus) -> None:
        before, self.status = self.status, status
        if status.running:
            if self._task is None:
                self._progress.start()
                self._task = self._progress.add_task("calibrating", total=status.windows)
            self._controls.running = True
            self._progress.update(self._task, completed=status.taken)
        elif before is not None and before.running:
            self.finished = not self._controls.stopped
            if self._task is not None and self.finished:
                self._progress.update(self._task, completed=status.windows)
            self._end()

    def _take_wearer(self, status: WearerStatus) -> None:
        self.wearer = status
        if self._task is not None:
            doing = "calibrating" if status.learned else text.wearer_line(status)
            self._progress.update(self._task, description=doing)

    def _end(self) -> None:
        self._controls.running = False
        self._controls.quit("calibrated")

    @override
    def close(self) -> None:
        self._progress.stop()


def calibrate_board(settings: MonitorSettings, command: Calibrate, out: Console) -> None:
    """Let a board choose its threshold, and print the result.

    Raises:
        VigilError: the bundle, the source or the board cannot be used, or the board refuses.
        DataError: the source has too few windows, or the calibration was stopped.
    """
    controls = _Controls()
    view = _Follow(controls, out)
    with polite_end(controls) as streaming:
        bundle = read_bundle(settings.bundle)
        source = load_source(settings, bundle)
        _check_length(bundle, source, command)
        if isinstance(bundle.manifest.wearer, Wearer):
            controls.ask(RenewWearer())
        controls.ask(command)
        run = BoardRun(settings, bundle, settings.targets[0], source, controls, view, watch=False)
        run.run(opened=streaming.set)
    if run.failures:
        raise run.failures[0]
    if view.problem:
        raise DataError(view.problem)
    status = view.status
    if status is not None and status.running:
        if view.wearer is not None and not view.wearer.learned:
            raise DataError(
                f"the source ended after {view.wearer.beats} heartbeats of the {view.wearer.learn} "
                "from which the wearer is learned: give a longer one"
            )
        raise DataError(
            f"the source ended after {status.taken} of {status.windows} judged windows: give a "
            "longer one, or take fewer with --windows"
        )
    if status is None or status.source != "calibration" or not view.finished:
        raise DataError("the calibration was stopped; the board's threshold is unchanged")
    if view.wearer is not None:
        out.print(escape(text.wearer_line(view.wearer)))
    for line in text.calibration_lines(status):
        out.print(escape(line))
    out.print(escape(tolerance_note(status.windows, status.rate, status.tolerated)))


def forget_calibration(settings: MonitorSettings, out: Console) -> None:
    """Return a board to its image's threshold, and print it.

    Raises:
        VigilError: the bundle or the board cannot be used.
    """
    bundle = read_bundle(settings.bundle)
    with open_board(bundle, _nothing(bundle), settings.targets[0]) as board:
        board.calibrate(ForgetCalibration())
        if board.wearer is not None:
            board.renew_wearer()
            out.print("the wearer is forgotten, and learned anew")
        assert board.calibration is not None  # calibrate() has raised otherwise
        for line in text.calibration_lines(board.calibration):
            out.print(escape(line))


def _nothing(bundle: Bundle) -> Source:
    """Return a source for a session in which no sample is sent."""
    signal = bundle.manifest.signal
    recording = Recording(
        name="nothing",
        description="no samples",
        counts=np.zeros((1, len(signal.channels)), np.int16),
        labels=np.full(1, UNKNOWN, np.int8),
        channels=tuple(signal.channels),
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=signal.rate_hz,
    )
    return of_recording(recording)


def _check_length(bundle: Bundle, source: Source | None, command: Calibrate) -> None:
    """Raise DataError if a recording has fewer windows than the calibration takes."""
    grid = bundle.manifest.grid
    if source is None or source.frames is None:
        return
    windows = max((source.frames - grid.span) // grid.hop + 1, 0)
    if windows < command.windows:
        raise DataError(
            f"{source.facts.name} has {windows} {plural('window', windows)}, fewer than "
            f"{command.windows}: give a longer recording, or take fewer with --windows"
        )
