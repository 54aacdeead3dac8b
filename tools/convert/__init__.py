"""A bundle to C++: the model array for TensorFlow Lite Micro, and the compiled engine's source."""

from tools.convert.emit import convert

__all__ = ["convert"]
