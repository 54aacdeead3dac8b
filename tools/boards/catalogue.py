"""The catalogue of boards: boards.toml as typed rows."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from training.bundle.errors import BoardError

_CATALOGUE = Path(__file__).with_name("boards.toml")
# Figures that a row may leave out, and the feature that the board loses without them.
_FEATURES = (
    (("framework_flash", "framework_sram"), "a forecast before training counts no framework"),
    (("receive_ring",), "no firmware can be built"),
    (("wait_states",), "an estimate has no upper bound of the time"),
    (("active_ma", "supply_v"), "an estimate has no energy"),
    (("adc_bits", "adc_volts", "adc_hz", "analog"), "no analog sensor can be read"),
)


@dataclass(frozen=True)
class Board:
    """One board and its limits."""

    id: str  # key in the catalogue
    name: str  # display name
    core: str  # processor core, in the compiler's spelling
    dsp: bool  # whether the core has the DSP extension (SMLAD etc.)
    clock_hz: int  # processor clock; of the emulated board, virtual instructions per second
    flash_bytes: int  # flash for a program, without the bootloader
    sram_bytes: int  # total SRAM, the framework's share included
    # (vendor, product) of its USB port, those of the bootloader included
    usb_ids: tuple[tuple[int, int], ...]
    # PlatformIO environment by engine name ("tflm", "compiled")
    environments: MappingProxyType[str, str]
    checked: str  # how far its firmware was tried
    emulated: bool = False  # whether its figures must be marked as emulated
    machine: str = ""  # QEMU's machine, of an emulated board
    led_register: int = 0  # address of that machine's LEDs
    analog: tuple[int, ...] = ()  # Arduino pins of the analog inputs, from A0
    # bytes that the serial port buffers until the firmware reads them
    receive_ring: int | None = None
    framework_flash: int | None = None  # bytes of flash that an empty sketch takes
    # bytes of static SRAM that an empty sketch takes, its stack included
    framework_sram: int | None = None
    wait_states: int | None = None  # most cycles that a read from flash waits with the cache off
    # supply current of the busy processor in mA, (DC/DC regulator, LDO)
    active_ma: tuple[float, float] | None = None
    supply_v: float | None = None  # supply voltage at which `active_ma` flows
    adc_bits: int | None = None  # resolution of the analog-to-digital converter
    adc_volts: float | None = None  # pin voltage at the converter's full scale
    adc_hz: float | None = None  # fastest rate at which the firmware reads the converter

    @property
    def vectors(self) -> bool:
        """Whether the core has vectors, with which the compiled engine runs dense layers."""
        return self.core == "cortex-m55"

    @property
    def riscv(self) -> bool:
        """Whether its core is a RISC-V, which needs another compiler and emulator than an Arm."""
        return self.core.startswith("rv")

    def environment(self, engine: str) -> str:
        """Return the PlatformIO environment that builds for this board with `engine`.

        Raises:
            BoardError: there is none.
        """
        try:
            return self.environments[engine]
        except KeyError:
            known = ", ".join(sorted(self.environments)) or "none"
            raise BoardError(
                f"{self.id} has no build with engine {engine!r}; it has: {known}"
            ) from None

    def missing_figures(self) -> list[str]:
        """Return one line for each feature that this board loses for want of figures."""
        if self.emulated:  # virtual time, and a recording in place of a converter
            return []
        lines = []
        for names, cost in _FEATURES:
            missing = [name for name in names if not getattr(self, name)]
            if missing:
                lines.append(f"boards.toml has no {', '.join(missing)}: {cost}")
        return lines


@cache
def load_boards() -> MappingProxyType[str, Board]:
    """Return every board of the catalogue by its id."""
    table = tomllib.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return MappingProxyType({key: _board(key, row) for key, row in table.items()})


def _board(key: str, row: dict[str, Any]) -> Board:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    values["usb_ids"] = tuple((vendor, product) for vendor, product in row["usb_ids"])
    values["environments"] = MappingProxyType(row["environments"])
    return Board(id=key, **values)


def find_board(key: str) -> Board:
    """Return a board by its id.

    Raises:
        BoardError: the catalogue has no such board; the message lists those it has.
    """
    boards = load_boards()
    if key not in boards:
        raise BoardError(f"no board {key!r} in the catalogue; it has: {', '.join(boards)}")
    return boards[key]


def is_emulated(key: str) -> bool:
    """Return whether a board is in the catalogue as an emulated one."""
    board = load_boards().get(key)
    return board is not None and board.emulated


def board_of_environment(environment: str) -> Board:
    """Return the board that a PlatformIO environment builds for.

    Raises:
        BoardError: no board has this environment.
    """
    for board in load_boards().values():
        if environment in board.environments.values():
            return board
    known = sorted(env for board in load_boards().values() for env in board.environments.values())
    raise BoardError(f"no environment {environment!r}; there are: {', '.join(known)}")
