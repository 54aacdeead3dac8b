"""Refuse a Keras model whose weights fit no board, before memory is allocated for them.

A recipe, or a file of some kilobytes, may declare layers of any size, and Keras initializes them
when it builds the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from training.bundle.errors import ConvertError
from training.tensorflow_setup import keras

MOST_WEIGHTS = 16 << 20  # 16 MB as int8, four times the flash of the largest board in the catalogue


@contextmanager
def weight_limit(where: str) -> Iterator[None]:
    """Limit the weights of all layers that are built in this context.

    Raises:
        ConvertError: on one line, as soon as their sum exceeds `MOST_WEIGHTS`.
    """
    add_weight, count = keras.Layer.add_weight, 0

    def limited(layer: Any, shape: Any = None, *args: Any, **options: Any) -> Any:
        nonlocal count
        count += math.prod(shape if isinstance(shape, (tuple, list)) else (shape or 1,))
        if count > MOST_WEIGHTS:
            raise ConvertError(
                f"{where}: has more than {MOST_WEIGHTS / 1e6:.1f} million weights, far over the "
                f"flash of any board, with layer '{layer.name[:64]}'; use a smaller model"
            )
        return add_weight(layer, shape, *args, **options)

    keras.Layer.add_weight = limited
    try:
        yield
    finally:
        keras.Layer.add_weight = add_weight
