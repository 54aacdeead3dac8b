"""Worked examples and tables of docs/link.md."""

import json
import re
from dataclasses import dataclass
from typing import Any

from tools.checkout import DOCS
from tools.link import messages as m
from tools.link.codec import ARRAYS, BY_TYPE, name_of

PAGE = (DOCS / "link.md").read_text()
BY_NAME = {name_of(cls): cls for cls in BY_TYPE.values()}


@dataclass(frozen=True)
class Example:
    name: str
    sequence: int
    message: m.Message
    wire: bytes


def wire_types(cls: type[m.Message]) -> dict[str, str]:
    """The type on the wire of each field, in order."""
    return dict(zip(cls.__slots__, cls.WIRE.split(), strict=True))


def _example(block: str) -> Example:
    text, *rows = block.strip().splitlines()
    values: dict[str, Any] = json.loads(text)
    name, sequence = values.pop("message"), values.pop("sequence")
    cls = BY_NAME[name]
    kinds = wire_types(cls)
    for key, value in values.items():
        if kinds[key] in ARRAYS:
            size = ARRAYS[kinds[key]]
            values[key] = b"".join(v.to_bytes(size, "little", signed=True) for v in value)
        elif "[" in kinds[key]:
            values[key] = bytes.fromhex(value)
    assert set(values) == set(kinds), f"{name}: the example names other fields"
    return Example(name, sequence, cls(**values), bytes.fromhex("".join(rows)))


EXAMPLES = [_example(block) for block in re.findall(r"```link\n(.*?)```", PAGE, flags=re.S)]


def section(title: str) -> str:
    """The text from a heading to the next heading of any level."""
    match = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#|\Z)", PAGE, flags=re.S | re.M)
    assert match, f"docs/link.md has no section '{title}'"
    return match[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a section's table rows, without headings, rulers and backticks."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[c.strip().strip("`") for c in line.strip("|").split("|")] for line in table]
    rulers = [i for i, row in enumerate(cells) if set("".join(row)) == {"-"}]
    return [row for i, row in enumerate(cells) if i not in rulers and i + 1 not in rulers]
