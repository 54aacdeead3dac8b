"""Lets PlatformIO find a board under all of its USB ids.

PlatformIO's own board file lists two of the Nano 33 BLE's four.
"""

import tomllib
from pathlib import Path

Import("env")

catalogue = Path(env.subst("$PROJECT_DIR")).parent / "tools" / "boards" / "boards.toml"
board = tomllib.loads(catalogue.read_text(encoding="utf-8"))[env["BOARD"]]
ids = [[f"0x{vendor:04x}", f"0x{product:04x}"] for vendor, product in board["usb_ids"]]
if ids:
    env.BoardConfig().update("build.hwids", ids)
