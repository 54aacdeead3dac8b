"""The user's names for boards, kept in a file by USB serial number."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import platformdirs

from tools.boards.ports import serial_number
from training.bundle.errors import BoardError, DataError


def names_file() -> Path:
    """Return the file that keeps the names."""
    return Path(platformdirs.user_config_dir("vigil")) / "boards.json"


def key_of(port: str) -> str:
    """Return what identifies a board: its USB serial number, or the port if it has none."""
    return serial_number(port) or port


def name_of(key: str) -> str:
    """Return the board's name; empty if it has none, or if the file cannot be read."""
    name = _names().get(key, "")
    return name if is_name(name) else ""


def keep_name(key: str, name: str) -> None:
    """Name a board from now on; an empty name forgets the old one.

    Raises:
        BoardError: the name has a character that topics and files do not allow, or is another
            board's.
        DataError: the file cannot be written.
    """
    if name and not is_name(name):
        raise BoardError(f"{name[:60]}: a board's name has 1 to 32 letters, digits, _ and -")
    path, names = names_file(), _names(strict=True)
    if name and any(name == each for other, each in names.items() if other != key):
        raise BoardError(f"{name}: is the name of another board; forget that one first: --name ''")
    names[key] = name
    text = json.dumps({key: each for key, each in names.items() if each}, indent=1)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as problem:
        raise DataError(f"{path}: cannot be written: {problem.strerror}") from None


def is_name(name: object) -> bool:
    """Whether topics and files may hold it."""
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name) is not None


def _names(strict: bool = False) -> dict[str, str]:
    """Return the names by board. Raises DataError, if `strict`, if the file cannot be read."""
    try:
        names = json.loads(names_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        if strict and isinstance(problem, OSError):
            raise DataError(f"{names_file()}: cannot be read: {problem.strerror}") from None
        return {}
    return names if isinstance(names, dict) else {}
