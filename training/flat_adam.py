"""Adam on all weights of a model at once.

Keras updates each variable by itself, with some fifteen operations of a few microseconds. A small
model has a dozen variables, so that the optimizer takes more time than the gradients. Here the
moments of all variables lie in one vector. Each element sees the same operations in the same
order, so the weights are the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.tensorflow_setup import keras, tf

LEFT_OUT = (
    *("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "amsgrad"),
    *("loss_scale_factor", "gradient_accumulation_steps"),
)
"""Settings of Keras's Adam that FlatAdam does not have."""


def is_plain_adam(optimizer: keras.Optimizer, variables: Sequence[keras.Variable]) -> bool:
    """Return whether FlatAdam gives the variables the same values as this optimizer."""
    if type(optimizer) is not keras.optimizers.Adam:
        return False
    config = optimizer.get_config()
    constrained = any(variable.constraint is not None for variable in variables)
    return not constrained and not any(config[name] for name in LEFT_OUT)


class FlatAdam:
    """The updates of a Keras Adam optimizer for which is_plain_adam() holds."""

    def __init__(self, adam: keras.optimizers.Adam, variables: Sequence[keras.Variable]) -> None:
        """Take constants and learning rate from `adam`; the moments begin at zero."""
        self._adam = adam
        self._sizes = [int(tf.size(variable)) for variable in variables]
        self._first, self._second = (
            tf.Variable(tf.zeros([sum(self._sizes)]), trainable=False) for _ in range(2)
        )
        self._done = tf.Variable(0, trainable=False)  # steps

    def apply(
        self, gradients: Sequence[tf.Tensor | None], variables: Sequence[keras.Variable]
    ) -> None:
        """Update the variables that the optimizer was built for; no gradient counts as zeros."""
        adam = self._adam
        known = [
            tf.zeros_like(variable) if gradient is None else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        gradient = tf.concat([tf.reshape(each, [-1]) for each in known], axis=0)
        rate = adam._learning_rate
        rate = rate(self._done) if callable(rate) else tf.convert_to_tensor(rate)
        step = tf.cast(self._done + 1, tf.float32)
        powers = [tf.pow(tf.constant(beta), step) for beta in (adam.beta_1, adam.beta_2)]
        alpha = rate * tf.sqrt(1 - powers[1]) / (1 - powers[0])
        first = self._first.assign_add((gradient - self._first) * (1 - adam.beta_1))
        second = self._second.assign_add((tf.square(gradient) - self._second) * (1 - adam.beta_2))
        change = (first * alpha) / (tf.sqrt(second) + adam.epsilon)
        for variable, piece in zip(variables, tf.split(change, self._sizes), strict=True):
            variable.assign_sub(tf.reshape(piece, variable.shape))
        self._done.assign_add(1)
