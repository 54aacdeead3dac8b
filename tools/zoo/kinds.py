"""What is special about each recipe: a picture, and what it shows in a sentence with numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.theme import LIGHT
from tools.zoo import draw
from tools.zoo.trained import Trained
from training.data.recording import NORMAL

Shown = tuple[Any, str]  # a figure, and what to say beside it
DIGITS = [str(d) for d in range(10)]


def plain(trained: Trained) -> Shown:
    """Windows, reconstructions, scores."""
    return draw.windows_and_scores(trained), ""


def linear(trained: Trained) -> Shown:
    """Beside principal component analysis of the same code size."""
    from sklearn.decomposition import PCA

    grid, parts = trained.grid, trained.parts
    train = grid.real(grid.quantize(parts.train.counts))
    pca = PCA(trained.evaluation["code"].shape[1]).fit(train)
    x = trained.input()
    back = pca.inverse_transform(pca.transform(x))
    normal = trained.labels() == NORMAL
    from training.evaluate import auroc

    errors = ((x - back) ** 2).mean(axis=1)
    area = auroc(errors.astype(np.float32), trained.labels())
    ours = trained.evaluation["keras_test"][trained.evaluation["labels"] == NORMAL].mean()
    return draw.windows_and_scores(trained), (
        f"PCA of {pca.n_components_} components: reconstruction error "
        f"{errors[normal].mean():.4f}, AUROC {area:.4f}; the linear autoencoder in float: "
        f"{ours:.4f}, {trained.bundle.manifest.metrics.keras.auroc:.4f}."
    )


def sparse(trained: Trained) -> Shown:
    """How active the units are on normal windows."""
    code = trained.evaluation["code"][trained.labels() == NORMAL]
    # A sigmoid is never 0: there a unit counts as active above 0.1.
    bound = 0.1 if trained.recipe.model.penalty == "kl" else 0.01  # type: ignore[attr-defined]
    mean, active = code.mean(axis=0), (code > bound).mean()
    figure, axes = draw.canvas(1, 2, 9.5, 2.5)
    axes[0, 0].bar(np.arange(len(mean)), np.sort(mean)[::-1], 1.0, color=LIGHT["third"])
    axes[0, 0].set_title("mean activation of each unit, sorted")
    axes[0, 0].set_xlabel("unit")
    draw.histogram(axes[0, 1], trained)
    return figure, (
        f"Mean activation {mean.mean():.3f}; of the units {100 * active:.0f} % are active (above "
        f"{bound}) on a normal window, and {100 * (mean > bound).mean():.0f} % on average."
    )


def denoising(trained: Trained) -> Shown:
    """Noisy, cleaned and clean."""
    clean, noisy, cleaned = trained.corrupted(500)
    figure, axes = draw.canvas(1, 3, 9.5, 2.5)
    for axis, at in zip(axes[0], (0, 100, 200), strict=True):
        lines = [
            (noisy[at], "platform", "noisy"),
            (clean[at], "normal", "clean"),
            (cleaned[at], "ink", "cleaned, int8"),
        ]
        draw.series(
            axis, lines, f"beat {at}: {gain_db(clean[[at]], noisy[[at]], cleaned[[at]]):.1f} dB"
        )
    axes[0, 0].legend()
    gain = gain_db(clean, noisy, cleaned)
    return figure, f"Noise comes down by {gain:.1f} dB over 500 normal test beats, int8."


def inpainting(trained: Trained) -> Shown:
    """Masked, restored and original."""
    clean, masked, restored = trained.corrupted(200)
    figure, axes = draw.canvas(1, 1, 9.5, 2.7)
    rows = [("masked", masked), ("restored, int8", restored), ("original", clean)]
    draw.images(axes[0, 0], [(name, digits[:16]) for name, digits in rows])
    hidden = masked != clean
    before = np.sqrt(np.mean((masked - clean)[hidden] ** 2))
    after = np.sqrt(np.mean((restored - clean)[hidden] ** 2))
    return figure, (
        f"Over 200 test images the error on the pixels that the square changed falls from "
        f"{before:.3f} to {after:.3f} (root mean square, 1 is black)."
    )


def stacked(trained: Trained) -> Shown:
    """Against the same network trained at once, for as many epochs."""
    from training.train import fit_model

    recipe = trained.recipe
    pairs = len(recipe.model.hidden) + 1  # type: ignore[attr-defined]
    epochs = recipe.fit.epochs + recipe.fit.pretrain * pairs
    at_once = recipe.model_copy(
        update={"fit": recipe.fit.model_copy(update={"pretrain": 0, "epochs": epochs})}
    )
    _, history = fit_model(at_once, trained.parts, trained.grid, trained.grid.channels, False)
    figure, axes = draw.canvas(1, 2, 9.5, 2.5)
    ours = trained.evaluation["history_validation"]
    begin = epochs - recipe.fit.epochs
    axes[0, 0].plot(begin + np.arange(len(ours)), ours, color=LIGHT["normal"], label="stacked")
    axes[0, 0].plot(history.validation, color=LIGHT["abnormal"], label="at once")
    axes[0, 0].set(yscale="log", xlabel="epoch, layers counted", ylabel="held-out loss")
    axes[0, 0].legend()
    draw.histogram(axes[0, 1], trained)
    return figure, (
        f"Best held-out loss {ours.min():.4f} after {recipe.fit.pretrain} epochs a pair of layers "
        f"and {len(ours)} of fine-tuning; trained at once for up to {epochs} epochs: "
        f"{history.validation.min():.4f}."
    )


def digits(trained: Trained) -> Shown:
    """Test images above their reconstructions."""
    figure, axes = draw.canvas(1, 1, 9.5, 1.9)
    rows = [("original", trained.input()[:16]), ("int8", trained.output()[:16])]
    draw.images(axes[0, 0], rows)
    return figure, ""


def map_of_digits(trained: Trained) -> Shown:
    """A code of two numbers: where the digits lie, what lies where, and reconstructions."""
    from training.decode import decoder_of

    code, classes = trained.evaluation["code"], trained.classes()
    figure, axes = draw.canvas(1, 3, 11, 3.1)
    draw.scatter(axes[0, 0], code, classes, DIGITS, "test images in the code")
    low, high = np.percentile(code, [2, 98], axis=0)
    steps = np.linspace(0, 1, 12)
    points = np.array([(x, y) for y in 1 - steps for x in steps]) * (high - low) + low
    made = np.asarray(decoder_of(trained.model)(points.astype(np.float32), training=False))
    grid = made.reshape(12, 12, 28, 28).transpose(0, 2, 1, 3).reshape(12 * 28, -1)
    extent = (low[0], high[0], low[1], high[1])
    axes[0, 1].imshow(grid, cmap="gray_r", extent=extent, aspect="auto")
    axes[0, 1].set_title("decoded points of the code")
    draw.images(
        axes[0, 2],
        [
            ("image", trained.input()[:7]),
            ("int8", trained.output()[:7]),
            ("image", trained.input()[7:14]),
            ("int8", trained.output()[7:14]),
        ],
    )
    return (
        figure,
        f"5-nearest-neighbour accuracy in the code, test images: {neighbours(trained):.3f}.",
    )


def variational(trained: Trained) -> Shown:
    """New beats, an interpolation, and the score by sampling."""
    from sklearn.decomposition import PCA

    from training.decode import decoder_of, generate, reconstruction_probability
    from training.evaluate import auroc

    labels, code = trained.labels(), trained.evaluation["code"]
    figure, axes = draw.canvas(1, 3, 9.5, 2.5)
    for beat in generate(trained.model, 12, 1):
        axes[0, 0].plot(beat, color=LIGHT["normal"], alpha=0.5, linewidth=0.9)
    axes[0, 0].set_title("beats drawn from N(0, 1)")
    ends = code[np.flatnonzero(labels == NORMAL)[0]], code[np.flatnonzero(labels != NORMAL)[0]]
    way = np.linspace(0, 1, 8)[:, None]
    between = decoder_of(trained.model)(ends[0] + way * (ends[1] - ends[0]), training=False)
    for share, beat in zip(way[:, 0], np.asarray(between), strict=True):
        axes[0, 1].plot(beat + 2.5 * share, color=LIGHT["third"], linewidth=1)
    axes[0, 1].set_title("from a normal to an abnormal beat")
    flat = PCA(2).fit_transform(code)
    for kind, colour in ((0, "normal"), (1, "abnormal")):
        some = flat[labels == kind]
        axes[0, 2].scatter(*some.T, s=3, color=LIGHT[colour], linewidths=0)
    axes[0, 2].set_title("codes, two principal components")
    deviation = trained.recipe.model.deviation  # type: ignore[attr-defined]
    by_sampling = reconstruction_probability(trained.model, trained.input(), deviation, 8, 1)
    area = auroc(by_sampling.astype(np.float32), labels)
    return figure, f"Reconstruction probability by sampling, on the host: AUROC {area:.4f}."


def activity(trained: Trained) -> Shown:
    """The encoder alone: a linear probe on its int8 codes, and distortion by code size."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression

    from training.data.activity import ACTIVITIES
    from training.encoder import ENCODER
    from training.oracle import Oracle

    encoder_bytes = (trained.bundle.path / ENCODER).read_bytes()
    encoder = Oracle(encoder_bytes)
    some = trained.parts.train[::4]
    codes = encoder.run(trained.grid.quantize(some.counts)).astype(np.float32)
    from tools.zoo.trained import classes_of

    probe = LogisticRegression(max_iter=2000).fit(
        codes / 32, classes_of(trained.dataset.train, some)
    )
    normal = trained.labels() == NORMAL
    test = encoder.run(trained.evaluation["input"]).astype(np.float32)
    accuracy = probe.score(test[normal] / 32, trained.classes()[normal])
    size = trained.bundle.manifest.model.input.size
    sizes, distortion = distortion_by_code(trained, (2, 6))
    figure, axes = draw.canvas(1, 3, 11, 2.7)
    flat = PCA(2).fit_transform(test[normal])
    names = [each.name for each in ACTIVITIES]
    draw.scatter(axes[0, 0], flat, trained.classes()[normal], names, "int8 codes, two components")
    axes[0, 1].plot(sizes, distortion, "o-", color=LIGHT["normal"])
    axes[0, 1].set(xlabel="code size", title="distortion (mean squared error)", ylim=(0, None))
    draw.histogram(axes[0, 2], trained)
    told = ", ".join(
        f"{k} ({size / k:.0f} : 1) {d:.3f}" for k, d in zip(sizes, distortion, strict=True)
    )
    return figure, (
        f"encoder.tflite: {len(encoder_bytes):,} bytes, arena {encoder.arena_bytes:,}; a linear "
        f"probe on its int8 codes names {100 * accuracy:.1f} % of the normal test windows' six "
        f"activities right (simulated). Distortion by code size (compression): {told}."
    )


