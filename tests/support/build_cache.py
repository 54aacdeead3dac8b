"""Programs that tests compile: each source is compiled once, for all workers and for later runs.

A result is kept in `build/tests` of the checkout, under a digest of the compiler's version, its
flags, and the contents of every file read. Results that were not used for two days are deleted.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

from tools.checkout import ROOT

CACHE = ROOT / "build" / "tests"
KEPT_SECONDS = 2 * 24 * 3600.0


def cached(key: str, build: Callable[[Path], object]) -> Path:
    """The folder that `build` filled, for every process that asks for the same key.

    `build` gets an empty folder, which takes its final name when `build` returns. Callers must not
    write to the folder returned.
    """
    folder = CACHE / key
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with FileLock(CACHE / f"{key}.lock"):
            if not folder.exists():
                unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=CACHE))
                try:
                    build(unfinished)
                    unfinished.rename(folder)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    os.utime(folder)
    return folder


def digest(*parts: str | bytes | Path) -> str:
    """A key for texts, and for files and folders by their relative names and contents."""
    result = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if path.is_file() and path.parent.name != "__pycache__":
                    data = path.read_bytes()
                    name = path.relative_to(part.parent)
                    result.update(f"{name}\0{len(data)}\0".encode() + data)
        else:
            data = part.encode() if isinstance(part, str) else part
            result.update(f"{len(data)}\0".encode() + data)
    return result.hexdigest()[:32]


def compile_objects(
    command: Sequence[str], sources: Iterable[Path], includes: Sequence[Path]
) -> list[Path]:
    """Object files of C++ sources; `command` is the compiler and its flags without `-I`.

    Raises CalledProcessError, with the compiler's output, if a source does not compile.
    """

    def compiled(source: Path) -> Path:
        texts = [text for path in _included(source, includes) for text in (path.name, _text(path))]

        def build(folder: Path) -> None:
            folders = [f"-I{path}" for path in includes]
            _run([*command, *folders, "-c", source, "-o", folder / f"{source.stem}.o"])

        return cached(digest(version(command[0]), *command, *texts), build) / f"{source.stem}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compiled, sources))


def link(command: Sequence[str], objects: Sequence[Path], name: str) -> Path:
    """The program or library `name` that `command` links from object files.

    Raises CalledProcessError, with the linker's output, if they do not link.
    """

    def build(folder: Path) -> None:
        _run([command[0], *objects, *command[1:], "-o", folder / name])

    keys = [path.parent.name for path in objects]  # the digests of what they were compiled from
    return cached(digest(version(command[0]), name, *command, *keys), build) / name


def delete_unused() -> None:
    """Delete what was not used for two days."""
    for path in CACHE.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another run may delete it first
            if time.time() - path.stat().st_mtime <= KEPT_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _included(source: Path, includes: Sequence[Path]) -> list[Path]:
    """The source and every file that it includes by a name in quotes, directly or not."""
    files, waiting = [source], [source]
    while waiting:
        path = waiting.pop()
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', _text(path), re.MULTILINE):
            for folder in (path.parent, *includes):
                header = folder / name
                if header.is_file():
                    if header not in files:
                        files.append(header)
                        waiting.append(header)
                    break
    return files


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _run(command: Sequence[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@functools.cache
def version(compiler: str) -> str:
    """The text that a compiler prints about itself."""
    return subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
