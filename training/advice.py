"""Advice from the checks of a bundle: what is wrong, and which setting to try."""

from __future__ import annotations

from training.bundle.manifest import Manifest
from training.recipe import DENSE_FAMILIES

CLEAR = 0.01  # a difference in AUROC, or a share of the inputs, that is worth a sentence
CHANCE = 0.6  # the AUROC below which a detector hardly separates


def advice(m: Manifest) -> list[str]:
    """Say, one line each, what the checks show to be wrong and which setting to try."""
    lines = []
    better = _best_baseline(m)
    if (best := _best_of_all(m)) is not None and best < CHANCE:
        lines.append(
            f"Neither this model nor a baseline separates the test windows (best AUROC {best:.2f}; "
            "chance is 0.5): check the labels, and whether the channels show the fault at all."
        )
    elif better is not None:
        name, area, own = better
        lines.append(
            f"The baseline '{name}' separates the test windows better (AUROC {area:.3f}) than this "
            f"model ({own:.3f}): "
            + (_ELSEWHERE if m.model.family == "imported" else _likely(name, m))
            + _features(m)
        )
    lines += _disagreement(m)
    return lines


_ELSEWHERE = "a model trained on this recording may do better: `vigil train FILE`."

_LINEAR = 'model.hidden = [] with model.activation and model.code_activation = "linear"'


def _likely(name: str, m: Manifest) -> str:
    """Return the likely reason why this baseline wins, and what the recipe does not do yet."""
    model = m.recipe.get("model", {})
    if name in ("rms", "z-score"):
        affine = "" if m.scaler.kind == "affine" else 'scaler.kind = "affine", '
        return (
            f"the fault changes the level or the amplitude. Try {affine}a smaller model.code, or "
            "an amplitude alarm beside the model."
        )
    if name == "PCA":
        linear = "" if model.get("activation") == "linear" else f"{_LINEAR}, or "
        return f"a linear model of the shape is enough. Try {linear}a smaller model.code."
    bounded = model.get("activation") == "tanh"
    return (
        "the model reconstructs abnormal windows too well. Try a smaller model.code"
        + (" or longer windows.length." if bounded else ", longer windows.length, or ")
        + ("" if bounded else 'model.activation = "tanh".')
    )


def _features(m: Manifest) -> str:
    """Suggest features to a model without them whose family takes them."""
    if m.feature_count or m.model.family not in DENSE_FAMILIES:
        return ""
    return (
        " Features see level, amplitude and spectrum: set features.statistics, features.bands and "
        "score.kind = \"join\", as the recipe 'csv' does."
    )


def _best_baseline(m: Manifest) -> tuple[str, float, float] | None:
    """The baseline that clearly beats the int8 model, with both AUROCs; None if none does."""
    own = m.metrics.int8.auroc
    areas = {name: stage.auroc for name, stage in m.checks.baselines.items()}
    known = {name: area for name, area in areas.items() if area is not None}
    if own is None or not known:
        return None
    name = max(known, key=lambda each: known[each])
    return (name, known[name], own) if known[name] > own + CLEAR else None


def _best_of_all(m: Manifest) -> float | None:
    """Return the largest AUROC of the model and its baselines, None without baselines."""
    stages = [m.metrics.int8, *m.checks.baselines.values()]
    known = [stage.auroc for stage in stages if stage.auroc is not None]
    return max(known) if m.checks.baselines and known else None


def _disagreement(m: Manifest) -> list[str]:
    agreement = m.checks.agreement
    if agreement is None:
        return []
    signs = []
    if agreement.rank_correlation is not None and agreement.rank_correlation < 0.9:
        signs.append(f"rank correlation {agreement.rank_correlation:.2f}")
    keras, int8 = m.metrics.keras, m.metrics.int8
    areas = (keras.auroc, int8.auroc)
    if areas[0] is not None and areas[1] is not None and abs(areas[0] - areas[1]) > CLEAR:
        signs.append(f"AUROC {areas[0]:.3f} and {areas[1]:.3f}")
    ratio = int8.threshold / keras.threshold if keras.threshold else 1.0
    if not 0.5 < ratio < 2:
        signs.append(f"thresholds {keras.threshold:.3g} and {int8.threshold:.3g}")
    if not signs:
        return []
    if m.model.family == "imported":
        return [
            f"The file's scores and those of the int8 model disagree ({', '.join(signs)}): "
            "quantization costs accuracy. Calibrate with a longer recording, or train the model "
            "with quantization in mind."
        ]
    cause = (
        f"{agreement.saturated:.1%} of the inputs saturate: set a larger scaler.headroom"
        if agreement.saturated > CLEAR
        else "the activations extrapolate beyond what the calibration of the int8 ranges saw: set "
        'model.activation and model.code_activation = "tanh", or a larger scaler.headroom'
    )
    return [f"Float and int8 scores disagree ({', '.join(signs)}): {cause}."]
