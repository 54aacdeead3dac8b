"""The wearer on the emulated board: learned, judged and forgotten as on the host, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.link.events import Lost, Scored
from tools.link.messages import LostReason
from tools.link.session import Session
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.events import WindowNotJudged, WindowScored
from training.beats import beats_at
from training.bundle.manifest import Wearer

RATE, WINDOW, BEFORE, LEARN = 180.0, 144, 54, 24


@pytest.mark.toolchain
@pytest.mark.parametrize("score", ["template", "both"])
def test_personal_scores_of_the_board_equal_the_hosts(tmp_path: Path, score: str) -> None:
    wearer = Wearer(score=score, first=40, length=72, shift=4, learn=LEARN)
    bundle = small_bundle(
        tmp_path / "ecg",
        window=WINDOW,
        segmenter=beats_at(RATE, WINDOW, BEFORE),
        rate_hz=RATE,
        wearer=wearer,
    )
    frames = ecg(regular_peaks(RATE, 60), RATE, int(60 * RATE))[:, None]
    board = InProcessBoard(bundle)
    board.restart()
    board.send(0, frames)
    events = board.receive(0)
    expected = [np.float32(e.score).tobytes() for e in events if isinstance(e, WindowScored)]
    learning = [(e.index, e.peak, e.interval) for e in events if isinstance(e, WindowNotJudged)]
    hop = bundle.manifest.segmenter.hop
    assert len(learning) == LEARN and len(expected) > 25
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as emulated:
        for stream in (77, 78):  # a new stream is another wearer
            with Session.open(emulated.port) as session:
                session.start(stream)
                seen = list(session.stream(frames))
            assert [
                np.float32(e.score).tobytes() for e in seen if isinstance(e, Scored)
            ] == expected
            lost = [e for e in seen if isinstance(e, Lost) and e.reason == LostReason.LEARNING]
            # A beat that is not judged has an R and an interval too.
            assert [(e.first, e.first * hop + e.peak, e.interval) for e in lost] == learning
