"""The end of a session, and the trace of its bytes."""

from __future__ import annotations

import logging

import pytest

from tests.support.link_line import Line, noise
from tools.link.events import Scored
from tools.link.session import stream_id
from tools.link.transport import Hex


def test_an_exception_leaves_the_board_closed_and_the_last_reports_kept():
    line, samples = Line(), noise(2800)
    with pytest.raises(KeyboardInterrupt), line.session() as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            if isinstance(event, Scored) and event.window == 5:
                raise KeyboardInterrupt
    assert not line.board.is_open
    with line.session() as session:
        assert session.start(stream_id("a")) == 5 * 140


def test_every_byte_can_be_traced(caplog):
    with caplog.at_level(logging.DEBUG, logger="vigil.link"):
        Line().session().close()
    sent = [r.getMessage() for r in caplog.records if " > " in r.getMessage()]
    assert any("00 02 01" in text for text in sent)  # HELLO: zero, code, type
    assert any(" < " in r.getMessage() for r in caplog.records)


def test_a_disabled_trace_formats_nothing(monkeypatch):
    monkeypatch.setattr(Hex, "__str__", lambda self: pytest.fail("formatted for nobody"))
    Line().session().close()
