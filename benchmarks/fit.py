"""Compare the fits with plain Keras: same model, data, epochs, batch, optimizer and early stopping.

    python -m benchmarks.fit [--recipe NAME] [--epochs 300] [--seeds 1]

prints the times of `model.fit`, of training.fit, and of the stacked fit that `vigil tune` uses for
dense models, start-up (tracing, compilation) included, and the ratios. The stacked fit does all
seeds at once. Ratios are of processor time, which other programs on the machine disturb little.
Held-out losses are those after the last epoch. A seed draws the same first weights for all fits;
Keras draws another order of the windows, which alone changes the loss of a small data set.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
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
class Result:
    data: str
    windows: int
    epochs: int
    batch: int
    seeds: int
    plain_seconds: float
    compiled_seconds: float
    plain_losses: list[float]  # held-out loss after the last epoch, of each seed
    compiled_losses: list[float]
    stacked_seconds: float | None  # None: this recipe's models cannot be stacked
    stacked_losses: list[float] | None

    @property
    def ratio(self) -> float:
        return self.plain_seconds / self.compiled_seconds


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


def measure(name: str, epochs: int, seeds: int) -> Result:
    chosen, dataset = load_data(read_recipe(name), print)
    parts = divide(dataset, chosen.windows, chosen.split, chosen.seed)
    quantizer = fit_input_quantizer(
        chosen.scaler, parts.train.counts, dataset.train.gain, chosen.features
    )
    train, held = (
        quantizer.dequantize(quantizer.quantize(w.counts)) for w in (parts.train, parts.validation)
    )
    settings = chosen.fit.model_copy(update={"epochs": epochs, "patience": 0})

    def build(seed: int) -> Any:
        own = chosen.model_copy(update={"seed": seed})
        return own.build_model(len(dataset.train.channels))

    times: list[float] = []
    losses: list[list[float]] = []
    for run in (
        lambda seed: plain_fit(build(seed), train, held, settings, seed),
        lambda seed: fit(build(seed), train, held, settings, seed).validation,
    ):
        begin = time.process_time()
        losses.append([float(run(seed)[-1]) for seed in range(1, seeds + 1)])
        times.append(time.process_time() - begin)
    stacked: tuple[float, list[float]] | tuple[None, None] = (None, None)
    if unstackable(chosen) is None:
        assert isinstance(chosen.model, dense.Settings)
        members = [
            Member(chosen.model, settings, seed, train, held) for seed in range(1, seeds + 1)
        ]
        begin = time.process_time()
        fitted = fit_stacked(members)
        stacked = time.process_time() - begin, fitted.validation[:, -1].tolist()
    return Result(
        data=dataset.name,
        windows=len(train),
        epochs=epochs,
        batch=settings.batch,
        seeds=seeds,
        plain_seconds=times[0],
        compiled_seconds=times[1],
        plain_losses=losses[0],
        compiled_losses=losses[1],
        stacked_seconds=stacked[0],
        stacked_losses=stacked[1],
    )


def spread(losses: list[float]) -> str:
    """The mean and the range over seeds."""
    return f"{np.mean(losses):.5f} ({min(losses):.5f} to {max(losses):.5f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="ecg5000")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.recipe, options.epochs, options.seeds)
    if options.json:
        print(json.dumps({**asdict(result), "ratio": result.ratio}, indent=1))
        return
    print(
        f"{result.data}: {result.windows} windows, batch {result.batch}, {result.epochs} epochs, "
        f"{result.seeds} seed(s)"
    )
    plain, compiled = spread(result.plain_losses), spread(result.compiled_losses)
    print(f"plain model.fit  {result.plain_seconds:7.2f} s  held-out loss {plain}")
    print(f"training.fit     {result.compiled_seconds:7.2f} s  held-out loss {compiled}")
    print(f"ratio            {result.ratio:7.1f}")
    if result.stacked_seconds is not None and result.stacked_losses is not None:
        ratio = result.plain_seconds / result.stacked_seconds
        stacked = spread(result.stacked_losses)
        print(f"stacked fit      {result.stacked_seconds:7.2f} s  held-out loss {stacked}")
        print(f"ratio            {ratio:7.1f}")


if __name__ == "__main__":
    main()
