"""How well a recipe's model detects: over splits in float, or over seeds in int8.

A `Bench` lives in each worker. It has the data set in memory, and keeps what trials have in common:
windows by the sections of the recipe that cut them, and compiled fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.tune.space import Space
from tools.tune.splits import SearchSplit, search_splits
from tools.tune.study import Final
from training import metrics
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL
from training.bundle.manifest import NotJudged, Tensor, float32_text
from training.challenge import challenges
from training.data.recording import Dataset
from training.evaluation import Fitted, int8_scores, predict, reference_windows, score_of_fit
from training.fit import History
from training.input_quantization import InputQuantizer, fit_input_quantizer
from training.models import dense
from training.quality_gate import fit_gate, judge
from training.quantize import read_model_info, to_int8
from training.recipe import Recipe
from training.score import Reference, fit_score, real_score
from training.stacked_fit import Member, fit_stacked, unstackable
from training.tensorflow_setup import keras
from training.threshold import conformal
from training.train import fit_model
from training.windows import Parts, Windows, divide

LEAST_ABNORMAL = 20
"""Labelled abnormal windows of the training part from which on they are the objective."""

CHALLENGED = 100
"""Held-out windows that each disturbance is injected into."""

Scores = NDArray[np.float32]
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A float model: float32 [n, size] in and out."""
ScoreFunction = Callable[[NDArray[np.int16]], Scores]
"""Counts int16 [n, window, channels] to scores float32 [n]."""

_NO_HISTORY = History(np.empty(0, np.float32), np.empty(0, np.float32), 0)


