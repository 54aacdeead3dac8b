"""Fit a model: whole epochs inside one compiled graph.

Small models spend a plain `model.fit` between steps: a Python call, a data pipeline and a dozen
callbacks for a few microseconds of arithmetic. Here the loop over epochs and batches, shuffling,
corruption, optimizer, validation, early stopping and keeping the best weights is a TensorFlow
while loop, and Python sees it once every few epochs, to move a progress bar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import objectives, recipe
from training.bundle.errors import RecipeError
from training.corruption import Corruption

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

REPORTS = 20  # times that the loop comes back to Python in a full fit


@dataclass(frozen=True, eq=False)
class History:
    """What was minimised, epoch by epoch, float32 [epochs]: the mean of the windows' losses raised
    to the power, with the model's penalties, and of that the root (so that its unit does not depend
    on the power). `validation` is the same of the windows held out, nan where none are; `loss` is
    taken while the weights change. `best_epoch` (from 0) is the one whose weights the model has.
    """

    loss: NDArray[np.float32]
    validation: NDArray[np.float32]
    best_epoch: int


def fit(
    model: keras.Model,
    train: NDArray[np.float32],
    validation: NDArray[np.float32],
    settings: recipe.Fit,
    seed: int,
    progress: bool = False,
    corruption: Corruption | None = None,
) -> History:
    """Fit `model` to give back `train`, float32 [n, size], from what `corruption` makes of it.

    Stops when the objective of `validation`, float32 [m, size], has not improved for
    `settings.patience` epochs (0: never); with any validation windows, the weights of the best
    epoch are kept. Both begin when the model's warm-up has ended: before that, epochs have
    different objectives. A variational model's is the negative evidence lower bound, with the same
    draws every epoch. The same seed, data and machine give the same weights.

    Raises RecipeError if the fit ends before the warm-up, or diverges.
    """
    import tensorflow as tf

    from training.models.layers import held_out, warm_up_steps

    n, batch, epochs = len(train), min(settings.batch, len(train)), settings.epochs
    steps = math.ceil(n / batch)
    optimizer = make_optimizer(settings, steps * epochs)
    optimizer.build(model.trainable_variables)
    window_loss = objectives.LOSSES[settings.loss]
    held_back = len(validation) > 0
    warm_up = warm_up_steps(model)
    if warm_up > steps * epochs:
        raise RecipeError(
            f"model.warm_up is {warm_up} steps, and fit.epochs {epochs} are only {steps * epochs}: "
            f"set it to {steps * epochs // 2} or less, or fit.epochs to {-(-warm_up // steps)} or "
            "more"
        )
    first_judged = max(0, math.ceil(warm_up / steps) - 1)
    data, held = tf.constant(train), tf.constant(validation)

    best_weights = [tf.Variable(v, trainable=False) for v in model.variables]
    best = tf.Variable(np.inf, dtype=tf.float32, trainable=False)
    best_epoch = tf.Variable(0, trainable=False)
    running = tf.Variable(True, trainable=False)
    losses = tf.Variable(tf.zeros([epochs]), trainable=False)
    held_losses = tf.Variable(tf.fill([epochs], np.float32(np.nan)), trainable=False)

    kernels = rounded_kernels(model) if settings.round_weights else []

    def objective(x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        given = x if corruption is None else corruption(x, seeds)
        total = objectives.over_windows(window_loss(x, model(given, training=True)), settings.power)
        return total + tf.add_n(model.losses) if model.losses else total

    def step(x: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        exact = round_all(kernels)
        with tf.GradientTape() as tape:
            total = objective(x, tf.stack([seed, number]))
        gradients = tape.gradient(total, model.trainable_variables)
        put_back(kernels, exact)
        optimizer.apply(gradients, model.trainable_variables)
        return total

    @tf.function  # type: ignore[untyped-decorator]
    def run(first: tf.Tensor, last: tf.Tensor) -> None:
        for epoch in tf.range(first, last):
            if running:
                order = tf.random.experimental.stateless_shuffle(
                    tf.range(n), seed=tf.stack([seed, -1 - epoch])
                )
                shuffled = tf.gather(data, order)
                total = tf.constant(0.0)
                for i in tf.range(steps):
                    x = shuffled[i * batch : tf.minimum((i + 1) * batch, n)]
                    share = tf.cast(tf.shape(x)[0], tf.float32) / n
                    total += share * step(x, epoch * steps + i)
                losses.scatter_nd_update([[epoch]], [total ** (1 / settings.power)])
                if held_back:
                    exact = round_all(kernels)
                    with held_out(model):
                        now = objective(held, tf.constant([seed, -1]))
                    put_back(kernels, exact)
                    held_losses.scatter_nd_update([[epoch]], [now ** (1 / settings.power)])
                    if epoch >= first_judged and now < best:
                        best.assign(now)
                        best_epoch.assign(epoch)
                        for kept, variable in zip(best_weights, model.variables, strict=True):
                            kept.assign(variable)
                    if settings.patience > 0 and epoch >= first_judged:
                        running.assign(epoch - best_epoch < settings.patience)
                else:
                    best_epoch.assign(epoch)

    with _bar(progress, epochs) as report:
        stride = math.ceil(epochs / REPORTS)
        for first in range(0, epochs, stride):
            last = min(first + stride, epochs)
            run(tf.constant(first), tf.constant(last))
            done = last if bool(running) else int(best_epoch) + settings.patience + 1
            refuse_diverged(losses[:done], held_losses[:done] if held_back else None)
            report(last, float(losses[last - 1]), float(best) ** (1 / settings.power))
            if not bool(running):
                break
    if held_back:
        for kept, variable in zip(best_weights, model.variables, strict=True):
            variable.assign(kept)
    round_all(kernels)
    return History(
        loss=losses.numpy()[:done],
        validation=held_losses.numpy()[:done],
        best_epoch=int(best_epoch),
    )


def refuse_diverged(loss: tf.Tensor, held: tf.Tensor | None) -> None:
    """RecipeError if a loss, float32 [epochs], of training or held-out windows is not finite."""
    finite = np.isfinite(loss)
    if held is not None:
        finite &= np.isfinite(held)
    if not finite.all():
        epoch = int(np.argmin(finite)) + 1
        raise RecipeError(f"the fit diverged in epoch {epoch}: lower fit.learning_rate")


Kernel = tuple[Any, tuple[int, ...]]  # a variable, and the axes over which it has one scale


def rounded_kernels(model: keras.Model) -> list[Kernel]:
    """The kernels of dense and convolutional layers, as the converter quantizes them.

    Symmetric, one scale a dense layer and one an output channel of a convolution.
    """
    import keras

    shared: dict[type, tuple[int, ...]] = {
        keras.layers.Dense: (0, 1),
        keras.layers.Conv2D: (0, 1, 2),
        keras.layers.Conv2DTranspose: (0, 1, 3),
    }
    return [(layer.kernel, shared[type(layer)]) for layer in model.layers if type(layer) in shared]


def round_all(kernels: list[Kernel]) -> list[tf.Tensor]:
    """Round each kernel to 127 steps on either side of 0; gives what they were."""
    import tensorflow as tf

    exact = []
    for kernel, axes in kernels:
        exact.append(tf.identity(kernel))
        step = tf.reduce_max(tf.abs(exact[-1]), axes, keepdims=True) / 127
        kernel.assign(tf.math.round(tf.math.divide_no_nan(exact[-1], step)) * step)
    return exact


def put_back(kernels: list[Kernel], exact: list[tf.Tensor]) -> None:
    """Undo `round_all`."""
    for (kernel, _), value in zip(kernels, exact, strict=True):
        kernel.assign(value)


def make_optimizer(settings: recipe.Fit, total_steps: int) -> keras.Optimizer:
    """The Keras optimizer that the recipe names."""
    import keras

    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, total_steps)
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    return kinds[settings.optimizer](rate, weight_decay=settings.weight_decay or None)


class _bar:  # noqa: N801 - used like a function
    """A progress bar over epochs, or none."""

    def __init__(self, show: bool, epochs: int) -> None:
        self._show, self._epochs = show, epochs

    def __enter__(self) -> Any:
        if not self._show:
            return lambda *_: None
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("fit"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} epochs"),
            TextColumn("loss {task.fields[loss]:.4g}"),
            TextColumn("best held-out {task.fields[best]:.4g}"),
            TimeElapsedColumn(),
        )
        self._progress.start()
        nan = float("nan")
        task = self._progress.add_task("", total=self._epochs, loss=nan, best=nan)

        def report(epoch: int, loss: float, best: float) -> None:
            self._progress.update(task, completed=epoch, loss=loss, best=best)

        return report

    def __exit__(self, *_: object) -> None:
        if self._show:
            self._progress.stop()
