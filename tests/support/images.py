"""Firmware images that tests run: each is built once, for all workers and for later runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock

from tests.support.build_cache import CACHE, cached, digest, version
from tools.boards import build as boards_build
from tools.boards.build import BuildResult, build
from tools.checkout import FIRMWARE
from tools.convert import convert
from training.bundle import Bundle

SHARED = [FIRMWARE / "emulated", FIRMWARE / "lib", Path(boards_build.__file__).parent]


def emulated_image(bundle: Bundle, folder: Path) -> Path:
    """The firmware for the emulated board with a bundle's model and the compiled engine.

    `folder` is an empty folder of the test's own, for the generated sources.
    """
    convert(bundle.path, folder / "generated", ["compiled"])
    return build_image("emulated", folder / "generated").elf


def build_image(
    environment: str, generated: Path | None = None, project: Path = FIRMWARE
) -> BuildResult:
    """Build a PlatformIO project, the firmware by default, with these generated sources.

    The images of an environment share a folder of objects, so a library is compiled once. The
    result's `output` is empty.
    """

    def fill(folder: Path) -> None:
        shared = CACHE / f"objects-{project.name}-{environment}"
        with FileLock(f"{shared}.lock"):
            copy = shared / "generated"
            shutil.rmtree(copy, ignore_errors=True)
            if generated is not None:
                shutil.copytree(generated, copy)
            result = build(environment, copy if generated else None, shared, project)
            for path in filter(None, (result.elf, result.map)):
                shutil.copyfile(path, folder / path.name)
            shared.touch()

    own = [project / "src", project / "platformio.ini", *sorted(project.glob("*.py"))]
    inputs = [*SHARED, *own, *filter(None, [generated])]
    key = digest(environment, version("arm-none-eabi-g++"), *inputs)
    elf = cached(key, fill) / "firmware.elf"
    return BuildResult(environment, elf, elf.with_suffix(".map"), 0.0, "")
