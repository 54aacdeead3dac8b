"""Instructions of the whole ECG chain on the emulated Cortex-M4, record by record.

    python -m benchmarks.ecg_cost [--records 100 203 208]

It needs VIGIL_DATA with MIT-BIH's records, and the bundle of `vigil train ecg`. A record of 30
minutes takes about 20 s. The chain is built three times, with the flags of the Nano: at the model's
rate, at 360 Hz with the board's conversion of the rate, and so with a filter (0.5 to 40 Hz, and
a notch at 60 Hz) too. Columns, in instructions:

- *to beats*: conversion, filter, QRS detector and windows, per sample of that rate
- *per beat*: gate, scaler, model, score, wearer and decision
- *chain*: all of it, per sample of that rate
- *share*: of a core of 64 MHz, if an instruction took one cycle
- *worst*: the largest number for one sample, at which a beat is judged
- *R to verdict*: the longest time from R to the sample at which the beat is judged, and this work
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.checkout import LIBRARIES, ROOT
from tools.convert import convert
from tools.measure.bench.emulator import NANO, build, run
from training.bundle import GOLDEN, Bundle, read_bundle, write_bundle
from training.bundle.manifest import Biquads, Manifest
from training.data.download import data_folder
from training.filters import design
from training.resampling import at_rate, resampled

SOURCE = ROOT / "tests/support/cpp/chain_cost.cpp"
RECORD_HZ = 360.0
CLOCK_HZ = 64e6


def filtered(m: Manifest) -> Manifest:
    """Return the manifest with a filter in front of its windows."""
    assert m.signal.rate_hz is not None
    sections = design(m.signal.rate_hz, 0.5, 40, (60,))
    return m.model_copy(update={"filter": Biquads(kind="biquads", sections=sections, delay=0.0)})


def variants(m: Manifest) -> dict[str, Manifest]:
    """Return the manifests to measure, by name."""
    return {
        f"{m.signal.rate_hz:g} Hz": m,
        "360 Hz": at_rate(m, RECORD_HZ),
        "360 Hz, filter": at_rate(filtered(m), RECORD_HZ),
    }


def program(bundle: Bundle, manifest: Manifest, folder: Path) -> Path:
    """Build the program that counts the chain of `manifest`."""
    write_bundle(folder / "bundle", manifest, bundle.model, (bundle.path / GOLDEN).read_bytes())
    convert(folder / "bundle", folder / "generated", ["compiled"])
    sources = [
        path
        for library in ("signal", "detector", "engine_compiled")
        for path in sorted((LIBRARIES / library).glob("*.cpp"))
    ]
    sources += [SOURCE, folder / "generated/compiled_model.cpp"]
    includes = [folder / "generated", *(path for path in LIBRARIES.iterdir() if path.is_dir())]
    return build(sources, includes, folder / "chain.elf", NANO)


def read(path: Path) -> NDArray[np.int16]:
    """Read lead MLII of a record, or the first one: int16 [frames, 1]."""
    import wfdb  # imports pandas, which takes a second

    header = wfdb.rdheader(str(path))
    lead = header.sig_name.index("MLII") if "MLII" in header.sig_name else 0
    counts: NDArray[np.int16] = wfdb.rdrecord(str(path), channels=[lead], physical=False).d_signal
    return counts.astype(np.int16)


def row(elf: Path, counts: NDArray[np.int16], rate_hz: float) -> str:
    """Run the program on `counts`, and format its figures."""
    (elf.parent / "samples.bin").write_bytes(counts.tobytes())
    frames, windows, _, total, segmented, most, late = map(
        float, run(elf, elf.parent, seconds=600).split()
    )
    chain = total / frames
    verdict_ms = 1000 * (late / rate_hz + most / CLOCK_HZ)
    return (
        f"{windows:7.0f}{segmented / frames:10.1f}{(total - segmented) / windows:10.0f}"
        f"{chain:8.1f}{100 * chain * rate_hz / CLOCK_HZ:8.3f} %{most:8.0f}{verdict_ms:9.0f} ms"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("build/ecg"))
    parser.add_argument("--records", nargs="+", default=["100", "203", "208"])
    parser.add_argument("--minutes", type=float, default=30.0, help="of each record")
    options = parser.parse_args()
    folder = data_folder()
    if folder is None:
        raise SystemExit("set VIGIL_DATA to a folder that holds mitdb/")
    bundle = read_bundle(options.bundle)
    model_hz = bundle.manifest.signal.rate_hz
    assert model_hz is not None
    print(
        "chain            record  beats  to beats  per beat   chain     share   worst  R to verdict"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, manifest) in enumerate(variants(bundle.manifest).items()):
            elf = program(bundle, manifest, Path(scratch) / str(number))
            for record in options.records:
                counts = read(folder / "mitdb" / record)
                counts = counts[: round(60 * options.minutes * RECORD_HZ)]
                if manifest.signal.rate_hz == model_hz:
                    counts = resampled(counts, RECORD_HZ, model_hz)
                print(f"{name:17}{record:6}", row(elf, counts, manifest.signal.rate_hz or 0.0))


if __name__ == "__main__":
    main()
