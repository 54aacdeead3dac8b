"""Fit many dense autoencoders at once: K models in one compiled graph, their weights stacked.

A small model leaves the processor idle between its operations. Here one operation serves K models:
weights are [K, inputs, outputs], and XLA compiles the whole fit. The first weights, the order of
the batches, the optimizer and the choice of the best epoch are those of training.fit, so a stacked
fit ends where the ordinary fit of the same seed ends, but for the rounding of sums.

Models of different widths share a graph: the weights of units that a model does not have are zero,
and stay zero, because an activation that is 0 at 0 gives them no gradient.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import objectives
from training.models import dense
from training.models.layers import glorot
from training.recipe import Recipe
from training.sections import Corruption, Fit
from training.tensorflow_setup import keras, tf

FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-7
"""Decay rates and denominator's constant of Adam (Kingma and Ba 2015), Keras's defaults."""

_ACTIVATIONS = {"linear": tf.identity, "relu": tf.nn.relu, "relu6": tf.nn.relu6, "tanh": tf.tanh}
"""Those with f(0) = 0, as padding needs."""


@dataclass(frozen=True, eq=False)
class Member:
    """One model of a stack."""

    model: dense.Settings
    fit: Fit
    seed: int  # of the first weights and of the order of the batches
    train: NDArray[np.float32]  # float32 [n, size]
    validation: NDArray[np.float32]  # float32 [m, size]; m may be 0

    @property
    def widths(self) -> list[int]:
        """Values of the input and of each layer's output."""
        hidden = self.model.hidden
        size = self.train.shape[1]
        return [size, *hidden, self.model.code, *hidden[::-1], size]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What members of one stack have in common: the graph, but for widths and numbers."""
        fit, model = self.fit, self.model
        return (
            *(self.train.shape, len(self.validation), len(model.hidden)),
            *(model.activation, model.code_activation, model.output_activation),
            *(fit.loss, fit.batch, fit.epochs, fit.patience, fit.schedule),
        )


@dataclass(frozen=True, eq=False)
class StackedFit:
    """The fitted models; arrays are padded to the widest model of the stack."""

    kernels: tuple[NDArray[np.float32], ...]  # float32 [K, inputs, outputs] for each layer
    biases: tuple[NDArray[np.float32], ...]  # float32 [K, outputs]
    members: tuple[Member, ...]
    # float32 [K, epochs], as History.validation; NaN in epochs after the model's fit stopped
    validation: NDArray[np.float32]
    best_epoch: NDArray[np.int32]  # int32 [K]

    def reconstruct(self, k: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run model `k` on float32 [n, size]."""
        activations = _layer_activations(self.members[k])
        for kernel, bias, activation in zip(self.kernels, self.biases, activations, strict=True):
            x = _NUMPY[activation](x @ kernel[k] + bias[k])
        return x

    def put_weights(self, k: int, model: keras.Model) -> None:
        """Set the weights of a Keras model of the family `dense` to those of model `k`."""
        widths = self.members[k].widths
        layers = [layer for layer in model.layers if layer.trainable_weights]
        for i, layer in enumerate(layers):
            inputs, outputs = widths[i], widths[i + 1]
            layer.set_weights([self.kernels[i][k, :inputs, :outputs], self.biases[i][k, :outputs]])


_NUMPY: dict[str, Any] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "tanh": np.tanh,
}


def unstackable(recipe: Recipe) -> str | None:
    """Return why a recipe's models cannot be stacked, or None if they can."""
    fit, model = recipe.fit, recipe.model
    if not isinstance(model, dense.Settings):
        return f"model.family is '{model.family}'"
    unknown = {model.activation, model.code_activation, model.output_activation} - set(_NUMPY)
    if unknown:
        return f"an activation is '{min(unknown)}'"
    if fit.optimizer != "adam" or fit.weight_decay:
        return "the optimizer is not plain Adam"
    if fit.round_weights or fit.pretrain:
        return "fit.round_weights or fit.pretrain is set"
    if fit.abnormal:
        return "abnormal windows are fitted too"
    if recipe.corruption != Corruption():
        return "the input is corrupted"
    return None


