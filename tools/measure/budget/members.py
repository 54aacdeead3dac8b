"""The members of large variables, from debug information.

The application is one object whose buffers belong to different parts; the symbol table has only the
whole.
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
    type: str  # qualified as in C++; for an array, the element's type and []
    offset: int  # bytes from the variable's start
    size: int  # bytes


def members_of(elf: Path, address: int, size: int, source: str) -> tuple[Member, ...]:
    """Return the members of the variable of `size` bytes at `address`.

    A member's size includes the padding after it. The result is empty without debug information,
    for an unknown variable, and for one whose type is no class: the caller then keeps the whole.

    Args:
        source: end of the defining file's name ("main.cpp").
    """
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            if file.has_dwarf_info():
                return tuple(_members(file.get_dwarf_info(), address, size, source))
    except (DWARFError, ELFError, KeyError, AttributeError):
        pass  # debug information that pyelftools does not understand
    return ()


def _members(dwarf: DWARFInfo, address: int, size: int, source: str) -> Iterator[Member]:
    kind = _type_at(dwarf, address, source)
    if kind is None:
        return
    if "DW_AT_declaration" in kind.attributes:  # defined where its vtable is
        kind = _definition(dwarf, _path(kind)) or kind
    members = [
        (int(child.attributes["DW_AT_data_member_location"].value), child)
        for child in kind.iter_children()
        if child.tag == "DW_TAG_member" and "DW_AT_data_member_location" in child.attributes
    ]
    members.sort(key=lambda entry: entry[0])
    ends = [offset for offset, _ in members[1:]] + [size]
    for (offset, child), end in zip(members, ends, strict=True):
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
    """Find the definition of the class with this qualified name in all compile units."""
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
    location = entry.attributes.get("DW_AT_location")
    expression = bytes(location.value) if location and isinstance(location.value, list) else b""
    if len(expression) != 5 or expression[0] != _AT_ADDRESS:
        return None
    return int.from_bytes(expression[1:], "little")


def _text(entry: DIE, attribute: str) -> str:
    value = entry.attributes.get(attribute)
    return value.value.decode(errors="replace") if value else ""


def _type(entry: DIE) -> DIE:
    """Return the type of `entry` without typedefs and qualifiers."""
    kind = entry.get_DIE_from_attribute("DW_AT_type")
    return _type(kind) if kind.tag in _PASSED_THROUGH else kind


def _name(kind: DIE) -> str:
    if kind.tag == "DW_TAG_array_type":
        return f"{_name(_type(kind))}[]"
    return "::".join(part or "(anonymous)" for part in _path(kind))
