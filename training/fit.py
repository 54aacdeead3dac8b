"""Fit a model with whole epochs inside one compiled graph.

With small models, `model.fit` spends most of its time on per-step overhead: a Python call, a data
pipeline and a dozen callbacks for some microseconds of arithmetic. Here a TensorFlow while loop
does the epochs and batches, with shuffling, corruption, optimizer, validation, early stopping and
the selection of the best weights. Control returns to Python every few epochs, for the progress bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from training import objectives, sections
from training.bundle.errors import RecipeError
from training.corruption import CorruptionFunction
from training.flat_adam import FlatAdam, is_plain_adam
from training.models.layers import held_out, warm_up_steps
from training.tensorflow_setup import keras, tf
from training.weight_rounding import restore_all, round_all, rounded_kernels

FAULTS = 20  # folded into the seed of a step, for the draw of abnormal windows
REPORTS = 20  # times that a full fit returns to Python


@dataclass(frozen=True, eq=False)
class History:
    """The objective of each epoch: the power mean of the windows' losses, plus penalties.

    The root of `power` is taken, so that the unit does not depend on the power.
    """

    # float32 [epochs], over the training windows, while the weights change
    loss: NDArray[np.float32]
    # float32 [epochs], over the validation windows; NaN if there are none
    validation: NDArray[np.float32]
    best_epoch: int  # the epoch, from 0, whose weights the model has


def fit(
    model: keras.Model,
    train: NDArray[np.float32],
    validation: NDArray[np.float32],
    settings: sections.Fit,
    seed: int,
    progress: bool = False,
    corruption: CorruptionFunction | None = None,
    abnormal: NDArray[np.float32] | None = None,
) -> History:
    """Fit `model` to reconstruct its input.

    If there are validation windows, the weights of the epoch with the lowest objective are kept.
    The fit stops when that objective has not improved for `settings.patience` epochs (0: never).
    Epochs before the end of the model's warm-up have other objectives and do not count. The
    objective of a variational model is the negative evidence lower bound, with the same draws in
    every epoch. The same seed, data and machine give the same weights.

    Args:
        model: float32 [batch, size] in and out; its weights are changed.
        train: float32 [n, size].
        validation: float32 [m, size]; m may be 0.
        corruption: applied to the input; the target stays clean.
        abnormal: float32 [k, size], windows that `settings.abnormal` keeps from being
            reconstructed. Each batch has as many of them, drawn at random, as normal windows.

    Raises:
        RecipeError: the warm-up is longer than the fit, or the fit diverges.
    """
    n, batch, epochs = len(train), min(settings.batch, len(train)), settings.epochs
    steps = math.ceil(n / batch)
    optimizer = _prepared(make_optimizer(settings, steps * epochs), model.trainable_variables)
    window_loss = objectives.LOSSES[settings.loss]
    has_validation = len(validation) > 0
    warm_up = warm_up_steps(model)
    if warm_up > steps * epochs:
        raise RecipeError(
            f"model.warm_up is {warm_up} steps, but fit.epochs {epochs} have only "
            f"{steps * epochs}: set model.warm_up to {steps * epochs // 2} or less, or fit.epochs "
            f"to {-(-warm_up // steps)} or more"
        )
    first_eligible = max(0, math.ceil(warm_up / steps) - 1)
    data, held = tf.constant(train), tf.constant(validation)
    faults = None if abnormal is None else tf.constant(abnormal)

    best_weights = [tf.Variable(v, trainable=False) for v in model.variables]
    best = tf.Variable(np.inf, dtype=tf.float32, trainable=False)
    best_epoch = tf.Variable(0, trainable=False)
    running = tf.Variable(True, trainable=False)
    losses = tf.Variable(tf.zeros([epochs]), trainable=False)
    held_losses = tf.Variable(tf.fill([epochs], np.float32(np.nan)), trainable=False)

    kernels = rounded_kernels(model) if settings.round_weights else []

    def objective(x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        inputs, weight = x, None
        if corruption is not None:
            inputs, hidden = corruption(x, seeds)
            if settings.given_weight != 1:
                weight = tf.where(hidden, 1.0, settings.given_weight)
        losses_of_windows = window_loss(x, model(inputs, training=True), weight)
        total = objectives.over_windows(losses_of_windows, settings.power)
        if model.losses:
            total += tf.add_n(model.losses)
        if faults is not None:
            drawn = tf.gather(faults, _draw(seeds, tf.shape(x)[0], len(faults)))
            error = window_loss(drawn, model(drawn, training=True))
            total += objectives.over_faults(error, settings.abnormal, settings.power)
        return total

    def step(x: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        exact = round_all(kernels)
        with tf.GradientTape() as tape:
            total = objective(x, tf.stack([seed, number]))
        gradients = tape.gradient(total, model.trainable_variables)
        restore_all(kernels, exact)
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
                if has_validation:
                    exact = round_all(kernels)
                    with held_out(model):
                        current = objective(held, tf.constant([seed, -1]))
                    restore_all(kernels, exact)
                    held_losses.scatter_nd_update([[epoch]], [current ** (1 / settings.power)])
                    if epoch >= first_eligible and current < best:
                        best.assign(current)
                        best_epoch.assign(epoch)
                        for kept, variable in zip(best_weights, model.variables, strict=True):
                            kept.assign(variable)
                    if settings.patience > 0 and epoch >= first_eligible:
                        running.assign(epoch - best_epoch < settings.patience)
                else:
                    best_epoch.assign(epoch)

    with _progress_bar(progress, epochs) as report:
        stride = math.ceil(epochs / REPORTS)
        for first in range(0, epochs, stride):
            last = min(first + stride, epochs)
            run(tf.constant(first), tf.constant(last))
            # The fit stops after `patience` epochs, the first of those that count at the earliest.
            stop = max(first_eligible, int(best_epoch) + settings.patience)
            done = last if bool(running) else stop + 1
            _check_finite(losses[:done], held_losses[:done] if has_validation else None)
            report(last, float(losses[last - 1]), float(best) ** (1 / settings.power))
            if not bool(running):
                break
    if has_validation:
        for kept, variable in zip(best_weights, model.variables, strict=True):
            variable.assign(kept)
    round_all(kernels)
    return History(
        loss=losses.numpy()[:done],
        validation=held_losses.numpy()[:done],
        best_epoch=int(best_epoch),
    )


def _draw(seeds: tf.Tensor, count: tf.Tensor, n: int) -> tf.Tensor:
    """Draw `count` of `n` windows with replacement, int32 [count]."""
    # Folded, so that the draws differ from those of the corruption.
    return tf.random.stateless_uniform(
        count[None], tf.random.fold_in(seeds, FAULTS), 0, n, tf.int32
    )


def _check_finite(loss: tf.Tensor, validation: tf.Tensor | None) -> None:
    """Raise RecipeError if a loss, float32 [epochs], is not finite."""
    finite = np.isfinite(loss)
    if validation is not None:
        finite &= np.isfinite(validation)
    if not finite.all():
        epoch = int(np.argmin(finite)) + 1
        raise RecipeError(f"the fit diverged in epoch {epoch}: lower fit.learning_rate")


def make_optimizer(settings: sections.Fit, total_steps: int) -> keras.Optimizer:
    """Build the Keras optimizer of the recipe for that number of training steps."""
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


def _prepared(
    optimizer: keras.Optimizer, variables: Sequence[keras.Variable]
) -> keras.Optimizer | FlatAdam:
    """Build the optimizer for the variables; plain Adam becomes the same one on a flat vector."""
    if is_plain_adam(optimizer, variables):
        return FlatAdam(optimizer, variables)
    optimizer.build(variables)
    return optimizer


@contextmanager
def _progress_bar(show: bool, epochs: int) -> Iterator[Callable[[int, float, float], None]]:
    """Show a progress bar; yields a function of epoch, loss and best validation loss."""
    if not show:
        yield lambda *_: None
        return
    progress = Progress(
        TextColumn("fit"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} epochs"),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TextColumn("best validation {task.fields[best]:.4g}"),
        TimeElapsedColumn(),
    )
    with progress:
        task = progress.add_task("", total=epochs, loss=float("nan"), best=float("nan"))
        yield lambda epoch, loss, best: progress.update(task, completed=epoch, loss=loss, best=best)
