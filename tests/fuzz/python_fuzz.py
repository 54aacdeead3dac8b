"""Fuzz one of the Python targets, after all saved inputs.

    python -m tests.fuzz.python_fuzz TARGET [SECONDS] [SEED] [FOLDER]

With atheris (`pip install atheris`), libFuzzer is guided by the branches taken. Without it, inputs
are changed at random. Both start from the same seeds and saved inputs. Seed 0 draws one. New inputs
that reach new code go to FOLDER/corpus. A finding is an exception, a run of 20 seconds, or 2 GB of
memory; its input goes to `findings/`.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.saved_inputs import findings_folder, keep, saved, unpack

LIMIT_SECONDS, LIMIT_MB = 20, 2048
MAX_FILE_BYTES, MAX_LINE_BYTES = 16384, 600


def at_random(name: str, seconds: float, seed: int = 0) -> int:
    """Run the saved inputs, then changed ones, and return how many runs that were.

    Exceptions of the target are passed on.
    """
    # With atheris, nothing may import the targets before they are instrumented.
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    draw = random.Random(seed)
    seeds = [*target.seeds(), *saved(name, "corpus").values()]
    first = [*saved(name, "regressions").values(), *seeds]
    end, runs = time.monotonic() + seconds, 0
    while runs < len(first) or time.monotonic() < end:
        data = first[runs] if runs < len(first) else target.mutate(draw.choice(seeds), draw)
        signal.alarm(LIMIT_SECONDS)
        try:
            target.run(data)
        except BaseException:
            print(f"finding: {keep(name, data)}", file=sys.stderr)
            raise
        runs += 1
    signal.alarm(0)
    return runs


def guided(name: str, seconds: float, seed: int, folder: Path) -> None:
    """Run libFuzzer by atheris; it ends the process."""
    import atheris

    def modules() -> list[str]:
        by_kind = {"host": ["tools.link"], "model": ["tools.convert"]}
        return by_kind.get(name.split("_")[0], ["training.bundle.manifest", "training.bundle"])

    with atheris.instrument_imports(include=modules()):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    seeds, corpus = folder / "seeds", folder / "corpus"
    for path in (seeds, corpus):
        path.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(target.seeds()):
        (seeds / f"seed{i:03}").write_bytes(data)

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except BaseException:
            print(f"finding: {keep(name, data)}", file=sys.stderr)
            raise

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if draw.random() < 0.4:
            return bytes(atheris.Mutate(data, most))
        return target.mutate(bytes(data), draw)[:most]

    atheris.Setup(
        [
            name,
            f"-max_total_time={seconds:.0f}",
            f"-seed={seed}",
            f"-timeout={LIMIT_SECONDS}",
            f"-rss_limit_mb={LIMIT_MB}",
            f"-max_len={MAX_LINE_BYTES if name.startswith('host_') else MAX_FILE_BYTES}",
            "-print_final_stats=1",
            f"-artifact_prefix={findings_folder(name)}/",
            *map(str, (corpus, seeds, *unpack(name, folder / "saved"))),
        ],
        run,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def main() -> None:
    name, *given = sys.argv[1:]
    seconds = float(given[0]) if given else 60.0
    seed = int(given[1]) if len(given) > 1 else 0
    folder = Path(given[2] if len(given) > 2 else tempfile.mkdtemp())
    if importlib.util.find_spec("atheris") is not None:
        guided(name, seconds, seed, folder)
        return
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_MB << 21, LIMIT_MB << 21))
    runs = at_random(name, seconds, seed=seed or time.time_ns())
    print(f"stat::number_of_executed_units: {runs}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
