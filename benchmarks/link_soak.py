"""Ten million samples over a line that damages 1 % of all frames, with resets of either side.

Run this: `python benchmarks/link_soak.py`. In memory and virtual time, with the board's end in C++
behind a 256-byte receive ring; it takes about a minute, and you should see every window scored
once, none wrong. Settings below.
"""

import sys

import numpy as np

from tests.support.link_native import BoardConfig
from tests.support.link_soak import soak

samples = 10_000_000
rate = 0.01  # probability that a frame is damaged, either way
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
print(f"{'time':15} {result.seconds:.1f} s, {result.virtual_seconds:.1f} s on the line's clock")
sys.exit(0 if result.complete else 1)
