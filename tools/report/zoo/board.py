"""A trained recipe on the emulated board: bytes compared with the interpreter, and the cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.boards.build import build
from tools.boards.catalogue import find_board
from tools.boards.emulated import EmulatedBoard
from tools.convert import convert
from tools.measure import budget
from tools.measure.budget.boot import measured_on
from tools.measure.verify.verify import verify
from training.bundle import read_bundle

WINDOWS = 100  # besides the golden ones
MOST_MACS = 2e9  # for all windows together; an emulated board computes about 1e8 per second
FEWEST = 8


@dataclass(frozen=True)
class Verified:
    """A bundle on the emulated board, with the compiled engine."""

    bundle: str  # hash of the bundle, so that figures of an older one are not used
    windows: int
    bytes: int  # of scaled input and of output that were compared with the interpreter's
    differing: int
    first_wrong: str
    instructions: int  # per inference
    flash: int  # bytes of the whole image
    sram: int  # static bytes of the image, without the stack

    def save(self, path: Path) -> None:
        """Write the figures beside the bundle."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, bundle: str) -> Verified | None:
        """Read what `save` wrote; None if it is absent or of another bundle."""
        if not path.exists():
            return None
        verified = cls(**json.loads(path.read_text(encoding="utf-8")))
        return verified if verified.bundle == bundle else None


def on_board(bundle_dir: Path, work: Path) -> Verified:
    """Convert a bundle, build it in `work`, boot it, and compare its bytes.

    Raises:
        ConvertError: the compiled engine does not support the model.
        BudgetError: the image does not fit the board.
        LinkError: the board does not answer.
    """
    bundle = read_bundle(bundle_dir)
    row = find_board("emulated")
    generated = work / "generated"
    convert(bundle_dir, generated, engines=["compiled"])
    elf = build(row.environment("compiled"), generated, work).elf
    used = budget.measure(elf, row, bundle=bundle.hash8.hex())
    budget.check(used)
    macs = max(1, bundle.manifest.model.macs)
    windows = max(FEWEST, min(WINDOWS, int(MOST_MACS / macs)))
    with EmulatedBoard(elf) as running:
        result = verify(bundle_dir, [running.port], windows)
        measured = measured_on(running.port)
    board = result.targets[2]  # after the golden file and the host
    counts = [c for c in (board.input, board.output) if c is not None]
    return Verified(
        bundle=result.bundle,
        windows=board.windows,
        bytes=sum(c.of for c in counts),
        differing=sum(
            c.wrong for target in result.targets for c in (target.input, target.output) if c
        ),
        first_wrong=next(
            (target.first_wrong for target in result.targets if target.first_wrong), ""
        ),
        instructions=measured.instructions or 0,
        flash=used.flash.used,
        sram=used.sram.used,
    )
