"""An LSTM that TensorFlow Lite knows as one operator. Importing this module imports Keras."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from training.models.layers import glorot


def lstm(
    x: Any, hidden: Any, cell: Any, kernel: Any, recurrent: Any, bias: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Hochreiter & Schmidhuber's LSTM (1997) with forget gates over [batch, steps, features].

    Gates lie in the order input, forget, candidate, output: kernel [features, 4 units], recurrent
    [units, 4 units], bias [4 units]. Gives the last hidden state [batch, units], all of them
    [batch, steps, units], the last hidden and cell state, and a number that says nothing.
    """
    states = []
    driven = tf.tensordot(x, kernel, 1) + bias
    for drive in tf.unstack(driven, axis=1):
        gates = drive + tf.matmul(hidden, recurrent)
        let_in, keep, candidate, let_out = tf.split(gates, 4, axis=-1)
        cell = tf.sigmoid(keep) * cell + tf.sigmoid(let_in) * tf.tanh(candidate)
        hidden = tf.sigmoid(let_out) * tf.tanh(cell)
        states.append(hidden)
    return hidden, tf.stack(states, axis=1), hidden, cell, tf.constant(0.0)


def _marked(batch: int | None, steps: int, features: int, units: int) -> Any:
    """`lstm` as a function that the converter replaces by UNIDIRECTIONAL_SEQUENCE_LSTM.

    It goes by these attributes and by the order of arguments and results, not by the body. Two
    functions of one name count as two ways to do the same, and TensorFlow would put a trace for
    one batch size in place of another's: so the name tells the shapes. It says nothing else, for
    it ends in the model's file, which must not depend on what was built before.
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
    """An LSTM whose state is zero at the beginning of every window.

    `gives` is the "last" hidden state [batch, units], or the "sequence" of them
    [batch, steps, units]. In training the steps are plain operations; otherwise they are one
    marked function, so that a converted model has one operator. That operator keeps its state
    in the interpreter between two calls: who runs the model resets it before each window.
    """

    def __init__(
        self, units: int, gives: Literal["last", "sequence"], seed: int, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.units, self.gives, self.seed = units, gives, seed

    def build(self, shape: Any) -> None:
        """The weights of `lstm`."""
        gates = 4 * self.units
        # Forget gates begin open (Jozefowicz et al. 2015).
        begin = np.zeros(gates, np.float32)
        begin[self.units : 2 * self.units] = 1
        self.kernel = self.add_weight(
            shape=(shape[-1], gates), initializer=glorot(self.seed, 0), name="kernel"
        )
        self.recurrent = self.add_weight(
            shape=(self.units, gates),
            initializer=keras.initializers.Orthogonal(seed=self.seed * 1000 + 1),
            name="recurrent",
        )
        self.bias = self.add_weight(
            shape=(gates,), initializer=lambda *_, **__: tf.constant(begin), name="bias"
        )
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        """[batch, steps, features] to what `gives` says."""
        zeros = tf.zeros((tf.shape(x)[0] if x.shape[0] is None else x.shape[0], self.units))
        weights = (tf.convert_to_tensor(w) for w in (self.kernel, self.recurrent, self.bias))
        batch, steps, features = x.shape
        run = lstm if training else _marked(batch, steps, features, self.units)
        last, sequence, *_ = run(x, zeros, zeros, *weights)
        return last if self.gives == "last" else sequence

    def compute_output_shape(self, shape: Any) -> Any:
        """See the class."""
        if self.gives == "last":
            return (shape[0], self.units)
        return (shape[0], shape[1], self.units)


class Repeated(keras.layers.Layer):  # type: ignore[misc]
    """[batch, features] to [batch, steps, features], as PACK; Keras's own layer becomes TILE."""

    def __init__(self, steps: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.steps = steps

    def call(self, x: Any) -> Any:
        """See the class."""
        return tf.stack([x] * self.steps, axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """See the class."""
        return (shape[0], self.steps, shape[1])
