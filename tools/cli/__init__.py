"""The command-line program `vigil`: options in, one call into the room that does the work."""

from tools.cli import train, build, run, measure  # noqa: I001 - the order of `vigil --help`
from tools.cli.app import app, main

__all__ = ["app", "build", "main", "measure", "run", "train"]
