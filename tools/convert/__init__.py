"""Converts a bundle to C++: constants, golden windows, and the model for both engines."""

from tools.convert.emit import convert

__all__ = ["convert"]
