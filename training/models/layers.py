"""Layers and stacks that the families share, with operators of TensorFlow Lite Micro.

Sampling, penalties and the discriminator act only when a layer is called with training=True.
Otherwise these layers return their input, and the converted model has no trace of them. A layer
with `training_only` is not on the board, and its parameters do not count as deployed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from training.tensorflow_setup import keras, tf

Activation = Literal["linear", "relu", "relu6", "leaky_relu", "tanh", "sigmoid"]


def glorot(seed: int, number: int) -> keras.initializers.Initializer:
    """Build Glorot's uniform initializer (2010), with its own seed for each layer number."""
    return keras.initializers.GlorotUniform(seed=seed * 1000 + number)


def dense_stack(
    x: Any, widths: Sequence[int], activation: str, prefix: str, seed: int, first: int
) -> Any:
    """Apply dense layers named prefix_1, prefix_2, ...; `first` is the number of the first seed."""
    for i, width in enumerate(widths):
        x = keras.layers.Dense(
            width, activation, kernel_initializer=glorot(seed, first + i), name=f"{prefix}_{i + 1}"
        )(x)
    return x


def code_layer(code: int, seed: int) -> keras.layers.Layer:
    """Build the linear layer of a code whose prior is N(0, 1)."""
    return keras.layers.Dense(code, kernel_initializer=glorot(seed, 100), name="code")


def with_prior(settings: Any, size: int, seed: int, to_code: Callable[[Any], Any]) -> keras.Model:
    """Build a mirrored dense stack whose code has a prior (variational, adversarial).

    Args:
        settings: the family's settings, with the fields of training.models.dense.Stack.
        size: values per window.
        to_code: maps the last hidden layer, [batch, width], to the decoder's input,
            [batch, settings.code].

    Returns:
        The model, float32 [batch, size] in and out, named after its family.
    """
    inputs = keras.Input((size,), name="window")
    x = dense_stack(inputs, settings.hidden, settings.activation, "encoder", seed, 0)
    x = to_code(x)
    x = dense_stack(x, settings.hidden[::-1], settings.activation, "decoder", seed, 200)
    outputs = keras.layers.Dense(
        size,
        settings.output_activation,
        kernel_initializer=glorot(seed, 300),
        name="reconstruction",
    )(x)
    return keras.Model(inputs, outputs, name=settings.family)


class Upsample(keras.layers.Layer):  # type: ignore[misc]
    """Nearest-neighbour upsampling of [batch, height, width, channels] by integer factors.

    It converts to RESIZE_NEAREST_NEIGHBOR. Keras's own layers convert to TILE for one axis, which
    TensorFlow Lite Micro lacks.
    """

    def __init__(self, factors: tuple[int, int], **rest: Any) -> None:
        super().__init__(**rest)
        self.factors = factors

    def call(self, x: Any) -> Any:
        """Map [b, h, w, c] to [b, h * factors[0], w * factors[1], c]."""
        size = [x.shape[1] * self.factors[0], x.shape[2] * self.factors[1]]
        return tf.raw_ops.ResizeNearestNeighbor(
            images=x, size=size, align_corners=False, half_pixel_centers=False
        )

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], shape[1] * self.factors[0], shape[2] * self.factors[1], shape[3])


class Stepped(keras.layers.Layer):  # type: ignore[misc]
    """Layer that counts its training calls, for the warm-up and as the seed of its draws."""

    # Set while the objective of the validation windows is traced: the step is not counted, and
    # all epochs have the same draws.
    held_out = False

    def __init__(self, seed: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.seed = seed
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )

    def next_seed(self) -> Any:
        """Return a seed of two integers, new for each training call."""
        if self.held_out:
            return tf.constant([self.seed, 0])
        self.step.assign_add(1)
        return tf.stack([np.int32(self.seed), tf.convert_to_tensor(self.step)])


