"""Where the steps find and leave things."""

from tools.checkout import GENERATED, ROOT, shown

__all__ = ["BASELINE", "GENERATED", "ROOT", "shown"]
BASELINE = ROOT / "benchmarks" / "budget-baseline.json"