def distortion_by_code(trained: Trained, others: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """Mean squared error on normal test windows, float, for `others` and the recipe's own size."""
    from training.train import fit_model

    recipe, x = trained.recipe, trained.input()[trained.labels() == NORMAL]
    labels = trained.evaluation["labels"]
    found = {
        trained.evaluation["code"].shape[1]: trained.evaluation["keras_test"][
            labels == NORMAL
        ].mean()
    }
    for size in others:
        shape = recipe.model.model_copy(update={"code": size})
        model, _ = fit_model(
            recipe.model_copy(update={"model": shape}),
            trained.parts,
            trained.grid,
            trained.grid.channels,
            False,
        )
        back = np.asarray(model.predict(x, batch_size=256, verbose=0))
        found[size] = ((x - back) ** 2).mean()
    return sorted(found), [float(found[size]) for size in sorted(found)]


def neighbours(trained: Trained) -> float:
    """Accuracy of 5 nearest training codes on the test images' codes."""
    from sklearn.neighbors import KNeighborsClassifier

    codes, classes = trained.train_codes(5000)
    judge = KNeighborsClassifier(5).fit(codes, classes)
    return float(judge.score(trained.evaluation["code"], trained.classes()))


def gain_db(clean: NDArray[Any], noisy: NDArray[Any], cleaned: NDArray[Any]) -> float:
    """How much less error the cleaned signal has than the noisy one."""
    before, after = ((noisy - clean) ** 2).sum(), ((cleaned - clean) ** 2).sum()
    return float(10 * np.log10(before / after))


KINDS: dict[str, Callable[[Trained], Shown]] = {
    "linear": linear,
    "sparse": sparse,
    "sparse_kl": sparse,
    "denoising": denoising,
    "inpainting": inpainting,
    "stacked": stacked,
    "mnist": digits,
    "mnist_conv": map_of_digits,
    "mnist_variational": map_of_digits,
    "adversarial": map_of_digits,
    "variational": variational,
    "activity": activity,
}


def show(trained: Trained, picture: Path) -> str:
    """Draw `picture` (.png), and give what is to be said beside it."""
    from tools.theme import style

    with style():
        figure, told = KINDS.get(trained.bundle.manifest.name, plain)(trained)
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, metadata={"Software": None})
    return told
