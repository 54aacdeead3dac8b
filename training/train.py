"""Train a bundle from a recipe: load, divide, fit, quantize, evaluate, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import corruption
from training.bundle import Bundle, check_destination
from training.bundle.errors import DataError
from training.bundle.files import ENCODER, WEIGHTS
from training.bundle.manifest import NotJudged, Wearer
from training.bundle.wording import plural
from training.checks import run_checks
from training.encoder import encoder_to_int8
from training.evaluation import Fitted, evaluate
from training.fit import History, fit
from training.input_quantization import InputQuantizer, fit_input_quantizer
from training.model_size import ModelSize, model_size
from training.models import ensemble
from training.precheck import warnings_before_fit
from training.pretrain import pretrain
from training.quality_gate import fit_gate, judge
from training.quantize import read_model_info, to_int8
from training.recipe import Recipe, check_model
from training.sections import Corruption, Filter
from training.tensorflow_setup import keras
from training.wearers import judge_wearers
from training.windows import Parts, Windows, divide, load_data, share_frames
from training.write import write


def train(
    recipe: Recipe,
    out_dir: Path | None = None,
    progress: bool = True,
    say: Callable[[str], None] = lambda _: None,
    before_fit: Callable[[ModelSize], None] | None = None,
) -> Bundle:
    """Follow a recipe and write its bundle.

    If the data set is unavailable and the recipe names a fallback, the fallback is followed, and
    the bundle has its name.

    Args:
        out_dir: folder of the bundle; build/NAME if None.
        say: called with one line for the user, such as that the data are simulated.
        before_fit: called with the size of the model on a board; it may raise to stop the run.

    Raises:
        VigilError: the user can correct the cause; nothing is written.
    """
    recipe, dataset = load_data(recipe, say)
    path = Path("build") / recipe.name if out_dir is None else out_dir
    check_destination(path)
    check_model(recipe, len(dataset.train.channels))
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed, recipe.filter)
    raw_input = recipe.filter == Filter() and recipe.scaler.kind != "none"
    gate = fit_gate(recipe.gate, parts.train.raw, dataset.train, raw_input)
    parts, not_judged = judge(parts, gate)
    if recipe.fit.abnormal:
        parts = _with_abnormal_apart(parts, recipe.windows.length)
    quantizer = fit_input_quantizer(
        recipe.scaler, parts.train.counts, dataset.train.gain, recipe.features
    )
    say(
        f"{dataset.description}: {len(parts.train)} normal windows for training, "
        f"{len(parts.validation)} for validation, {len(parts.calibration)} for calibration; "
        f"{len(parts.test)} test {plural('window', len(parts.test))}"
    )
    if recipe.fit.abnormal:
        abnormal = len(parts.abnormal)
        say(
            f"the fit sees {abnormal} labelled abnormal {plural('window', abnormal)} of the "
            "training part too; the baselines see normal windows alone"
        )
    if not_judged != NotJudged():
        say(
            f"the quality gate rejects {not_judged.normal} normal, {not_judged.abnormal} abnormal "
            f"and {not_judged.unknown} other test {plural('window', not_judged.unknown)}; they "
            "are not judged"
        )
    for warning in warnings_before_fit(recipe, parts, len(dataset.train.channels)):
        say(warning)
    if before_fit is not None:
        before_fit(model_size(recipe, quantizer, dataset.train.rate_hz))
    model, history = fit_model(recipe, parts, quantizer, progress)
    if recipe.fit.abnormal:  # no threshold may be chosen by windows that the fit has seen
        parts = replace(parts, abnormal=parts.abnormal[:0])
    epochs = len(history.loss)
    say(
        f"fitted in {epochs} {plural('epoch', epochs)} (best: {history.best_epoch + 1}); quantizing"
    )
    train_windows = quantizer.quantize(parts.train.counts)
    flatbuffer = to_int8(model, train_windows, quantizer)
    info = read_model_info(flatbuffer)
    fitted = Fitted(
        recipe, dataset, parts, gate, not_judged, quantizer, model, history, flatbuffer, info
    )
    if isinstance(recipe.wearer, Wearer):
        fitted = judge_wearers(fitted)
        say(
            f"each wearer's first {recipe.wearer.learn} beats are learned from; "
            f"{len(fitted.parts.calibration)} calibration and {len(fitted.parts.test)} test beats "
            "are judged"
        )
    evaluated = evaluate(fitted)
    encoder = encoder_to_int8(model, train_windows, quantizer)[0] if recipe.encoder else None

    def add_files(folder: Path) -> None:
        model.save_weights(folder / WEIGHTS)
        if encoder is not None:
            (folder / ENCODER).write_bytes(encoder)

    return write(fitted, evaluated, run_checks(fitted, evaluated), path, add_files)


def fit_model(
    recipe: Recipe, parts: Parts, quantizer: InputQuantizer, progress: bool
) -> tuple[keras.Model, History]:
    """Build the recipe's model and fit it to the dequantized int8 windows.

    The members of an ensemble are fitted one after the other; the history is that of the first.

    Raises:
        DataError: fit.abnormal is set, but there are no labelled abnormal windows.
        RecipeError: the fit diverges.
    """
    if recipe.fit.abnormal and not len(parts.abnormal):
        raise DataError(
            f"recipe '{recipe.name}': fit.abnormal needs labelled abnormal windows that share no "
            "frame with the validation and calibration windows, and the training part has none: "
            "label some, or set fit.abnormal to 0"
        )
    if isinstance(recipe.model, ensemble.Settings):
        return _fit_members(recipe, recipe.model, parts, quantizer, progress)
    keras.backend.clear_session()  # or the names of layers, which the file holds, are counted up
    keras.utils.set_random_seed(recipe.seed)
    model = recipe.build_model(quantizer.channels)
    train, validation = (_real(windows, quantizer) for windows in (parts.train, parts.validation))
    faults = _real(parts.abnormal, quantizer) if recipe.fit.abnormal else None
    corrupt = None
    if recipe.corruption != Corruption():
        corrupt = corruption.make(recipe.corruption, quantizer.channels)
    if recipe.fit.pretrain:
        pretrain(model, train, recipe.fit, recipe.seed, corrupt)
    history = fit(model, train, validation, recipe.fit, recipe.seed, progress, corrupt, faults)
    return model, history


def _with_abnormal_apart(parts: Parts, length: int) -> Parts:
    """Drop abnormal windows with frames of those that choose the best epoch and the threshold."""
    shared = [
        share_frames(parts.abnormal, each, length) for each in (parts.validation, parts.calibration)
    ]
    return replace(parts, abnormal=parts.abnormal[~np.any(shared, axis=0)])


def _real(windows: Windows, quantizer: InputQuantizer) -> NDArray[np.float32]:
    """Return windows as the model of the board sees them, float32 [n, size]."""
    return quantizer.dequantize(quantizer.quantize(windows.counts))


def _fit_members(
    recipe: Recipe,
    settings: ensemble.Settings,
    parts: Parts,
    quantizer: InputQuantizer,
    progress: bool,
) -> tuple[keras.Model, History]:
    fits = [
        fit_model(
            recipe.model_copy(update={"model": settings.member(), "seed": seed}),
            parts,
            quantizer,
            progress,
        )
        for seed in ensemble.member_seeds(recipe.seed, settings.members)
    ]
    keras.backend.clear_session()
    model = recipe.build_model(quantizer.channels)
    ensemble.fold([member for member, _ in fits], model)
    return model, fits[0][1]
