"""What the zoo alone says of a recipe: against other ways to do the same, some of them trained too.

What a bundle has to show by its family is in tools.report.figures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.monitor.theme import LIGHT, plain_log
from tools.report.figures import draw, latent, parts_of
from tools.report.figures.draw import Panel
from tools.report.figures.family import decoded_map
from tools.report.figures.trained import Trained, classes_of
from training.bundle.labels import ABNORMAL, NORMAL

OWN_BEATS = 300  # of a patient, to set a threshold by: some four minutes
MOST_POINTS = 3000  # of a scatter


@dataclass(frozen=True)
class Extra:
    """What to say, and rows of panels in place of the family's own, if any."""

    words: str
    rows: tuple[tuple[Panel, ...], ...] = ()


def linear(trained: Trained) -> Extra:
    """Beside principal component analysis of the same code size."""
    from sklearn.decomposition import PCA

    from training.metrics import auroc

    quantizer, parts = trained.quantizer, trained.parts
    train = quantizer.dequantize(quantizer.quantize(parts.train.counts))
    pca = PCA(trained.evaluation["code"].shape[1]).fit(train)
    x = trained.input()
    back = pca.inverse_transform(pca.transform(x))
    normal = trained.labels() == NORMAL
    errors = ((x - back) ** 2).mean(axis=1)
    area = auroc(errors.astype(np.float32), trained.labels())
    ours = trained.evaluation["keras_test"][trained.evaluation["labels"] == NORMAL].mean()
    return Extra(
        f"PCA of {pca.n_components_} components: reconstruction error "
        f"{errors[normal].mean():.4f}, AUROC {area:.4f}; the linear autoencoder in float: "
        f"{ours:.4f}, {trained.bundle.manifest.metrics.keras.auroc:.4f}."
    )


def stacked(trained: Trained) -> Extra:
    """Against the same network trained at once: for as many epochs, and with as much arithmetic.

    An epoch of every pair of layers takes as many multiply-accumulates as one of the whole.
    """
    fit = trained.recipe.fit
    ours = trained.evaluation["history_validation"]
    curves = [(fit.pretrain + np.arange(len(ours)), ours, "normal", "pretrained")]
    best = {}
    for epochs, colour in ((fit.epochs, "third"), (fit.epochs + fit.pretrain, "abnormal")):
        history = trained.fitted_with(fit={"pretrain": 0, "epochs": epochs})[1].validation
        best[epochs] = history.min()
        curves.append((np.arange(len(history)), history, colour, f"at once, {epochs} epochs"))

    def losses(axis: Any) -> None:
        for epochs, values, colour, name in curves:
            axis.plot(epochs, values, color=LIGHT[colour], label=name, linewidth=1.2)
        axis.set(yscale="log", ylabel="loss, held-out beats")
        axis.set_xlabel(f"epoch (pretrained: after {fit.pretrain} a pair of layers)")
        plain_log(axis, "y")
        axis.legend(loc="upper right", fontsize=8)

    told = ", ".join(f"{value:.4f} for {epochs} epochs" for epochs, value in best.items())
    return Extra(
        f"Best held-out loss {ours.min():.4f} after {fit.pretrain} epochs a pair of layers and "
        f"{fit.epochs} of the whole; trained at once: {told}, the latter as much arithmetic as "
        "both together.",
        ((Panel("training", losses, 1.5),),),
    )


def mitdb(trained: Trained) -> Extra:
    """Patients one by one, and what a threshold of their own gives."""
    from training.data.mitdb import read_patients
    from training.metrics import auroc
    from training.threshold import conformal

    scores, labels = trained.evaluation["int8_test"], trained.evaluation["labels"]
    rate = trained.bundle.manifest.threshold.false_alarm_rate
    common = np.float32(trained.bundle.manifest.threshold.value)
    patients = read_patients(trained.recipe.data.test)  # type: ignore[attr-defined]
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

    def boxes(axis: Any) -> None:
        axis.boxplot(given, tick_labels=list(patients), showfliers=False)
        axis.axhline(float(common), color=LIGHT["abnormal"], linewidth=1)
        axis.set(yscale="log", ylabel="int8 score", xlabel="patient (line: common threshold)")
        plain_log(axis, "y")

    return Extra(
        "Patients are not exchangeable, so the common threshold's guarantee does not hold for a "
        f"new one. Set for each test patient from the first {OWN_BEATS} normal beats, as `vigil "
        f"calibrate` does, it is {100 * flagged / normals:.1f} % of the patients' other normal "
        f"beats that are flagged, {100 * rate:g} % being asked for: what is left is drift within "
        f"half an hour. False alarms by patient: {'; '.join(told)}.",
        ((Panel("normal beats of each test patient", boxes, 1.5),),),
    )


