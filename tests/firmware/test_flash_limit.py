"""A program leaves the flash free that the board writes: firmware/flash_limit.py."""

from __future__ import annotations

import re
import runpy
from types import SimpleNamespace

from tools.boards.catalogue import find_board
from tools.checkout import FIRMWARE

PLATFORMIO = 983_040  # its limit of the Nano: up to the end of flash


def limit_of_the_nano(allowed: int) -> int:
    """The size above which PlatformIO fails the build, after the script, run as it runs it."""
    settings = {"upload.maximum_size": allowed}

    class Env(dict[str, str]):
        def subst(self, text: str) -> str:
            return {"$PROJECT_DIR": str(FIRMWARE)}[text]

        def BoardConfig(self) -> SimpleNamespace:  # noqa: N802
            return SimpleNamespace(get=settings.get, update=settings.__setitem__)

    names = {"Import": lambda *_: None, "env": Env(BOARD="nano33ble")}
    runpy.run_path(str(FIRMWARE / "flash_limit.py"), init_globals=names)
    return settings["upload.maximum_size"]


def test_the_nanos_program_ends_before_the_pages_that_it_erases() -> None:
    text = (FIRMWARE / "lib" / "board" / "flash_nano33ble.cpp").read_text(encoding="utf-8")
    page = int(re.search(r"kPage = (\d+);", text)[1])
    pages = sum(int(n) for n in re.findall(r"= (?:0x100000|kFirst) - (\d) \* kPage;", text))
    assert limit_of_the_nano(PLATFORMIO) == PLATFORMIO - pages * page
    assert find_board("nano33ble").flash_bytes == PLATFORMIO - pages * page


def test_a_smaller_limit_of_platformio_stays() -> None:
    assert limit_of_the_nano(500_000) == 500_000


def test_every_build_runs_the_script() -> None:
    lines = (FIRMWARE / "platformio.ini").read_text(encoding="utf-8").splitlines()
    scripts = lines[lines.index("extra_scripts =") :]
    assert "    pre:flash_limit.py" in scripts[: scripts.index("")]
