"""A board in the test's own process, with the events that a link brings and no link."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.monitor.board import BoardEvent
from tools.monitor.events import (
    BoardFacts,
    CalibrationStatus,
    LinkCounters,
    WearerStatus,
    WindowScored,
    WindowsLost,
)
from tools.recordings.source import Source, of_recording
from training.bundle.decision import alarm_text
from training.bundle.errors import LinkError
from training.bundle.manifest import AlarmLevels
from training.data.recording import Recording
from training.native.core import Segmenter

WINDOW = 20


def recording(windows: int = 30, hop: int = WINDOW, rate_hz: float | None = 100.0) -> Recording:
    """Windows of noise; every fifth is twenty times as strong and labelled abnormal."""
    random = np.random.default_rng(7)
    frames = (windows - 1) * hop + WINDOW
    labels = np.zeros(frames, np.int8)
    counts = random.normal(0, 100, (frames, 1))
    for k in range(4, windows, 5):
        labels[k * hop : k * hop + WINDOW] = 1
        counts[k * hop : k * hop + WINDOW] *= 20
    return Recording(
        name="noise",
        description="noise, some of it strong",
        counts=counts.astype(np.int16),
        labels=labels,
        channels=("ecg",),
        units=("mV",),
        gain=(200.0,),
        offset=(0,),
        rate_hz=rate_hz,
        simulated=True,
    )


def source(windows: int = 30, repeat: bool = False, **facts: object) -> Source:
    """The recording above as a source."""
    return of_recording(recording(windows, **facts), repeat)  # type: ignore[arg-type]


class FakeBoard:
    """Scores a window by its mean square, keeps its place, and may lose windows on request."""

    def __init__(
        self,
        hop: int = WINDOW,
        resume_frame: int | None = None,
        credit: int = 64,
        alarm: str = "",
        reconstructs: bool = True,
    ) -> None:
        self.facts = BoardFacts(
            port="/dev/fake",
            board="fake",
            emulated=True,
            engine="compiled",
            model="noise",
            model_hash="0123456789abcdef",
            window=WINDOW,
            hop=hop,
            channels=1,
            rate_hz=100.0,
            threshold=1e5,
            trained_threshold=1e5,
            golden_passed=4,
            golden_total=4,
            alarm=alarm,
            reconstructs=reconstructs,
        )
        self.levels: AlarmLevels | None = None
        self.resume_frame = resume_frame
        self.answers = True
        self.closed = 0
        self.restarts = self.retries = 0
        self.finished: bool | None = None
        self.sent = 0
        self.threshold = self.facts.threshold
        self.lose: set[int] = set()
        self.fail_at: int | None = None
        self._credit = credit
        self._segmenter = Segmenter(WINDOW, hop, 1)
        self._segmenter.restart(resume_frame or 0)
        self._waiting: deque[BoardEvent] = deque()

    def set_alarm(self, levels: AlarmLevels) -> str:
        self.levels = levels
        return alarm_text(levels)

    def retry(self) -> None:
        self.retries += 1

    def room(self) -> int:
        return self._credit if len(self._waiting) < 4 else 0

    def send(self, first_frame: int, counts: NDArray[np.int16]) -> None:
        assert counts.dtype == np.int16
        assert 0 < len(counts) <= self._credit
        assert first_frame == self._segmenter.next_frame
        self.sent += len(counts)
        if self.fail_at is not None and first_frame >= self.fail_at:
            raise LinkError("/dev/fake: the port is gone")
        indices, windows, _ = self._segmenter.push(first_frame, counts)
        for index, window in zip(indices.tolist(), windows, strict=True):
            if index in self.lose:
                self._waiting.append(WindowsLost(index, 1, "engine"))
                continue
            zeros = np.zeros((WINDOW, 1), np.float32)
            score = float(np.float32((window.astype(np.float64) ** 2).mean()))
            self._waiting.append(
                WindowScored(
                    index=index,
                    first_frame=index * self.facts.hop,
                    score=score,
                    threshold=self.threshold,
                    flag=score > self.threshold,
                    microseconds=50,
                    reconstruction=zeros if self.facts.reconstructs else None,
                )
            )

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        if not self._waiting:
            time.sleep(timeout)
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def set_threshold(self, value: float) -> float:
        if not math.isfinite(value):
            raise LinkError("/dev/fake: the board refuses it")
        self.threshold = value
        return value

    calibration: CalibrationStatus | None = None

    def calibrate(self, command: object) -> None:
        raise LinkError("/dev/fake: the board's firmware cannot calibrate")

    wearer: WearerStatus | None = None

    def accept(self, window: int) -> None:
        raise LinkError(f"/dev/fake: window {window} cannot be accepted")

    def renew_wearer(self) -> None:
        raise LinkError("/dev/fake: the model does not learn a wearer")

    def take_up(self) -> int:
        assert self.resume_frame is not None
        return self.resume_frame

    def restart(self) -> None:
        self.restarts += 1
        self._waiting.clear()
        self._segmenter.restart(0)

    def counters(self) -> LinkCounters:
        return LinkCounters(sent=self.sent, received=self.sent // 2)

    def close(self, finished: bool) -> None:
        self.closed += 1
        self.finished = finished
