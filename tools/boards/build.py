"""Build and flash the firmware, through PlatformIO."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.boards.prepare import FIRMWARE, environment, prepare_platformio
from training.errors import BoardError

_REGISTRY_SIGNS = ("HTTPClientError", "Could not find the package", "InternetConnectionError")


@dataclass(frozen=True)
class BuildResult:
    """What a build left behind."""

    elf: Path
    map: Path
    seconds: float
    output: str  # everything that PlatformIO and the compiler said


def build(
    environment_name: str, generated: Path | None = None, build_dir: Path | None = None
) -> BuildResult:
    """Compile the sketch for a PlatformIO environment (Board.environment()).

    `generated` is the folder that convert() filled, by default firmware/generated; `build_dir`
    takes what is compiled, by default firmware/.pio/build.
    Raises BoardError with the first thing that the compiler or PlatformIO complained of.
    """
    start = time.monotonic()
    folder = (build_dir or FIRMWARE / ".pio" / "build").resolve()
    output = _run(environment_name, [], generated, folder)
    elf = folder / environment_name / "firmware.elf"
    if not elf.is_file():
        raise BoardError(f"{environment_name}: built, but there is no image at {elf}")
    return BuildResult(elf, elf.with_suffix(".map"), time.monotonic() - start, output)


def flash(environment_name: str, port: str, generated: Path | None = None) -> None:
    """Upload what `build` compiled to the board on `port`; BoardError says why it failed."""
    arguments = ["--target", "upload", "--upload-port", port]
    _run(environment_name, arguments, generated, (FIRMWARE / ".pio" / "build").resolve())


def _run(
    environment_name: str, arguments: list[str], generated: Path | None, build_dir: Path
) -> str:
    prepare_platformio()
    variables = environment()
    variables["PLATFORMIO_BUILD_DIR"] = str(build_dir)
    if generated is not None:
        variables["VIGIL_GENERATED"] = str(generated.resolve())
    command = [sys.executable, "-m", "platformio", "run", "--project-dir", str(FIRMWARE)]
    done = subprocess.run(
        [*command, "--environment", environment_name, *arguments],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        log = build_dir / f"{environment_name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout)
        shown = os.path.relpath(log)
        raise BoardError(f"{environment_name}: {_complaint(done.stdout)} (all of it: {shown})")
    return done.stdout


def _complaint(output: str) -> str:
    """The first line that says what went wrong."""
    if any(sign in output for sign in _REGISTRY_SIGNS):
        return (
            "PlatformIO could not fetch a platform or library from its registry; builds for real "
            "boards need the network the first time"
        )
    overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", output)
    if overflow:
        memory = {"FLASH": "flash", "RAM": "SRAM"}.get(overflow[1], overflow[1])
        return (
            f"does not fit: {int(overflow[2]):,} bytes more {memory} than the board has; "
            "make the model smaller, or choose a larger board"
        )
    for pattern in (r"^.*?: (?:fatal )?error: .*$", r"^Error: .*$", r"^.*\bError\b.*$"):
        found = re.search(pattern, output, flags=re.MULTILINE)
        if found:
            return found[0].strip().removeprefix("Error: ")
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "PlatformIO failed without a word"
