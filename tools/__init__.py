"""Bring a bundle onto a board, and show what the board says."""
