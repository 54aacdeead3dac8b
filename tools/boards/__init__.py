"""Boards: the catalogue, the emulated board, serial ports, building and flashing."""
