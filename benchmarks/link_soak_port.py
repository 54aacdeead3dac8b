"""Ten million samples to the emulated board, over a line that damages 1 % of all frames.

Run this: `python benchmarks/link_soak_port.py build/ecg5000`. It boots the real firmware in QEMU,
streams the bundle's data set (tiled, with noise on it, so that no two windows are alike) through
the fault proxy, resets the board 20 times (its reset button, the REBOOT message, the plug pulled)
and kills the host 20 times, each in the midst of whatever goes on, and holds every score against
the TensorFlow Lite Micro interpreter's. Every window must come exactly once: with the right score,
or as lost, if the host never had its samples. See docs/link.md for what was measured.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import resident_bytes
from tools.boards.emulated import EmulatedBoard
from tools.link.events import Event, Lost, Resumed, Scored
from tools.link.fault_proxy import FaultProxy
from tools.link.faults import FaultConfig
from tools.link.session import Session, stream_id
from tools.link.transport import SerialTransport
from training.bundle import Bundle, read_bundle
from training.bundle.errors import BoardError, LinkError, VigilError
from training.bundle.reference import compute

STREAM = stream_id("soak over the port")
RESETS = ("button", "message", "plug")


class KilledError(Exception):
    """The host's program ended between two bytes, without a goodbye."""


@dataclass
class Plan:
    """What is streamed, and what must come of it.

    counts int16 [n, channels]; expected float32 [windows], NaN where a gap touches the window;
    gaps: samples that the host never has, as (first, one past the last), ascending and apart.
    """

    counts: NDArray[np.int16]
    expected: NDArray[np.float32]
    gaps: list[tuple[int, int]]
    hop: int


@dataclass
class Outcome:
    """What became of every window, and what was done to both sides and to the line."""

    samples: int
    windows: int
    scored: int = 0
    lost: int = 0
    wrong: int = 0
    """Scored, but not with the interpreter's score."""
    wrongly_lost: int = 0
    """Reported as lost, though the host had the samples."""
    twice: int = 0
    """Came again, or out of turn."""
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
    """Bytes of this process's memory, at each twentieth of the stream."""

    @property
    def silent(self) -> int:
        """Windows of which nothing was ever said."""
        return self.windows - self.scored - self.lost

    @property
    def complete(self) -> bool:
        return not (self.silent or self.wrong or self.wrongly_lost or self.twice)


