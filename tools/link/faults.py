"""Deliberate faults on a line, reproducible by seed.

`FaultFilter` damages frames in memory, on any clock. `tools.link.fault_proxy` applies one to each
direction of a real line.
"""

import math
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from training.bundle.errors import LinkError

DROP = "drop"
"""The whole frame is lost."""
LOSE = "lose"
"""A run of up to 8 bytes is lost, delimiters included."""
TRUNCATE = "truncate"
"""The rest of the frame is lost, its delimiter included."""
FLIP = "flip"
"""Up to 8 single bits are wrong."""
BURST = "burst"
"""Up to 32 consecutive bits are random."""
DUPLICATE = "duplicate"
"""The frame arrives twice."""
GARBAGE = "garbage"
"""Up to 64 random bytes precede the frame."""
MERGE = "merge"
"""The delimiters between this frame and the next are lost."""
SPLIT = "split"
"""The frame arrives in two pieces with a pause between them."""
DELAY = "delay"
"""The frame, and everything after it, arrives late."""

KINDS = (DROP, LOSE, TRUNCATE, FLIP, BURST, DUPLICATE, GARBAGE, MERGE, SPLIT, DELAY)


@dataclass(frozen=True)
class FaultConfig:
    """Kinds, rate and times of faults. Times are seconds after the line was opened."""

    rate: float = 0.01  # probability of a fault per frame
    seed: int = 0
    kinds: tuple[str, ...] = KINDS  # kinds of faults, drawn with equal probability
    delay: float = 0.05  # longest delay or pause, in seconds
    hold: float = 0.005
    """Seconds for which bytes without a delimiter are held back, to complete a frame."""
    reboots: tuple[float, ...] = ()  # times of board resets
    unplugged: tuple[tuple[float, float], ...] = ()
    """Intervals without a port, as (from, to); an emulated board has no power meanwhile."""

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(KINDS)
        if unknown or not self.kinds:
            raise LinkError(f"no such fault: {sorted(unknown)}; the kinds are {', '.join(KINDS)}")
        if not 0 <= self.rate <= 1:
            raise LinkError(f"the fault rate must be between 0 and 1, not {self.rate}")
        for moment in (*self.reboots, *(at for gone in self.unplugged for at in gone)):
            if not 0 <= moment < math.inf:
                raise LinkError(f"a fault must be at 0 seconds or later, not at {moment:g}")
        for first, last in self.unplugged:
            if not first < last:
                raise LinkError(
                    f"unplugged at {first:g} s, but back at {last:g} s: it must be later"
                )
        for (_, last), (first, _) in pairwise(sorted(self.unplugged)):
            if first <= last:
                raise LinkError(f"unplugged at {first:g} s, when the port is not back yet")
        for moment in self.reboots:
            if any(first <= moment <= last for first, last in self.unplugged):
                raise LinkError(f"no reboot at {moment:g} s: the board is unplugged then")


class FaultFilter:
    """Faults in one direction of a line. They depend on seed and frames, never on timing."""

    def __init__(self, config: FaultConfig) -> None:
        self.config = config
        self.frames = 0
        """Frames that entered."""
        self.faults: Counter[str] = Counter()
        """Number of faults of each kind."""
        self._random = random.Random(config.seed)
        self._held = bytearray()
        self._held_since = 0.0
        self._out: deque[tuple[float, bytes]] = deque()
        self._not_before = 0.0
        self._merge = False

    def feed(self, data: bytes, now: float) -> None:
        """Enter bytes at `now` seconds."""
        if data and not self._held:
            self._held_since = now
        self._held += data
        while (end := self._end_of_frame()) > 0:
            frame = bytes(self._held[:end])
            del self._held[:end]
            self._held_since = now
            self.frames += 1
            self._pass_on(frame, now)

    def take(self, now: float) -> bytes:
        """Return the bytes that leave until `now` seconds."""
        if self._held and now - self._held_since >= self.config.hold:
            self._emit(bytes(self._held), now)
            self._held.clear()
        out = bytearray()
        while self._out and self._out[0][0] <= now:
            out += self._out.popleft()[1]
        return bytes(out)

    @property
    def waiting(self) -> bool:
        """Whether bytes are still under way."""
        return bool(self._held or self._out)

    def clear(self) -> None:
        """Discard the bytes under way, as when one end is unplugged."""
        self._held.clear()
        self._out.clear()
        self._merge = False

    def _end_of_frame(self) -> int:
        """Return the end of the first frame in `_held`, zeros included; 0: incomplete."""
        start = next((i for i, byte in enumerate(self._held) if byte), len(self._held))
        return self._held.find(0, start) + 1

    def _emit(self, data: bytes, when: float) -> None:
        self._not_before = max(self._not_before, when)
        if data:
            self._out.append((self._not_before, data))

    def _pass_on(self, frame: bytes, now: float) -> None:
        draw = self._random
        if self._merge:
            self._merge = False
            frame = frame.lstrip(b"\0")
        if draw.random() >= self.config.rate:
            self._emit(frame, now)
            return
        kind = draw.choice(self.config.kinds)
        self.faults[kind] += 1
        at = draw.randrange(len(frame))
        if kind == DROP:
            return
        if kind == LOSE:
            frame = frame[:at] + frame[at + draw.randint(1, 8) :]
        elif kind == TRUNCATE:
            frame = frame[:at]
        elif kind == FLIP:
            frame = _flip(
                frame, [draw.randrange(8 * len(frame)) for _ in range(draw.randint(1, 8))]
            )
        elif kind == BURST:
            first = draw.randrange(8 * len(frame))
            bits = [first, *(first + i for i in range(1, 32) if draw.random() < 0.5)]
            frame = _flip(frame, [bit for bit in bits if bit < 8 * len(frame)])
        elif kind == DUPLICATE:
            frame = frame + frame
        elif kind == GARBAGE:
            frame = draw.randbytes(draw.randint(1, 64)) + frame
        elif kind == MERGE:
            frame = frame.rstrip(b"\0")
            self._merge = True
        elif kind == SPLIT:
            self._emit(frame[:at], now)
            frame, now = frame[at:], now + draw.uniform(0, self.config.delay)
        elif kind == DELAY:
            now += draw.uniform(0, self.config.delay)
        self._emit(frame, now)


def _flip(data: bytes, bits: Sequence[int]) -> bytes:
    damaged = bytearray(data)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)
