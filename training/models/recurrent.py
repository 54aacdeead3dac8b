"""An LSTM that converts to one operator of TensorFlow Lite."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from training.models.layers import glorot
from training.tensorflow_setup import keras, tf


def lstm(
    x: Any, hidden: Any, cell: Any, kernel: Any, recurrent: Any, bias: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Run an LSTM with forget gates (Hochreiter & Schmidhuber 1997) over [batch, steps, features].

    The gates are in the order input, forget, candidate, output: kernel [features, 4 units],
    recurrent [units, 4 units], bias [4 units].

    Returns:
        The last hidden state [batch, units], all hidden states [batch, steps, units], the last
        hidden and cell state, and a constant that the operator's signature requires.
    """
    states = []
    inputs = tf.tensordot(x, kernel, 1) + bias
    for step_input in tf.unstack(inputs, axis=1):
        gates = step_input + tf.matmul(hidden, recurrent)
        let_in, keep, candidate, let_out = tf.split(gates, 4, axis=-1)
        cell = tf.sigmoid(keep) * cell + tf.sigmoid(let_in) * tf.tanh(candidate)
        hidden = tf.sigmoid(let_out) * tf.tanh(cell)
        states.append(hidden)
    return hidden, tf.stack(states, axis=1), hidden, cell, tf.constant(0.0)


def _marked(batch: int | None, steps: int, features: int, units: int) -> Any:
    """Wrap `lstm` so that the converter replaces it by UNIDIRECTIONAL_SEQUENCE_LSTM.

    The converter recognizes the attributes and the order of arguments and results, not the body.
    TensorFlow treats two functions of one name as alternatives, and would exchange their traces
    for different batch sizes, so the name holds the shapes. It holds nothing else: it is written
    to the model's file, which must not depend on models built before.
    """
    return tf.function(
        lstm,
        autograph=False,
        experimental_attributes={
            "api_implements": f"lstm_{batch or 'any'}_{steps}_{features}_{units}",
            "api_preferred_device": "CPU",
            "time_major": False,
            "go_backwards": False,
        },
    )


class LSTM(keras.layers.Layer):  # type: ignore[misc]
    """LSTM whose state is zero at the beginning of each window.

    `returns` selects the "last" hidden state, [batch, units], or the "sequence" of all,
    [batch, steps, units]. In training the steps are plain operations. Otherwise they are one
    marked function, so that the converted model has one operator. That operator keeps its state
    between two calls of the interpreter, so the caller must reset it before each window.
    """

    def __init__(
        self, units: int, returns: Literal["last", "sequence"], seed: int, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.units, self.returns, self.seed = units, returns, seed

    def build(self, shape: Any) -> None:
        gates = 4 * self.units
        # Forget gates are initialized open (Jozefowicz et al. 2015).
        initial_bias = np.zeros(gates, np.float32)
        initial_bias[self.units : 2 * self.units] = 1
        self.kernel = self.add_weight(
            shape=(shape[-1], gates), initializer=glorot(self.seed, 0), name="kernel"
        )
        self.recurrent = self.add_weight(
            shape=(self.units, gates),
            initializer=keras.initializers.Orthogonal(seed=self.seed * 1000 + 1),
            name="recurrent",
        )
        self.bias = self.add_weight(
            shape=(gates,), initializer=lambda *_, **__: tf.constant(initial_bias), name="bias"
        )
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        """Map [batch, steps, features] to what `returns` selects."""
        zeros = tf.zeros((tf.shape(x)[0] if x.shape[0] is None else x.shape[0], self.units))
        weights = (tf.convert_to_tensor(w) for w in (self.kernel, self.recurrent, self.bias))
        batch, steps, features = x.shape
        run = lstm if training else _marked(batch, steps, features, self.units)
        last, sequence, *_ = run(x, zeros, zeros, *weights)
        return last if self.returns == "last" else sequence

    def compute_output_shape(self, shape: Any) -> Any:
        if self.returns == "last":
            return (shape[0], self.units)
        return (shape[0], shape[1], self.units)


class Repeated(keras.layers.Layer):  # type: ignore[misc]
    """Repeat [batch, features] as [batch, steps, features].

    It converts to PACK. Keras's own layer converts to TILE, which TensorFlow Lite Micro lacks.
    """

    def __init__(self, steps: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.steps = steps

    def call(self, x: Any) -> Any:
        """Map [batch, features] to [batch, steps, features]."""
        return tf.stack([x] * self.steps, axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], self.steps, shape[1])
