"""Views that have watched a stream to its end."""

from __future__ import annotations

import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tools.monitor.controls import Controls
from tools.monitor.events import (
    Marked,
    View,
)
from tools.monitor.history import History
from tools.monitor.stream import Stream


def watched(*views: View, windows: int = 30, board: FakeBoard | None = None) -> None:
    def emit(event: object) -> None:
        for view in views:
            view.handle(event)  # type: ignore[arg-type]

    Stream(board or FakeBoard(), source(windows), Controls(), emit).run()


@pytest.fixture(scope="module")
def history() -> History:
    past = History()
    board = FakeBoard()
    board.lose = {7}
    watched(past, board=board)
    past.handle(Marked(frame=29 * WINDOW, window=29, text="mark"))
    return past
