"""Find the files of a data set on this machine, or download and check them."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from training.bundle.errors import DataError, UnavailableError

CONNECT_SECONDS = 10.0  # after which a site counts as unreachable


@dataclass(frozen=True)
class Checksums:
    """SHA-256 of a file's bytes, and of the values that it holds.

    A file with other bytes is accepted if its values are those expected: another release may
    differ in line endings or compression.
    """

    sha256: str
    values_sha256: str


@dataclass(frozen=True)
class Files:
    """The files of a data set."""

    folder: str  # name of the folder below VIGIL_DATA and in the cache
    checksums: Mapping[str, Checksums]  # of each file, by name
    # tried in order; each is a zip archive, or ends with a slash and has the files
    addresses: Sequence[str]
    # parses a file and returns its values as bytes; raises DataError, ValueError or LookupError
    values: Callable[[Path], bytes]
    # path of a file below the address, if it is not its name
    paths: Mapping[str, str] = field(default_factory=dict)


def data_folder() -> Path | None:
    """Return the folder that VIGIL_DATA names, or None if it is not set."""
    value = os.environ.get("VIGIL_DATA")
    return Path(value) if value else None


def cache_folder() -> Path:
    """Return the folder that keeps downloads between runs."""
    import platformdirs  # only for data sets that are downloaded

    return Path(platformdirs.user_cache_dir("vigil"))


def find_files(files: Files, progress: bool = True) -> list[Path]:
    """Return the paths of the files, in the order of `files.checksums`.

    They are looked for in VIGIL_DATA and in the cache, and downloaded to the cache otherwise.

    Raises:
        DataError: a file in VIGIL_DATA is not the expected one.
        UnavailableError: there is no file, and no address with the expected files.
    """
    given = data_folder()
    if given is not None:
        paths = [given / files.folder / name for name in files.checksums]
        if all(path.is_file() for path in paths):
            for path in paths:
                _check(files, path)
            return paths
    cache = cache_folder() / files.folder
    paths = [cache / name for name in files.checksums]
    if all(path.is_file() and _is_expected(files, path) for path in paths):
        return paths
    failures = []
    for address in files.addresses:
        reason = _download(files, address, cache, progress)
        if reason is None:
            return paths
        failures.append(f"{address} ({reason})")
    raise UnavailableError(
        f"{files.folder}: not in VIGIL_DATA, not in {cache}, and no download from "
        f"{' or '.join(failures)}; set VIGIL_DATA to a folder that holds {files.folder}/"
    )


def fetch(address: str, target: Path, progress: bool) -> None:
    """Download `address` to the file `target`.

    Raises:
        OSError: the site is unreachable, or does not have the file.
    """
    import pooch  # only for data sets that are downloaded

    bar = _Bar() if progress else False
    pooch.HTTPDownloader(progressbar=bar, timeout=CONNECT_SECONDS)(address, str(target), None)


def _download(files: Files, address: str, cache: Path, progress: bool) -> str | None:
    """Download all files from one address to the cache; return why that failed, or None."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=cache) as scratch:
        folder = Path(scratch)
        try:
            if address.endswith("/"):
                for name in files.checksums:
                    fetch(address + files.paths.get(name, name), folder / name, progress)
            else:
                archive = folder / "archive.zip"
                fetch(address, archive, progress)
                _unpack(archive, folder, list(files.checksums))
            for name in files.checksums:
                _check(files, folder / name)
        except DataError:
            return "other contents than expected"
        except (zipfile.BadZipFile, KeyError):
            return "not the expected archive"
        except (OSError, ValueError) as problem:  # requests' errors are OSErrors
            return type(problem).__name__
        for name in files.checksums:
            (folder / name).replace(cache / name)
    return None


def _unpack(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Extract files by name, from whatever folder of the archive they lie in."""
    with zipfile.ZipFile(archive) as packed:
        entries = {Path(entry).name: entry for entry in packed.namelist()}
        for name in names:
            (folder / name).write_bytes(packed.read(entries[name]))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_expected(files: Files, path: Path) -> bool:
    """Compare a file by its bytes, and by its values if the bytes differ."""
    expected = files.checksums[path.name]
    if _sha256(path) == expected.sha256:
        return True
    try:
        values = files.values(path)
    except (DataError, ValueError, LookupError, OSError):
        return False
    return hashlib.sha256(values).hexdigest() == expected.values_sha256


def _check(files: Files, path: Path) -> None:
    if not _is_expected(files, path):
        raise DataError(
            f"{path}: SHA-256 is {_sha256(path)[:12]}..., must be "
            f"{files.checksums[path.name].sha256[:12]}..., and its values differ too: the file is "
            "damaged or another one; remove it to download it again"
        )


class _Bar:
    """The interface of pooch's progress bar, on a rich bar."""

    def __init__(self) -> None:
        self._progress = Progress(TextColumn("downloading"), BarColumn(), DownloadColumn())
        self._task = self._progress.add_task("")
        self._progress.start()

    @property
    def total(self) -> float | None:
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, value: float) -> None:
        self._progress.update(self._task, total=value)

    def update(self, step: int) -> None:
        self._progress.update(self._task, advance=step)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.stop()
