"""C++ source text: arrays, tables, and the first line of generated files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GENERATED = "// Written by `vigil convert`; changes here are lost at the next conversion."


def array(ctype: str, name: str, values: Iterable[int | str], align: int = 0) -> str:
    """A constant array at namespace scope, aligned to `align` bytes if that is not 0."""
    alignment = f"alignas({align}) " if align else ""
    return f"{alignment}const {ctype} {name}[] = {braced(values)};\n"


def words(name: str, values: Iterable[int]) -> str:
    """A constant array of 32-bit words; negative values as their complement of two."""
    return array("std::uint32_t", name, (f"{value & 0xFFFFFFFF}U" for value in values))


def braced(values: Iterable[int | str]) -> str:
    """`{1, 2, ...}` over lines of at most 100 columns."""
    lines, line = [], ""
    for text in (_literal(value) for value in values):
        if len(line) + len(text) > 93:
            lines.append(line.rstrip())
            line = ""
        line += f"{text}, "
    lines.append(line.rstrip(", "))
    if len(lines) == 1:
        return "{" + lines[0] + "}"
    return "{\n" + "".join(f"    {each}\n" for each in lines) + "}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns of comment lines."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(("// " + "  ".join(cells)).rstrip())
    return "\n".join(lines) + "\n"


def _literal(value: int | str) -> str:
    if isinstance(value, str):
        return value
    # INT32_MIN has no literal of its own type.
    return "-2147483647 - 1" if value == -(1 << 31) else str(int(value))
