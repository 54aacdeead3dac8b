"""What a bundle says of a sensor that has failed: rejected, flagged, or called normal.

    python -m benchmarks.dead_sensor [BUNDLE ...]

Each argument is the folder of a bundle; without one, every bundle in build/. The normal windows of
the test set are replaced by what a failed sensor shows. The signal chain is the board's own C++,
around the TensorFlow Lite Micro interpreter. Only "normal" is wrong, except in the first row.

With a filter, the gate judges the windows before it, and the filter begins anew in each window.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bundle import Bundle, read_bundle
from training.bundle.chain import gate_of, is_judged, is_scored
from training.bundle.labels import ABNORMAL
from training.bundle.manifest import Biquads, Manifest, Segmenter
from training.bundle.reference import compute
from training.bundle.segment import make_segmenter
from training.data import load
from training.windows import cut

Counts = NDArray[np.int16]
WINDOWS = 300  # of each kind
MAINS_HZ = 50.0


def failures(normal: Counts, rate_hz: float | None, center: Counts) -> dict[str, Counts]:
    """Windows int16 [n, window, channels] of each failure, made from normal ones."""
    n, frames, _ = normal.shape
    half = normal.copy()
    half[:, frames // 2 :] = half[:, frames // 2 : frames // 2 + 1]
    spike = normal.copy()
    at = np.random.default_rng(2).integers(0, frames, n)
    spike[np.arange(n), at] = np.where(np.arange(n)[:, None] % 2, 32767, -32768)
    levels = np.random.default_rng(3).integers(-32768, 32768, (n, 1, 1)).astype(np.int16)
    kinds = {
        "one sample at full scale": spike,
        "flat at the signal's zero": np.broadcast_to(center, normal.shape),
        "flat at any level": np.broadcast_to(levels, normal.shape),
        "stuck at the first value": np.repeat(normal[:, :1], frames, axis=1),
        "stuck half way": half,
        "at the converter's limit": np.full_like(normal, 32767),
        "a twentieth of the amplitude": np.rint(center + (normal - center) / 20),
    }
    if rate_hz is not None and rate_hz > 2.3 * MAINS_HZ:
        phase = np.random.default_rng(1).uniform(0, 2 * np.pi, (n, 1, 1))
        t = np.arange(frames)[None, :, None] / rate_hz
        hum = np.sqrt(2) * normal.std(axis=(0, 1)) * np.sin(2 * np.pi * MAINS_HZ * t + phase)
        kinds["mains hum alone"] = np.rint(center + hum)
    return {
        name: np.ascontiguousarray(np.clip(values, -32768, 32767).astype(np.int16))
        for name, values in kinds.items()
    }


def not_abnormal(bundle: Bundle) -> Counts:
    """Return test windows that are not abnormal, before the filter, int16 [n, window, channels]."""
    m = bundle.manifest
    if isinstance(m.filter, Biquads):  # evaluation.npz has filtered windows
        windows = cut(load(**m.recipe["data"]).test, m.segmenter, m.filter)
        return np.asarray(windows.raw[windows.labels != ABNORMAL], np.int16)
    kept = bundle.evaluation()
    return np.asarray(kept["counts"][kept["labels"][kept["shown"]] != ABNORMAL], np.int16)


def filtered(m: Manifest, windows: Counts) -> Counts:
    """Filter each window by itself, int16 [n, window, channels]."""
    if not isinstance(m.filter, Biquads):
        return windows
    frames, channels = windows.shape[1:]
    whole = Segmenter(kind="fixed", window=frames, hop=frames)
    parts = [make_segmenter(whole, channels, m.filter).push(0, each).counts for each in windows]
    return np.concatenate(parts)


def main() -> None:
    folders = [Path(word) for word in sys.argv[1:]] or sorted(
        path.parent for path in Path("build").glob("*/manifest.json")
    )
    print(f"{'bundle, windows':<44} {'rejected':>9} {'flagged':>9} {'normal':>9}")
    for folder in folders:
        bundle = read_bundle(folder)
        m, normal = bundle.manifest, not_abnormal(bundle)
        normal = normal[np.linspace(0, len(normal) - 1, min(WINDOWS, len(normal))).astype(int)]
        center = np.rint(normal.mean(axis=(0, 1))).astype(np.int16)
        rate = None if m.signal.rate_is_nominal else m.signal.rate_hz
        for kind, windows in {"normal": normal, **failures(normal, rate, center)}.items():
            reasons = gate_of(m)(windows)
            scores = np.zeros(len(windows), np.float32)
            if (scored := is_scored(reasons)).any():
                computed = compute(bundle, filtered(m, windows[scored])).score
                assert computed is not None
                scores[scored] = computed
            judged = is_judged(reasons, scores, m.threshold.value)
            flagged = int((judged & (scores > np.float32(m.threshold.value))).sum())
            rejected = int((~judged).sum())
            shares = (rejected, flagged, len(windows) - rejected - flagged)
            cells = " ".join(f"{share / len(windows):>9.1%}" for share in shares)
            print(f"{m.name + ', ' + kind:<44} {cells}")


if __name__ == "__main__":
    main()
