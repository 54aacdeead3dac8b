"""Greedy layer-wise pretraining (Hinton & Salakhutdinov 2006; Bengio et al. 2007).

The outermost pair of layers is fitted first, as an autoencoder of its own on the windows; then
the next pair inside it, on the codes that the first gives; and so on inwards. The whole network is
fine-tuned afterwards by the ordinary fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training import recipe
from training.bundle.errors import RecipeError
from training.corruption import Corruption
from training.fit import fit

if TYPE_CHECKING:
    import keras


def pretrain(
    model: keras.Model,
    train: NDArray[np.float32],
    settings: recipe.Fit,
    seed: int,
    corruption: Corruption | None = None,
) -> list[float]:
    """Set the weights of a dense autoencoder's layers, pair by pair, `settings.pretrain` epochs
    each; returns each pair's last loss. What `corruption` does is done to windows, so to the
    outermost pair's input, and to no code.

    RecipeError if the model is anything but a mirrored stack of dense layers.
    """
    import keras

    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) % 2 or any(not isinstance(layer, keras.layers.Dense) for layer in layers):
        raise RecipeError(
            "fit.pretrain works layer by layer on a mirrored stack of dense layers; set it to 0, "
            "or model.family to 'dense'"
        )
    last = []
    inputs = train
    for i in range(len(layers) // 2):
        outer, inner = layers[i], layers[-1 - i]
        window = keras.Input((inputs.shape[1],))
        pair = keras.Model(window, inner(outer(window)))
        greedy = settings.model_copy(
            # Inner layers give back codes, which have no range of 0 to 1.
            update={
                "epochs": settings.pretrain,
                "patience": 0,
                "loss": settings.loss if i == 0 else "mse",
            }
        )
        empty = np.empty((0, inputs.shape[1]), np.float32)
        damage = corruption if i == 0 else None
        found = fit(pair, inputs, empty, greedy, seed + i, corruption=damage)
        last.append(float(found.loss[-1]))
        inputs = np.asarray(keras.Model(window, outer(window)).predict(inputs, verbose=0))
    return last
