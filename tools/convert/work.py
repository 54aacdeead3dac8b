"""How often the parts of the kernels run, and the instructions that they take.

A kernel's work is a table: how often each of its parts runs in one call, such as its loop over
positions. `instruction_costs.json` has what each part takes on a Cortex-M4 with DSP. It is written
by `python -m benchmarks.plan_costs`, which fits it to counts of emulated images (gcc 12.2, -Os).
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.convert.fixedpoint import Multiplier

COSTS = Path(__file__).resolve().parent / "instruction_costs.json"

Work = Mapping[str, float]
"""How often each part runs."""


@functools.cache
def costs(path: Path = COSTS) -> Mapping[str, float]:
    """Instructions of each part."""
    table: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return table


def instructions(work: Work, path: Path = COSTS) -> float:
    """Instructions of the work, by the costs in the file `path`.

    A part so rare that no run of the fit had it counts as nothing.
    """
    table = costs(path)
    return sum(table.get(part, 0.0) * times for part, times in work.items())


def added(*works: Work) -> dict[str, float]:
    """The work of all."""
    total: Counter[str] = Counter()
    for work in works:
        for part, times in work.items():
            total[part] += times  # type: ignore[assignment]
    return dict(total)


def repeated(work: Work, times: float) -> dict[str, float]:
    """The work, `times` times."""
    return {part: each * times for part, each in work.items()}


def dot(kernel: str, count: int, times: float) -> dict[str, float]:
    """dot() of simd.h on `count` values, `times` times."""
    parts = {"eight": count // 8, "four": count % 8 // 4, "one": count % 4}
    return {f"{kernel}.{part}": number * times for part, number in parts.items()}


def requantizations(kernel: str, by: Sequence[Multiplier], times: float) -> dict[str, float]:
    """requantize() of requantize.h, `times` times with each multiplier: two shifts or one."""
    right = sum(each.shift < 0 for each in by)
    return {f"{kernel}.round_right": right * times, f"{kernel}.round": (len(by) - right) * times}


def memcpy(size: int, times: float) -> dict[str, float]:
    """The C library's memcpy() of `size` bytes, `times` times."""
    phases = (0,) if size % 4 == 0 else (0, 1, 2, 3)
    every = [_memcpy(size, source, target) for source in phases for target in phases]
    return {"memcpy": sum(every) / len(every) * times}


def memset(size: int, times: float) -> dict[str, float]:
    """The C library's memset() of `size` bytes, `times` times."""
    phases = (0,) if size % 4 == 0 else (0, 1, 2, 3)
    return {"memset": sum(_memset(size, phase) for phase in phases) / len(phases) * times}


@functools.cache
def _memcpy(size: int, source: int, target: int) -> int:
    """Instructions of newlib's memcpy() for addresses of these remainders by 4."""
    count = 4
    if source or target:
        count += 2
        if size < 8:
            loop = max(size - 3, 0) if size >= 4 else 0
            return count + 2 + 4 * loop + (8 if size >= 4 else _tail(size))
        count += 2 if source == 0 else 4
        if source and target:
            count += 7 + 3 * ((4 - target) & 2 == 2)
            size -= 4 - target
    count += 2 + 34 * (size // 64) + 2 + 10 * (size % 64 // 16) + 2 + 4 * (size % 16 // 4)
    return count + 2 + (2 if size % 4 == 0 else _tail(size % 4))


def _tail(size: int) -> int:
    return 2 + 5 + 2 * (size & 2 == 2)


@functools.cache
def _memset(size: int, target: int) -> int:
    """Instructions of newlib's memset() for an address of this remainder by 4."""
    if size == 0:
        return 9
    head = min((4 - target) % 4, size)
    count = 6 if head == 0 else 9 + 5 * head
    size -= head
    if size <= 3:
        return count + 2 + (2 + 3 * size if size else 1) + 2
    count += 7 + (11 + 7 * (size // 16) if size > 15 else 3)
    if size % 16 // 4:
        count += 5 + 3 * (size % 16 // 4)
    return count + (3 + 3 * (size % 4) if size % 4 else 2) + 2