def fit_stacked(members: Sequence[Member], widest: Sequence[int] | None = None) -> StackedFit:
    """Fit all members, which have the same `kind`.

    A model whose fit diverges has NaN losses; the others are not affected.

    Args:
        widest: widths to pad to, at least those of every member, so that several stacks share one
            compiled graph. None: the widest of these members.
    """
    first = members[0]
    widths = np.array([member.widths for member in members])
    padded = tuple(int(w) for w in (widths.max(axis=0) if widest is None else widest))
    n = len(first.train)
    run = _graph(first.fit, _layer_activations(first), padded)
    orders = [_orders(member.seed, n, first.fit.epochs) for member in members]
    weights, held, best = run(
        tf.constant(_first_weights(members, padded)),
        tf.constant(np.stack([member.train for member in members])),
        tf.constant(np.stack([member.validation for member in members])),
        tf.constant(np.stack(orders, axis=1)),
        tf.constant([member.fit.learning_rate for member in members], tf.float32),
        tf.constant([member.fit.power for member in members], tf.float32),
    )
    shapes = _shapes(padded)
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    arrays = [
        piece.reshape(len(members), *shape)
        for piece, shape in zip(np.split(weights.numpy(), ends, axis=1), shapes, strict=True)
    ]
    return StackedFit(
        tuple(arrays[0::2]), tuple(arrays[1::2]), tuple(members), held.numpy().T, best.numpy()
    )


def _shapes(widths: Sequence[int]) -> list[tuple[int, ...]]:
    """Shapes of each layer's kernel and bias, in their order in the vector of all weights."""
    pairs = itertools.pairwise(widths)
    return [shape for inputs, outputs in pairs for shape in ((inputs, outputs), (outputs,))]


def _layer_activations(member: Member) -> tuple[str, ...]:
    model, depth = member.model, len(member.model.hidden)
    inner = [model.activation] * depth
    return (*inner, model.code_activation, *inner, model.output_activation)


def _first_weights(members: Sequence[Member], padded: Sequence[int]) -> NDArray[np.float32]:
    """Glorot's weights with the seeds of training.models.dense, padded with zeros.

    Returns:
        float32 [K, weights], the weights of each model in one vector.
    """
    layers = []
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(padded)):
        kernel = np.zeros((len(members), inputs, outputs), np.float32)
        for k, member in enumerate(members):
            shape = member.widths[layer], member.widths[layer + 1]
            drawn = glorot(member.seed, layer)(shape)
            kernel[k, : shape[0], : shape[1]] = np.asarray(drawn)
        layers += [kernel.reshape(len(members), -1), np.zeros((len(members), outputs), np.float32)]
    return np.concatenate(layers, axis=1)


@lru_cache(maxsize=256)
def _orders(seed: int, n: int, epochs: int) -> NDArray[np.int32]:
    """The order of the windows in each epoch as training.fit draws it, int32 [epochs, n]."""
    return np.asarray(_draw_orders(tf.constant(seed), n, epochs))


@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
def _draw_orders(seed: tf.Tensor, n: int, epochs: int) -> tf.Tensor:
    # Drawn outside the fit's graph, because XLA has no kernel for this shuffle.
    return tf.map_fn(
        lambda epoch: tf.random.experimental.stateless_shuffle(
            tf.range(n), seed=tf.stack([seed, -1 - epoch])
        ),
        tf.range(epochs),
    )


def _graph(settings: Fit, activations: tuple[str, ...], widths: tuple[int, ...]) -> Any:
    """The compiled fit, traced and compiled anew for each shape of its arguments.

    Of the settings, those that the members of a stack have in common are used.
    """
    common = settings.model_copy(update={"learning_rate": 1.0, "power": 1.0})
    return _compiled_fit(common, activations, widths)


