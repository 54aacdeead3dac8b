"""GNU ld's map file: the object file of each range of the image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_START = "Linker script and memory map"
_OUTPUT = re.compile(r"^([.\w]\S*)(?:\s+0x[0-9a-f]+\s+0x[0-9a-f]+.*)?$")
_LONG_NAME = re.compile(r"^ ([.\w][^\s(]*)$")
_PLACED = re.compile(r"^ (\S*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?:\s+(.*))?$")
_MEMBER = re.compile(r"^(?P<archive>.+\.a)\((?P<object>[^()]+)\)$")


@dataclass(frozen=True)
class Placed:
    """One input section, or fill, at its address."""

    output: str  # the output section; debug sections have addresses too, from 0 on
    address: int
    size: int  # bytes
    section: str  # the input section's name; "*fill*" for padding
    archive: str  # path of the static library; "" for a separate object
    object: str  # path of the object file, or its name in the archive; "" for padding

    @property
    def padding(self) -> bool:
        """Whether these bytes only align the next section."""
        return self.section == "*fill*"


def read_map(path: Path) -> list[Placed]:
    """Return the ranges in `path` of at least one byte, in the file's order."""
    return parse_map(path.read_text(errors="replace"))


def parse_map(text: str) -> list[Placed]:
    """Return the ranges in the text of a map file.

    Discarded sections come before the memory map and are skipped. ld attributes all merged strings
    to the first object that has any.
    """
    _, _, body = text.partition(_START)
    placed: list[Placed] = []
    output = ""
    carried = ""  # a name too long for its column has a line of its own
    for line in body.splitlines():
        opens = _OUTPUT.match(line)
        if opens:
            output = opens[1]
        long_name = _LONG_NAME.match(line)
        if long_name:
            carried = long_name[1]
            continue
        match = _PLACED.match(line)
        if match and int(match[3], 16):
            name = match[1] or carried
            source = (match[4] or "").strip()
            if name == "*fill*" or (name and source and not name.startswith("*")):
                placed.append(_placed(output, int(match[2], 16), int(match[3], 16), name, source))
        carried = ""
    return placed


def _placed(output: str, address: int, size: int, section: str, source: str) -> Placed:
    if section == "*fill*":
        return Placed(output, address, size, section, "", "")
    member = _MEMBER.match(source)
    if member:
        return Placed(output, address, size, section, member["archive"], member["object"])
    return Placed(output, address, size, section, "", source)
