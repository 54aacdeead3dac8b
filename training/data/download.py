"""Where downloaded data lives, and how it gets there."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from training.bundle.errors import DataError, UnavailableError

CONNECT_SECONDS = 10.0  # then the site counts as out of reach


def data_folder() -> Path | None:
    """The folder that VIGIL_DATA names; None when it is not set."""
    value = os.environ.get("VIGIL_DATA")
    return Path(value) if value else None


def cache_folder() -> Path:
    """Where downloads are kept between runs."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("vigil"))


def files(
    folder: str,
    hashes: Mapping[str, str],
    url: str,
    progress: bool = True,
    sources: Mapping[str, str] | None = None,
) -> list[Path]:
    """Paths of the files named in `hashes` (name to SHA-256), in its order.

    Looked for in VIGIL_DATA/folder, then in the cache, then downloaded: `url` is a zip archive
    that holds them; or it ends with a slash and has each under its name, or under that in
    `sources`. Raises DataError for a file that is not the one expected, UnavailableError when
    there is none and no download.
    """
    named = data_folder()
    for place in ([named / folder] if named else []) + [cache_folder() / folder]:
        found = [place / name for name in hashes]
        if all(path.is_file() for path in found):
            for path, expected in zip(found, hashes.values(), strict=True):
                _check(path, expected)
            return found
    return _download(folder, hashes, url, progress, sources or {})


def _check(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise DataError(
            f"{path}: SHA-256 is {actual[:12]}..., must be {expected[:12]}...: the file is "
            "damaged or another; remove it to have it downloaded again"
        )


def _download(
    folder: str, hashes: Mapping[str, str], url: str, progress: bool, sources: Mapping[str, str]
) -> list[Path]:
    import pooch
    import requests

    place = cache_folder() / folder
    fetch = pooch.HTTPDownloader(progressbar=_Bar() if progress else False, timeout=CONNECT_SECONDS)
    logger = pooch.get_logger()
    logger.setLevel("ERROR")

    def retrieve(address: str, name: str) -> Path:
        return Path(
            pooch.retrieve(address, known_hash=None, fname=name, path=place, downloader=fetch)
        )

    try:
        paths = []
        if url.endswith("/"):
            paths = [retrieve(url + sources.get(name, name), name) for name in hashes]
        else:
            with zipfile.ZipFile(retrieve(url, "download.zip")) as packed:
                for name in hashes:
                    packed.extract(name, place)
                    paths.append(place / name)
    except (requests.RequestException, OSError) as problem:
        raise UnavailableError(
            f"{folder}: not in VIGIL_DATA, not in {place}, and no download from {url} "
            f"({type(problem).__name__}); set VIGIL_DATA to a folder that holds {folder}/"
        ) from None
    except (zipfile.BadZipFile, KeyError) as problem:
        raise DataError(f"{url}: not the archive expected ({problem})") from None
    finally:
        (place / "download.zip").unlink(missing_ok=True)
    for path, expected in zip(paths, hashes.values(), strict=True):
        _check(path, expected)
    return paths


class _Bar:
    """pooch's progress interface on a rich bar."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

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
