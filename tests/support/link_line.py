"""A board in memory behind a faulty line, in simulated time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.support.link_native import Board, BoardConfig
from tools.link.events import Event, Lost, Scored
from tools.link.faults import FaultConfig, FaultFilter
from tools.link.session import Session
from tools.link.transport import MemoryTransport

CLEAN = FaultConfig(rate=0.0)


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Random int16 counts, [samples, channels]."""
    draw = np.random.default_rng(seed)
    return draw.integers(-32768, 32767, (samples, channels), np.int16, endpoint=True)


def expected_score(window: np.ndarray) -> np.float32:
    """The score of link_board.cpp for int16 [window, channels]: a checksum."""
    value = 2166136261
    for count in window.reshape(-1).astype(np.uint16).tolist():
        value = (value ^ count) * 16777619 & 0xFFFFFFFF
    return np.float32(value >> 8) / np.float32(1 << 24)


def expected_scores(samples: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Scores as float32, one per window; samples are int16 [n, channels]."""
    count = (len(samples) - window) // hop + 1 if len(samples) >= window else 0
    rows = np.stack([samples[k * hop : k * hop + window].reshape(-1) for k in range(count)])
    value = np.full(count, 2166136261, np.uint32)
    for column in rows.astype(np.uint16).T:
        value = (value ^ column) * np.uint32(16777619)
    return (value >> 8).astype(np.float32) / np.float32(1 << 24)


@dataclass
class Line:
    """A board behind faulty lines in both directions; each step takes 0.5 ms."""

    config: BoardConfig = field(default_factory=BoardConfig)
    to_board: FaultConfig = CLEAN
    to_host: FaultConfig = CLEAN
    drop: Callable[[bytes, float], bytes] | None = None
    """Changes the bytes that reach the board."""
    boots: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.down = FaultFilter(self.to_board)
        self.up = FaultFilter(self.to_host)
        self.board: Board
        self.overruns = 0
        self._epoch = 0.0
        self._last = 0.0
        self.reboot()

    def reboot(self, says: bytes = b"Vigil on the host\r\n") -> None:
        """Reset the board: all but its non-volatile memory is lost."""
        before = self.board if self.boots else None
        self.boots += 1
        self.board = Board(self.config, self.boots)
        if before is not None:
            self.overruns += before.dropped
            self.board.begin_with_memory_of(before)
        self.up.feed(says, self.now)

    def peer(self, data: bytes, now: float) -> bytes:
        self.now = self._epoch + now
        self._last = now
        self.down.feed(data, self.now)
        coming = self.down.take(self.now)
        if self.drop is not None:
            coming = self.drop(coming, self.now)
        self.board.feed(coming)
        self.board.poll(int(self.now * 1e6))
        self.up.feed(self.board.take(), self.now)
        if self.board.reboot_asked:
            self.reboot()
        return self.up.take(self.now)

    def transport(self) -> MemoryTransport:
        """Return a transport for a new host; time continues."""
        self._epoch, self._last = self._epoch + self._last, 0.0
        return MemoryTransport(self.peer)

    def session(self, **options: object) -> Session:
        return Session(self.transport(), **options)  # type: ignore[arg-type]


def windows_of(events: list[Event]) -> dict[int, np.float32 | None]:
    """Score per window, None for a lost one; fails if a window is repeated or out of order."""
    seen: dict[int, np.float32 | None] = {}
    for event in events:
        if isinstance(event, Scored):
            new = {event.window: np.float32(event.score)}
        elif isinstance(event, Lost):
            new = dict.fromkeys(range(event.first, event.first + event.count))
        else:
            continue
        assert not seen or min(new) == max(seen) + 1, f"{event} after window {max(seen)}"
        seen.update(new)
    return seen


def scores_of(events: list[Event]) -> list[np.float32]:
    """The scores in order."""
    return [np.float32(e.score) for e in events if isinstance(e, Scored)]
