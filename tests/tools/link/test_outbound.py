"""The size of a frame of samples leaves room for the next one."""

import pytest

from tools.boards.catalogue import load_boards
from tools.link.credit import CONTROL
from tools.link.frames import MAX_WIRE
from tools.link.messages import HelloReply
from tools.link.outbound import Outbound

CREDITS = sorted({board.receive_ring for board in load_boards().values() if board.receive_ring})


def frame_size(credit: int, channels: int) -> int:
    board = HelloReply(window=100, hop=100, channels=channels, max_payload=240, credit=credit)
    return Outbound(board, 0, 1000).frame_size


@pytest.mark.parametrize("credit", CREDITS)
def test_two_frames_may_be_under_way_on_every_board(credit: int) -> None:
    """So that the second one reveals the loss of the first."""
    for channels in (1, 2, 3, 9):
        assert 2 * frame_size(credit, channels) + CONTROL <= credit


def test_a_frame_holds_one_sample_at_least() -> None:
    assert frame_size(0, 1) == 12 + 8 + 2
    assert frame_size(128, 116) == MAX_WIRE
