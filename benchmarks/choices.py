"""Choose ECG5000's power and score by the abnormal beats of TRAIN, without the test set.

    python -m benchmarks.choices

TRAIN has 208 abnormal beats that no fit uses. For each `fit.power` and `score.kind` this prints the
AUROC between them and the calibration beats, for the float model, over seeds 1 to 5, each with its
own split. Takes half a minute on two idle cores.
"""

from __future__ import annotations

import itertools

import numpy as np

from training.input_quantization import fit_input_quantizer
from training.metrics import auroc
from training.recipe import read_recipe
from training.score import reconstruction_error
from training.train import fit_model
from training.windows import divide, load_data

POWERS = (1, 2, 3, 4)
SEEDS = range(1, 6)


def main() -> None:
    """Print a row for each power: mean AUROC, and lowest to highest, for both distances."""
    areas: dict[tuple[int, str], list[float]] = {}
    for power, seed in itertools.product(POWERS, SEEDS):
        recipe, dataset = load_data(read_recipe("ecg5000", [f"fit.power={power}", f"seed={seed}"]))
        parts = divide(dataset, recipe.windows, recipe.split, recipe.seed)
        quantizer = fit_input_quantizer(recipe.scaler, parts.train.counts, dataset.train.gain)
        model, _ = fit_model(recipe, parts, quantizer, progress=False)
        counts = np.concatenate([parts.calibration.counts, parts.abnormal.counts])
        labels = np.repeat([0, 1], [len(parts.calibration), len(parts.abnormal)]).astype(np.int8)
        real = quantizer.dequantize(quantizer.quantize(counts))
        output = np.asarray(model.predict(real, verbose=0), np.float32)
        for kind in ("mse", "mae"):
            area = auroc(reconstruction_error(kind, real, output), labels)
            assert area is not None
            areas.setdefault((power, kind), []).append(area)
    for power in POWERS:
        figures = ", ".join(
            f"{kind} {np.mean(each):.4f} ({min(each):.4f} to {max(each):.4f})"
            for kind in ("mse", "mae")
            for each in [areas[power, kind]]
        )
        print(f"power {power}: {figures}")


if __name__ == "__main__":
    main()