class Bench:
    """A data set on which recipes are compared. All methods are deterministic."""

    def __init__(self, recipe: Recipe, dataset: Dataset, space: Space) -> None:
        self.recipe, self.dataset = recipe, dataset
        self._widest = space.widest(recipe)
        self._parts: dict[str, Parts] = {}
        self._splits: dict[str, tuple[list[SearchSplit], list[InputQuantizer]]] = {}

    def parts(self, recipe: Recipe, seed: int) -> Parts:
        """Divide the data as the recipe and a seed specify."""
        sections = [
            each.model_dump(mode="json") for each in (recipe.windows, recipe.split, recipe.filter)
        ]
        key = json.dumps([*sections, seed if recipe.split.order == "shuffled" else 0])
        if key not in self._parts:
            if len(self._parts) > 40:
                self._parts.clear()
            self._parts[key] = divide(
                self.dataset, recipe.windows, recipe.split, seed, recipe.filter
            )
        return self._parts[key]

    def quantizer(self, recipe: Recipe, train: Windows) -> InputQuantizer:
        """Choose the input quantization from windows for training."""
        gain = self.dataset.train.gain
        return fit_input_quantizer(recipe.scaler, train.counts, gain, recipe.features)

    @cached_property
    def abnormal(self) -> int:
        """Labelled abnormal windows that are the objective; 0: too few, so disturbances are.

        Counted once, in the windows of the recipe that the search began with: trials whose windows
        have other lengths have more or fewer, and must be compared by the same objective.
        """
        count = len(self.parts(self.recipe, self.recipe.seed).abnormal)
        return count if count >= LEAST_ABNORMAL else 0

    @property
    def objective(self) -> str:
        """What `detection` measures on this data set, as a phrase."""
        if self.abnormal:
            return f"AUROC of the {self.abnormal} abnormal windows of the training part"
        rate = self.recipe.threshold.false_alarm_rate
        return f"share of injected disturbances flagged at {rate:.1%} false alarms"

    def screen(self, recipe: Recipe, seeds: Sequence[int], seed: int) -> list[float]:
        """Return the float model's detection on a split for each of the seeds of models.

        It is NaN if a fit diverged. `seed` is that of the splits.

        Raises:
            DataError, RecipeError: the settings do not fit the data.
        """
        parts = self.parts(recipe, self.recipe.seed)
        divided, quantizers = self._divided(recipe, parts, len(seeds), seed)
        if unstackable(recipe) is None:
            outputs = self._stacked(recipe, divided, quantizers, seeds)
        else:
            outputs = self._one_by_one(recipe, parts, divided, quantizers, seeds)
        return [
            self._detection(recipe, split, parts.abnormal, quantizer, run, seed)
            for split, quantizer, run in zip(divided, quantizers, outputs, strict=True)
        ]

    def _divided(
        self, recipe: Recipe, parts: Parts, count: int, seed: int
    ) -> tuple[list[SearchSplit], list[InputQuantizer]]:
        """Return the splits of a search with their input quantizations, kept between trials."""
        sections = recipe.windows, recipe.split, recipe.filter, recipe.scaler, recipe.features
        key = json.dumps([*(each.model_dump(mode="json") for each in sections), count, seed])
        if key not in self._splits:
            if len(self._splits) > 8:
                self._splits.clear()
            divided = search_splits(parts, recipe, count, seed)
            quantizers = [self.quantizer(recipe, split.train) for split in divided]
            self._splits[key] = divided, quantizers
        return self._splits[key]

    def _stacked(
        self,
        recipe: Recipe,
        divided: Sequence[SearchSplit],
        quantizers: Sequence[InputQuantizer],
        seeds: Sequence[int],
    ) -> list[Run]:
        assert isinstance(recipe.model, dense.Settings)
        members = [
            _member(recipe, recipe.model, q, split.train, split.validation, s)
            for q, split, s in zip(quantizers, divided, seeds, strict=True)
        ]
        return self.fit(members)

    def fit(self, members: Sequence[Member]) -> list[Run]:
        """Fit models of one kind, at once."""
        fitted = fit_stacked(members, self._padded(members[0]))

        def runner(k: int) -> Run:
            return lambda x: fitted.reconstruct(k, x)

        return [runner(k) for k in range(len(members))]

    def _padded(self, member: Member) -> list[int]:
        """The widths of the graph that all trials with this depth share."""
        hidden, code = self._widest[len(member.model.hidden)]
        size = member.train.shape[1]
        return [size, *hidden, code, *hidden[::-1], size]

    def _one_by_one(
        self,
        recipe: Recipe,
        parts: Parts,
        divided: Sequence[SearchSplit],
        quantizers: Sequence[InputQuantizer],
        seeds: Sequence[int],
    ) -> list[Run]:
        runs = []
        for split, quantizer, seed in zip(divided, quantizers, seeds, strict=True):
            own = replace(parts, train=split.train, validation=split.validation)
            model, _ = fit_model(recipe.model_copy(update={"seed": seed}), own, quantizer, False)
            runs.append(run_of(model))
        return runs

    def _detection(
        self,
        recipe: Recipe,
        split: SearchSplit,
        abnormal: Windows,
        quantizer: InputQuantizer,
        run: Run,
        seed: int,
    ) -> float:
        score = _FloatScore(recipe, quantizer, run, split.train.counts)
        return self._measure(recipe, split.held_out.counts, abnormal.counts, score, seed)

    def _measure(
        self,
        recipe: Recipe,
        normal: NDArray[np.int16],
        abnormal: NDArray[np.int16],
        score: ScoreFunction,
        seed: int,
    ) -> float:
        """Detection on held-out normal windows and the training part's abnormal ones.

        Raises:
            DataError: no abnormal window is left to compare with.
        """
        scores = score(normal)
        if not np.isfinite(scores).all():
            return float("nan")
        if self.abnormal:
            if not len(abnormal):
                raise DataError(
                    f"the training part has no labelled abnormal window of {recipe.windows.length} "
                    "frames that is judged: set a shorter windows.length, or gate.kind to 'none'"
                )
            return _auroc(scores, score(abnormal))
        threshold = conformal(scores, recipe.threshold.false_alarm_rate).value
        disturbed = challenges(normal, CHALLENGED, seed)
        return float(np.mean([(score(each.counts) > threshold).mean() for each in disturbed]))

    def finals(self, recipe: Recipe, seeds: Sequence[int], seed: int) -> list[Final]:
        """Train the recipe with each seed as `vigil train` does, and score the int8 models.

        Each seed has its own split if the windows are shuffled. The calibration part is held out
        and sets the threshold.
        """
        divided = [self.parts(recipe, each) for each in seeds]
        quantizers = [self.quantizer(recipe, parts.train) for parts in divided]
        models = self._models(recipe, divided, quantizers, seeds)
        return [
            self._final(recipe, each, parts, quantizer, model, seed)
            for each, parts, quantizer, model in zip(
                seeds, divided, quantizers, models, strict=True
            )
        ]

    def _models(
        self,
        recipe: Recipe,
        divided: Sequence[Parts],
        quantizers: Sequence[InputQuantizer],
        seeds: Sequence[int],
    ) -> list[keras.Model]:
        """Fit a Keras model for each seed."""
        if unstackable(recipe) is not None:
            return [
                fit_model(recipe.model_copy(update={"seed": each}), parts, quantizer, False)[0]
                for parts, quantizer, each in zip(divided, quantizers, seeds, strict=True)
            ]
        assert isinstance(recipe.model, dense.Settings)
        fitted = fit_stacked(
            [
                _member(recipe, recipe.model, quantizer, parts.train, parts.validation, each)
                for parts, quantizer, each in zip(divided, quantizers, seeds, strict=True)
            ]
        )
        models = []
        for k in range(len(seeds)):
            model = recipe.build_model(quantizers[k].channels)
            fitted.put_weights(k, model)
            models.append(model)
        return models

    def _final(
        self,
        recipe: Recipe,
        own_seed: int,
        parts: Parts,
        quantizer: InputQuantizer,
        model: keras.Model,
        seed: int,
    ) -> Final:
        # Windows that are merely clipped are scored, so that their limits play no part here.
        gate = fit_gate(recipe.gate, parts.train.raw, self.dataset.train, raw_input=True)
        parts, _ = judge(parts, gate)
        flatbuffer = to_int8(model, quantizer.quantize(parts.train.counts), quantizer)
        fitted = Fitted(
            *(recipe, self.dataset, parts, gate, NotJudged(), quantizer, model),
            *(_NO_HISTORY, flatbuffer, read_model_info(flatbuffer)),
        )
        score = score_of_fit(fitted)

        def scored(counts: NDArray[np.int16]) -> Scores:
            return int8_scores(fitted, score, [counts])[0][0]

        detection = self._measure(
            recipe, parts.calibration.counts, parts.abnormal.counts, scored, seed
        )
        test = scored(parts.test.counts)
        threshold = conformal(scored(parts.calibration.counts), recipe.threshold.false_alarm_rate)
        at = metrics.at_threshold(test, parts.test.labels, threshold.value)
        return Final(
            own_seed,
            detection,
            metrics.auroc(test, parts.test.labels),
            at.false_alarm_rate,
            at.recall,
            make_plan(read_model(flatbuffer), recipe.name).instructions,
        )


