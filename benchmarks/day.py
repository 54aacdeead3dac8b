"""A day of ECG through the chain with a wearer: on the host, and in part on the emulated board.

    python -m benchmarks.day [--hours 24] [--board-hours 24] [--bundle build/ecg]

It needs VIGIL_DATA with MIT-BIH's records, and the bundle of `vigil train ecg`. The day is the
records in a row as one stream, whose samples are counted from 2^31 - 100,000 on. Each record is
another person, and a new wearer is begun for most of them. In every sixth half-hour, something else
happens instead, and the summary says what board and wearer made of it:

- *lead off*: two minutes are missing, and two more are flat
- *other lead*: the record's second lead from the middle on; a new wearer is requested after five
  minutes
- *other person*: a new wearer is requested after five minutes

The emulated board takes about 70,000 samples per second over its link, so that a day lasts some
minutes; it must give the bits of the host. The exit code is 1 if a window is missing, a
score differs, or something grows.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.boards.build import build
from tools.boards.emulated import EmulatedBoard
from tools.convert import convert
from tools.link.events import Lost, Scored
from tools.link.messages import LostReason, WearerAction, WearerRequest
from tools.link.session import Session
from training.bundle import Bundle, read_bundle
from training.bundle.chain import CLIPPED, LEARNING, REASONS, gate_of, is_scored, wearer_of
from training.bundle.decision import decision_of
from training.bundle.manifest import Manifest, Wearer
from training.bundle.reference import compute
from training.bundle.segment import segmenter_of
from training.data.download import data_folder

START = (1 << 31) - 100_000
MINUTE = 60 * 180  # frames
PIECE = 10 * MINUTE  # frames that are streamed at once
GROWTH = 64 << 10  # KiB: more after the first hour is a leak
SPECIAL = ("lead off", "other lead", "other person")

Counts = NDArray[np.int16]


@dataclass(frozen=True)
class Piece:
    """A part of the day; what is said to the board before it."""

    record: str
    frames: Counts
    special: str = ""  # one of SPECIAL
    renew: bool = False  # begin with a new wearer
    missing: int = 0  # frames before it that were not taken
    at: int = 0  # its first frame in what `pieces` was given


def leads(path: Path) -> Counts:
    """Return both leads of a record at 180 Hz, int16 [frames, 2]."""
    # Importing wfdb takes a second.
    import wfdb
    from scipy.signal import decimate

    signal = wfdb.rdrecord(str(path), physical=False).d_signal.astype(np.float64)
    counts: Counts = np.rint(decimate(signal, 2, axis=0, ftype="fir")).astype(np.int16)
    return counts


def day(folder: Path, hours: float) -> Iterator[Piece]:
    """Yield the pieces of a day."""
    names = sorted(path.stem for path in folder.glob("*.dat"))
    left = int(hours * 60 * MINUTE)
    for half_hour in range(int(2 * hours + 1)):
        both = leads(folder / names[half_hour % len(names)])[:left]
        left -= len(both)
        name = names[half_hour % len(names)]
        special = SPECIAL[half_hour // 6 % 3] if half_hour % 6 == 3 else ""
        first, middle = both[:, :1], len(both) // 2
        if special == "lead off":
            first = first.copy()
            first[middle : middle + 2 * MINUTE] = first[middle]
            yield from pieces(name, first[: middle - 2 * MINUTE], renew=True)
            yield from pieces(name, first[middle:], special, missing=2 * MINUTE)
        elif special == "other lead":
            yield from pieces(name, first[:middle], renew=True)
            yield from pieces(name, both[middle : middle + 5 * MINUTE, 1:], special)
            yield from pieces(name, both[middle + 5 * MINUTE :, 1:], renew=True)
        elif special == "other person":
            yield from pieces(name, first[: 5 * MINUTE], special)
            yield from pieces(name, first[5 * MINUTE :], renew=True)
        else:
            yield from pieces(name, first, renew=half_hour > 0)


def pieces(
    record: str, frames: Counts, special: str = "", *, renew: bool = False, missing: int = 0
) -> Iterator[Piece]:
    """Yield frames in pieces that are streamed at once."""
    for at in range(0, len(frames), PIECE):
        part = np.ascontiguousarray(frames[at : at + PIECE])
        yield Piece(record, part, special, renew and at == 0, missing if at == 0 else 0, at)


@dataclass
class Outcome:
    """Results of a piece: each window's score, or the reason why it has none."""

    scores: dict[int, float] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


