"""A bundle's report: one HTML file that shows what the model does and what it costs."""

from tools.report.evidence import BoardScores, Evidence
from tools.report.page import write_report

__all__ = ["BoardScores", "Evidence", "write_report"]
