"""In-process board: the firmware's signal chain in this process, with the model in the interpreter.

Segmenter, quality gate, scaler and score are the firmware's C++; the TensorFlow Lite Micro
interpreter replaces the engine. The scores equal a board's bit for bit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tools.link.explain import NOT_KEPT
from tools.monitor import controls
from tools.monitor.beat_watch import NO_BEAT
from tools.monitor.board import BoardEvent
from tools.monitor.boards.calibrating import request_of
from tools.monitor.boards.dequantize import to_counts
from tools.monitor.boards.wearing import status_of_host
from tools.monitor.controls import Calibrate, ForgetCalibration, StopCalibration
from tools.monitor.events import (
    BoardFacts,
    CalibrationStatus,
    LinkCounters,
    ThresholdChanged,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.recordings.source import Counts
from training.bundle import Bundle
from training.bundle.chain import CLIPPED, LEARNING, REASONS, gate_of, input_of, score_of, wearer_of
from training.bundle.decision import alarm_text, decision_of
from training.bundle.errors import LinkError
from training.bundle.interpreter import open_interpreter
from training.bundle.manifest import AlarmLevels, Beats, Decision, Wearer
from training.bundle.segment import segmenter_of
from training.native.core import Calibration

FRAMES_PER_CALL = 1024  # few enough for commands to take effect in between


class InProcessBoard:
    """Implements `tools.monitor.stream.Board` without a board."""

    def __init__(self, bundle: Bundle, watch: bool = False) -> None:
        m = bundle.manifest
        self._manifest, self._watch = m, watch
        self._gate, self._wearer = gate_of(m), wearer_of(m)
        self._interpreter, self._input, self._score = (
            open_interpreter(bundle.model),
            input_of(m),
            score_of(m),
        )
        grid = m.grid
        self._segmenter = segmenter_of(m)
        self._decision = decision_of(m)
        self._waiting: deque[BoardEvent] = deque()
        self._before = grid.before if isinstance(m.segmenter, Beats) else None
        self._taking: Calibration | None = None
        threshold = float(np.float32(m.threshold.value))
        self.facts = BoardFacts(
            port="this machine",
            board="host",
            emulated=False,
            engine="interpreter",
            model=m.name,
            model_hash=bundle.hash8.hex(),
            window=grid.window,
            hop=grid.hop,
            channels=len(m.signal.channels),
            rate_hz=m.signal.rate_hz,
            threshold=threshold,
            trained_threshold=threshold,
            golden_passed=0,
            golden_total=0,
            span=grid.span,
            cuts_beats=isinstance(m.segmenter, Beats),
            personal=isinstance(m.wearer, Wearer),
            alarm=alarm_text(m.decision.alarm) if isinstance(m.decision, Decision) else "",
            reconstructs=m.raw_size > 0,
        )
        self.calibration = CalibrationStatus("none", "bundle", threshold, 0, 0, 0, 0.0, 0.0)

    answers = True

    @property
    def resume_frame(self) -> int | None:
        return None

    def take_up(self) -> int:
        return 0

    def restart(self) -> None:
        if self._wearer is not None:
            self._wearer.restart()
        self._segmenter.restart(0)
        if self._decision is not None:
            self._decision.restart()
        self._waiting.clear()

    def room(self) -> int:
        return 0 if self._waiting else FRAMES_PER_CALL

    def send(self, first_frame: int, counts: Counts) -> None:
        frames = np.ascontiguousarray(counts)
        found = self._segmenter.push(first_frame, frames)
        self._take_lost(found.lost)
        places = zip(
            found.index.tolist(), found.first.tolist(), found.interval.tolist(), strict=True
        )
        for (index, first, interval), window, raw in zip(
            places, found.counts, found.raw, strict=True
        ):
            began = time.perf_counter()
            reason = self._gate(raw[np.newaxis])[0]
            if reason not in (0, CLIPPED):
                self._not_judged(index, first, interval, reason)
                continue
            scaled = self._input.scale(window[np.newaxis])
            output = self._interpreter.run(scaled)
            value = np.float32(self._score.score(scaled, output)[0])
            threshold = np.float32(self.facts.threshold)
            if self._wearer is not None:
                value = self._wearer.judge(
                    window[np.newaxis],
                    np.array([interval], np.uint32),
                    np.array([value]),
                    float(threshold),
                    self._decision,
                    np.array([index], np.uint64),
                    np.array([reason == CLIPPED]),
                )[0]
                if np.isnan(value):
                    self._say_wearer()
                    self._not_judged(index, first, interval, LEARNING)
                    continue
            if reason == CLIPPED and not value > threshold:
                self._not_judged(index, first, interval, CLIPPED)
                continue
            if self._wearer is None and self._decision is not None:
                self._decision.push(np.array([value]), float(threshold))
            reconstruction = to_counts(self._manifest, output[0], window) if self._watch else None
            p, alarm, drifted = (
                (None, False, False) if self._decision is None else self._decision.last
            )
            self._waiting.append(
                WindowScored(
                    index=index,
                    first_frame=first,
                    score=float(value),
                    threshold=float(threshold),
                    flag=bool(value > threshold),
                    microseconds=round(1e6 * (time.perf_counter() - began)),
                    reconstruction=reconstruction,
                    peak=None if self._before is None else first + self._before,
                    interval=interval,
                    p=p,
                    alarm=alarm,
                    drifted=drifted,
                )
            )
            self._take(value)
        self._pass_slots()

    def _not_judged(self, index: int, first: int, interval: int, reason: int) -> None:
        peak = None if self._before is None else first + self._before
        self._waiting.append(WindowNotJudged(index, first, REASONS[reason], peak, interval))

    def _pass_slots(self) -> None:
        """Report the slots without a beat, which count as windows of the stream."""
        last = self._segmenter.next_window - 1
        if self._before is not None and last >= 0:
            self._waiting.append(WindowsLost(last, 1, NO_BEAT))

    def skip(self, first_frame: int, count: int) -> None:
        nothing = np.empty((0, self.facts.channels), np.int16)
        lost = self._segmenter.push(first_frame + count, nothing).lost
        self._take_lost(lost)
        self._pass_slots()

    def _take_lost(self, lost: list[tuple[int, int]]) -> None:
        self._waiting.extend(WindowsLost(first, count, "gap") for first, count in lost)
        if lost and self._decision is not None:
            self._decision.gap()

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        if not self._waiting:
            time.sleep(timeout)
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def calibrate(self, command: controls.Calibration) -> None:
        match command:
            case Calibrate():
                request = request_of(command, self._manifest.threshold.false_alarm_rate)
                plan = request.windows, request.rate, request.tolerated
                try:
                    self._taking = Calibration(*plan)
                except (ValueError, TypeError) as problem:
                    raise LinkError(f"a calibration needs {problem}") from None
                rates = {"rate": request.rate / 1e6, "tolerated": request.tolerated / 1e6}
                self._say(state="running", windows=request.windows, taken=0, set_aside=0, **rates)
            case StopCalibration():
                self._taking = None
                self._say(state="none", windows=0, taken=0, set_aside=0)
            case ForgetCalibration():
                self._taking = None
                self.facts = replace(self.facts, threshold=self.facts.trained_threshold)
                if self._decision is not None:
                    nothing = np.empty(0, np.float32)
                    self._decision.calibrated(self.facts.threshold, nothing, 0)
                self._waiting.append(ThresholdChanged(self.facts.threshold))
                self._say(state="none", source="bundle", windows=0, taken=0, set_aside=0)

    def _take(self, score: np.float32) -> None:
        """Take the score of a judged window; a new threshold applies from the next one on."""
        taking = self._taking
        if taking is None:
            return
        taking.push(np.array([score], np.float32))
        if taking.is_complete:
            self._taking = None
            self.facts = replace(self.facts, threshold=taking.threshold)
            if self._decision is not None:
                scores = taking.taken - taking.set_aside
                self._decision.calibrated(taking.threshold, taking.largest, scores)
            self._waiting.append(ThresholdChanged(taking.threshold))
            figures = {"taken": taking.taken, "set_aside": taking.set_aside}
            self._say(state="not_kept", source="calibration", **figures)
        elif taking.taken % max(self.calibration.windows // 10, 1) == 0:
            self._say(taken=taking.taken)

    def _say(self, **changes: Any) -> None:
        self.calibration = replace(self.calibration, threshold=self.facts.threshold, **changes)
        self._waiting.append(self.calibration)

    def set_threshold(self, value: float) -> float:
        self.facts = replace(self.facts, threshold=float(np.float32(value)))
        self._say(source="host")
        return self.facts.threshold

    def set_alarm(self, levels: AlarmLevels) -> str:
        if self._decision is None:
            raise LinkError("the model has no alarm over windows: train it with alarm.kind")
        self._decision.configure(
            levels.kind, levels.windows, levels.raise_level, levels.clear_level
        )
        return alarm_text(levels)

    @property
    def wearer(self) -> WearerStatus | None:
        m = self._manifest
        if self._wearer is None or not isinstance(m.wearer, Wearer):
            return None
        return status_of_host(self._wearer, m.wearer.learn, m.signal.rate_hz)

    def accept(self, window: int) -> None:
        if self._wearer is None or not self._wearer.accept(window):
            raise LinkError(NOT_KEPT)
        self._say_wearer()

    def renew_wearer(self) -> None:
        if self._wearer is not None:
            self._wearer.restart()
        self._say_wearer()

    def _say_wearer(self) -> None:
        if (status := self.wearer) is not None:
            self._waiting.append(status)

    def retry(self) -> None:
        """Do nothing: it always answers."""

    def counters(self) -> LinkCounters:
        return LinkCounters()

    def close(self, finished: bool) -> None:
        """Do nothing."""
