"""Parts of the report that depend on the model's family and the recipe's corruption.

If a part needs the float weights and they do not lie beside the bundle, the part is a sentence that
says so, without a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.monitor.theme import LIGHT
from tools.report.figures import draw
from tools.report.figures.signal import first_channel, layout, section, value_words
from tools.report.figures.trained import Damaged, Trained
from training.bundle.errors import VigilError
from training.bundle.labels import ABNORMAL, NORMAL
from training.metrics import auroc

ADDED = ("gaussian", "wander", "hum", "salt_pepper")
HIDDEN = ("masking", "span", "square")
WINDOWS = 500  # corrupted at most
WIDE, HALF = 7.2, 4.3  # inches
GRID = 12  # decoded points of a code of two values, per axis


@dataclass(frozen=True)
class Part:
    """A heading, a sentence with the figures, and the panels of the picture."""

    title: str
    words: str
    panels: tuple[draw.Panel, ...] = ()
    width: float = WIDE  # inches
    height: float = 2.6


def parts_of(trained: Trained) -> list[Part]:
    """The parts of a bundle; none for a plain autoencoder."""
    m = trained.bundle.manifest
    wanted: list[Callable[[Trained], Part]] = []
    damage = trained.damage
    if m.model.family == "sparse":
        wanted.append(activations)
    if any(getattr(damage, kind) for kind in ADDED):
        wanted.append(cleaned)
    if any(getattr(damage, kind) for kind in HIDDEN):
        wanted.append(restored)
    if m.model.family in ("variational", "adversarial"):
        wanted += [generated, interpolated]
    if np.prod(trained.evaluation["code"].shape[1:]) == 2:
        wanted.append(decoded)
    parts = []
    for part in wanted:
        try:
            parts.append(part(trained))
        except VigilError as problem:
            parts.append(Part(_TITLES[part], f"Left out: {problem}."))
    return parts


def activations(trained: Trained) -> Part:
    """Activity of the units of a sparse code on normal windows."""
    code = trained.evaluation["code"][trained.labels() == NORMAL]
    if not len(code):
        code = trained.evaluation["code"]
    # A sigmoid is never 0: there a unit counts as active above 0.1.
    kl = section(trained.bundle.manifest, "model").get("penalty") == "kl"
    bound = 0.1 if kl else 0.01
    mean, active = code.mean(axis=0), (code > bound).mean()

    def bars(axis: Any) -> None:
        axis.bar(np.arange(len(mean)), np.sort(mean)[::-1], 1.0, color=LIGHT["third"])
        axis.set(xlabel="unit, most active first", ylabel="mean activation")
        axis.set_xlim(-1, len(mean))

    return Part(
        _TITLES[activations],
        f"The mean activation is {mean.mean():.3f}. On a normal window, {100 * active:.0f} % of "
        f"the units are active (above {bound}); {100 * (mean > bound).mean():.0f} % are active on "
        "average.",
        (draw.Panel("code, normal test windows", bars),),
        HALF,
    )


def mixture(trained: Trained) -> Damaged:
    """Corrupt normal test windows by every kind of the recipe, and clean them."""
    return trained.damaged(_clean(trained), trained.damage.model_copy(update={"share": 1.0}))


def cleaned(trained: Trained) -> Part:
    """Noisy, cleaned and clean windows; the gain for all noise together and for each kind."""
    noisy = mixture(trained)
    settings = trained.damage.model_copy(update={"share": 1.0})
    kinds = [kind for kind in (*ADDED, *HIDDEN) if getattr(settings, kind)]
    gains = {"all together": noisy.gain_db()} if len(kinds) > 1 else {}
    for kind in kinds:
        others = {name: 0 for name in kinds if name != kind}
        alone = trained.damaged(noisy.clean, settings.model_copy(update=others))
        gains[kind.replace("_", " and ")] = alone.gain_db()

    def bars(axis: Any) -> None:
        at = np.arange(len(gains))
        colours = [LIGHT["normal" if gain > 0 else "abnormal"] for gain in gains.values()]
        axis.barh(at, list(gains.values()), 0.6, color=colours)
        axis.axvline(0, color=LIGHT["ink"], linewidth=0.8)
        axis.set_yticks(at, list(gains))
        axis.invert_yaxis()
        axis.set(xlabel="gain (dB)")
        low, high = min(0.0, *gains.values()), max(0.0, *gains.values())
        room = 0.35 * (high - low)
        axis.set_xlim(low - room * (low < 0), high + room)
        labels = [f"{gain:+.1f}".replace("-", "−") for gain in gains.values()]
        axis.bar_label(axis.containers[0], labels, padding=3, fontsize=8.5)

    words = (
        f"The model reduces noise by {noisy.gain_db():.1f} dB on {len(noisy.clean)} normal test "
        "windows"
    )
    if len(kinds) > 1:
        each = ", ".join(f"{kind} {gain:+.1f} dB" for kind, gain in list(gains.items())[1:])
        words += f" with all kinds of noise. With one kind alone, the gain is: {each}"
    if min(gains.values()) < 0:
        words += "; where it is negative, the network adds more error than it removes"
    return Part(
        _TITLES[cleaned],
        f"{words}. The gain is the squared error before over after, int8.".replace(" -", " −"),
        (*_samples(trained, noisy, "noisy", "cleaned"), draw.Panel("gain", bars, 0.8)),
    )


def restoration(trained: Trained) -> tuple[Damaged, dict[str, tuple[float, float]]]:
    """Mask normal test windows, and restore them with the int8 model.

    Returns:
        The windows, of which only the masked values come from the model; and the root mean square
        errors before and after, of the masked values, of all, and of those that the mask changed.
    """
    damaged = trained.damaged(_clean(trained), trained.damage).given_kept()
    before, after = ((each - damaged.clean) ** 2 for each in (damaged.damaged, damaged.restored))
    rows = {
        "masked values": damaged.hidden,
        "all values": np.ones_like(damaged.hidden),
        "masked values that the mask changed": damaged.hidden & (damaged.damaged != damaged.clean),
    }
    return damaged, {
        name: (float(np.sqrt(before[which].mean())), float(np.sqrt(after[which].mean())))
        for name, which in rows.items()
        if which.any()
    }


def restored(trained: Trained) -> Part:
    """Masked, restored and original windows; the error of the masked values and of all.

    The model restores the masked values. The others are given, and kept as they are.
    """
    damaged, rows = restoration(trained)
    errors = "; ".join(
        f"{name}, {before:.3f} before and {after:.3f} after"
        for name, (before, after) in rows.items()
    )
    unit = value_words(trained.bundle.manifest)
    return Part(
        _TITLES[restored],
        "The masked values are the model's; the given ones are kept. Root mean square error over "
        f"{len(damaged.clean)} normal test windows ({unit}), int8: {errors}.",
        tuple(_samples(trained, damaged, "masked", "restored")),
        height=_height(trained, 3),
    )


def generated(trained: Trained) -> Part:
    """Windows decoded from codes drawn from N(0, 1)."""
    # Imported here, as below: it starts TensorFlow, which takes seconds; few families need it.
    from training.generative import generate

    windows = generate(trained.model, 16, 1)
    if layout(trained.bundle.manifest).kind == "image":
        panels = (draw.tiles(trained, [("", windows[:8]), ("", windows[8:])]),)
    else:
        lines = [(each, "normal", "") for each in windows[:12]]
        panels = (draw.series(trained, lines, "decoded codes of N(0, 1)", False, stroke=0.7),)
    return Part(
        _TITLES[generated],
        "These windows are decoded in float from codes drawn from N(0, 1); none was recorded."
        + _sampled(trained),
        panels,
        HALF,
        _height(trained, 3),
    )


def interpolated(trained: Trained) -> Part:
    """Windows decoded between the codes of two test windows, in equal steps."""
    from training.generative import decoder_of

    code, labels = trained.evaluation["code"], trained.labels()
    first = int(np.flatnonzero(labels == NORMAL)[0]) if (labels == NORMAL).any() else 0
    if (labels == ABNORMAL).any():
        last, ends = int(np.flatnonzero(labels == ABNORMAL)[0]), ("normal", "abnormal")
    else:
        last = int(np.argmax(((code - code[first]) ** 2).sum(axis=1)))
        ends = ("the first window", "the window with the most distant code")
    way = np.linspace(0, 1, 8, dtype=np.float32)[:, None]
    between = np.asarray(decoder_of(trained.model)(code[first] + way * (code[last] - code[first])))
    if layout(trained.bundle.manifest).kind == "image":
        panel = draw.tiles(trained, [("", between)])
    else:
        step = 0.2 * float(np.ptp(between[0]))
        lines = [(each + step * i, "third", "") for i, each in enumerate(between)]
        title = f"from {ends[0]} (bottom) to {ends[1]}, shifted"
        panel = draw.series(trained, lines, title, False, stroke=0.9)
    return Part(
        _TITLES[interpolated],
        f"Eight codes in equal steps from {ends[0]} to {ends[1]}, decoded in float"
        + (" and drawn one above the other." if panel.title else "."),
        (panel,),
        HALF if panel.title else WIDE,
        _height(trained, 2),
    )


def decoded(trained: Trained) -> Part:
    """A map of a code of two values."""
    return Part(
        _TITLES[decoded],
        f"A grid of {GRID} by {GRID} codes, decoded in float. It covers the middle 96 % of the "
        "test windows' codes.",
        (decoded_map(trained, trained.evaluation["code"]),),
        5.0,
        4.6,
    )


def decoded_map(trained: Trained, code: NDArray[np.float32]) -> draw.Panel:
    """Windows decoded from a grid of codes that covers `code` [n, 2]."""
    from training.generative import decoder_of

    low, high = np.percentile(code, [2, 98], axis=0)
    steps = np.linspace(0, 1, GRID)
    points = np.array([(x, y) for y in 1 - steps for x in steps]) * (high - low) + low
    windows = np.asarray(decoder_of(trained.model)(points.astype(np.float32), training=False))
    shape = layout(trained.bundle.manifest)

    def map_of(axis: Any) -> None:
        cell = (high - low) / (GRID - 1)
        if shape.kind == "image":
            rows = [
                np.concatenate([shape.pixels(each) for each in windows[i : i + GRID]], axis=1)
                for i in range(0, len(windows), GRID)
            ]
            ends = np.stack([low - cell / 2, high + cell / 2], axis=1).ravel()
            draw.ink(axis, np.concatenate(rows), extent=ends, aspect="auto")
        else:
            drawn = first_channel(trained.bundle.manifest, windows)
            x = np.linspace(-0.42, 0.42, drawn.shape[1]) * cell[0]
            tall = 0.8 * cell[1] / max(float(np.ptp(windows)), 1e-6)
            for (across, up), each in zip(points, drawn, strict=True):
                y = up + tall * (each - each.mean())
                axis.plot(across + x, y, color=LIGHT["third"], linewidth=0.8)
        axis.set(xlabel="code value 1", ylabel="code value 2")

    return draw.Panel("decoded points of the code", map_of)


def _clean(trained: Trained) -> NDArray[np.float32]:
    x, normal = trained.input(), trained.labels() == NORMAL
    return (x[normal] if normal.any() else x)[:WINDOWS]


def _height(trained: Trained, rows: int) -> float:
    """Height of a picture in inches: `rows` rows of 16 images, or a series."""
    return 0.42 * rows if layout(trained.bundle.manifest).kind == "image" else 2.6


def _samples(trained: Trained, example: Damaged, before: str, after: str) -> list[draw.Panel]:
    if layout(trained.bundle.manifest).kind == "image":
        rows = [
            (before, example.damaged[:16]),
            (f"{after}, int8", example.restored[:16]),
            ("original", example.clean[:16]),
        ]
        return [draw.tiles(trained, rows)]
    panels = []
    for at in (0, len(example.clean) // 2):
        lines: list[draw.Line] = [
            (example.damaged[at], "platform", before),
            (example.clean[at], "normal", "clean"),
            (example.restored[at], "ink", f"{after}, int8"),
        ]
        panels.append(draw.series(trained, lines, "", legend=not at))
    return panels


def _sampled(trained: Trained) -> str:
    """The AUROC of the reconstruction probability, for a Gaussian variational model."""
    from training.generative import reconstruction_probability

    recipe, labels = trained.recipe, trained.labels()
    deviation = getattr(recipe.model, "deviation", None)
    if deviation is None or recipe.fit.loss != "mse":
        return ""
    scores = reconstruction_probability(trained.model, trained.input(), deviation, 8, 1)
    area = auroc(scores.astype(np.float32), labels)
    if area is None:
        return ""
    return f" The reconstruction probability, sampled on the host, has an AUROC of {area:.4f}."


_TITLES: dict[Callable[[Trained], Part], str] = {
    activations: "Activity of the code",
    cleaned: "Noisy, cleaned, clean",
    restored: "Masked, restored, original",
    generated: "Generated windows",
    interpolated: "Interpolation between codes",
    decoded: "Map of the code",
}
