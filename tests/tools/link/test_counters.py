"""Counters of both ends are exact under each kind of fault alone."""

from __future__ import annotations

import pytest

from tests.support.link_line import Line, noise
from tests.support.link_native import BoardConfig
from tools.link import faults
from tools.link.faults import FaultConfig
from tools.link.session import stream_id

HARMLESS = (faults.DUPLICATE, faults.SPLIT, faults.DELAY)  # every frame arrives, whole
ONE_EACH = (faults.DROP, faults.FLIP, faults.BURST)  # every fault costs one frame


@pytest.mark.parametrize("kind", faults.KINDS)
def test_every_frame_is_received_or_missing_and_none_is_both(kind: str) -> None:
    config = [FaultConfig(0.05, seed, (kind,)) for seed in (5, 6)]
    line = Line(BoardConfig(), *config)
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(14000)))
        for _ in range(5):
            session.poll(0.05)
        board, host = session.statistics(), session.counters
    twice = line.up.faults[faults.DUPLICATE]
    # The answer with the board's counters is not among the frames that it counts, nor is what the
    # board sends before it hears that it was heard.
    assert 0 <= host.received - twice + host.missing - board.sent <= 2
    assert 0 <= host.sent - (board.received - board.repeated + board.missing) <= 2
    assert line.up.faults[kind] > 10
    if kind in HARMLESS:
        assert host.missing == host.corrupt == 0
    if kind in ONE_EACH:
        # One that is lost before the first frame that arrives cannot be known.
        assert 0 <= line.up.faults[kind] - host.missing <= 1
    if kind == faults.DROP:
        assert host.corrupt == board.corrupt == 0
        assert board.missing == line.down.faults[kind]
    else:
        assert (host.corrupt > 0) == (kind not in HARMLESS)


def test_a_board_that_was_reset_lost_no_frame_though_it_counts_them_anew() -> None:
    line, samples = Line(), noise(14000)
    with line.session() as session:
        session.start(stream_id("a"))
        session.offer(samples[:1400])
        while session.next_window < 10:
            session.poll(0.01)
        line.reboot()
        list(session.stream(samples[1400:]))
        assert session.counters.resumed == 1
        assert session.counters.missing == 0
