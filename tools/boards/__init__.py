"""Boards: catalogue, sensors, serial ports, building and flashing, the emulated board."""
