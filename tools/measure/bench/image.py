"""Links an engine with one model for the emulated machine, with separate objects and a map.

Unlike `emulator.build`, each source gets an object whose path names its owner, so that the rules of
the budget separate weights, engine and libraries.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.checkout import LIBRARIES
from tools.measure.bench.emulator import BARE
from training.bundle.errors import EstimateError

_MACHINE = ("-mcpu=cortex-m4", "-mthumb")
_COMMON = ("-ffunction-sections", "-fdata-sections", "-ffp-contract=off")
_CXX = ("-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")


def own_sources(engine: str) -> dict[str, Path]:
    """Return the sources linked with a model (start-up, main, engine) by object name."""
    sources = {f"bare/{name}": BARE / name for name in ("startup.cpp", "run_main.cpp")}
    for path in sorted((LIBRARIES / f"engine_{engine}").glob("*.cpp")):
        sources[f"lib/{path.parent.name}/{path.name}"] = path
    return sources


def includes(engine: str) -> list[Path]:
    """Return the include folders of these sources."""
    return [LIBRARIES / name for name in ("span", "detector", "link", f"engine_{engine}")]


def link(
    sources: Mapping[str, Path], folders: Sequence[Path], elf: Path, flags: Sequence[str]
) -> Path:
    """Compile `sources` beside `elf` and link them; the map is written beside it.

    Raises:
        EstimateError: with the first error of compiler or linker.
    """
    compiler = ("arm-none-eabi-g++", *_MACHINE, *flags)
    objects = []
    for name, source in sources.items():
        target = elf.parent / f"{name}.o"
        target.parent.mkdir(parents=True, exist_ok=True)
        includes = (f"-I{folder}" for folder in folders)
        _run([*compiler, *_CXX, *_COMMON, *includes, "-c", str(source), "-o", str(target)])
        objects.append(str(target))
    _run(
        [
            *(*compiler, "-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments"),
            *("--specs=rdimon.specs", f"-T{BARE / 'bare.ld'}"),
            *("-Xlinker", f"-Map={elf.with_suffix('.map')}", *objects, "-o", str(elf)),
        ]
    )
    return elf


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [
            line for line in done.stderr.splitlines() if "error" in line or "undefined" in line
        ]
        raise EstimateError((lines or done.stderr.splitlines() or ["the compiler failed"])[0])