class Host:
    """The chain in this process."""

    def __init__(self, bundle: Bundle) -> None:
        m: Manifest = bundle.manifest
        self._bundle, self._threshold = bundle, m.threshold.value
        self._segmenter, self._gate = segmenter_of(m), gate_of(m)
        self._decision = decision_of(m)
        wearer = wearer_of(m)
        if wearer is None:
            raise SystemExit("the bundle has no wearer: vigil train ecg")
        self._wearer = wearer
        self._needs_errors = isinstance(m.wearer, Wearer) and m.wearer.score != "template"
        self._next = START
        self._segmenter.restart(START)

    def run(self, piece: Piece) -> Outcome:
        """Take a piece."""
        if piece.renew:
            self._wearer.restart()
        self._next += piece.missing
        cut = self._segmenter.push(self._next, piece.frames)
        self._next += len(piece.frames)
        if cut.lost and self._decision is not None:
            self._decision.gap()
        reasons = self._gate(cut.raw)
        scored = is_scored(reasons)
        outcome = Outcome()
        for index, reason in zip(cut.index[~scored], reasons[~scored], strict=True):
            outcome.reasons[int(index)] = REASONS[reason]
        errors = np.zeros(int(scored.sum()), np.float32)
        if self._needs_errors:
            computed = compute(self._bundle, cut.counts[scored]).score
            assert computed is not None
            errors = computed
        scores = self._wearer.judge(
            np.ascontiguousarray(cut.counts[scored]),
            cut.interval[scored],
            errors,
            self._threshold,
            self._decision,
            cut.index[scored].astype(np.uint64),
            reasons[scored] == CLIPPED,
        )
        for index, score, reason in zip(cut.index[scored], scores, reasons[scored], strict=True):
            if np.isnan(score):
                outcome.reasons[int(index)] = REASONS[LEARNING]
            elif reason == CLIPPED and not score > np.float32(self._threshold):
                outcome.reasons[int(index)] = REASONS[CLIPPED]
            else:
                outcome.scores[int(index)] = float(score)
        return outcome


