"""A board that is none: the same signal chain on this machine, with the model in the interpreter.

Segment, scale and score are the firmware's own C++; the TensorFlow Lite Micro interpreter stands
in for the engine. What it gives is what a board gives, bit for bit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tools.monitor.events import BoardFacts, Counts, LinkCounters, WindowScored, WindowsLost
from tools.monitor.reconstruct import to_counts
from training.bundle.chain import scaler_of, score_of
from training.bundle.interpreter import open_interpreter
from training.native.core import Segmenter

if TYPE_CHECKING:
    from tools.monitor.stream import BoardEvent
    from training.bundle import Bundle

FRAMES_AT_ONCE = 1024


class HostBoard:
    """Scores in the process that asks (`tools.monitor.stream.Board`)."""

    def __init__(self, bundle: Bundle, watch: bool = False) -> None:
        m = bundle.manifest
        self._manifest, self._watch = m, watch
        self._interpreter, self._scaler, self._score = (
            open_interpreter(bundle.model),
            scaler_of(m),
            score_of(m),
        )
        window, hop, channels = m.segmenter.window, m.segmenter.hop, len(m.signal.channels)
        self._segmenter = Segmenter(window, hop, channels)
        self._waiting: deque[BoardEvent] = deque()
        threshold = float(np.float32(m.threshold.value))
        self.facts = BoardFacts(
            port="this machine",
            board="host",
            emulated=False,
            engine="interpreter",
            model=m.name,
            model_hash=bundle.hash8.hex(),
            window=window,
            hop=hop,
            channels=channels,
            rate_hz=m.signal.rate_hz,
            threshold=threshold,
            trained_threshold=threshold,
            golden_passed=0,
            golden_total=0,
        )

    answers = True

    @property
    def resume_frame(self) -> int:
        """It never holds an unfinished stream."""
        return 0

    def take_up(self) -> int:
        """There is nothing to take up."""
        return 0

    def restart(self) -> None:
        """Begin at frame 0."""
        self._segmenter.restart(0)
        self._waiting.clear()

    def room(self) -> int:
        """A little at a time, so that commands are obeyed in between."""
        return 0 if self._waiting else FRAMES_AT_ONCE

    def send(self, first_frame: int, counts: Counts) -> None:
        """Segment, and score what is whole."""
        frames = np.ascontiguousarray(counts)
        indices, windows, lost = self._segmenter.push(first_frame, frames)
        self._waiting.extend(WindowsLost(first, count, "gap") for first, count in lost)
        for index, window in zip(indices.tolist(), windows, strict=True):
            began = time.perf_counter()
            scaled = self._scaler.scale(window[np.newaxis])
            output = self._interpreter.run(scaled)
            value = np.float32(self._score.score(scaled, output)[0])
            made = to_counts(self._manifest, output[0], window) if self._watch else None
            threshold = np.float32(self.facts.threshold)
            self._waiting.append(
                WindowScored(
                    index=index,
                    first_frame=index * self.facts.hop,
                    score=float(value),
                    threshold=float(threshold),
                    flag=bool(value > threshold),
                    microseconds=round(1e6 * (time.perf_counter() - began)),
                    reconstruction=made,
                )
            )

    def skip(self, first_frame: int, count: int) -> None:
        """The windows that these frames touch are lost."""
        nothing = np.empty((0, self.facts.channels), np.int16)
        _, _, lost = self._segmenter.push(first_frame + count, nothing)
        self._waiting.extend(WindowsLost(first, number, "gap") for first, number in lost)

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """What was scored."""
        if not self._waiting:
            time.sleep(timeout)
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def set_threshold(self, value: float) -> float:
        """As float32, like a board's."""
        held = float(np.float32(value))
        self.facts = replace(self.facts, threshold=held)
        return held

    def counters(self) -> LinkCounters:
        """There is no link."""
        return LinkCounters()

    def close(self, finished: bool) -> None:
        """Nothing is held."""
