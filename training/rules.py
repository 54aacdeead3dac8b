"""What a recipe's sections must agree on: what would be ignored, or mean nothing, is refused.

Every function takes a recipe and raises ValueError with one sentence that names the key and the
fix; `check` asks them all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from training import data, models
from training.bundle.errors import RecipeError
from training.corruption import Settings as Corruption

if TYPE_CHECKING:
    from training.recipe import Recipe


def check(recipe: Recipe) -> None:
    """ValueError for the first rule that the recipe breaks."""
    for rule in (_pieces, _crossentropy, _elbo, _fit, _corruption, _model):
        rule(recipe)


def check_model(recipe: Recipe, channels: int) -> None:
    """RecipeError, naming the recipe, if the model cannot take such windows."""
    asked = getattr(models.family(_of(recipe, "family")), "check", None)
    if asked is not None:
        try:
            asked(recipe.model, recipe.windows.length, channels)
        except RecipeError as problem:
            raise RecipeError(f"recipe '{recipe.name}': {problem}") from None


def _of(recipe: Recipe, key: str) -> Any:
    """A setting of the model's, None where its family has no such thing."""
    return getattr(recipe.model, key, None)


def _pieces(recipe: Recipe) -> None:
    piece = data.piece_of(recipe.data)
    if piece is None:
        return
    length = recipe.windows.length
    for key in ("hop", "train_hop"):
        hop = getattr(recipe.windows, key)
        if hop is not None and length > math.gcd(hop, piece):
            raise ValueError(
                f"windows of length {length}, {key} {hop}, would begin in one of these data's "
                f"pieces of {piece} frames and end in the next: set windows.length and "
                f"windows.{key} to {piece}"
            )


def _crossentropy(recipe: Recipe) -> None:
    if recipe.fit.loss != "binary_crossentropy":
        return
    ranged = recipe.scaler.kind == "affine" and recipe.scaler.real == "range"
    if not ranged or _of(recipe, "output_activation") != "sigmoid":
        raise ValueError(
            "fit.loss 'binary_crossentropy' takes values in 0 to 1; set scaler.kind to 'affine', "
            "scaler.real to 'range' and model.output_activation to 'sigmoid' (a family without "
            "that key takes another loss)"
        )


def _elbo(recipe: Recipe) -> None:
    """The loss of a variational model is a log likelihood, or the sum with KL bounds nothing."""
    if _of(recipe, "family") != "variational":
        return
    if recipe.fit.loss == "mae" or recipe.fit.power != 1:
        raise ValueError(
            "a variational model's loss is a likelihood's: set fit.loss to 'mse' (Gaussian) or "
            "'binary_crossentropy' (Bernoulli), and fit.power to 1"
        )
    usual = type(recipe.model).model_fields["deviation"].default
    if recipe.fit.loss == "binary_crossentropy" and _of(recipe, "deviation") != usual:
        raise ValueError(
            "model.deviation is a Gaussian's, and fit.loss 'binary_crossentropy' a Bernoulli's, "
            "which has none: leave it out, or set fit.loss to 'mse'"
        )


def _fit(recipe: Recipe) -> None:
    family = _of(recipe, "family")
    if recipe.fit.pretrain and family != "dense":
        raise ValueError(
            "fit.pretrain fits pairs of dense layers without any penalty: set it to 0, or "
            f"model.family to 'dense' (it is '{family}')"
        )
    if recipe.fit.round_weights and family == "lstm":
        raise ValueError(
            "fit.round_weights rounds dense and convolutional kernels, and would leave an LSTM's: "
            "set it to false, or choose another model.family"
        )


def _corruption(recipe: Recipe) -> None:
    settings, length = recipe.corruption, recipe.windows.length
    usual = Corruption()
    if settings.span >= length:
        raise ValueError(
            f"corruption.span is {settings.span} frames and would leave nothing of a window: set "
            f"it below windows.length {length}"
        )
    if settings.width and not settings.square:
        raise ValueError("corruption.width is the image's for corruption.square: set both or none")
    if settings.square:
        if length % settings.width:
            raise ValueError(
                f"corruption.width {settings.width} does not divide windows.length {length}: set "
                "it to the width of the image that a window is"
            )
        side = min(settings.width, length // settings.width)
        if settings.square >= side:
            raise ValueError(
                f"corruption.square is {settings.square} pixels, and the image "
                f"{length // settings.width} x {settings.width}: set it below {side}"
            )
    if settings.hum_cycles != usual.hum_cycles and not settings.hum:
        raise ValueError("corruption.hum_cycles says nothing without corruption.hum: set both")
    if settings.fill != usual.fill and not (settings.masking or settings.span or settings.square):
        raise ValueError(
            "corruption.fill is what masked values become: set corruption.masking, span or square "
            "too"
        )


def _model(recipe: Recipe) -> None:
    channels = data.channels_of(recipe.data)
    asked = getattr(models.family(_of(recipe, "family")), "check", None)
    if asked is not None and channels is not None:
        try:
            asked(recipe.model, recipe.windows.length, channels)
        except RecipeError as problem:
            raise ValueError(str(problem)) from None