class OnBoard:
    """The emulated board, over the link."""

    def __init__(self, session: Session) -> None:
        self._session, self._number = session, 1
        session.start(1, START)
        self.next_window = -(-START // session.board.hop)
        self.missing: list[int] = []  # windows without a report, or with two

    def run(self, piece: Piece) -> Outcome:
        """Take a piece, and wait for its reports."""
        if piece.renew:
            self._number += 1
            self._session.wearer(WearerRequest(WearerAction.RENEW, number=self._number))
        if piece.missing:
            self._session.skip(piece.missing)
        outcome = Outcome()
        for event in self._session.stream(piece.frames):
            if isinstance(event, Scored):
                self._report(event.window, 1)
                outcome.scores[event.window] = event.score
            elif isinstance(event, Lost):
                self._report(event.first, event.count)
                if event.reason not in (LostReason.NO_BEAT, LostReason.GAP):
                    outcome.reasons[event.first] = event.reason.name.lower()
        return outcome

    def _report(self, first: int, count: int) -> None:
        if first != self.next_window:
            self.missing.append(first)
        self.next_window = first + count


def memory() -> int:
    """Return the largest resident memory of this process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@dataclass
class Board:
    """The emulated board beside the host, for the first hours."""

    board: OnBoard
    frames: int = 0
    seconds: float = 0.0
    windows: int = 0
    faults: list[str] = field(default_factory=list)

    def run(self, piece: Piece, expected: Outcome) -> None:
        """Run a piece, and compare it with the host's."""
        began = time.perf_counter()
        got = self.board.run(piece)
        self.seconds += time.perf_counter() - began
        self.frames += len(piece.frames) + piece.missing
        self.windows += len(expected.scores) + len(expected.reasons)
        if got.scores != expected.scores:
            different = set(got.scores.items()) ^ set(expected.scores.items())
            self.faults.append(f"record {piece.record}: {len(different)} scores differ")
        if got.reasons != expected.reasons:
            self.faults.append(f"record {piece.record}: reasons differ")

    def lines(self, session: Session) -> list[str]:
        """Return the summary."""
        counts, boot = session.statistics(), session.boot_report()
        self.faults += [f"window {first} is not the next one" for first in self.board.missing]
        if counts.overruns:
            self.faults.append(f"{counts.overruns} overruns")
        report = session.wearer()
        return [
            f"emulated board: {self.frames / 60 / MINUTE:.1f} h in {self.seconds:.0f} s "
            f"({self.frames / self.seconds:,.0f} samples/s)",
            f"emulated board: {self.windows:,} beats with the host's bits, windows up to "
            f"{self.board.next_window:,} each reported once, {counts.overruns} overruns",
            f"emulated board: stack {boot.stack_used:,} of {boot.stack_size:,} bytes; wearer "
            f"{'learned' if report.phase else 'learning'}, {report.forms} forms",
        ]


@dataclass
class Totals:
    """Results of the day, computed on the host."""

    frames: int = 0
    judged: int = 0
    flagged: int = 0
    seconds: float = 0.0
    early: int = 0  # KiB of memory after the first hour
    why: Counter[str] = field(default_factory=Counter)
    special: list[str] = field(default_factory=list)
    usual: dict[tuple[str, int, int], int] = field(default_factory=dict)  # flagged, by piece
    changes: list[int] = field(default_factory=list)  # of flagged, in pieces that came again

    def take(self, piece: Piece, outcome: Outcome, threshold: float, hop: int) -> None:
        """Count a piece."""
        flagged = sum(score > threshold for score in outcome.scores.values())
        reasons = Counter(outcome.reasons.values())
        first = -(-(START + self.frames) // hop)
        self.frames += len(piece.frames) + piece.missing
        self.judged += len(outcome.scores)
        self.flagged += flagged
        self.why.update(reasons)
        if self.frames <= 60 * MINUTE:
            self.early = memory()
        if piece.special:
            said = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common()) or "none"
            minutes = len(piece.frames) / MINUTE
            stop = (START + self.frames) // hop
            seen = sorted([first, *outcome.scores, *outcome.reasons, stop])
            longest = max(np.diff(seen), default=0) * hop / 180
            self.special.append(
                f"  {piece.special:<12} {piece.record}, {minutes:.0f} min: {flagged} of "
                f"{len(outcome.scores)} judged beats flagged; not judged: {said}; "
                f"at most {longest:.0f} s without a beat"
            )

        elif piece.at:
            key = piece.record, piece.at, len(piece.frames)
            if key in self.usual:
                self.changes.append(abs(flagged - self.usual[key]))
            self.usual.setdefault(key, flagged)

    def lines(self) -> list[str]:
        """Return the summary."""
        why = ", ".join(f"{n:,} {reason}" for reason, n in self.why.most_common())
        return [
            f"host: {self.frames / 60 / MINUTE:.1f} h, {self.frames:,} samples from {START:,} on, "
            f"in {self.seconds:.0f} s ({self.frames / self.seconds:,.0f} samples/s)",
            f"host: {self.judged:,} beats judged, {self.flagged:,} flagged; not judged: {why}",
            f"host: memory grew by {(memory() - self.early) / 1024:.1f} MiB after the first hour",
            f"host: of {len(self.changes)} pieces of ten minutes that came again, "
            f"{self.changes.count(0)} had as many flagged beats as before; the others differ by "
            f"at most {max(self.changes, default=0)}",
            *self.special,
        ]


def main() -> int:
    """Run the day; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--board-hours", type=float, default=24)
    parser.add_argument("--bundle", type=Path, default=Path("build/ecg"))
    options = parser.parse_args()
    bundle, folder = read_bundle(options.bundle), data_folder()
    if folder is None:
        raise SystemExit("set VIGIL_DATA to the folder of mitdb/")
    host, totals = Host(bundle), Totals()
    threshold, hop = bundle.manifest.threshold.value, bundle.manifest.grid.hop
    with contextlib.ExitStack() as stack:
        beside = None
        if options.board_hours > 0:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            convert(bundle.path, scratch / "generated", ["compiled"])
            image = build("emulated", scratch / "generated", scratch / "firmware").elf
            emulated = stack.enter_context(EmulatedBoard(image))
            session = stack.enter_context(Session.open(emulated.port))
            beside = Board(OnBoard(session))
        for piece in day(folder / "mitdb", options.hours):
            began = time.perf_counter()
            outcome = host.run(piece)
            totals.seconds += time.perf_counter() - began
            totals.take(piece, outcome, threshold, hop)
            if beside is not None and beside.frames < options.board_hours * 60 * MINUTE:
                beside.run(piece, outcome)
        lines = totals.lines()
        if beside is not None:
            lines += beside.lines(session)
    print("\n".join(lines))
    faults = beside.faults if beside is not None else []
    if memory() - totals.early > GROWTH:
        faults.append("the host's memory grew")
    for fault in faults:
        print(f"fault: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
