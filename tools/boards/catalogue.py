"""The catalogue of boards: boards.toml as typed rows."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from training.bundle.errors import BoardError

_CATALOGUE = Path(__file__).with_name("boards.toml")


@dataclass(frozen=True)
class Board:
    """One board and its limits.

    Attributes:
        id: key in the catalogue.
        name: name for people.
        core: processor core, as compilers spell it.
        fpu: whether it has single-precision floating point.
        dsp: whether it has the DSP extension (SMLAD and its kin).
        clock_hz: processor clock; of the emulated board, virtual instructions a second.
        flash_bytes: what a program may take, behind the bootloader.
        sram_bytes: all of it, the framework's share included.
        usb_ids: (vendor, product) under which it shows up, bootloader included.
        led: Arduino pin of the built-in LED, or None.
        analog: Arduino pins of the analog inputs, from A0.
        wait_states: cycles that a read from flash waits at most, cache off, or None if unknown.
        active_ma: the busy processor's current in mA, (least, most) by regulator, or None.
        supply_v: volts at which that current flows, or None.
        adc_bits: of the analog-to-digital converter, or None.
        adc_volts: at the pin, at which it gives its greatest value, or None.
        environments: PlatformIO environment by engine name ("tflm", "compiled").
    """

    id: str
    name: str
    core: str
    fpu: bool
    dsp: bool
    clock_hz: int
    flash_bytes: int
    sram_bytes: int
    usb_ids: tuple[tuple[int, int], ...]
    led: int | None
    analog: tuple[int, ...]
    environments: MappingProxyType[str, str]
    wait_states: int | None = None
    active_ma: tuple[float, float] | None = None
    supply_v: float | None = None
    adc_bits: int | None = None
    adc_volts: float | None = None

    @property
    def emulated(self) -> bool:
        """Whether every number from this board needs the word beside it."""
        return self.id == "emulated"

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


@cache
def load_boards() -> MappingProxyType[str, Board]:
    """Return every board of the catalogue by its id."""
    table = tomllib.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            key: Board(
                id=key,
                name=row["name"],
                core=row["core"],
                fpu=row["fpu"],
                dsp=row["dsp"],
                clock_hz=row["clock_hz"],
                flash_bytes=row["flash_bytes"],
                sram_bytes=row["sram_bytes"],
                usb_ids=tuple((vendor, product) for vendor, product in row["usb_ids"]),
                led=row.get("led"),
                analog=tuple(row.get("analog", ())),
                environments=MappingProxyType(dict(row["environments"])),
                wait_states=row.get("wait_states"),
                active_ma=tuple(row["active_ma"]) if "active_ma" in row else None,
                supply_v=row.get("supply_v"),
                adc_bits=row.get("adc_bits"),
                adc_volts=row.get("adc_volts"),
            )
            for key, row in table.items()
        }
    )


def find_board(key: str) -> Board:
    """Return a board by its id.

    Raises:
        BoardError: no such board; the message names those that are.
    """
    boards = load_boards()
    if key not in boards:
        raise BoardError(f"no board {key!r} in the catalogue; it has: {', '.join(boards)}")
    return boards[key]


def board_of_environment(environment: str) -> Board:
    """Return the board for which a PlatformIO environment builds.

    Raises:
        BoardError: no board has this environment.
    """
    for board in load_boards().values():
        if environment in board.environments.values():
            return board
    known = sorted(env for board in load_boards().values() for env in board.environments.values())
    raise BoardError(f"no environment {environment!r}; there are: {', '.join(known)}")
