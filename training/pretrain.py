"""Greedy layer-wise pretraining (Hinton & Salakhutdinov 2006; Bengio et al. 2007).

The outermost pair of layers is fitted first, as an autoencoder of the windows. The next pair is
fitted to the codes of the first, and so on inwards. Afterwards the ordinary fit tunes the whole
model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training import sections
from training.bundle.errors import RecipeError
from training.corruption import CorruptionFunction
from training.fit import fit
from training.tensorflow_setup import keras


def pretrain(
    model: keras.Model,
    train: NDArray[np.float32],
    settings: sections.Fit,
    seed: int,
    corruption: CorruptionFunction | None = None,
) -> list[float]:
    """Fit the layers of a dense autoencoder pair by pair, `settings.pretrain` epochs each.

    Args:
        model: a mirrored stack of dense layers, whose weights are set.
        train: float32 [n, size].
        corruption: applied to the input of the outermost pair, and to no code.

    Returns:
        The last loss of each pair.

    Raises:
        RecipeError: the model is no mirrored stack of dense layers.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) % 2 or any(not isinstance(layer, keras.layers.Dense) for layer in layers):
        raise RecipeError(
            "fit.pretrain needs a mirrored stack of dense layers: set it to 0, or model.family to "
            "'dense'"
        )
    last = []
    inputs = train
    for i in range(len(layers) // 2):
        outer, inner = layers[i], layers[-1 - i]
        window = keras.Input((inputs.shape[1],))
        pair = keras.Model(window, inner(outer(window)))
        pair_settings = settings.model_copy(
            update={
                "epochs": settings.pretrain,
                "patience": 0,
                # Codes, the targets of the inner pairs, are not limited to 0 to 1.
                "loss": settings.loss if i == 0 else "mse",
            }
        )
        validation = np.empty((0, inputs.shape[1]), np.float32)
        history = fit(
            pair,
            inputs,
            validation,
            pair_settings,
            seed + i,
            corruption=corruption if i == 0 else None,
        )
        last.append(float(history.loss[-1]))
        inputs = np.asarray(keras.Model(window, outer(window)).predict(inputs, verbose=0))
    return last