def sines(trained: Trained) -> Extra:
    """And what a test of mean and variance would make of the same windows."""
    from training.metrics import auroc

    counts = trained.parts.test.counts[:, :, 0].astype(np.float64)
    areas = []
    for statistic in (counts.mean(axis=1), counts.var(axis=1)):
        found = auroc(statistic.astype(np.float32), trained.parts.test.labels)
        areas.append(max(found or 0, 1 - (found or 0)))
    return Extra(
        f"A test of the mean has an AUROC of {areas[0]:.3f} on the same windows, one of the "
        f"variance {areas[1]:.3f}: what is wrong is in the shape alone."
    )


def vibration(trained: Trained) -> Extra:
    """A window of each fault above its reconstruction, and how each fault is found."""
    from training.data.vibration import FAULTS
    from training.metrics import auroc

    labels, scores = trained.labels(), trained.scores()
    classes = classes_of(trained.dataset.test, trained.parts.test[trained.evaluation["shown"]])
    areas = {}
    for kind, name in enumerate(FAULTS[1:], 1):
        some = (classes == 0) | (classes == kind)
        areas[name] = auroc(scores[some], labels[some]) or 0.0
    rows: list[list[Panel]] = [[], []]
    for kind, name in enumerate(FAULTS):
        found = np.flatnonzero(classes == kind)
        at = found[np.argsort(scores[found])[len(found) // 2]]
        named = {"bands": kind == 0, "scale": kind == len(FAULTS) - 1}
        for row, title, x in (
            (rows[0], f"{name}, {scores[at]:.2g}", trained.input()),
            (rows[1], "int8", trained.output()),
        ):
            row.append(draw.spectrogram(trained, x[at], title, **named))
    rows[0].append(dataclasses.replace(draw.histogram(trained), width=1.5))

    def bars(axis: Any) -> None:
        axis.barh(np.arange(len(areas)), list(areas.values()), 0.6, color=LIGHT["abnormal"])
        axis.set_yticks(np.arange(len(areas)), list(areas))
        axis.set(xlabel="AUROC against healthy", xlim=(0.5, 1))

    rows[1].append(Panel("found by its score", bars, 1.5))
    told = ", ".join(f"{name} {area:.3f}" for name, area in areas.items())
    return Extra(f"AUROC by fault, int8: {told}.", (tuple(rows[0]), tuple(rows[1])))


def activity(trained: Trained) -> Extra:
    """The encoder alone: a linear probe on its int8 codes, and distortion by code size."""
    from sklearn.linear_model import LogisticRegression

    from tools.report.zoo.encoder import measure
    from training.bundle.files import ENCODER
    from training.bundle.interpreter import Interpreter
    from training.data.activity import ACTIVITIES

    encoder = Interpreter((trained.bundle.path / ENCODER).read_bytes())
    some = trained.parts.train[::4]
    codes = encoder.run(trained.quantizer.quantize(some.counts)).astype(np.float32)
    probe = LogisticRegression(max_iter=2000).fit(
        codes / 32, classes_of(trained.dataset.train, some)
    )
    shown = trained.parts.test[trained.evaluation["shown"]]
    normal = trained.labels() == NORMAL
    classes = classes_of(trained.dataset.test, shown)[normal]
    test = encoder.run(trained.evaluation["input"]).astype(np.float32)[normal]
    accuracy = probe.score(test / 32, classes)
    size = trained.bundle.manifest.model.input.size
    sizes, distortion = distortion_by_code(trained, (2, 6))
    found = latent.plane(test, "tsne")

    def curve(axis: Any) -> None:
        axis.plot(sizes, distortion, "o-", color=LIGHT["normal"])
        axis.set(xlabel="code size (values)", ylabel="mean squared error", ylim=(0, None))

    names = [each.name for each in ACTIVITIES]
    told = ", ".join(
        f"{k} ({size / k:.0f} : 1) {d:.3f}" for k, d in zip(sizes, distortion, strict=True)
    )
    return Extra(
        f"The encoder alone, by `vigil convert activity --encoder`: {measure(trained.bundle)}. A "
        f"linear probe on its int8 codes names {100 * accuracy:.1f} % of the normal test windows' "
        f"six activities right (simulated). Distortion by code size (compression): {told}.",
        (
            (
                draw.scatter(found, draw.by_class(classes[found.which], names), "int8 codes"),
                Panel("distortion", curve, 0.8),
            ),
        ),
    )


def distortion_by_code(trained: Trained, others: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """Mean squared error on normal test windows, float, for `others` and the recipe's own size."""
    x, labels = trained.input()[trained.labels() == NORMAL], trained.evaluation["labels"]
    own = trained.evaluation["keras_test"][labels == NORMAL].mean()
    found = {trained.evaluation["code"].shape[1]: own}
    for size in others:
        model, _ = trained.fitted_with(model={"code": size})
        back = np.asarray(model.predict(x, batch_size=256, verbose=0))
        found[size] = ((x - back) ** 2).mean()
    return sorted(found), [float(found[size]) for size in sorted(found)]


def digits(trained: Trained) -> Extra:
    """A code of two numbers: where all test digits lie, and whether neighbours are alike."""
    from sklearn.neighbors import KNeighborsClassifier

    from training import data
    from training.windows import divide

    # Of all test images, whose codes Keras gives in seconds, however few the interpreter had.
    recipe = trained.recipe
    whole = data.load_dataset(recipe.data.model_copy(update={"test": 10_000}))
    test = trained.codes(divide(whole, recipe.windows, recipe.split, recipe.seed).test, whole.test)
    train = trained.codes(trained.parts.train, trained.dataset.train)
    accuracy = KNeighborsClassifier(5).fit(*train).score(*test)
    code, classes = test[0][:MOST_POINTS], test[1][:MOST_POINTS]
    names = [str(digit) for digit in range(10)]
    x, y = trained.input(), trained.output()
    pairs = [("image", x[:7]), ("int8", y[:7]), ("image", x[7:14]), ("int8", y[7:14])]
    words = (
        f"5-nearest-neighbour accuracy in the code (two numbers, float), {len(test[0]):,} test "
        f"images against {len(train[0]):,} of training: {accuracy:.3f}; {len(code):,} are drawn."
    )
    if getattr(recipe.model, "activation", "") == "relu" and recipe.name == "mnist_conv":
        words += (
            " This network is usually built with LeakyReLU; here it has ReLU, for quantizing "
            "LeakyReLU cost [more than twice as much](training.md#quantize)."
        )
    return Extra(
        words,
        (
            (
                draw.scatter(latent.plane(code), draw.by_class(classes, names), "test images"),
                decoded_map(trained, code),
                draw.tiles(trained, pairs),
            ),
        ),
    )


EXTRAS: dict[str, Callable[[Trained], Extra]] = {
    "linear": linear,
    "stacked": stacked,
    "sines": sines,
    "vibration": vibration,
    "mitdb": mitdb,
    "mnist_conv": digits,
    "mnist_variational": digits,
    "adversarial": digits,
    "activity": activity,
}


def show(trained: Trained, picture: Path) -> str:
    """Draw `picture` (.png), and give what is to be said beside it."""
    from tools.monitor.theme import style

    m = trained.bundle.manifest
    with style():
        extra = EXTRAS[m.name](trained) if m.name in EXTRAS else Extra("")
        parts = [] if extra.rows else parts_of(trained)
        own = [panel for part in parts for panel in part.panels] or draw.windows(trained)
        rows = [list(row) for row in extra.rows] or [own]
        if len(rows) == 1 and (trained.labels() == ABNORMAL).any():
            rows[0].append(draw.histogram(trained))
        words = [*(part.words for part in parts), extra.words]
        code = trained.evaluation["code"]
        if m.model.family == "variational" and code[0].size > 2:
            # Without UMAP, so that the picture is the same wherever the zoo runs.
            planes = [latent.plane(code, method) for method in latent.METHODS[:2]]
            rows.append(
                [
                    draw.scatter(each, draw.groups(trained, each.which), f"codes, {each.title}")
                    for each in planes
                ]
            )
            words.append("`vigil report` draws the codes by UMAP too, where it is installed.")
        height = 2.0 if not any(panel.title for panel in rows[0]) else 2.9
        figure = draw.figure(rows, 11, height, LIGHT["paper"])
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, metadata={"Software": None})
    return " ".join(word for word in words if word)
