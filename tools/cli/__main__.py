"""`python -m tools.cli` is `vigil`."""

from tools.cli import main

main()
