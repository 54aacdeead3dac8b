"""Stream ten million samples to the emulated board over a line that damages 1 % of the frames.

Run `python -m benchmarks.link_soak_port [BUNDLE]` in the checkout. It takes about two minutes. It
boots the firmware in QEMU and streams the bundle's data set through the fault proxy, tiled and with
added noise, so that no two windows are alike. It resets the board 20 times (reset button, REBOOT,
power) and kills the host 20 times. Every window must be reported exactly once: with the score of
the TensorFlow Lite Micro interpreter, or as lost if the host did not have its samples. It exits
with 1 otherwise. docs/link.md has a recorded result.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.support.link_soak_port import make_plan, soak
from tools.boards.build import build
from tools.convert import convert
from tools.recordings.load import of_bundle
from training.bundle import read_bundle
from training.bundle.errors import VigilError


def main() -> int:
    settings = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    settings.add_argument("bundle", type=Path, nargs="?", default=Path("build/ecg5000"))
    settings.add_argument("--samples", type=int, default=10_000_000)
    settings.add_argument("--rate", type=float, default=0.01, help="share of frames damaged")
    settings.add_argument("--resets", type=int, default=20, help="resets of each side")
    settings.add_argument("--gaps", type=int, default=40, help="stretches of missing samples")
    settings.add_argument("--seed", type=int, default=1)
    given = settings.parse_args()

    bundle = read_bundle(given.bundle)
    counts = of_bundle(bundle).counts
    with tempfile.TemporaryDirectory() as scratch:
        convert(given.bundle, Path(scratch) / "generated", ["compiled"])
        elf = build("emulated", Path(scratch) / "generated", Path(scratch)).elf
        plan = make_plan(bundle, counts, given.samples, given.gaps)
        result = soak(
            plan,
            elf,
            rate=given.rate,
            seed=given.seed,
            board_resets=given.resets,
            host_restarts=given.resets,
        )
    for name in ("samples", "windows", "scored", "lost", "wrong", "wrongly_lost", "twice"):
        print(f"{name:15} {getattr(result, name):>12,}")
    print(f"{'never reported':15} {result.silent:>12,}")
    print(f"{'expected lost':15} {int(np.isnan(plan.expected).sum()):>12,}")
    resets = ", ".join(f"{count} by {how}" for how, count in result.board_resets.items())
    print(f"{'resets':15} {result.board_resets.total()} of the board ({resets}), ", end="")
    print(f"{result.host_restarts} of the host")
    print(f"{'frames':15} {result.frames:>12,} (good and damaged, both directions)")
    print(f"{'faults':15} {result.faults.total():>12,}: {dict(sorted(result.faults.items()))}")
    print(f"{'resent':15} {result.resent:>12,} frames of the host")
    print(f"{'corrupt':15} {result.corrupt:>12,} pieces, seen by the host")
    print(
        f"{'time':15} {result.seconds:>12.1f} s: {result.samples / result.seconds:,.0f} samples/s"
    )
    rss = [f"{size / 2**20:.1f}" for size in result.resident]
    print(f"{'memory':15} {' '.join(rss)} MiB at each twentieth")
    return 0 if result.complete else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VigilError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
