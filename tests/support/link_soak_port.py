"""A long stream to an emulated board over a faulty line, with resets of both sides."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.process_memory import resident_bytes
from tools.boards.emulated import EmulatedBoard
from tools.link.events import Event, Lost, Resumed, Scored
from tools.link.fault_proxy import FaultProxy
from tools.link.faults import FaultConfig
from tools.link.session import Session, stream_id
from tools.link.transport import SerialTransport
from training.bundle import Bundle
from training.bundle.errors import BoardError, LinkError
from training.bundle.reference import compute

STREAM = stream_id("soak over the port")
RESETS = ("button", "message", "plug")


class KilledError(Exception):
    """The host program ended between two bytes, without GOODBYE."""


@dataclass
class Plan:
    """The stream and its expected scores.

    Attributes:
        counts: int16 [n, channels].
        expected: float32 [windows]; NaN where a gap touches the window.
        gaps: samples that the host never has, as (first, one past the last), ascending and apart.
        hop: samples from one window to the next.
    """

    counts: NDArray[np.int16]
    expected: NDArray[np.float32]
    gaps: list[tuple[int, int]]
    hop: int


@dataclass
class Outcome:
    """Counts of reported windows, of resets and of line faults."""

    samples: int
    windows: int
    scored: int = 0
    lost: int = 0
    wrong: int = 0
    """Windows whose score is not the interpreter's."""
    wrongly_lost: int = 0
    """Windows reported as lost although the host had their samples."""
    twice: int = 0
    """Reports that came again or out of order."""
    board_resets: Counter[str] = field(default_factory=Counter)
    host_restarts: int = 0
    resumed: int = 0
    rebooted: int = 0
    frames: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    corrupt: int = 0
    resent: int = 0
    seconds: float = 0.0
    resident: list[int] = field(default_factory=list)
    """Resident bytes of this process, at each twentieth of the stream."""

    @property
    def silent(self) -> int:
        """Windows that were never reported."""
        return self.windows - self.scored - self.lost

    @property
    def complete(self) -> bool:
        return not (self.silent or self.wrong or self.wrongly_lost or self.twice)


