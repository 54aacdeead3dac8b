"""Links an engine with one model for the emulated machine, objects and map kept apart.

Unlike `emulator.build`, every source has an object whose path says whose it is, so that the
budget's own rules can tell weights, engine and libraries apart.
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
    """Object names to sources of what is linked with a model: start-up, engine, checks."""
    sources = {f"bare/{name}": BARE / name for name in ("startup.cpp", "run_main.cpp")}
    for path in sorted((LIBRARIES / f"engine_{engine}").glob("*.cpp")):
        sources[f"lib/{path.parent.name}/{path.name}"] = path
    return sources


def includes(engine: str) -> list[Path]:
    """Folders of headers for those."""
    return [LIBRARIES / name for name in ("span", "detector", "link", f"engine_{engine}")]


def link(
    sources: Mapping[str, Path],
    folders: Sequence[Path],
    elf: Path,
    flags: Sequence[str],
    archives: Sequence[Path] = (),
    defines: Sequence[str] = (),
) -> Path:
    """Compile `sources` beside `elf`, link them, and leave `elf` with its map.

    Raises EstimateError with the compiler's first complaint.
    """
    objects = [
        compile_one(source, elf.parent / f"{name}.o", flags, folders, defines)
        for name, source in sources.items()
    ]
    _run(
        [
            *("arm-none-eabi-g++", *_MACHINE, *flags, "-nostartfiles", "-Wl,--gc-sections"),
            *("--specs=rdimon.specs", f"-T{BARE / 'bare.ld'}", "-Wl,--no-warn-rwx-segments"),
            *(f"-Wl,-Map,{elf.with_suffix('.map')}", *map(str, objects), *map(str, archives)),
            *("-o", str(elf)),
        ]
    )
    return elf


def compile_one(
    source: Path,
    target: Path,
    flags: Sequence[str],
    folders: Sequence[Path],
    defines: Sequence[str] = (),
) -> Path:
    """One object file; raises EstimateError with the compiler's first complaint."""
    target.parent.mkdir(parents=True, exist_ok=True)
    plain_c = source.suffix == ".c"
    _run(
        [
            *("arm-none-eabi-gcc" if plain_c else "arm-none-eabi-g++", *_MACHINE, *flags),
            *(("-std=gnu11",) if plain_c else _CXX),
            *(*_COMMON, *defines, *(f"-I{folder}" for folder in folders)),
            *("-c", str(source), "-o", str(target)),
        ]
    )
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [
            line for line in done.stderr.splitlines() if "error" in line or "undefined" in line
        ]
        raise EstimateError((lines or done.stderr.splitlines() or ["the compiler failed"])[0])