@lru_cache(maxsize=32)
def _compiled_fit(settings: Fit, activations: tuple[str, ...], widths: tuple[int, ...]) -> Any:
    functions = [_ACTIVATIONS[name] for name in activations]
    window_loss = objectives.LOSSES[settings.loss]
    epochs, patience = settings.epochs, settings.patience
    shapes = _shapes(widths)
    sizes = [math.prod(shape) for shape in shapes]

    def objective(weights: tf.Tensor, x: tf.Tensor, power: tf.Tensor) -> tf.Tensor:
        """Mean over windows of the powers of their losses, float32 [K]."""
        y = x
        pieces = iter(zip(tf.split(weights, sizes, axis=1), shapes, strict=True))
        for function in functions:
            (kernel, shape), (bias, _) = next(pieces), next(pieces)
            y = function(tf.matmul(y, tf.reshape(kernel, (-1, *shape))) + bias[:, None])
        return tf.reduce_mean(window_loss(x, y) ** power[:, None], axis=1)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def run(start: Any, train: Any, validation: Any, orders: Any, rate: Any, power: Any) -> Any:
        count, n, held_n = train.shape[0], train.shape[1], validation.shape[1]
        batch = min(settings.batch, n)
        whole, rest = n // batch, n % batch
        steps = math.ceil(n / batch)
        total = steps * epochs

        def step(x: tf.Tensor, number: tf.Tensor, state: Any) -> Any:
            weights, first, second = state
            with tf.GradientTape() as tape:
                tape.watch(weights)
                losses = objective(weights, x, power)
                summed = tf.reduce_sum(losses)  # no model's loss depends on another's weights
            gradient = tape.gradient(summed, weights)
            t = tf.cast(number + 1, tf.float32)
            now = rate
            if settings.schedule == "cosine":
                done = tf.cast(number, tf.float32) / total
                now = rate * 0.5 * (1 + tf.cos(math.pi * done))
            now = now * tf.sqrt(1 - SECOND_MOMENT**t) / (1 - FIRST_MOMENT**t)
            first += (gradient - first) * (1 - FIRST_MOMENT)
            second += (gradient * gradient - second) * (1 - SECOND_MOMENT)
            weights -= now[:, None] * first / (tf.sqrt(second) + TINY)
            return weights, first, second

        def one_epoch(epoch: tf.Tensor, state: Any) -> Any:
            shuffled = tf.gather(train, orders[epoch], batch_dims=1)

            def one_step(i: tf.Tensor, state: Any) -> Any:
                x = tf.slice(shuffled, (0, i * batch, 0), (count, batch, train.shape[2]))
                return i + 1, step(x, epoch * steps + i, state)

            _, state = tf.while_loop(lambda i, _: i < whole, one_step, (tf.constant(0), state))
            if rest:
                state = step(shuffled[:, whole * batch :], epoch * steps + whole, state)
            return state

        def body(
            epoch: Any, state: Any, kept: Any, best: Any, at: Any, running: Any, held: Any
        ) -> Any:
            state = one_epoch(epoch, state)
            weights = state[0]
            if not held_n:
                return epoch + 1, state, weights, best, tf.fill([count], epoch), running, held
            current = objective(weights, validation, power)
            better = running & (current < best)
            kept = tf.where(better[:, None], weights, kept)
            shown = tf.where(running, current ** (1 / power), np.float32(np.nan))
            held = tf.tensor_scatter_nd_update(held, [[epoch]], shown[None])
            best = tf.where(better, current, best)
            at = tf.where(better, epoch, at)
            if patience > 0:
                running &= epoch - at < patience
            return epoch + 1, state, kept, best, at, running, held

        _, _, kept, _, at, _, held = tf.while_loop(
            lambda epoch, _s, _k, _b, _a, running, _h: (epoch < epochs) & tf.reduce_any(running),
            body,
            (
                tf.constant(0),
                (start, tf.zeros_like(start), tf.zeros_like(start)),
                start,
                tf.fill([count], np.float32(np.inf)),
                tf.zeros([count], tf.int32),
                tf.fill([count], True),
                tf.fill([epochs, count], np.float32(np.nan)),
            ),
        )
        return kept, held, at

    return run
