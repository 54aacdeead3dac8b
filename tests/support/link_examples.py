"""The worked examples, byte tables and other tables of docs/link.md."""

import json
import re
from dataclasses import dataclass, fields
from typing import Any

from tools.checkout import DOCS
from tools.link import messages as m

PAGE = (DOCS / "link.md").read_text()
BY_NAME = {m.name_of(cls): cls for cls in m.BY_TYPE.values()}


@dataclass(frozen=True)
class Example:
    name: str
    sequence: int
    message: m.Message
    wire: bytes


def _example(block: str) -> Example:
    text, *rows = block.strip().splitlines()
    values: dict[str, Any] = json.loads(text)
    name, sequence = values.pop("message"), values.pop("sequence")
    cls = BY_NAME[name]
    codes = {f.name: f.metadata["wire"] for f in fields(cls)}
    for key, value in values.items():
        if codes[key] in ("bytes3", "bytes8"):
            values[key] = bytes.fromhex(value)
        elif codes[key] == "rest":
            size = 2 if key == "counts" else 1
            values[key] = b"".join(v.to_bytes(size, "little", signed=True) for v in value)
    assert set(values) == set(codes), f"{name}: the example names other fields"
    return Example(name, sequence, cls(**values), bytes.fromhex("".join(rows)))


EXAMPLES = [_example(block) for block in re.findall(r"```link\n(.*?)```", PAGE, flags=re.S)]


def section(title: str) -> str:
    """The text from a heading to the next of any level."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#|\Z)", PAGE, flags=re.S | re.M)
    assert found, f"docs/link.md has no section '{title}'"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a section's table rows, without headings and rulers, backticks removed."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[c.strip().strip("`") for c in line.strip("|").split("|")] for line in table]
    rulers = [i for i, row in enumerate(cells) if set("".join(row)) == {"-"}]
    return [row for i, row in enumerate(cells) if i not in rulers and i + 1 not in rulers]
