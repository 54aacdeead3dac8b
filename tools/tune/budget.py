"""What a trial costs on a board, and the budget that it must meet."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tools.boards.catalogue import Board
from training.bundle.errors import BudgetError
from training.bundle.validation import nearest

UNITS = {
    "flash": "bytes of flash",
    "sram": "bytes of SRAM",
    "instructions": "instructions",
    "window": "instructions per window",
}
FORM = "flash=BYTES,sram=BYTES,instructions=COUNT,window=COUNT"


@dataclass(frozen=True)
class Cost:
    """Figures of a whole image with the compiled engine."""

    flash: int  # bytes
    sram: int  # bytes
    instructions: float  # of one inference
    macs: int  # multiply-accumulates of one inference
    chain: float = 0.0  # instructions of filter, gate, input and score for one window

    @property
    def window(self) -> float:
        """Instructions of one window: those of its inference and of the stages around it."""
        return self.instructions + self.chain

    @property
    def text(self) -> str:
        """The figures for a message."""
        return ", ".join(f"{round(getattr(self, key)):,} {unit}" for key, unit in UNITS.items())


@dataclass(frozen=True)
class Budget:
    """The most that a model may cost."""

    flash: float
    sram: float
    instructions: float = math.inf  # of one inference
    window: float = math.inf  # instructions of one window

    def excess(self, cost: Cost) -> dict[str, float]:
        """By how much a cost exceeds each limit, as a share of it; 0 or less: it is met."""
        return {
            key: getattr(cost, key) / getattr(self, key) - 1
            for key in UNITS
            if math.isfinite(getattr(self, key))
        }

    def allows(self, cost: Cost) -> bool:
        """Whether a cost meets every limit."""
        return all(value <= 0 for value in self.excess(cost).values())

    @property
    def text(self) -> str:
        """The limits for a message."""
        limits = {key: getattr(self, key) for key in UNITS}
        return ", ".join(f"{limits[k]:,.0f} {UNITS[k]}" for k in UNITS if math.isfinite(limits[k]))


def read_budget(board: Board, text: str | None) -> Budget:
    """Return the limits of a board, lowered by --budget.

    Raises:
        BudgetError: the text is not understood.
    """
    limits = {"flash": float(board.flash_bytes), "sram": float(board.sram_bytes)}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        key, _, value = (each.strip() for each in part.partition("="))
        if key not in UNITS:
            raise BudgetError(f"--budget {text}: unknown limit '{key}'{nearest(key, UNITS)}")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise BudgetError(f"--budget {text}: '{part.strip()}': write {FORM}")
        limits[key] = min(number, limits.get(key, math.inf))
    return Budget(**limits)
