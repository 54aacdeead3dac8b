"""Pictures of what a model's family and corruption add, for the report and the zoo."""

from tools.report.figures.family import Part, parts_of

__all__ = ["Part", "parts_of"]
