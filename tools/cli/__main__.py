"""`python -m tools.cli` runs `vigil`."""

from tools.cli.program import main

main()
