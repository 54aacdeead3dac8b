"""Words in messages: names as arguments of a suggested command, and nouns after a number."""

from __future__ import annotations

import shlex


def argument(name: object) -> str:
    """Write a path or a name as an argument of a suggested command: quoted, and no option."""
    text = str(name)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def plural(noun: str, count: float) -> str:
    """Return the form of a regular noun that follows a number: `window` after 1, else `windows`."""
    return noun if count == 1 else f"{noun}s"
