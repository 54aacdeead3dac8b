"""Limits a program to the flash that the catalogue of boards leaves to it.

PlatformIO's own board file may allow more: on the Nano 33 BLE, the last pages keep what the board
has learned, and erasing them would erase a larger program's code.
"""

import tomllib
from pathlib import Path

Import("env")

catalogue = Path(env.subst("$PROJECT_DIR")).parent / "tools" / "boards" / "boards.toml"
limit = tomllib.loads(catalogue.read_text(encoding="utf-8"))[env["BOARD"]]["flash_bytes"]
board = env.BoardConfig()
if limit < int(board.get("upload.maximum_size", limit)):
    board.update("upload.maximum_size", limit)
