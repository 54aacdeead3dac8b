"""Console keys: a letter alone on a line, while no session is open."""

from __future__ import annotations

import pytest

from tests.support.link_native import Board
from tests.support.link_sensor import sensor_board
from tests.support.link_talk import Talk
from tools.link import messages as m
from tools.link.frames import encode_frame


@pytest.mark.parametrize(
    ("bytes_", "letter"),
    [
        (b"t\n", "t"),
        (b"t\r\n", "t"),
        (b"noise\nt\n", "t"),
        (b"\0>\r", ">"),
        (b"test\n", ""),
        (b" t\n", ""),
        (b"t", ""),
        (b"\n\n", ""),
        (encode_frame(m.StatisticsGet.TYPE, 10, b"") + b"t\n", "t"),
    ],
)
def test_a_letter_alone_on_a_line_is_a_console_key(bytes_: bytes, letter: str):
    board = Board(sensor_board())
    board.feed(bytes_)
    for _ in range(3):
        board.poll(0)
    assert board.console_key == letter


def test_there_are_no_console_keys_while_a_session_is_open():
    talk = Talk(sensor_board())
    talk.say(m.Hello(session=7))
    talk.board.feed(b"t\n\0")
    talk.wait(0)
    assert talk.board.console_key == ""
    talk.say(m.Goodbye())
    talk.board.feed(b"t\n")
    talk.wait(0)
    assert talk.board.console_key == "t"