def make_plan(bundle: Bundle, recording: NDArray[np.int16], samples: int, gaps: int) -> Plan:
    """`samples` of the recording, over and over, each time with other noise; and their scores."""
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
        found = compute(bundle, rows).score
        assert found is not None
        expected[some] = found
    # One gap in each of as many stretches: never two that touch.
    edges = np.linspace(0, samples, gaps + 1).astype(int).tolist()
    places = []
    for first, last in pairwise(edges):
        at = first + int(draw.integers(1, max((last - first) // 2, 2)))
        end = min(at + int(draw.integers(1, 5 * window)), last - 1)
        if at < end:
            places.append((at, end))
            expected[(starts < end) & (starts + window > at)] = np.nan
    return Plan(counts, expected, places, hop)


class Mortal(SerialTransport):
    """A port whose program ends when it has written so many bytes more, wherever that is."""

    def __init__(self, port: str, left: Callable[[int], bool]) -> None:
        super().__init__(port)
        self._dies = left

    def write(self, data: bytes) -> None:
        if self._dies(len(data)):
            super().close()
            raise KilledError
        super().write(data)


class Soak:
    """One board, one bad line, and hosts that come and go."""

    def __init__(self, plan: Plan, board: EmulatedBoard, line: FaultProxy, seed: int) -> None:
        self.plan, self._board, self._line = plan, board, line
        self.outcome = Outcome(len(plan.counts), len(plan.expected))
        self._next = 0
        """The window whose report the program has not had: what it would keep on a disk."""
        self._draw = random.Random(seed)
        self._resets: list[tuple[int, str]] = []
        self._deaths: list[int] = []
        self._written = 0
        self._progress = len(plan.expected) / 20

    def run(self, board_resets: int, host_restarts: int) -> Outcome:
        began, windows = time.monotonic(), len(self.plan.expected)
        self._resets = sorted(
            (self._draw.randrange(windows), RESETS[k % len(RESETS)]) for k in range(board_resets)
        )
        size = 2 * self.plan.counts.size
        self._deaths = sorted(self._draw.randrange(size) for _ in range(host_restarts))
        while not self._a_host():
            self.outcome.host_restarts += 1
        for way in (self._line.to_board, self._line.to_host):
            self.outcome.frames += way.frames
            self.outcome.faults += way.faults
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _dies(self, size: int) -> bool:
        self._written += size
        if self._deaths and self._written >= self._deaths[0]:
            del self._deaths[0]
            return True
        return False

    def _a_host(self) -> bool:
        """One life of the host's program; False if it was killed before the stream's end."""

        def port() -> Mortal:
            return Mortal(self._line.port, self._dies)

        session = None
        try:
            session = Session(port(), reopen=port)
            session.start(STREAM, window=self._next or None)
            while not (self._give(session) and session.done):
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

    def _give(self, session: Session) -> bool:
        """Hands on samples, as many as there is room for; True when all are."""
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
def bad_line(board: EmulatedBoard, rate: float, seed: int) -> Iterator[FaultProxy]:
    """The fault proxy in front of a board that may be gone for a while, and come back elsewhere."""

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
    """Streams a plan to the image `elf` and says what became of every window."""
    with EmulatedBoard(elf) as board, bad_line(board, rate, seed) as line:
        return Soak(plan, board, line, seed).run(board_resets, host_restarts)


def main() -> int:
    settings = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    settings.add_argument("bundle", type=Path, nargs="?", default=Path("build/ecg5000"))
    settings.add_argument("--samples", type=int, default=10_000_000)
    settings.add_argument("--rate", type=float, default=0.01, help="of frames damaged, each way")
    settings.add_argument("--resets", type=int, default=20, help="of each side")
    settings.add_argument("--gaps", type=int, default=40, help="stretches the host never had")
    settings.add_argument("--seed", type=int, default=1)
    given = settings.parse_args()

    from tools.boards.build import build
    from tools.convert import convert
    from tools.monitor.source import of_bundle

    bundle = read_bundle(given.bundle)
    counts = of_bundle(bundle).counts
    with tempfile.TemporaryDirectory() as scratch:
        convert(given.bundle, Path(scratch) / "generated", ["compiled"])
        elf = build("emulated", Path(scratch) / "generated", Path(scratch)).elf
        plan = make_plan(bundle, counts, given.samples, given.gaps)
        result = soak(
            plan,
            elf,
            rate=given.rate,
            seed=given.seed,
            board_resets=given.resets,
            host_restarts=given.resets,
        )
    for name in ("samples", "windows", "scored", "lost", "wrong", "wrongly_lost", "twice"):
        print(f"{name:15} {getattr(result, name):>12,}")
    print(f"{'never reported':15} {result.silent:>12,}")
    print(f"{'expected lost':15} {int(np.isnan(plan.expected).sum()):>12,}")
    resets = ", ".join(f"{count} by {how}" for how, count in result.board_resets.items())
    print(f"{'resets':15} {result.board_resets.total()} of the board ({resets}), ", end="")
    print(f"{result.host_restarts} of the host")
    print(f"{'frames':15} {result.frames:>12,} (good ones and damaged, both ways)")
    print(f"{'faults':15} {result.faults.total():>12,}: {dict(sorted(result.faults.items()))}")
    print(f"{'sent again':15} {result.resent:>12,} frames of the host")
    print(f"{'seen corrupt':15} {result.corrupt:>12,} pieces, by the host")
    print(
        f"{'time':15} {result.seconds:>12.1f} s: {result.samples / result.seconds:,.0f} samples/s"
    )
    rss = [f"{size / 2**20:.1f}" for size in result.resident]
    print(f"{'memory':15} {' '.join(rss)} MiB at each twentieth")
    return 0 if result.complete else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VigilError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
