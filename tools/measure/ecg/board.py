"""Records streamed to a board: its beats and scores against those of the host, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tools.link.events import Scored
from tools.link.session import Session
from tools.measure.ecg.records import Chain, Record, errors_of
from training.bundle import Bundle
from training.bundle.errors import LinkError


@dataclass(frozen=True)
class BoardRun:
    """What a board reported of some records."""

    board: str
    records: int
    beats: int  # that the board judged
    differing: int  # beats of which R, RR or score differs from the host's, or that one side lacks


def run_on_board(
    bundle: Bundle, port: str, chain: Chain, records: Sequence[Record], say: Callable[[str], None]
) -> BoardRun:
    """Stream each record to the board as a new wearer, and compare all judged beats.

    Raises:
        LinkError: the board has another model, or does not answer.
    """
    beats = differing = 0
    name = ""
    for number, record in enumerate(records, 1):
        say(f"record {record.name} on the board, {number} of {len(records)}")
        with Session.open(port) as session:
            name = session.board.board
            if session.board.model_hash != bundle.hash8:
                raise LinkError(f"the board on {port} has another model: build and flash this one")
            session.start(0x65630000 + number)  # a new stream is a new wearer
            hop = chain.segmenter.hop
            of_board = {
                (event.window * hop + (event.peak or 0), event.interval, _bits(event.score))
                for event in session.stream(record.recording.counts)
                if isinstance(event, Scored)
            }
        of_host = on_host(bundle, chain, record)
        beats += len(of_board)
        differing += max(len(of_board - of_host), len(of_host - of_board))
    return BoardRun(name, len(records), beats, differing)


def on_host(bundle: Bundle, chain: Chain, record: Record) -> set[tuple[int, int, bytes]]:
    """Return R, RR and the bytes of the score of each beat that the host judges."""
    errors = None if chain.wearer.score == "template" else errors_of(bundle, record)
    scores = chain.scores(record, errors)
    judged = ~np.isnan(scores)
    return {
        (int(peak), int(interval), _bits(score))
        for peak, interval, score in zip(
            record.peaks[judged], record.windows.intervals[judged], scores[judged], strict=True
        )
    }


def _bits(score: float) -> bytes:
    return np.float32(score).tobytes()
