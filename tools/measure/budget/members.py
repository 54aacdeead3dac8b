"""The members of large variables, from debug information.

The application is one object, whose buffers belong to different parts; the symbol table knows
only the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile

_AT_ADDRESS = 0x03  # DW_OP_addr
_SCOPES = ("DW_TAG_namespace", "DW_TAG_class_type", "DW_TAG_structure_type")
_PASSED_THROUGH = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type")


@dataclass(frozen=True)
class Member:
    """One member of a variable of class type."""

    name: str
    type: str  # qualified, as in C++; of an array, its elements' with []
    offset: int  # bytes from the variable's start
    size: int  # bytes


def members_of(elf: Path, address: int, size: int, source: str) -> tuple[Member, ...]:
    """The members of the variable of `size` bytes at `address`.

    `source` ends the name of the file that defines it ("main.cpp"). A member's size includes the
    alignment behind it. Empty where there is no debug information, no such variable, or it is of
    no class: the caller has the whole, which is right.
    """
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            if file.has_dwarf_info():
                return tuple(_members(file.get_dwarf_info(), address, size, source))
    except (DWARFError, ELFError, KeyError, AttributeError):
        pass  # debug information of a kind that the reader does not know
    return ()


def _members(dwarf: DWARFInfo, address: int, size: int, source: str) -> Iterator[Member]:
    kind = _type_at(dwarf, address, source)
    if kind is None:
        return
    if "DW_AT_declaration" in kind.attributes:  # said in full where the class's vtable is
        kind = _definition(dwarf, _path(kind)) or kind
    found = [
        (int(child.attributes["DW_AT_data_member_location"].value), child)
        for child in kind.iter_children()
        if child.tag == "DW_TAG_member" and "DW_AT_data_member_location" in child.attributes
    ]
    found.sort(key=lambda entry: entry[0])
    ends = [offset for offset, _ in found[1:]] + [size]
    for (offset, child), end in zip(found, ends, strict=True):
        yield Member(_text(child, "DW_AT_name"), _name(_type(child)), offset, end - offset)


def _type_at(dwarf: DWARFInfo, address: int, source: str) -> DIE | None:
    for unit in dwarf.iter_CUs():
        if not _text(unit.get_top_DIE(), "DW_AT_name").endswith(source):
            continue
        for entry in unit.iter_DIEs():
            if entry.tag == "DW_TAG_variable" and _address(entry) == address:
                # A definition in a namespace refers to its declaration for name and type.
                if "DW_AT_specification" in entry.attributes:
                    entry = entry.get_DIE_from_attribute("DW_AT_specification")
                return _type(entry)
    return None


def _definition(dwarf: DWARFInfo, path: tuple[str, ...]) -> DIE | None:
    """The class of this qualified name, in whichever compile unit defines it."""
    for unit in dwarf.iter_CUs():
        scopes = [unit.get_top_DIE()]
        for name in path:
            scopes = [
                child
                for scope in scopes
                for child in scope.iter_children()
                if child.tag in _SCOPES and _text(child, "DW_AT_name") == name
            ]
        for scope in scopes:
            if "DW_AT_declaration" not in scope.attributes:
                return scope
    return None


def _path(kind: DIE) -> tuple[str, ...]:
    path: tuple[str, ...] = (_text(kind, "DW_AT_name"),)
    parent = kind.get_parent()
    while parent is not None and parent.tag in _SCOPES:
        path = (_text(parent, "DW_AT_name"), *path)
        parent = parent.get_parent()
    return path


def _address(entry: DIE) -> int | None:
    place = entry.attributes.get("DW_AT_location")
    expression = bytes(place.value) if place and isinstance(place.value, list) else b""
    if len(expression) != 5 or expression[0] != _AT_ADDRESS:
        return None
    return int.from_bytes(expression[1:], "little")


def _text(entry: DIE, attribute: str) -> str:
    value = entry.attributes.get(attribute)
    return value.value.decode(errors="replace") if value else ""


def _type(entry: DIE) -> DIE:
    """What `entry` is of, typedefs and qualifiers left out."""
    kind = entry.get_DIE_from_attribute("DW_AT_type")
    return _type(kind) if kind.tag in _PASSED_THROUGH else kind


def _name(kind: DIE) -> str:
    if kind.tag == "DW_TAG_array_type":
        return f"{_name(_type(kind))}[]"
    return "::".join(part or "(anonymous)" for part in _path(kind))