class _FloatScore:
    """The recipe's score with a float model; what a score is fitted to is int8, as on the board."""

    def __init__(
        self, recipe: Recipe, quantizer: InputQuantizer, run: Run, train: NDArray[np.int16]
    ) -> None:
        self.quantizer, self.run = quantizer, run
        kind = recipe.score.kind
        inputs = quantizer.quantize(reference_windows(kind, train))
        scale, zero = np.float32(quantizer.scale), quantizer.zero_point
        output = run(quantizer.dequantize(inputs)) if kind == "join" else inputs[:0]
        steps = np.clip(np.rint(output / scale) + zero, -128, 127).astype(np.int8)
        size = quantizer.raw_size + quantizer.feature_count
        tensor = Tensor(size=size, scale=float32_text(scale), zero_point=zero)
        reference = Reference(inputs, steps, quantizer.raw_size, quantizer.channels)
        self.settings = fit_score(kind, tensor, tensor, reference)

    def __call__(self, counts: NDArray[np.int16]) -> Scores:
        real = self.quantizer.dequantize(self.quantizer.quantize(counts))
        return real_score(self.settings, real, self.run(real), float(self.quantizer.scale))


def _member(
    recipe: Recipe,
    model: dense.Settings,
    quantizer: InputQuantizer,
    train: Windows,
    validation: Windows,
    seed: int,
) -> Member:
    real = [quantizer.dequantize(quantizer.quantize(each.counts)) for each in (train, validation)]
    return Member(model, recipe.fit, seed, *real)


def run_of(model: keras.Model) -> Run:
    """Return the function that runs a model."""
    return lambda x: predict(model, x)


def _auroc(normal: Scores, abnormal: Scores) -> float:
    labels = np.repeat(np.array([NORMAL, ABNORMAL], np.int8), [len(normal), len(abnormal)])
    area = metrics.auroc(np.concatenate([normal, abnormal]), labels)
    return float("nan") if area is None else area
