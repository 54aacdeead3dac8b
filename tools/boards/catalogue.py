"""The catalogue of boards: boards.toml, checked and typed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from training.errors import BoardError
from training.schema import nearest

CATALOGUE = Path(__file__).with_name("boards.toml")


@dataclass(frozen=True)
class Board:
    """One row; boards.toml says what each fact rests on."""

    key: str  # "emulated", "nano33ble"
    name: str  # for people
    core: str
    fpu: bool
    dsp: bool
    clock_hz: int
    flash_bytes: int  # what a program may take
    sram_bytes: int
    usb_ids: tuple[tuple[int, int], ...] = ()  # (vendor, product)
    led: int | None = None  # Arduino pin
    analog: tuple[int, ...] = ()  # Arduino pins, from A0
    wait_states: tuple[int, ...] = ()
    environments: MappingProxyType[str, str] = field(  # PlatformIO environment by engine
        default_factory=lambda: MappingProxyType({})
    )

    def environment(self, engine: str) -> str:
        """The PlatformIO environment that puts `engine` on this board, or BoardError."""
        if not self.environments:
            raise BoardError(
                f"{self.name} is in the catalogue for its limits only: no build for it"
            )
        if engine not in self.environments:
            known = ", ".join(sorted(self.environments))
            raise BoardError(f"no engine '{engine}' for {self.name}; choose one of: {known}")
        return self.environments[engine]


@cache
def load_boards() -> MappingProxyType[str, Board]:
    """Every board by its key, in the order of the file."""
    with CATALOGUE.open("rb") as file:
        rows = tomllib.load(file)
    return MappingProxyType({key: _board(key, row) for key, row in rows.items()})


def find_board(key: str) -> Board:
    """The board of that key; BoardError names the nearest there is."""
    boards = load_boards()
    if key not in boards:
        raise BoardError(f"no board '{key}'{nearest(key, boards)}")
    return boards[key]


def _board(key: str, row: dict[str, Any]) -> Board:
    values = dict(row)
    values["usb_ids"] = tuple((vendor, product) for vendor, product in row.get("usb_ids", ()))
    values["analog"] = tuple(row.get("analog", ()))
    values["wait_states"] = tuple(row.get("wait_states", ()))
    values["environments"] = MappingProxyType(dict(row.get("environments", {})))
    return Board(key=key, **values)
