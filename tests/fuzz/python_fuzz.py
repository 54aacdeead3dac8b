"""Fuzzes one of the Python targets: `python_fuzz.py TARGET [SECONDS] [SEED] [FOLDER]`.

With atheris (`pip install atheris`) libFuzzer guides it by the branches taken; without, inputs are
changed at random from the same seeds and saved inputs. Seed 0 draws one. New inputs of interest go
to FOLDER. What is a finding (an exception, 20 seconds, 2 GB) leaves its input in
TARGET_regressions, tried first for ever after.
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
from hashlib import sha1
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS, LIMIT_MB = 20, 2048
LONGEST = 16384, 600  # bytes of an input: of a file, of what a board says


def saved(name: str, kind: str) -> list[Path]:
    """The inputs in NAME_corpus or NAME_regressions."""
    folder = HERE / f"{name}_{kind}"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def keep(name: str, data: bytes) -> Path:
    """Saves an input that was a finding."""
    folder = HERE / f"{name}_regressions"
    folder.mkdir(exist_ok=True)
    path = folder / f"crash-{sha1(data).hexdigest()}"
    path.write_bytes(data)
    return path


def at_random(name: str, seconds: float, seed: int = 0) -> int:
    """Runs saved inputs, then changed ones; returns how many. What a target raises goes through."""
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    draw = random.Random(seed)
    kept = [path.read_bytes() for path in saved(name, "corpus")]
    seeds = target.seeds() + kept
    first = [*(path.read_bytes() for path in saved(name, "regressions")), *seeds]
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
    """libFuzzer with atheris; does not return."""
    import atheris

    def modules() -> list[str]:
        kinds = {"host": ["tools.link"], "model": ["tools.convert"]}
        return kinds.get(name.split("_")[0], ["training.bundle.manifest", "training.bundle"])

    with atheris.instrument_imports(include=modules()):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    seeds = folder / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(target.seeds()):
        (seeds / f"seed{i:03}").write_bytes(data)
    found = folder / "corpus"
    found.mkdir(exist_ok=True)
    regressions = HERE / f"{name}_regressions"
    regressions.mkdir(exist_ok=True)

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
            f"-max_len={LONGEST[name.startswith('host_')]}",
            "-print_final_stats=1",
            f"-artifact_prefix={regressions}/",
            str(found),
            *(str(path) for path in (seeds, HERE / f"{name}_corpus", regressions) if path.is_dir()),
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
