"""Numbers: bytes, instructions, and whether every target computes the same."""