def make_plan(bundle: Bundle, recording: NDArray[np.int16], samples: int, gaps: int) -> Plan:
    """Tile `recording` (int16 [n, channels]) to `samples`, add noise and compute all scores."""
    draw = np.random.default_rng(1)
    times = -(-samples // len(recording))
    counts = np.tile(recording, (times, 1))[:samples].astype(np.int32)
    spread = max(int(recording.std() / 10), 1)
    counts += draw.integers(-spread, spread + 1, counts.shape)
    counts = np.clip(counts, -32768, 32767).astype(np.int16)
    window, hop = bundle.manifest.segmenter.window, bundle.manifest.segmenter.hop
    starts = np.arange(0, samples - window + 1, hop)
    expected = np.empty(len(starts), np.float32)
    for some in np.array_split(np.arange(len(starts)), max(len(starts) // 4096, 1)):
        rows = np.stack([counts[start : start + window] for start in starts[some]])
        scores = compute(bundle, rows).score
        assert scores is not None
        expected[some] = scores
    # One gap in each of as many stretches: never two that touch.
    edges = np.linspace(0, samples, gaps + 1).astype(int).tolist()
    placed = []
    for first, last in pairwise(edges):
        at = first + int(draw.integers(1, max((last - first) // 2, 2)))
        end = min(at + int(draw.integers(1, 5 * window)), last - 1)
        if at < end:
            placed.append((at, end))
            expected[(starts < end) & (starts + window > at)] = np.nan
    return Plan(counts, expected, placed, hop)


class KilledWriter(SerialTransport):
    """A port whose host program ends after a number of written bytes, anywhere in a frame."""

    def __init__(self, port: str, left: Callable[[int], bool]) -> None:
        super().__init__(port)
        self._is_killed = left

    def write(self, data: bytes) -> None:
        if self._is_killed(len(data)):
            super().close()
            raise KilledError
        super().write(data)


class Soak:
    """One board, one faulty line, and a sequence of hosts."""

    def __init__(self, plan: Plan, board: EmulatedBoard, line: FaultProxy, seed: int) -> None:
        self.plan, self._board, self._line = plan, board, line
        self.outcome = Outcome(len(plan.counts), len(plan.expected))
        self._next = 0
        """The first window without a report: a program would keep it on disk."""
        self._draw = random.Random(seed)
        self._resets: list[tuple[int, str]] = []
        self._kill_at: list[int] = []
        self._written = 0
        self._progress = len(plan.expected) / 20

    def run(self, board_resets: int, host_restarts: int) -> Outcome:
        began, windows = time.monotonic(), len(self.plan.expected)
        self._resets = sorted(
            (self._draw.randrange(windows), RESETS[k % len(RESETS)]) for k in range(board_resets)
        )
        size = 2 * self.plan.counts.size
        self._kill_at = sorted(self._draw.randrange(size) for _ in range(host_restarts))
        while not self._run_host():
            self.outcome.host_restarts += 1
        for way in (self._line.to_board, self._line.to_host):
            self.outcome.frames += way.frames
            self.outcome.faults += way.faults
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _is_killed(self, size: int) -> bool:
        self._written += size
        if self._kill_at and self._written >= self._kill_at[0]:
            del self._kill_at[0]
            return True
        return False

    def _run_host(self) -> bool:
        """Run one host; False if it was killed before the end of the stream."""

        def port() -> KilledWriter:
            return KilledWriter(self._line.port, self._is_killed)

        session = None
        try:
            session = Session(port(), reopen=port)
            session.start(STREAM, window=self._next or None)
            while not (self._offer(session) and session.done):
                for event in session.poll(0.02):
                    self._take(event)
                self._maybe_reset(session)
            session.close()
        except KilledError:
            return False
        finally:
            if session is not None:
                self.outcome.corrupt += session.counters.corrupt
                self.outcome.resent += session.counters.resent
        return True

    def _offer(self, session: Session) -> bool:
        """Offer samples while the session has room; True when all were taken."""
        plan = self.plan
        while (at := session.next_sample) < len(plan.counts):
            gap = next(((a, b) for a, b in plan.gaps if b > at), None)
            if gap is not None and gap[0] <= at:
                session.skip(gap[1] - at)
                continue
            end = min(at + 4096, gap[0] if gap else len(plan.counts))
            if session.offer(plan.counts[at:end]) < end - at:
                return False
        return True

    def _take(self, event: Event) -> None:
        out, expected = self.outcome, self.plan.expected
        if isinstance(event, Scored):
            first, count = event.window, 1
            right = np.float32(event.score) == expected[event.window]
            out.scored += 1
            out.wrong += not right
        elif isinstance(event, Lost):
            first, count = event.first, event.count
            out.lost += count
            out.wrongly_lost += int((~np.isnan(expected[first : first + count])).sum())
        else:
            if isinstance(event, Resumed):
                out.resumed += 1
                out.rebooted += event.rebooted
            return
        out.twice += first != self._next
        self._next = first + count
        while self._next >= self._progress * (len(out.resident) + 1):
            out.resident.append(resident_bytes())
            print(
                f"{5 * len(out.resident):3} %: window {self._next:,}, "
                f"{out.resident[-1] / 2**20:.1f} MiB",
                file=sys.stderr,
                flush=True,
            )

    def _maybe_reset(self, session: Session) -> None:
        if not self._resets or self._next < self._resets[0][0]:
            return
        _, how = self._resets.pop(0)
        self.outcome.board_resets[how] += 1
        if how == "button":
            self._board.reset()
        elif how == "message":
            session.reboot()
        else:
            self._board.kill()
            time.sleep(self._draw.uniform(0.0, 1.0))
            self._board.start()


@contextmanager
def faulty_line(board: EmulatedBoard, rate: float, seed: int) -> Iterator[FaultProxy]:
    """A fault proxy in front of a board that may vanish and return on another port."""

    def reopen() -> SerialTransport:
        try:
            return SerialTransport(board.port)
        except BoardError as gone:
            raise LinkError(str(gone)) from gone

    ways = FaultConfig(rate, seed), FaultConfig(rate, seed + 1)
    with FaultProxy(reopen(), *ways, reopen=reopen) as line:
        yield line


def soak(
    plan: Plan,
    elf: Path,
    *,
    rate: float = 0.01,
    seed: int = 1,
    board_resets: int = 20,
    host_restarts: int = 20,
) -> Outcome:
    """Stream a plan to the image `elf` and return the outcome."""
    with EmulatedBoard(elf) as board, faulty_line(board, rate, seed) as line:
        return Soak(plan, board, line, seed).run(board_resets, host_restarts)
