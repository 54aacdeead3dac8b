"""Compare the fits with plain Keras: same model, data, epochs, batch, optimizer and early stopping.

    python -m benchmarks.fit [--recipes ecg5000 simulated] [--epochs N] [--seeds 3]

prints, per recipe, the times of `model.fit`, of training.fit, and of the stacked fit that
`vigil tune` uses for dense models, for as many epochs as the recipe has. Start-up is tracing and
compilation: what a fit of one epoch takes, and what a stacked fit takes longer for the first time.
Each seed is a fit of its own with its start-up; the stacked fit does all seeds at once. The factor
is of the times on the clock: measure on an idle machine. Processor time, which other programs
disturb less, stands beside it. Held-out losses are those after the last epoch. A seed draws the
same first weights for all fits; Keras draws another order of the windows, which alone changes the
loss of a small data set.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import sections
from training.fit import fit, make_optimizer
from training.input_quantization import fit_input_quantizer
from training.models import dense
from training.recipe import read_recipe
from training.stacked_fit import Member, fit_stacked, unstackable
from training.windows import divide, load_data

Windows = NDArray[np.float32]


@dataclass(frozen=True)
class Seconds:
    """How long a call took."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Result:
    """All seeds of one kind of fit."""

    took: Seconds
    losses: list[float]  # held-out loss after the last epoch, of each seed
    start_up: float  # of the seconds on the clock


def plain_fit(
    model: Any, train: Windows, validation: Windows, settings: sections.Fit, seed: int
) -> list[float]:
    """Fit with model.fit; returns the validation loss of each epoch."""
    import keras

    from training import objectives

    def loss(target: Any, output: Any) -> Any:
        return objectives.over_windows(
            objectives.LOSSES[settings.loss](target, output), settings.power
        )

    keras.utils.set_random_seed(seed)
    steps = -(-len(train) // settings.batch)
    model.compile(make_optimizer(settings, steps * settings.epochs), loss)
    stop = keras.callbacks.EarlyStopping(
        patience=settings.patience or settings.epochs, restore_best_weights=True
    )
    history = model.fit(
        train,
        train,
        batch_size=settings.batch,
        epochs=settings.epochs,
        validation_data=(validation, validation),
        callbacks=[stop],
        verbose=0,
    )
    # The root converts it to the unit of training.fit.
    return [float(loss ** (1 / settings.power)) for loss in history.history["val_loss"]]


def timed(run: Callable[..., Any], *arguments: Any) -> tuple[Seconds, Any]:
    """Return the time of a call, and its result."""
    clock, processor = time.perf_counter(), time.process_time()
    result = run(*arguments)
    return Seconds(time.perf_counter() - clock, time.process_time() - processor), result


def measure(name: str, epochs: int | None, seeds: int) -> None:
    """Fit one recipe in each way, and print the times and losses."""
    chosen, dataset = load_data(read_recipe(name), print)
    parts = divide(dataset, chosen.windows, chosen.split, chosen.seed)
    quantizer = fit_input_quantizer(
        chosen.scaler, parts.train.counts, dataset.train.gain, chosen.features
    )
    train, held = (
        quantizer.dequantize(quantizer.quantize(w.counts)) for w in (parts.train, parts.validation)
    )
    every = range(1, seeds + 1)
    settings = chosen.fit.model_copy(update={"epochs": epochs or chosen.fit.epochs, "patience": 0})
    short = settings.model_copy(update={"epochs": 1})

    def build(seed: int) -> Any:
        own = chosen.model_copy(update={"seed": seed})
        return own.build_model(len(dataset.train.channels))

    def plain(settings: sections.Fit, seeds: Iterable[int]) -> list[float]:
        return [plain_fit(build(s), train, held, settings, s)[-1] for s in seeds]

    def compiled(settings: sections.Fit, seeds: Iterable[int]) -> list[float]:
        return [float(fit(build(s), train, held, settings, s).validation[-1]) for s in seeds]

    results = {}
    for kind, run in (("plain model.fit", plain), ("training.fit", compiled)):
        run(short, [1])  # what TensorFlow does once in a process belongs to no fit
        start_up, _ = timed(run, short, [1])
        results[kind] = Result(*timed(run, settings, every), seeds * start_up.clock)
    if unstackable(chosen) is None:
        assert isinstance(chosen.model, dense.Settings)
        members = [Member(chosen.model, settings, seed, train, held) for seed in every]
        first, fitted = timed(fit_stacked, members)
        again, _ = timed(fit_stacked, members)
        losses = fitted.validation[:, -1].tolist()
        results["stacked fit"] = Result(first, losses, first.clock - again.clock)

    print(
        f"{name}: {len(train)} windows, batch {settings.batch}, {settings.epochs} epochs, "
        f"{seeds} seeds; load {os.getloadavg()[0]:.1f}"
    )
    base = results["plain model.fit"]
    for kind, each in results.items():
        ratio = base.took.clock / each.took.clock
        warm = (base.took.clock - base.start_up) / (each.took.clock - each.start_up)
        print(
            f"{kind:16}{each.took.clock:7.2f} s, {each.start_up:5.2f} s of them start-up; "
            f"{each.took.processor:6.2f} s of the processor; "
            f"{ratio:5.1f} times as fast, {warm:5.1f} without start-up; "
            f"held-out loss {spread(each.losses)}",
            flush=True,
        )


def spread(losses: list[float]) -> str:
    """The mean and the range over seeds."""
    return f"{np.mean(losses):.5f} ({min(losses):.5f} to {max(losses):.5f})"


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["ecg5000", "simulated"])
    parser.add_argument("--epochs", type=int, help="default: those of the recipe")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for name in options.recipes:
        measure(name, options.epochs, options.seeds)


if __name__ == "__main__":
    main()
