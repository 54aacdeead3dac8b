"""What a bundle's family and its corruption have to show, for the report and the zoo alike."""

from tools.report.figures.family import Part, parts_of

__all__ = ["Part", "parts_of"]
