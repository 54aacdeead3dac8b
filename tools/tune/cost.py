"""Costs of a recipe's model before it is fitted, from the converter's plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.boards.catalogue import Board
from tools.convert.chain_work import ChainShape, stage_instructions
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.measure.bench.models import Activation, ModelBuilder, dense, unary
from tools.measure.budget import forecast
from tools.tune.budget import Cost
from training.bundle.features import transform_points
from training.bundle.manifest import Biquads, Features
from training.filters import filter_of
from training.input_quantization import InputQuantizer
from training.model_size import ModelSize, model_size
from training.models import dense as dense_family
from training.quality_gate import mains_cosines
from training.recipe import Recipe
from training.score import JOINED

_FUSED = {
    "linear": Activation.NONE,
    "relu": Activation.RELU,
    "relu6": Activation.RELU6,
    "tanh": Activation.NONE,
    "sigmoid": Activation.NONE,
}


class Costs:
    """Computes costs for one board, each shape of model once."""

    def __init__(self, board: Board, rate_hz: float | None, nominal: bool = False) -> None:
        """Take the rate of the recording; `nominal`: the gate does not look for mains hum."""
        self.board, self.rate_hz, self._nominal = board, rate_hz, nominal
        self._known: dict[str, Cost] = {}

    def of(self, recipe: Recipe, quantizer: InputQuantizer, extremes: float = 0.0) -> Cost:
        """Compute the cost of a recipe's model with the compiled engine, and of its signal chain.

        The model has random weights. Bytes and instructions depend on the shape alone, but for the
        form of a few steps.

        Args:
            extremes: of the recipe's windows (ChainShape.extremes).

        Raises:
            ConvertError: the compiled engine cannot run the model.
        """
        settings = [recipe.model.model_dump(mode="json"), recipe.features.model_dump(mode="json")]
        key = json.dumps([*settings, recipe.windows.length, quantizer.raw_size], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._compute(recipe, quantizer)
        shape = recipe_shape(recipe, quantizer, self.rate_hz, self._nominal, extremes)
        chain = stage_instructions(shape)
        return replace(self._known[key], chain=sum(chain.values()))

    def _compute(self, recipe: Recipe, quantizer: InputQuantizer) -> Cost:
        if isinstance(recipe.model, dense_family.Settings):
            size = _dense_size(recipe, recipe.model, quantizer, self.rate_hz)
        else:
            size = model_size(recipe, quantizer, self.rate_hz)
        plan = make_plan(read_model(size.model), recipe.name)
        arena = plan.memory.arena_bytes
        need = forecast.Need("compiled", plan.constant_bytes, arena, plan.instructions)
        whole = forecast.image(need, size, self.board)
        return Cost(whole.flash, whole.sram, plan.instructions, size.macs)


def recipe_shape(
    recipe: Recipe,
    quantizer: InputQuantizer,
    rate_hz: float | None,
    nominal: bool,
    extremes: float,
) -> ChainShape:
    """The shape of the signal chain that `vigil train` will make of a recipe.

    Raises:
        RecipeError: the filter does not fit the rate.
    """
    windows, features = recipe.windows, quantizer.features
    measured = recipe.gate.kind != "none"
    gate_rate_hz = None if nominal else rate_hz
    hum = mains_cosines(recipe.gate.mains_hz, gate_rate_hz, windows.length)
    filtered = filter_of(recipe.filter, rate_hz)
    kind = recipe.score.kind
    return ChainShape(
        window=windows.length,
        hop=windows.hop if windows.kind == "fixed" else windows.length,
        channels=quantizer.channels,
        sections=len(filtered.sections) if isinstance(filtered, Biquads) else 0,
        gate="none" if not measured else "mains" if hum else "shape",
        scaler=quantizer.scaler.kind,
        statistics=tuple(features.statistics) if isinstance(features, Features) else (),
        edges=tuple(features.edges) if isinstance(features, Features) else (),
        scores=tuple(each for each, _ in JOINED) if kind == "join" else (kind,),
        joined=kind == "join",
        extremes=extremes,
    )


def _dense_size(
    recipe: Recipe,
    settings: dense_family.Settings,
    quantizer: InputQuantizer,
    rate_hz: float | None,
) -> ModelSize:
    """The size of a dense autoencoder, as `model_size`, in milliseconds."""
    size = quantizer.raw_size + quantizer.feature_count
    widths = [*settings.hidden, settings.code, *settings.hidden[::-1], size]
    inner = [settings.activation] * len(settings.hidden)
    names = [*inner, settings.code_activation, *inner, settings.output_activation]
    model, operators = _flatbuffer(size, widths, names, float(quantizer.scale))
    macs = sum(a * b for a, b in zip([size, *widths[:-1]], widths, strict=True))
    return ModelSize(
        model=model,
        model_bytes=len(model),
        arena_bytes=0,  # of TensorFlow Lite Micro, which is not used
        macs=macs,
        operators=operators,
        parameters=macs + sum(widths),
        inputs=size,
        outputs=size,
        window=recipe.windows.length,
        channels=quantizer.channels,
        transform_points=transform_points(recipe.windows.length) if recipe.features.bands else 0,
        rate_hz=rate_hz,
    )


def _flatbuffer(
    size: int, widths: Sequence[int], activations: Sequence[str], scale: float
) -> tuple[bytes, tuple[str, ...]]:
    """A dense model with random weights, and scales such as converters choose; its operators."""
    rng = np.random.default_rng(1)
    builder = ModelBuilder()
    source = value = builder.tensor((1, size), scale, 3)
    operators = {"FULLY_CONNECTED"}
    inputs = size
    for number, (outputs, activation) in enumerate(zip(widths, activations, strict=True)):
        fused = _FUSED[activation]
        # As a fit leaves them: Glorot's weights, grown; outputs in the range of the inputs.
        weight_scale = float(np.float32(1.8 * np.sqrt(6 / (inputs + outputs)) / 127))
        target_scale = float(np.float32(0.02 if number == len(widths) - 1 else 0.03))
        value = dense(
            builder,
            value,
            rng.integers(-127, 128, (outputs, inputs)).astype(np.int8),
            rng.integers(-2000, 2000, outputs),
            source_scale=scale,
            weight_scale=weight_scale,
            target_scale=target_scale,
            target_zero_point=-128 if fused else 5,
            activation=fused,
        )
        scale = target_scale
        if activation in ("tanh", "sigmoid"):
            name, scale, zero = (
                ("TANH", 1 / 128, 0) if activation == "tanh" else ("LOGISTIC", 1 / 256, -128)
            )
            value = unary(builder, name, value, (1, outputs), scale, zero)
            operators.add(name)
        inputs = outputs
    return builder.finish(source, value), tuple(sorted(operators))
