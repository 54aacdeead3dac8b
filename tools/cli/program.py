"""Start and end of the program: which commands it loads, and how it reports errors."""

from __future__ import annotations

import errno
import importlib
import io
import os
import platform
import sys
from pathlib import Path

import typer

from tools.cli.app import app
from tools.cli.options import TRAINING, complain
from training.bundle.errors import VigilError

COMMANDS = {
    "inspect": ("inspect",),
    "train": ("train", "recipes"),
    "tune": ("tune",),
    "import_model": ("import",),
    "calibrate": ("calibrate",),
    "build": ("convert", "build", "flash"),
    "export": ("export",),
    "boards": ("boards", "board"),
    "monitor": ("monitor", "record", "replay"),
    "gateway": ("gateway",),
    "measure": ("verify", "budget", "bench", "estimate"),
    "evaluate": ("evaluate",),
    "report": ("report", "zoo"),
    "doctor": ("doctor",),
    "demo": ("demo",),
}
"""Commands by the module of tools.cli that defines them, in the order of `vigil --help`."""


_NAMES = {name for names in COMMANDS.values() for name in names}


_CURES = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EACCES: "choose another, or change its rights",
    errno.EPERM: "choose another, or change its rights",
    errno.EROFS: "choose a folder that can be written",
    errno.EEXIST: "remove or rename it",
    errno.ENOTDIR: "a folder of this path is a file: remove or rename it",
    errno.EISDIR: "remove or rename this folder",
    errno.ENOSPC: "free some space, and run the command again",
    errno.EDQUOT: "free some space, and run the command again",
    errno.EFBIG: "raise the limit of this shell: `ulimit -f unlimited`",
    errno.EMFILE: "raise the limit of this shell: `ulimit -n 4096`",
}
"""How a user mends an error of the file system, by errno; any other errno is a defect of Vigil."""


def load_commands(command: str | None) -> None:
    """Import the module that defines `command`, or every module if none does.

    One module instead of all saves up to two seconds: each imports at its top what its commands
    need.
    """
    modules = [module for module, commands in COMMANDS.items() if command in commands]
    for module in modules or COMMANDS:
        try:
            importlib.import_module(f"tools.cli.{module}")
        except ModuleNotFoundError as problem:
            if modules or _is_own(problem.name):
                raise
            for name in COMMANDS[module]:
                _list_unavailable(name)


def _list_unavailable(command: str) -> None:
    """Let `vigil --help` list a command whose packages are not installed."""

    @app.command(command, help=f"Not installed: {TRAINING}")
    def unavailable() -> None:
        raise AssertionError("only listed")


def _is_own(module: str | None) -> bool:
    return (module or "").partition(".")[0] in ("tools", "training")


def _check_folder() -> None:
    """Raise VigilError if the current folder was removed."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise VigilError("the current folder no longer exists; change to another one") from None


def _refusal(problem: OSError) -> str:
    """Return what the system refused, for which file if that is known, and the cure."""
    reason, cure = problem.strerror, _CURES[problem.errno or 0]
    if problem.filename is None:  # not known of a write, such as on a full disk
        return f"{reason}: {cure}"
    return f"{problem.filename}: {reason}; {cure}"


def _cure(package: str) -> str:
    """Return how a user gets a package that is not installed."""
    if package == "tflite_micro" and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "which exists for Linux on x86-64 alone: run this command on such a computer"
    return f"which is not installed; run: {TRAINING}"


def _plain(message: str) -> str:
    """Return a message of the option parser in words for a user."""
    value = "Input should be a valid number, unable to parse string as a number"
    whole = "Input should be a valid integer, unable to parse string as an integer"
    if message.startswith("Got unexpected extra argument"):
        files = sum(Path(word).is_file() for word in sys.argv[2:])
        message += "; put a pattern of several files between quotes" if files > 1 else ""
    return message.replace(value, "write a number, such as 0.5").replace(
        whole, "write a whole number, such as 3"
    )


def _open_missing_streams() -> None:
    """Open the null device for each standard stream that the caller has closed.

    Otherwise the next file to be opened would get the descriptor of standard output, and its text.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # the lowest free number is that of the stream
            null = os.open(os.devnull, os.O_RDONLY if name == "stdin" else os.O_WRONLY)
            setattr(sys, name, os.fdopen(null, "r" if name == "stdin" else "w"))


def _discard_output() -> int:
    """Redirect standard output to the null device, for Python's flush at exit; return code 0."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def main() -> None:
    """Run the program. Bad input is reported on one line of standard error, with exit code 2."""
    # TensorFlow logs a missing GPU and its own options on every import; errors stay visible.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows "?" instead
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        _check_folder()
        load_commands(sys.argv[1] if len(sys.argv) > 1 else None)
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except VigilError as problem:
        complain(str(problem))
        code = 2
    except typer.TyperException as problem:  # unknown command or option, value out of range
        command = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in _NAMES else ""
        see = f"vigil {command} --help" if command else "vigil --help"
        said = _plain(problem.format_message())
        if said:  # else no command was given, and the help is the answer
            complain(f"{said} (see `{see}`)")
        code = 2
    except BrokenPipeError:  # the reader of our output has closed the pipe
        code = _discard_output()
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        code = _discard_output()  # Rich and Typer end with code 1 if the pipe is closed
    except OSError as problem:
        if problem.errno not in _CURES:
            raise
        complain(_refusal(problem))
        code = 2
    except ImportError as problem:
        if problem.name == "training.native.core":
            complain("the compiled signal chain is missing or out of date; run `make setup`")
        elif isinstance(problem, ModuleNotFoundError) and not _is_own(problem.name):
            package = (problem.name or "").partition(".")[0]
            complain(f"this needs the package {package}, {_cure(package)}")
        else:
            raise
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
