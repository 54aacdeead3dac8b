"""A command whose libraries may crash on its input: it runs in a child process."""

from __future__ import annotations

import os
import signal

import typer

from training.bundle.errors import ConvertError

_MEMORY = 16 << 30
"""Bytes of address space, of which TensorFlow itself takes a few billion."""


def continue_in_child(where: str) -> None:
    """Return in a child process, whose end is that of the command.

    The memory of the child is limited. Without fork(), as on Windows, return in this process.

    Args:
        where: the input, for messages.

    Raises:
        ConvertError: in the parent: the child was killed, such as by a fault in a library.
        typer.Exit: in the parent, with the exit code of the child.
    """
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if child == 0:
        _limit_memory()
        return
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        raise typer.Exit(code)
    raise ConvertError(
        f"{where}: TensorFlow crashes on it ({signal.Signals(-code).name}): the file is damaged, "
        "or takes more memory than this computer has; copy or convert it again"
    )


def _limit_memory() -> None:
    # Imported here: Windows has no such module, and does without the limit.
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY if most == resource.RLIM_INFINITY else min(_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
