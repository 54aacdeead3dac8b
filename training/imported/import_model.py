"""Write the bundle of a model that was trained elsewhere: read, scale, quantize, calibrate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle import Bundle, check_destination
from training.bundle.errors import ConvertError, DataError
from training.bundle.validation import brief
from training.checks import run_checks
from training.data.recording import Dataset
from training.design import hop_for
from training.evaluation import Fitted, evaluate
from training.fit import History
from training.imported.half_precision import with_float32_constants
from training.imported.integer import (
    refuse_other_tasks,
    to_int8,
    with_fixed_shapes,
    without_float_ends,
)
from training.imported.rewrites import without_missing_operators
from training.imported.scaling import SCALINGS, Scaling, find_scaling, quantizer_of
from training.imported.source import Source, read_source
from training.imported.sparse import with_dense_constants
from training.models import FamilySettings
from training.quality_gate import fit_gate, judge
from training.quantize import CALIBRATION_WINDOWS, read_model_info
from training.recipe import Recipe
from training.sections import Features, Filter, Scaler, Score, Split, Windows
from training.windows import divide, load_data
from training.write import write

LEAST = 0.1  # share of the variance below which a model hardly reconstructs the windows


class ImportedModel(FamilySettings):
    """The section `model` of a bundle whose model was trained elsewhere."""

    family: Literal["imported"] = "imported"
    file: str  # name of the model's file
    scaling: Scaling


def import_model(
    path: Path,
    recipe: Recipe,
    scaling: Scaling | None = None,
    out_dir: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    check: Callable[[bytes], None] = lambda _: None,
) -> Bundle:
    """Write the bundle of the model at `path`.

    Args:
        recipe: its data, threshold and gate apply; windows have the model's length.
        scaling: of the windows that the model takes; None finds it by trial.
        out_dir: folder of the bundle; build/NAME if None.
        say: called with one line for the user.
        check: called with the int8 flatbuffer; it may raise to refuse it.

    Raises:
        VigilError: the user can correct the cause; nothing is written.
    """
    out = Path("build") / recipe.name if out_dir is None else out_dir
    check_destination(out)
    source, flatbuffer, whole = _prepared(read_source(path))
    if whole is not None:
        check(whole)
    else:
        _check_float(source)
    recipe, dataset = load_data(recipe, say)
    recipe = _with_windows(recipe, dataset, _window(source, dataset))
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed, recipe.filter)
    unfiltered = recipe.filter == Filter()
    gate = fit_gate(recipe.gate, parts.train.raw, dataset.train, unfiltered)
    parts, not_judged = judge(parts, gate)
    train = parts.train.counts
    gain, offset = dataset.train.gain, dataset.train.offset
    _check_channels(train, dataset)
    if scaling is None:
        scaling, share = find_scaling(source, train, gain, offset)
        say(
            f"scaling '{scaling}' ({SCALINGS[scaling]}): found by trial; the model explains "
            f"{max(share, 0):.0%} of the variance of the windows"
        )
        if share < LEAST:
            say(
                f"{source.where} hardly reconstructs these windows in any scaling: name the right "
                "one with --scaling, or record the signal on which it was trained"
            )
    grid = None if whole is None else read_model_info(whole).input
    quantizer = quantizer_of(scaling, train, gain, offset, grid)
    if whole is None:
        rows = np.linspace(0, len(train) - 1, min(len(train), CALIBRATION_WINDOWS)).round()
        windows = quantizer.quantize(train[rows.astype(np.int64)])
        whole = to_int8(flatbuffer, windows, quantizer.dequantize, source.where)
        check(whole)
        say(f"{source.where}: quantized to int8 with {len(windows)} windows")
    info = read_model_info(whole)
    if not np.isclose(info.input.scale, quantizer.scale, rtol=1e-5) or (
        info.input.zero_point != quantizer.zero_point
    ):
        raise ConvertError(
            f"{source.where}: TensorFlow has changed the range of its input; convert it with "
            "full-integer quantization"
        )
    recipe = recipe.model_copy(update={"model": ImportedModel(file=path.name, scaling=scaling)})
    nothing = History(np.empty(0, np.float32), np.empty(0, np.float32), 0)
    fitted = Fitted(
        recipe, dataset, parts, gate, not_judged, quantizer, source, nothing, whole, info
    )
    evaluated = evaluate(fitted)
    return write(fitted, evaluated, run_checks(fitted, evaluated), out)


def _prepared(source: Source) -> tuple[Source, bytes, bytes | None]:
    """Return the model with dense constants, its flatbuffer for engines, and its int8 part.

    The int8 part of a float model is None.
    """
    try:
        dense = with_dense_constants(source.flatbuffer)
        source = replace(source, flatbuffer=with_float32_constants(dense))
        flatbuffer = without_missing_operators(with_fixed_shapes(source.flatbuffer))
        refuse_other_tasks(flatbuffer, source.where)
        return source, flatbuffer, without_float_ends(flatbuffer)
    except ConvertError:
        raise
    except Exception as problem:  # a damaged file breaks the schema's reader in a dozen ways
        raise ConvertError(
            f"{source.where}: the model is damaged: {brief(str(problem))}; copy or convert it again"
        ) from None


def _check_float(source: Source) -> None:
    """Refuse a model that is neither int8 nor float, such as one of int16 or of indices."""
    for role, tensor in (("input", source.input), ("output", source.output)):
        if tensor["dtype"] != np.float32:
            raise ConvertError(
                f"{source.where}: its {role} is {np.dtype(tensor['dtype']).name}, must be float or "
                "int8; convert it with full-integer quantization to int8"
            )


def _window(source: Source, dataset: Dataset) -> int:
    """Frames of the model's window; ConvertError if it does not fit the recording's channels."""
    batch, *sides = (int(side) for side in source.input["shape"])
    if batch != 1:
        raise ConvertError(
            f"{source.where}: takes {batch} windows at once; convert it with a fixed batch of one"
        )
    channels, size = len(dataset.train.channels), int(np.prod(sides))
    last = sides[-1] if len(sides) > 1 and sides[-1] > 1 else channels
    if size % channels or last != channels:
        wanted = f"{last} channels" if last != channels else f"windows of {size} values"
        raise ConvertError(
            f"{source.where}: takes {wanted} (shape {sides}), but the recording has {channels} "
            f"({', '.join(dataset.train.channels[:6])}); choose the right ones with "
            "--set data.channels"
        )
    return size // channels


def _with_windows(recipe: Recipe, dataset: Dataset, length: int) -> Recipe:
    """The recipe with windows of `length` frames, and no part for validation."""
    hop = length
    if recipe.split.order == "time":
        hop = hop_for(dataset.train, length, share=0.5)
    return recipe.model_copy(
        update={
            "windows": Windows(length=length, hop=hop),
            "split": Split(order=recipe.split.order, validation=0, calibration=0.5),
            "encoder": False,
            # The model takes samples and nothing else.
            "features": Features(),
            "scaler": Scaler(),
            "score": Score(),
        }
    )


def _check_channels(train: NDArray[np.int16], dataset: Dataset) -> None:
    frames = train.reshape(-1, train.shape[-1])
    constant = frames.min(axis=0) == frames.max(axis=0)
    if constant.any():
        name = dataset.train.channels[int(np.argmax(constant))]
        raise DataError(f"{dataset.train.name}: channel '{name}' is constant; leave it out")
