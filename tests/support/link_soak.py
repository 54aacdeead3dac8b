"""A long stream over a faulty line, with resets of both sides."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.support.link_line import Line, expected_scores, windows_of
from tests.support.link_native import BoardConfig
from tools.link.connection import NAP
from tools.link.events import Event, Lost, Scored
from tools.link.faults import FaultConfig
from tools.link.session import Session, stream_id


@dataclass
class Soak:
    """Counts of windows, of resets and of line faults."""

    samples: int
    windows: int
    scored: int = 0
    lost: int = 0
    wrong: int = 0
    """Windows with a wrong score, or lost although the host had the samples."""
    twice: int = 0
    board_resets: int = 0
    host_restarts: int = 0
    frames: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    virtual_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return self.scored + self.lost == self.windows and not (self.wrong or self.twice)


def _stream(
    session: Session, samples: np.ndarray, gaps: Sequence[tuple[int, int]]
) -> Iterator[Event]:
    """Stream from the session's position to the end, with the gaps."""
    for first, end in (*gaps, (len(samples), len(samples))):
        while (at := session.next_sample) < first:
            session.offer(samples[at:first])
            yield from session.poll(NAP)
        session.skip(end - session.next_sample)
    yield from session.stream(samples[:0])


class KilledError(Exception):
    """The host program ended without GOODBYE."""


def soak(
    samples: np.ndarray,
    config: BoardConfig,
    *,
    rate: float = 0.01,
    seed: int = 0,
    board_resets: int = 0,
    host_restarts: int = 0,
    gaps: Sequence[tuple[int, int]] = (),
) -> Soak:
    """Stream int16 [n, channels] and check every score against the checksum of its window.

    `gaps` are samples that the host never has, (first, one past the last), ascending: the windows
    that they touch must be reported as lost, and no others.
    """
    began = time.monotonic()
    draw = random.Random(seed)
    expected = expected_scores(samples, config.window, config.hop)
    starts = config.hop * np.arange(len(expected))
    touched = np.zeros(len(expected), bool)
    for first, end in gaps:
        touched |= (starts < end) & (starts + config.window > first)
    result = Soak(len(samples), len(expected))
    line = Line(config, FaultConfig(rate, seed), FaultConfig(rate, seed + 1))
    # Each reset happens after a random number of bytes to the board.
    total = 2 * samples.size
    moments = [(draw.randrange(total), "board") for _ in range(board_resets)]
    moments += [(draw.randrange(total), "host") for _ in range(host_restarts)]
    moments.sort(reverse=True)
    came = 0

    def strike(data: bytes, now: float) -> bytes:
        nonlocal came
        came += len(data)
        if moments and came >= moments[-1][0]:
            if moments.pop()[1] == "board":
                result.board_resets += 1
                line.reboot()
                return data[draw.randrange(len(data) + 1) :]
            result.host_restarts += 1
            raise KilledError
        return data

    line.drop = strike
    events: list[Event] = []
    next_window: int | None = None
    while True:
        try:
            session = line.session()
            session.start(stream_id("soak"), window=next_window)
            for event in _stream(session, samples, gaps):
                events.append(event)
                if isinstance(event, Scored):
                    next_window = event.window + 1
                elif isinstance(event, Lost):
                    next_window = event.first + event.count
            session.close()
            break
        except KilledError:
            continue
    for window, score in windows_of(events).items():
        result.scored += score is not None
        result.lost += score is None
        result.wrong += score != expected[window] if score is not None else not touched[window]
    result.frames = line.down.frames + line.up.frames
    result.faults = dict(line.down.faults + line.up.faults)
    result.virtual_seconds = line.now
    result.seconds = time.monotonic() - began
    return result
