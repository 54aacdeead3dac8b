"""Autoencoders of normal beats of other people: the errors of a float and of an int8 model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tools.measure.ecg.records import Scores
from training.recipe import Recipe
from training.windows import Parts, Windows

STAGES = ("float", "int8")
FOLDS = 4  # parts of DS1; an autoencoder for the records of one is trained on the others


def errors_by_stage(
    normal: Windows, test: Mapping[str, Windows], gain: tuple[float, ...], recipe: Recipe
) -> dict[str, tuple[Scores, Scores]]:
    """Fit the recipe's autoencoder to normal beats, and score the beats of other records.

    Args:
        normal: beats to train with; one in ten chooses the best epoch.
        test: beats by record.
        gain: counts per unit of each channel.

    Returns:
        float32 [n] for each stage, the error of each beat, by record.
    """
    # TensorFlow takes seconds to import, and only this function needs it.
    from training.bundle.chain import make_score
    from training.bundle.interpreter import Interpreter
    from training.evaluation import predict
    from training.input_quantization import fit_input_quantizer
    from training.quantize import read_model_info, to_int8
    from training.score import fold_reconstruction, real_score
    from training.train import fit_model

    kind = recipe.score.kind
    assert kind in ("mse", "mae"), "only a reconstruction error is compared"
    last = np.arange(len(normal)) % 10 == 0
    parts = Parts(normal[~last], normal[last], *(normal[:0] for _ in range(4)))
    quantizer = fit_input_quantizer(recipe.scaler, parts.train.counts, gain)
    model, _ = fit_model(recipe, parts, quantizer, progress=False)
    flatbuffer = to_int8(model, quantizer.quantize(parts.train.counts), quantizer)
    info = read_model_info(flatbuffer)
    score = fold_reconstruction(kind, info.input, info.output)
    native, interpreter = make_score(score, info.input, info.output), Interpreter(flatbuffer)
    result = {}
    for name, windows in test.items():
        scaled = quantizer.quantize(windows.counts)
        real = quantizer.dequantize(scaled)
        of_float = real_score(score, real, predict(model, real), float(quantizer.scale))
        result[name] = (of_float, native.score(scaled, interpreter.run(scaled)))
    return result


def join(parts: list[Windows]) -> Windows:
    """Put windows of several records behind one another."""
    counts = np.concatenate([each.counts for each in parts])
    return Windows(
        counts,
        np.concatenate([each.labels for each in parts]),
        np.concatenate([each.first for each in parts]),
        np.concatenate([each.intervals for each in parts]),
        counts,
    )
