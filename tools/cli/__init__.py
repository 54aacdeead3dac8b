"""The command-line program `vigil`: one file per group of commands, and what each does in steps."""

from tools.cli.program import main

__all__ = ["main"]
