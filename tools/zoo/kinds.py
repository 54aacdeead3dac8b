"""What is special about each recipe: a picture, and what it shows in a sentence with numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools import latent
from tools.report.curves import plain_log
from tools.theme import LIGHT
from tools.zoo import draw
from tools.zoo.trained import Trained
from training.data.recording import NORMAL

Shown = tuple[Any, str]  # a figure, and what to say beside it
DIGITS = [str(d) for d in range(10)]
OWN_BEATS = 300  # of a patient, to set a threshold by: some four minutes


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
    """Against the same network trained at once: for as many epochs, and with as much arithmetic.

    An epoch of every pair of layers takes as many multiply-accumulates as one of the whole.
    """
    fit = trained.recipe.fit
    ours = trained.evaluation["history_validation"]
    figure, axes = draw.canvas(1, 2, 9.5, 2.5)
    axes[0, 0].plot(
        fit.pretrain + np.arange(len(ours)), ours, color=LIGHT["normal"], label="pretrained"
    )
    best = {}
    for epochs, colour in ((fit.epochs, "third"), (fit.epochs + fit.pretrain, "abnormal")):
        history = trained.fitted_with(fit={"pretrain": 0, "epochs": epochs})[1]
        best[epochs] = history.validation.min()
        name = f"at once, {epochs} epochs"
        axes[0, 0].plot(history.validation, color=LIGHT[colour], label=name)
    axes[0, 0].set(yscale="log", xlabel="epoch, a pair of layers each before", ylabel="loss")
    axes[0, 0].set_title("held-out loss")
    axes[0, 0].legend()
    draw.histogram(axes[0, 1], trained)
    told = ", ".join(f"{value:.4f} for {epochs} epochs" for epochs, value in best.items())
    return figure, (
        f"Best held-out loss {ours.min():.4f} after {fit.pretrain} epochs a pair of layers and "
        f"{fit.epochs} of the whole; trained at once: {told}, the latter as much arithmetic as "
        "both together."
    )


def mitdb(trained: Trained) -> Shown:
    """Patients one by one, and what a threshold of their own gives."""
    from training.data.mitdb import read_patients
    from training.evaluate import auroc
    from training.threshold import conformal

    scores, labels = trained.evaluation["int8_test"], trained.evaluation["labels"]
    rate = trained.bundle.manifest.threshold.false_alarm_rate
    common = np.float32(trained.bundle.manifest.threshold.value)
    patients = read_patients(trained.recipe.data.test)  # type: ignore[attr-defined]
    figure, axes = draw.canvas(1, 2, 9.5, 2.7)
    begin, told, flagged, normals, given = 0, [], 0, 0, []
    for name, (beats, _) in patients.items():
        s, y = scores[begin : begin + len(beats)], labels[begin : begin + len(beats)]
        begin += len(beats)
        normal = np.flatnonzero(y == NORMAL)
        own = conformal(s[normal[:OWN_BEATS]], rate).value
        rest = s[normal[OWN_BEATS:]]
        flagged, normals = flagged + int((rest > own).sum()), normals + len(rest)
        area = auroc(s, y)
        told.append(
            f"{name}: {100 * (rest > common).mean():.1f} % with the common threshold, "
            f"{100 * (rest > own).mean():.1f} % with its own"
            + ("" if area is None else f", AUROC {area:.3f}")
        )
        given.append(s[normal])
    axes[0, 0].boxplot(given, tick_labels=list(patients), showfliers=False)
    axes[0, 0].axhline(float(common), color=LIGHT["abnormal"], linewidth=1)
    axes[0, 0].set(yscale="log", ylabel="int8 score", xlabel="patient (line: common threshold)")
    plain_log(axes[0, 0], "y")
    axes[0, 0].set_title("normal beats of each test patient")
    draw.histogram(axes[0, 1], trained)
    return figure, (
        "Patients are not exchangeable, so the common threshold's guarantee does not hold for a "
        f"new one. Set for each test patient from the first {OWN_BEATS} normal beats, as `vigil "
        f"calibrate` does, it is {100 * flagged / normals:.1f} % of the patients' other normal "
        f"beats that are flagged, {100 * rate:g} % being asked for: what is left is drift within "
        f"half an hour. False alarms by patient: {'; '.join(told)}."
    )


def sines(trained: Trained) -> Shown:
    """And what a test of mean and variance would make of the same windows."""
    from training.evaluate import auroc

    counts = trained.parts.test.counts[:, :, 0].astype(np.float64)
    areas = []
    for statistic in (counts.mean(axis=1), counts.var(axis=1)):
        found = auroc(statistic.astype(np.float32), trained.parts.test.labels)
        areas.append(max(found or 0, 1 - (found or 0)))
    return draw.windows_and_scores(trained), (
        f"A test of the mean has an AUROC of {areas[0]:.3f} on the same windows, one of the "
        f"variance {areas[1]:.3f}: what is wrong is in the shape alone."
    )


def vibration(trained: Trained) -> Shown:
    """Spectrograms and their reconstructions, and how each fault is found."""
    from training.data.vibration import FAULTS
    from training.evaluate import auroc

    classes, labels = trained.classes(), trained.labels()
    scores = trained.evaluation["int8_test"][trained.evaluation["shown"]]
    figure, axes = draw.canvas(1, 5, 11, 2.4)
    for axis, kind in zip(axes[0, :4], range(len(FAULTS)), strict=True):
        some = np.flatnonzero(classes == kind)
        middle = some[np.argsort(scores[some])[len(some) // 2]]
        pair = [x[middle].reshape(32, -1).T for x in (trained.input(), trained.output())]
        shown = np.concatenate([pair[0], np.full((len(pair[0]), 2), np.nan), pair[1]], axis=1)
        axis.imshow(shown, origin="lower", aspect="auto", cmap="magma", vmin=-3, vmax=5)
        axis.set_title(f"{FAULTS[kind]}, {scores[middle]:.2g}")
        axis.set(xlabel="time | int8", xticks=[], yticks=[])
    axes[0, 0].set_ylabel("0 to 6.4 kHz")
    draw.histogram(axes[0, 4], trained)
    healthy = classes == 0
    told = []
    for kind, name in enumerate(FAULTS[1:], 1):
        some = healthy | (classes == kind)
        told.append(f"{name} {auroc(scores[some], labels[some]):.3f}")
    return figure, f"AUROC by fault, int8: {', '.join(told)}."


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
        f"5-nearest-neighbour accuracy in the code (two numbers), {len(trained.parts.test):,} "
        f"test images against {len(trained.parts.train):,} of training: {neighbours(trained):.3f}.",
    )


def variational(trained: Trained) -> Shown:
    """New beats, an interpolation, and the score by sampling."""
    from training.decode import decoder_of, generate, reconstruction_probability
    from training.evaluate import auroc

    labels, code = trained.labels(), trained.evaluation["code"]
    figure, axes = draw.canvas(2, 3, 9.5, 4.6)
    for beat in generate(trained.model, 12, 1):
        axes[0, 0].plot(beat, color=LIGHT["normal"], alpha=0.5, linewidth=0.9)
    axes[0, 0].set_title("beats drawn from N(0, 1)")
    ends = code[np.flatnonzero(labels == NORMAL)[0]], code[np.flatnonzero(labels != NORMAL)[0]]
    way = np.linspace(0, 1, 8)[:, None]
    between = decoder_of(trained.model)(ends[0] + way * (ends[1] - ends[0]), training=False)
    for share, beat in zip(way[:, 0], np.asarray(between), strict=True):
        axes[0, 1].plot(beat + 2.5 * share, color=LIGHT["third"], linewidth=1)
    axes[0, 1].set_title("from a normal to an abnormal beat")
    told = []
    for axis, method in zip(axes[1], latent.METHODS, strict=True):
        if method not in latent.methods(code):
            axis.set_visible(False)
            told.append(f" {latent.MISSING_UMAP}.")
            continue
        found = latent.plane(code, method)
        for kind, colour in ((0, "normal"), (1, "abnormal")):
            some = found.points[labels[found.which] == kind]
            axis.scatter(*some.T, s=3, color=LIGHT[colour], linewidths=0)
        axis.set(title=f"codes, {found.title}", xticks=[], yticks=[])
    deviation = trained.recipe.model.deviation  # type: ignore[attr-defined]
    by_sampling = reconstruction_probability(trained.model, trained.input(), deviation, 8, 1)
    area = auroc(by_sampling.astype(np.float32), labels)
    draw.histogram(axes[0, 2], trained)
    return figure, (
        f"Reconstruction probability by sampling, on the host: AUROC {area:.4f}.{''.join(told)}"
    )


def activity(trained: Trained) -> Shown:
    """The encoder alone: a linear probe on its int8 codes, and distortion by code size."""
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
    found = latent.plane(test[normal], "tsne")
    names = [each.name for each in ACTIVITIES]
    classes = trained.classes()[normal][found.which]
    draw.scatter(axes[0, 0], found.points, classes, names, "int8 codes, t-SNE")
    axes[0, 0].set(xticks=[], yticks=[])
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
    x, labels = trained.input()[trained.labels() == NORMAL], trained.evaluation["labels"]
    found = {
        trained.evaluation["code"].shape[1]: trained.evaluation["keras_test"][
            labels == NORMAL
        ].mean()
    }
    for size in others:
        model, _ = trained.fitted_with(model={"code": size})
        back = np.asarray(model.predict(x, batch_size=256, verbose=0))
        found[size] = ((x - back) ** 2).mean()
    return sorted(found), [float(found[size]) for size in sorted(found)]


def neighbours(trained: Trained) -> float:
    """Accuracy of 5 nearest training codes on the test windows' codes, all of both."""
    from sklearn.neighbors import KNeighborsClassifier

    judge = KNeighborsClassifier(5).fit(*trained.codes(trained.parts.train, trained.dataset.train))
    return float(judge.score(*trained.codes(trained.parts.test, trained.dataset.test)))


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
    "sines": sines,
    "vibration": vibration,
    "mitdb": mitdb,
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
