"""Sensors that a board samples itself: sensors.toml as typed rows, with the board's pins."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tools.boards.catalogue import Board, load_boards
from tools.convert.sensor import Sensor
from training.bundle.errors import BoardError

_TABLE = Path(__file__).with_name("sensors.toml")


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


def find_sensor(key: str, board: Board) -> Sensor:
    """Return a sensor by its key, with the board's pins and converter.

    Raises:
        BoardError: this board cannot read this sensor; the message lists those that it can.
    """
    if board.emulated:
        raise BoardError(
            "the emulated board has no sensor; it plays a recording: `vigil monitor --sample`"
        )
    here = [name for name, row in _rows().items() if board.id in row["boards"]]
    if key not in here:
        known = ", ".join(here) or "none"
        raise BoardError(f"{board.name} has no sensor {key!r}; it has: {known}")
    row = _rows()[key]
    if row["kind"] != "analog":
        return Sensor(
            key=key,
            name=row["name"],
            kind=row["kind"],
            units=tuple(unit for unit in row["units"] for _ in "xyz"),
            raw_per_unit=tuple(steps for steps in row["raw_per_unit"] for _ in "xyz"),
            fastest_hz=row["fastest_hz"],
            library=row.get("library"),
        )
    if board.adc_bits is None or board.adc_volts is None or board.adc_hz is None:
        raise BoardError(
            f"{board.name} cannot read an analog sensor: its row in boards.toml needs adc_bits, "
            "adc_volts and adc_hz"
        )
    raw_per_volt = 2**board.adc_bits / board.adc_volts
    return Sensor(
        key=key,
        name=row["name"],
        kind="analog",
        units=(row["unit"],),
        raw_per_unit=(row["volts_per_unit"] * raw_per_volt,),
        raw_zero=row["zero_volts"] * raw_per_volt,
        pin=board.analog[row["pin"]],
        lead_off=tuple(row.get("lead_off", ())),
        fastest_hz=board.adc_hz,
    )


def key_of_sensor(name: str) -> str | None:
    """Return the key of a sensor by the name that the board gives it; None if it has none."""
    return next((key for key, row in _rows().items() if row["name"] == name), None)


def sensor_keys() -> dict[str, tuple[str, ...]]:
    """Return the key of every sensor with the boards that can read it."""
    boards = load_boards()
    return {key: tuple(b for b in row["boards"] if b in boards) for key, row in _rows().items()}
