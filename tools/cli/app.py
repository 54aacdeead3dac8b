"""The program: its name, and how it ends."""

from __future__ import annotations

import os
import sys

import typer

from tools.cli.options import complain
from training.bundle.errors import VigilError

app = typer.Typer(
    name="vigil",
    help="Train an autoencoder on what is normal, and put it on a microcontroller.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the program. Bad input is one line on standard error and exit code 2."""
    # TensorFlow tells of CUDA and of its own log on every import; a person asked for neither.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = app(standalone_mode=False)
    except VigilError as problem:
        complain(str(problem))
        code = 2
    except typer.TyperException as problem:  # an unknown command or option, a value out of range
        complain(f"{problem.format_message()} (see `vigil --help`)")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
