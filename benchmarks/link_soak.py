"""Stream ten million samples over a line that damages 1 % of the frames, with 40 resets.

Run `python -m benchmarks.link_soak` in the checkout. It takes about a minute and prints that every
window was scored once and none wrong. The line and its clock are simulated. The board's side is the
C++ of the firmware, compiled for the host, behind a 256-byte receive ring.
"""

import sys

import numpy as np

from tests.support.link_native import BoardConfig
from tests.support.link_soak import soak

samples = 10_000_000
rate = 0.01  # probability that a frame is damaged, each direction
resets = 20  # of each side
seed = 1

counts = np.random.default_rng(seed).integers(-32768, 32767, (samples, 1), np.int16, endpoint=True)
result = soak(
    counts, BoardConfig(), rate=rate, seed=seed, board_resets=resets, host_restarts=resets
)
for name in ("samples", "windows", "scored", "lost", "wrong", "twice", "frames"):
    print(f"{name:15} {getattr(result, name):>12,}")
print(f"{'resets':15} {result.board_resets} of the board, {result.host_restarts} of the host")
print(f"{'faults':15} {sum(result.faults.values()):,}: {result.faults}")
print(f"{'time':15} {result.seconds:.1f} s, {result.virtual_seconds:.1f} s of simulated time")
sys.exit(0 if result.complete else 1)
