"""The image kept beside its bundle, reused as long as none of its inputs has changed."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from tools.boards.build import BuildResult, library_folder
from tools.boards.catalogue import board_of_environment
from tools.boards.prepare import core_dir
from tools.checkout import FIRMWARE, ROOT
from training.bundle import GOLDEN, MANIFEST, MODEL
from training.bundle.manifest import AlarmLevels

# Folders and files of the checkout that an image is made from: the firmware and its converter.
_SOURCES = (
    FIRMWARE / "src",
    FIRMWARE / "lib",
    FIRMWARE / "emulated",
    ROOT / "tools" / "boards",
    ROOT / "tools" / "convert",
    ROOT / "training" / "bundle",
)
_COMPILER = "arm-none-eabi-g++"  # whose headers the RISC-V's compiler uses too
_COMPILER_RISCV = "riscv64-unknown-elf-g++"
_RUNTIME = ("libc_nano.a", "libstdc++_nano.a", "libgcc.a")


@dataclass(frozen=True)
class ImageCache:
    """The image of one environment in a bundle's folder."""

    bundle: Path  # folder of the bundle
    environment: str  # PlatformIO environment
    sensor: str | None = None  # key of the board's own sensor, or None
    threshold: float | None = None  # that the board starts with; None: the bundle's
    alarm: AlarmLevels | None = None  # the same for the alarm over windows

    @property
    def elf(self) -> Path:
        """The kept image; its map and the digests of both are beside it."""
        return self.bundle / "firmware" / f"{self.environment}.elf"

    def inputs(self) -> str:
        """Digest everything that the image depends on.

        These are the bundle, the firmware, the converter, PlatformIO and its settings, the
        compiler with its libraries, and the board's sensor.
        """
        options = f"{self.environment} {self.sensor} {self.threshold} {self.alarm}"
        digest = hashlib.sha256(options.encode())
        for name in (MANIFEST, MODEL, GOLDEN):
            _add_file(digest, name, self.bundle / name)
        for path in _source_files():
            _add_file(digest, str(path.relative_to(ROOT)), path)
        for line in (*_tools(self.environment), *_library_state(self.environment)):
            digest.update(f"{line}\n".encode())
        return digest.hexdigest()

    def find(self) -> BuildResult | None:
        """Return the kept image if it is up to date and undamaged; nothing is written."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            if record["inputs"] != self.inputs() or record["files"] != self._files():
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        map_file = self.elf.with_suffix(".map")
        return BuildResult(
            self.environment, self.elf, map_file if map_file.is_file() else None, 0.0, ""
        )

    def keep(self, result: BuildResult, inputs: str) -> BuildResult:
        """Copy a build's image and map here, where the next build of another model leaves them.

        `inputs` is the digest from before the build, so that a source edited meanwhile counts.
        """
        self.elf.parent.mkdir(parents=True, exist_ok=True)
        self._record.unlink(missing_ok=True)
        shutil.copyfile(result.elf, self.elf)
        map_file = self.elf.with_suffix(".map")
        map_file.unlink(missing_ok=True)
        if result.map is not None:
            shutil.copyfile(result.map, map_file)
        record = {"inputs": inputs, "files": self._files()}
        self._record.write_text(json.dumps(record) + "\n", encoding="utf-8")
        return replace(result, elf=self.elf, map=None if result.map is None else map_file)

    @property
    def _record(self) -> Path:
        return self.elf.with_suffix(".json")

    def _files(self) -> dict[str, str]:
        """Digests of the image and, where there is one, of its map."""
        paths = [self.elf, self.elf.with_suffix(".map")]
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
            if path == self.elf or path.is_file()
        }


def _source_files() -> Iterator[Path]:
    """Every file of the checkout that can change an image, in a fixed order."""
    yield from sorted([*FIRMWARE.glob("*.py"), FIRMWARE / "platformio.ini"])
    for folder in _SOURCES:
        for parent, folders, files in os.walk(folder):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            yield from (Path(parent) / name for name in sorted(files))


def _add_file(digest: "hashlib._Hash", name: str, path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError:  # reported by the build, which reads it too
        content = b""
    digest.update(f"{name} {len(content)}\n".encode())
    digest.update(content)


def _tools(environment: str) -> Iterator[str]:
    """Versions of what builds, and PlatformIO's settings in environment variables."""
    yield from (f"{name} {version(name)}" for name in ("platformio", "scons", "numpy"))
    yield from sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("PLATFORMIO_"))
    board = board_of_environment(environment)
    if not board.emulated:
        # The compiler and the framework come from PlatformIO's registry.
        for package in sorted((core_dir() / "packages").glob("*/package.json")):
            yield f"{package.parent.name} {hashlib.sha256(package.read_bytes()).hexdigest()}"
        return
    compilers = [_COMPILER, _COMPILER_RISCV] if board.riscv else [_COMPILER]
    for compiler in filter(None, map(shutil.which, compilers)):
        yield from _compiler_state(compiler)


def _compiler_state(compiler: str) -> Iterator[str]:
    """Version, files and libraries of a compiler."""
    options = ["-dumpfullversion", *(f"-print-file-name={name}" for name in _RUNTIME)]
    yield _state(Path(compiler))
    for option in options:
        answer = subprocess.run(
            [compiler, option], capture_output=True, text=True, check=False
        ).stdout.strip()
        yield _state(Path(answer)) if "/" in answer else answer


def _library_state(environment: str) -> Iterator[str]:
    """Names, sizes and times of TensorFlow Lite Micro's files: too many to read each time."""
    for parent, folders, files in os.walk(library_folder(environment)):
        folders.sort()
        yield from (_state(Path(parent) / name) for name in sorted(files))


def _state(path: Path) -> str:
    resolved = path.resolve()
    if not resolved.exists():
        return f"{resolved} absent"
    status = resolved.stat()
    return f"{resolved} {status.st_size} {status.st_mtime_ns}"
