"""The one exception family of Vigil.

A message says on one line what is wrong, where, and what to do next. The command-line program
prints it and exits with code 2. Any other exception is a defect of Vigil.
"""


class VigilError(Exception):
    """Error that the user can correct."""


class DataError(VigilError):
    """A data file is unreadable or has the wrong contents."""


class UnavailableError(DataError):
    """A data set is neither on this machine nor downloadable."""


class RecipeError(VigilError):
    """A recipe has an unknown key or an invalid value."""


class BundleError(VigilError):
    """A bundle is damaged, of another schema version, or cannot be written."""


class ConvertError(VigilError):
    """A model cannot be converted to code for a board."""


class BoardError(VigilError):
    """A board, an emulator, a port or a toolchain is missing or fails."""


class LinkError(VigilError):
    """The other side of the serial link does not answer, or violates the protocol."""


class BudgetError(VigilError):
    """An image does not fit its board."""


class TuneError(VigilError):
    """A search cannot run, or cannot be continued."""


class EstimateError(VigilError):
    """The instructions of an image cannot be counted."""
