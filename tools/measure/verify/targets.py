"""The targets that run the model beside the interpreter: this machine, and a board."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.convert import convert
from tools.convert.host import HostEngine
from tools.link.events import Lost, Scored
from tools.link.messages import LostReason
from tools.link.session import Session
from training.bundle import Bundle
from training.bundle.chain import REASONS, score_of
from training.bundle.errors import LinkError
from training.bundle.reference import Computed

_STREAM = 0x76657269  # a stream number that no other command uses

GATE_REASONS = {LostReason[name.upper()]: code for code, name in enumerate(REASONS) if code}
"""The code of the quality gate by the reason of a LOST."""


def on_host(bundle: Bundle, inputs: NDArray[np.int8]) -> Computed:
    """Run int8 [n, input size] through the compiled engine's portable kernels.

    Raises:
        ConvertError: the compiled engine cannot run this model, or there is no C++ compiler.
    """
    with tempfile.TemporaryDirectory() as scratch:
        convert(bundle.path, Path(scratch), engines=["compiled"])
        output = HostEngine(Path(scratch)).run(inputs)
    return Computed(None, output, score_of(bundle.manifest).score(inputs, output))


@dataclass(frozen=True, eq=False)
class BoardRun:
    """A board's results for a stream.

    `computed` has a row for each window; `reason` uint8 [n] is not 0 where the board did not judge
    the window, and that row is empty.
    """

    board: str
    engine: str
    computed: Computed
    reason: NDArray[np.uint8]
    threshold: float
    golden_passed: int  # golden windows in its image that were exact at start
    golden_total: int


def on_board(
    bundle: Bundle, session: Session, frames: NDArray[np.int16], index: NDArray[np.int64]
) -> BoardRun:
    """Stream int16 [n, channels] to the board and collect the results of the windows at `index`.

    Raises:
        LinkError: the board has another model, or loses a window that it could judge.
    """
    board = session.board
    if board.model_hash != bundle.hash8:
        raise LinkError(
            f"the board on {session.port} holds another model ('{board.model}', "
            f"{board.model_hash.hex()}) than {bundle.path} ({bundle.hash8.hex()}): "
            "build and flash this one"
        )
    m, windows = bundle.manifest, len(index)
    inputs, outputs = (np.zeros((windows, size), np.int8) for size in m.sizes)
    scores = np.zeros(windows, np.float32)
    reasons = np.zeros(windows, np.uint8)
    session.watch(input=True, output=True, sizes=m.sizes)
    # Another number than the board's current stream, which would be resumed.
    session.start(_STREAM if board.stream != _STREAM else _STREAM + 1)
    seen = 0
    for event in session.stream(frames):
        if isinstance(event, Lost) and event.reason in GATE_REASONS:
            reasons[seen : seen + event.count] = GATE_REASONS[event.reason]
            seen += event.count
        elif isinstance(event, Lost) and event.reason != LostReason.NO_BEAT:
            raise LinkError(f"the board lost window {event.first} ({event.reason.name.lower()})")
        if isinstance(event, Scored):
            out_of_place = seen >= windows or event.window != index[seen]
            if event.input is None or event.output is None or out_of_place:
                raise LinkError(f"the report of window {seen} is incomplete; verify again")
            inputs[seen] = np.frombuffer(event.input, np.int8)
            outputs[seen] = np.frombuffer(event.output, np.int8)
            scores[seen] = event.score
            seen += 1
    if seen != windows:
        raise LinkError(f"the board scored {seen} windows of {windows}; verify again")
    boot = session.boot
    computed = Computed(inputs, outputs, scores)
    return BoardRun(
        board.board,
        board.engine,
        computed,
        reasons,
        session.threshold().value,
        boot.golden_passed,
        boot.golden_total,
    )
