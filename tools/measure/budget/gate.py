"""The gate: a build fails if it outgrows its baseline.

The limits are +512 bytes or +2 % of flash (whichever is less), any byte of static SRAM, and +5 % of
instructions per inference. The error names the parts that grew.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.checkout import ROOT
from tools.measure.budget.budget import Budget, Memory
from tools.measure.budget.parts import TITLES
from training.bundle.errors import BudgetError

BASELINE = ROOT / "benchmarks" / "budget-baseline.json"
FLASH_BYTES, FLASH_SHARE = 512, 0.02
INSTRUCTIONS_SHARE = 0.05
_SCHEMA = 1


@dataclass(frozen=True)
class Baseline:
    """The accepted sizes of one image."""

    flash: dict[str, int]  # bytes by part
    sram: dict[str, int]  # bytes by part
    instructions: int | None  # per inference; None if never measured
    compiler: str = ""  # images of another compiler cannot be compared
    # instructions of an inference by function
    functions: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def of(budget: Budget) -> Baseline:
        """Return the baseline that accepts `budget`."""
        measured = budget.measured
        return Baseline(
            _sizes(budget.flash),
            _sizes(budget.sram),
            measured.instructions if measured else None,
            budget.compiler,
            dict(measured.functions) if measured else {},
        )


@dataclass(frozen=True)
class Growth:
    """One limit of the gate that a build exceeds."""

    what: str  # "flash", "SRAM" or "instructions"
    before: int
    now: int
    # Titles of the parts that grew with bytes, or functions with instructions; largest first.
    parts: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        grew = f"{self.what} grew by {self.now - self.before:,} from {self.before:,}"
        share = f" ({100 * (self.now - self.before) / self.before:.1f} %)" if self.before else ""
        parts = ", ".join(f"{title} {size:+,}" for title, size in self.parts)
        return f"{grew}{share}" + (f": {parts}" if parts else "")


def compare(budget: Budget, baseline: Baseline) -> tuple[Growth, ...]:
    """Return the limits over `baseline` that `budget` exceeds; empty if it passes."""
    now = Baseline.of(budget)
    growth = []
    before, after = sum(baseline.flash.values()), sum(now.flash.values())
    if after - before >= min(FLASH_BYTES, FLASH_SHARE * before) and after > before:
        growth.append(Growth("flash", before, after, _grown(baseline.flash, now.flash)))
    before, after = sum(baseline.sram.values()), sum(now.sram.values())
    if after > before:
        growth.append(Growth("SRAM", before, after, _grown(baseline.sram, now.sram)))
    old, new = baseline.instructions, now.instructions
    if old is not None and new is not None and new >= old * (1 + INSTRUCTIONS_SHARE):
        growth.append(Growth("instructions", old, new, _grown(baseline.functions, now.functions)))
    return tuple(growth)


def gate(budget: Budget, key: str, path: Path, record: str) -> None:
    """Check `budget` against the baseline in `path` under `key`.

    Args:
        key: names the model, board and engine.
        record: the command that records this baseline, for error messages.

    Raises:
        BudgetError: the build outgrew its baseline, or cannot be compared with it.
    """
    baselines = read_baselines(path, record)
    if key not in baselines:
        raise BudgetError(f"{path}: has no baseline for '{key}'; record one with: {record}")
    before = baselines[key].compiler
    if before and budget.compiler and before != budget.compiler:
        raise BudgetError(
            f"{key}: built with {budget.compiler}, its baseline with {before}: not comparable; "
            f"build with the latter, or record a baseline with: {record}"
        )
    growth = compare(budget, baselines[key])
    if growth:
        raise BudgetError(
            f"{key}: {'; '.join(map(str, growth))}. Make it smaller, or record it as the new "
            f"baseline with: {record}"
        )


def accept(budget: Budget, key: str, path: Path) -> None:
    """Record `budget` as the baseline under `key` in `path`; other keys do not change.

    Without a new instruction count, the old one is kept.
    """
    baselines = read_baselines(path) if path.is_file() else {}
    new = Baseline.of(budget)
    old = baselines.get(key)
    if new.instructions is None and old is not None:
        new = replace(new, instructions=old.instructions, functions=old.functions)
    baselines[key] = new
    values = {
        "schema": _SCHEMA,
        "images": {key: asdict(baseline) for key, baseline in baselines.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def read_baselines(path: Path, record: str = "vigil budget --accept") -> dict[str, Baseline]:
    """Read the baselines in `path` by key.

    Raises:
        BudgetError: the file is missing or is no file of baselines.
    """
    try:
        values = json.loads(path.read_text())
        if values["schema"] != _SCHEMA:
            raise ValueError(f"schema {values['schema']}")
        return {key: _baseline(entry) for key, entry in values["images"].items()}
    except FileNotFoundError:
        raise BudgetError(f"{path}: no baseline yet; record one with: {record}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BudgetError(f"{path}: not a budget baseline ({problem}); restore it") from None


def _baseline(entry: dict[str, Any]) -> Baseline:
    instructions = entry["instructions"]
    return Baseline(
        flash=_whole(entry["flash"]),
        sram=_whole(entry["sram"]),
        instructions=None if instructions is None else _whole({"": instructions})[""],
        compiler=str(entry.get("compiler", "")),
        functions=_whole(entry.get("functions", {})),
    )


def _whole(counts: dict[str, int]) -> dict[str, int]:
    for name, count in counts.items():
        if type(count) is not int or count < 0:
            raise ValueError(f"{name or 'instructions'}: {count!r} is no whole number")
    return dict(counts)


def _sizes(memory: Memory) -> dict[str, int]:
    return {p.name: p.size for p in memory.parts if p.name != "heap"}


def _grown(before: dict[str, int], now: dict[str, int]) -> tuple[tuple[str, int], ...]:
    changes = {part: size - before.get(part, 0) for part, size in now.items()}
    grown = sorted((c for c in changes.items() if c[1] > 0), key=lambda c: (-c[1], c[0]))
    return tuple((TITLES.get(part, part), size) for part, size in grown)
