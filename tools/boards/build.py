"""Building images and putting them on boards, through PlatformIO."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from tools.boards.catalogue import board_of_environment
from tools.boards.prepare import environment, prepare_platformio
from tools.checkout import FIRMWARE
from training.bundle.errors import BoardError

TFLM_LIBRARY = "Chirale_TensorFLowLite"
"""TensorFlow Lite Micro for Arduino, in the spelling of PlatformIO's registry."""


_LOCK = FileLock(FIRMWARE / ".pio" / "building.lock", thread_local=False)


@contextmanager
def alone(waiting: Callable[[], None]) -> Iterator[None]:
    """While this is held no other program here builds: sources and objects have one place for all.

    Whoever holds it may take it again. `waiting` is called once if another program has it.
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
    """What a build left.

    Attributes:
        environment: PlatformIO environment.
        elf: the image, with symbols.
        map: the linker's map, or None where the platform writes none.
        seconds: how long it took.
        output: what PlatformIO said.
    """

    environment: str
    elf: Path
    map: Path | None
    seconds: float
    output: str

    def kept(self, folder: Path) -> "BuildResult":
        """A copy in `folder`, which the next build of another model leaves alone."""
        folder.mkdir(parents=True, exist_ok=True)
        elf = folder / f"{self.environment}.elf"
        shutil.copyfile(self.elf, elf)
        if self.map is None:
            return replace(self, elf=elf)
        return replace(self, elf=elf, map=shutil.copyfile(self.map, elf.with_suffix(".map")))


def build(
    env: str,
    generated: Path | None = None,
    build_dir: Path | None = None,
    project: Path = FIRMWARE,
) -> BuildResult:
    """Build an image.

    Args:
        env: PlatformIO environment, "emulated" say.
        generated: folder of the model's generated sources; firmware/generated if None.
        build_dir: where objects and image go, in a folder `pio` of their own, which PlatformIO
            empties whenever the project's settings have changed; the project's .pio if None.
        project: PlatformIO project; the firmware unless a test says otherwise.

    Raises:
        BoardError: the build failed; the message is its first error.
    """
    prepare_platformio(project)
    variables = environment()
    if generated is not None:
        variables["VIGIL_GENERATED"] = str(generated.resolve())
    objects = project / ".pio" / "build" if build_dir is None else build_dir.resolve() / "pio"
    variables["PLATFORMIO_BUILD_DIR"] = str(objects)
    start = time.monotonic()
    output = _platformio(["run", "-e", env], project, variables, f"build of {env}")
    seconds = time.monotonic() - start
    elf = objects / env / "firmware.elf"
    if not elf.is_file():
        raise BoardError(f"build of {env}: PlatformIO says it succeeded but left no {elf}")
    map_file = elf.with_suffix(".map")
    return BuildResult(env, elf, map_file if map_file.is_file() else None, seconds, output)


def flash(env: str, port: str | None = None, generated: Path | None = None) -> str:
    """Build an image and put it on a plugged-in board; return what PlatformIO said.

    Args:
        env: PlatformIO environment of a real board.
        port: serial port; found by USB id if None.
        generated: folder of the model's generated sources; firmware/generated if None.

    Raises:
        BoardError: the environment is the emulated board's, the build failed, or no board took
            the image.
    """
    if board_of_environment(env).emulated:
        raise BoardError(f"{env} is the emulated board: nothing to flash, run `vigil board`")
    prepare_platformio()
    variables = environment()
    if generated is not None:
        variables["VIGIL_GENERATED"] = str(generated.resolve())
    arguments = ["run", "-e", env, "-t", "upload"]
    if port is not None:
        arguments += ["--upload-port", port]
    return _platformio(arguments, FIRMWARE, variables, f"flashing {env}")


def has_tflm_library(env: str = "emulated_tflm", project: Path = FIRMWARE) -> bool:
    """Whether TensorFlow Lite Micro is where PlatformIO keeps the libraries of an environment.

    PlatformIO puts it there by itself when it can reach its registry. PLATFORMIO_LIBDEPS_DIR names
    another place, as always with PlatformIO.
    """
    override = environment().get("PLATFORMIO_LIBDEPS_DIR")
    folder = Path(override) if override else project / ".pio" / "libdeps"
    return (folder / env / TFLM_LIBRARY / ".piopm").is_file()


def _platformio(arguments: list[str], project: Path, variables: dict[str, str], what: str) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "platformio", *arguments, "-d", str(project)],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        check=False,
    )
    if process.returncode < 0:
        raise BoardError(
            f"{what}: stopped by {signal.Signals(-process.returncode).name}; run it again"
        )
    if process.returncode != 0:
        why = first_error(process.stdout)
        if "overflowed by" in why:
            why += ": it does not fit the board; make the model smaller, or choose a larger board"
        if re.search(r"HTTPClientError|InternetConnectionError", process.stdout):
            why = (
                "PlatformIO did not reach its registry, which has what is missing here (the "
                f"library {TFLM_LIBRARY}, or the board's tools): run it once with a network"
            )
        raise BoardError(f"{what}: {why}")
    return process.stdout


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
    """Return the line of a failed build's output that says why, the likeliest kind first."""
    for pattern in _ERRORS:
        match = re.search(pattern, output, flags=re.MULTILINE)
        if match:
            line = match[0].strip()
            # A linker's line opens with its own long path.
            return re.sub(r"^\S*/ld(?:\.\w+)?: ", "", line).removeprefix("Error: ")
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "PlatformIO failed without a word"
