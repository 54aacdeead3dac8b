"""A board in memory that samples its sensor."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.link_line import Line
from tests.support.link_native import BoardConfig
from tools.link.transport import MemoryTransport

WINDOW, HOP, RATE = 20, 15, 1000.0


def sensor_board(channels: int = 1) -> BoardConfig:
    return BoardConfig(window=WINDOW, hop=HOP, channels=channels, ring=256, sensor=True)


@dataclass
class SensorLine(Line):
    """A line whose board's sensor ticks at RATE, in the line's simulated time."""

    config: BoardConfig = field(default_factory=sensor_board)
    off: range = range(0)
    """Ticks at which a lead is off."""
    late: range = range(0)
    """Ticks whose reading is lost, because the interrupt comes late."""
    ticks: int = 0
    """Ticks of the sensor's timer while it ran."""

    def value(self, tick: int) -> list[int]:
        """What the sensor measures at a tick."""
        return [(tick * 7919 + c * 31 + 5) % 65536 - 32768 for c in range(self.config.channels)]

    def peer(self, data: bytes, now: float) -> bytes:
        self.tick_until(self._epoch + now)
        return super().peer(data, now)

    def tick_until(self, now: float) -> None:
        due = self.__dict__.setdefault("_due", now)
        while due <= now:
            if self.ticks in self.late:
                self.board.miss()
                self.ticks += 1
            else:
                counts = None if self.ticks in self.off else self.value(self.ticks)
                self.ticks += self.board.tick(counts)
            due += 1 / RATE
        self._due = due

    def stall(self, seconds: float) -> None:
        """Let time pass for the board, while the host neither sends nor reads."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.0005
            self.tick_until(self.now)
            self.board.poll(int(self.now * 1e6))
            self.up.feed(self.board.take(), self.now)
        self._epoch += seconds


class PausedTransport(MemoryTransport):
    """A line whose host can be busy: what arrives meanwhile is kept until the next read."""

    kept = b""

    def pause(self, seconds: float) -> None:
        """Let time pass for both ends, while the host neither sends nor reads."""
        end = self.now() + seconds
        while self.now() < end:
            self.kept += super().read(end - self.now())

    def read(self, timeout: float) -> bytes:
        kept, self.kept = self.kept, b""
        return kept or super().read(timeout)
