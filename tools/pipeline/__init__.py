"""The steps behind the commands: each makes what it needs first, does its part, and tells.

train -> bundle -> convert -> build -> board -> monitor, verify, budget -> report
"""

from tools.pipeline.building import build, convert, convert_encoder, flash, show_boards
from tools.pipeline.measuring import (
    bench,
    budget,
    measure_budget,
    reference_bundle,
    report,
    run_verify,
    show_estimate,
    verify,
)
from tools.pipeline.paths import BASELINE
from tools.pipeline.running import doctor, emulated, monitor, monitor_web, run_board
from tools.pipeline.training import (
    calibrate,
    follow,
    is_current,
    show_metrics,
    show_recipes,
    train,
    zoo,
)

__all__ = [
    "BASELINE",
    "bench",
    "budget",
    "build",
    "calibrate",
    "convert",
    "convert_encoder",
    "doctor",
    "emulated",
    "flash",
    "follow",
    "is_current",
    "measure_budget",
    "monitor",
    "monitor_web",
    "reference_bundle",
    "report",
    "run_board",
    "run_verify",
    "show_boards",
    "show_estimate",
    "show_metrics",
    "show_recipes",
    "train",
    "verify",
    "zoo",
]
