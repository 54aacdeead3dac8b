"""The one exception family of Vigil.

A message says what is wrong, where, and what to do next; the command-line program prints it as
one line and exits with code 2. Anything else that escapes is a defect of Vigil.
"""


class VigilError(Exception):
    """Something the user can put right."""


class DataError(VigilError):
    """A data file that cannot be read, or does not hold what it should."""


class RecipeError(VigilError):
    """A recipe with an unknown key or a value that cannot be."""


class BundleError(VigilError):
    """A bundle that is damaged, foreign or of another schema version."""


class ConvertError(VigilError):
    """A model that cannot be turned into code for a board."""


class BoardError(VigilError):
    """A board, emulator, port or toolchain that is not there or does not do its part."""


class LinkError(VigilError):
    """The other side of the serial link does not answer, or answers something else."""


class BudgetError(VigilError):
    """An image that does not fit its board."""


class EstimateError(VigilError):
    """An image whose instructions cannot be counted."""