class Sampling(Stepped):
    """Draw the code z = mean + exp(log_variance / 2) * noise, and add beta * KL to the loss.

    KL(q(z|x) || N(0, 1)) = -1/2 sum(1 + log_variance - mean^2 - variance) (Kingma & Welling
    2014), multiplied by `weight`. beta rises linearly from 0 over `warm_up` steps. Outside of
    training the layer returns the mean, so the board needs neither EXP nor random numbers.
    """

    def __init__(self, beta: float, weight: float, warm_up: int, seed: int, **rest: Any) -> None:
        super().__init__(seed, **rest)
        self.beta, self.weight, self.warm_up = beta, weight, warm_up

    def call(self, x: tuple[Any, Any], training: bool = False) -> Any:
        """Map mean and log variance, [b, code] each, to the code, [b, code]."""
        mean, log_variance = x
        if not training:
            return mean
        noise = tf.random.stateless_normal(tf.shape(mean), self.next_seed())
        variance = tf.exp(log_variance)
        kl = -0.5 * tf.reduce_sum(1 + log_variance - tf.square(mean) - variance, axis=-1)
        warmth = tf.minimum(1.0, tf.cast(self.step, tf.float32) / max(1, self.warm_up))
        self.add_loss(self.beta * warmth * self.weight * tf.reduce_mean(kl))
        return mean + tf.sqrt(variance) * noise

    def compute_output_shape(self, shape: Any) -> Any:
        return shape[0]


class Sparsity(keras.layers.Layer):  # type: ignore[misc]
    """Add a penalty on the activations to the loss, and return them unchanged.

    "l1" is weight * the sum over units of the mean |a| over the batch. "kl" is weight * the sum
    over units of KL(target || mean activation over the batch), for activations in 0 to 1 (Ng 2011).
    """

    def __init__(
        self, penalty: Literal["l1", "kl"], weight: float, target: float, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.penalty, self.weight, self.target = penalty, weight, target

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            if self.penalty == "l1":
                amount = tf.reduce_sum(tf.reduce_mean(tf.abs(x), axis=0))
            else:
                mean = tf.clip_by_value(tf.reduce_mean(x, axis=0), 1e-6, 1 - 1e-6)
                p = self.target
                amount = tf.reduce_sum(
                    p * tf.math.log(p / mean) + (1 - p) * tf.math.log((1 - p) / (1 - mean))
                )
            self.add_loss(self.weight * amount)
        return x


class Adversary(Stepped):
    """Discriminator between codes and draws from N(0, 1), against which the encoder is trained.

    This is the adversarial autoencoder of Makhzani et al. (2015) with one optimizer. The
    discriminator minimizes its cross-entropy with the codes held constant. The encoder minimizes
    the cross-entropy of its codes against the label "draw", with the discriminator held constant
    (Goodfellow's non-saturating loss: a reversed gradient vanishes once the discriminator wins).
    """

    training_only = True

    def __init__(self, hidden: Sequence[int], weight: float, seed: int, **rest: Any) -> None:
        super().__init__(seed, **rest)
        self.weight = weight
        self.judges = [
            keras.layers.Dense(width, "relu", kernel_initializer=glorot(seed, 500 + i))
            for i, width in enumerate(hidden)
        ]
        self.verdict = keras.layers.Dense(1, kernel_initializer=glorot(seed, 599))

    def build(self, shape: Any) -> None:
        for layer in (*self.judges, self.verdict):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def judge(self, code: Any, fixed: bool = False) -> Any:
        """Compute the logit that a code is a draw, [b, 1]; `fixed` holds the weights constant."""
        hold = tf.stop_gradient if fixed else tf.identity
        for layer in (*self.judges, self.verdict):
            kernel, bias = (hold(tf.convert_to_tensor(w)) for w in (layer.kernel, layer.bias))
            code = layer.activation(tf.matmul(code, kernel) + bias)
        return code

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            drawn = tf.random.stateless_normal(tf.shape(x), self.next_seed())
            loss = tf.reduce_mean(
                tf.nn.softplus(-self.judge(drawn))
                + tf.nn.softplus(self.judge(tf.stop_gradient(x)))
                + tf.nn.softplus(-self.judge(x, fixed=True))
            )
            self.add_loss(self.weight * loss)
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def warm_up_steps(model: keras.Model) -> int:
    """Return the training steps until the loss has its final weights; 0 without a warm-up."""
    return max((getattr(layer, "warm_up", 0) for layer in model.layers), default=0)


@contextlib.contextmanager
def held_out(model: keras.Model) -> Iterator[None]:
    """Trace calls with training=True for windows that are not trained on."""
    stepped = [layer for layer in model.layers if isinstance(layer, Stepped)]
    for layer in stepped:
        layer.held_out = True
    try:
        yield
    finally:
        for layer in stepped:
            layer.held_out = False


def deployed_parameters(model: keras.Model) -> int:
    """Count the trainable numbers on the board."""
    layers = [each for each in model.layers if not getattr(each, "training_only", False)]
    return int(sum(np.prod(w.shape) for each in layers for w in each.trainable_weights))
