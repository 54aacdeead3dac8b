"""Building images and uploading them, with PlatformIO."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tools.boards.catalogue import board_of_environment
from tools.boards.prepare import environment, prepare_platformio
from tools.boards.process_group import run_group
from tools.checkout import FIRMWARE
from training.bundle.errors import BoardError

TFLM_LIBRARY = "Chirale_TensorFLowLite"
"""TensorFlow Lite Micro for Arduino, in the spelling of PlatformIO's registry."""


_LOCK = FileLock(FIRMWARE / ".pio" / "building.lock", thread_local=False)


@contextmanager
def alone(waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the build lock: all builds of a checkout share one folder of sources and objects.

    The holder may take it again. `waiting` is called once if another process holds it.
    """
    Path(_LOCK.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        _LOCK.acquire(timeout=0)
    except Timeout:
        waiting()
        _LOCK.acquire()
    try:
        yield
    finally:
        _LOCK.release()


@dataclass(frozen=True)
class BuildResult:
    """The result of a build."""

    environment: str  # PlatformIO environment
    elf: Path  # the image, with symbols
    map: Path | None  # the linker's map, or None where the platform writes none
    seconds: float  # duration; 0 for an image that was up to date
    output: str  # PlatformIO's output


def build(
    env: str,
    generated: Path | None = None,
    build_dir: Path | None = None,
    project: Path = FIRMWARE,
    library: str | None = None,
) -> BuildResult:
    """Build an image.

    Args:
        env: PlatformIO environment, for example "emulated".
        generated: folder of the model's generated sources; firmware/generated if None.
        build_dir: folder for objects and image, in the project's .pio if None. They go to a
            subfolder `pio`, which PlatformIO empties when the project's settings change.
        project: PlatformIO project; tests use another one than the firmware.
        library: Sensor.library.

    Raises:
        BoardError: the build failed; the message is its first error.
    """
    prepare_platformio(project)
    variables = environment() | {"VIGIL_SENSOR_LIBRARY": library or ""}
    if generated is not None:
        variables["VIGIL_GENERATED"] = str(generated.resolve())
    objects = project / ".pio" / "build" if build_dir is None else build_dir.resolve() / "pio"
    variables["PLATFORMIO_BUILD_DIR"] = str(objects)
    start = time.monotonic()
    output = _platformio(["run", "-e", env], project, variables, f"build of {env}")
    seconds = time.monotonic() - start
    elf = objects / env / "firmware.elf"
    if not elf.is_file():
        raise BoardError(f"build of {env}: PlatformIO reports success but wrote no {elf}")
    map_file = elf.with_suffix(".map")
    return BuildResult(env, elf, map_file if map_file.is_file() else None, seconds, output)


def flash(
    env: str,
    port: str | None = None,
    generated: Path | None = None,
    library: str | None = None,
) -> str:
    """Build an image, upload it to a plugged-in board, and return PlatformIO's output.

    Args:
        env: PlatformIO environment of a real board.
        port: serial port; found by USB id if None.
        generated: folder of the model's generated sources; firmware/generated if None.
        library: Sensor.library.

    Raises:
        BoardError: the environment is the emulated board's, or the build or the upload failed.
    """
    if board_of_environment(env).emulated:
        raise BoardError(f"{env} is the emulated board: nothing to flash, run `vigil board`")
    prepare_platformio()
    variables = environment() | {"VIGIL_SENSOR_LIBRARY": library or ""}
    if generated is not None:
        variables["VIGIL_GENERATED"] = str(generated.resolve())
    arguments = ["run", "-e", env, "-t", "upload"]
    if port is not None:
        arguments += ["--upload-port", port]
    return _platformio(arguments, FIRMWARE, variables, f"flashing {env}")


def has_tflm_library(env: str = "emulated_tflm") -> bool:
    """Whether PlatformIO has installed TensorFlow Lite Micro for an environment.

    It does so by itself when it can reach its registry.
    """
    return (library_folder(env) / ".piopm").is_file()


def library_folder(env: str) -> Path:
    """Return where PlatformIO keeps TensorFlow Lite Micro for an environment.

    The variable PLATFORMIO_LIBDEPS_DIR overrides the project's folder, as always with PlatformIO.
    """
    override = os.environ.get("PLATFORMIO_LIBDEPS_DIR")
    folder = Path(override) if override else FIRMWARE / ".pio" / "libdeps"
    return folder / env / TFLM_LIBRARY


def _platformio(arguments: list[str], project: Path, variables: dict[str, str], what: str) -> str:
    code, output = run_group(
        [sys.executable, "-m", "platformio", *arguments, "-d", str(project)], variables
    )
    if code < 0:
        raise BoardError(f"{what}: stopped by {signal.Signals(-code).name}; run it again")
    if code != 0:
        why = first_error(output)
        if "overflowed by" in why:
            why += ": it does not fit the board; make the model smaller, or choose a larger board"
        if re.search(r"HTTPClientError|InternetConnectionError", output):
            why = (
                f"PlatformIO cannot reach its registry to download {TFLM_LIBRARY}, the sensor's "
                "library or the board's tools: run it once with a network"
            )
        cloned = re.search(r"VCSBaseException: .*'(https://[^']+)'", output)
        if cloned:
            why = f"PlatformIO cannot fetch {cloned[1]} with git: run it once with a network"
        raise BoardError(f"{what}: {why}")
    return output


_ERRORS = (
    r"^.*:\d+:\d+: (?:fatal )?error: .*$",  # compiler
    r"^.*\bregion `\w+' overflowed by \d+ bytes.*$",  # linker: too large
    r"^.*undefined reference to .*$",
    r"^.*multiple definition of .*$",
    r"^.*/ld(?:\.\w+)?: (?!warning).*$",  # linker: a missing file, and others
    r"^\S*Error: .*$",  # PlatformIO and our scripts
    r"^.*\b[Ee]rror\b.*$",
)


def first_error(output: str) -> str:
    """Return the line of a failed build's output that names the cause, the likeliest kind first."""
    for pattern in _ERRORS:
        match = re.search(pattern, output, flags=re.MULTILINE)
        if match:
            line = match[0].strip()
            # A line of the linker begins with the linker's own path.
            return re.sub(r"^\S*/ld(?:\.\w+)?: ", "", line).removeprefix("Error: ")
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "PlatformIO failed without output"
