"""Pictures and remarks that only the zoo shows: comparisons with other methods.

The pictures of a family, which the report shows as well, are in tools.report.figures.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.monitor.theme import LIGHT, plain_log, style
from tools.report.figures import draw, latent, parts_of
from tools.report.figures.draw import Line, Panel
from tools.report.figures.family import decoded_map
from tools.report.figures.trained import Trained, classes_of
from tools.report.png import write_png
from tools.report.zoo.encoder import measure
from training import data
from training.bundle.files import ENCODER
from training.bundle.interpreter import Interpreter
from training.bundle.labels import ABNORMAL, NORMAL
from training.data.activity import ACTIVITIES
from training.data.mitdb import read_patients
from training.data.vibration import FAULTS
from training.metrics import auroc
from training.threshold import conformal
from training.windows import divide

OWN_BEATS = 300  # of a patient, from which a threshold is set: about four minutes
MOST_POINTS = 3000  # drawn in a scatter plot


@dataclass(frozen=True)
class Extra:
    """Remarks, and rows of panels that replace those of the family, if any."""

    remarks: str
    rows: tuple[tuple[Panel, ...], ...] = ()


def linear(trained: Trained) -> Extra:
    """Compare with principal component analysis of the same code size."""
    # Imported here, as below: scikit-learn and matplotlib take a second to load.
    from sklearn.decomposition import PCA

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
    """Compare with the same network trained at once, for as many epochs and as much arithmetic.

    One epoch of every pair of layers costs as many multiply-accumulates as one of the whole.
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
        axis.set_xlabel(f"epoch (pretrained: after {fit.pretrain} per pair of layers)")
        plain_log(axis, "y")
        axis.legend(loc="upper right", fontsize=8)

    at_once = " and ".join(f"{value:.4f} in {epochs} epochs" for epochs, value in best.items())
    return Extra(
        f"The best held-out loss is {ours.min():.4f} after {fit.pretrain} epochs per pair of "
        f"layers and {fit.epochs} of the whole network. Trained at once, it is {at_once}; the "
        "latter costs as much arithmetic as pretraining and fine-tuning together.",
        ((Panel("training", losses, 1.5),),),
    )


def mitdb(trained: Trained) -> Extra:
    """Show each patient, with the common threshold and with a threshold of its own."""
    scores, labels = trained.evaluation["int8_test"], trained.evaluation["labels"]
    rate = trained.bundle.manifest.threshold.false_alarm_rate
    common = np.float32(trained.bundle.manifest.threshold.value)
    patients = read_patients(trained.recipe.data.test)  # type: ignore[attr-defined]
    begin, by_patient, flagged, normals, normal_scores = 0, [], 0, 0, []
    for name, (beats, _) in patients.items():
        s, y = scores[begin : begin + len(beats)], labels[begin : begin + len(beats)]
        begin += len(beats)
        normal = np.flatnonzero(y == NORMAL)
        own = conformal(s[normal[:OWN_BEATS]], rate).value
        rest = s[normal[OWN_BEATS:]]
        flagged, normals = flagged + int((rest > own).sum()), normals + len(rest)
        area = auroc(s, y)
        by_patient.append(
            f"{name}: {100 * (rest > common).mean():.1f} % with the common threshold, "
            f"{100 * (rest > own).mean():.1f} % with its own"
            + ("" if area is None else f", AUROC {area:.3f}")
        )
        normal_scores.append(s[normal])

    def boxes(axis: Any) -> None:
        axis.boxplot(normal_scores, tick_labels=list(patients), showfliers=False)
        axis.axhline(float(common), color=LIGHT["abnormal"], linewidth=1)
        axis.set(yscale="log", ylabel="int8 score", xlabel="patient (line: common threshold)")
        plain_log(axis, "y")

    return Extra(
        "Patients are not exchangeable, so the guarantee of the common threshold does not hold for "
        f"a new patient. With a threshold from each test patient's first {OWN_BEATS} normal beats, "
        f"as `vigil calibrate` sets it, {100 * flagged / normals:.1f} % of the other normal beats "
        f"are flagged; {100 * rate:g} % were chosen. The rest is drift within half an hour. False "
        f"alarms by patient: {'; '.join(by_patient)}.",
        ((Panel("normal beats of each test patient", boxes, 1.5),),),
    )


def sines(trained: Trained) -> Extra:
    """Compare with tests of mean and variance on the same windows."""
    counts = trained.parts.test.counts[:, :, 0].astype(np.float64)
    areas = []
    for statistic in (counts.mean(axis=1), counts.var(axis=1)):
        area = auroc(statistic.astype(np.float32), trained.parts.test.labels) or 0.0
        areas.append(max(area, 1 - area))
    return Extra(
        f"On the same windows, a test of the mean has an AUROC of {areas[0]:.3f}, and a test of "
        f"the variance {areas[1]:.3f}: only the shape differs."
    )


def vibration(trained: Trained) -> Extra:
    """Show a window of each fault with its reconstruction, and the AUROC of each fault."""
    labels, scores = trained.labels(), trained.scores()
    classes = trained.classes()
    assert classes is not None
    areas = {}
    for kind, name in enumerate(FAULTS[1:], 1):
        some = (classes == 0) | (classes == kind)
        areas[name] = auroc(scores[some], labels[some]) or 0.0
    rows: list[list[Panel]] = [[], [], []]
    for kind, name in enumerate(FAULTS):
        of_kind = np.flatnonzero(classes == kind)
        at = of_kind[np.argsort(scores[of_kind])[len(of_kind) // 2]]
        colour = "abnormal" if kind else "normal"
        lines: list[Line] = [
            (trained.input()[at], colour, "features"),
            (trained.output()[at], "ink", "int8"),
        ]
        panel = draw.series(trained, lines, f"{name}, score {scores[at]:.2g}")
        rows[kind // 2].append(panel)
    rows[2].append(draw.histogram(trained))

    def bars(axis: Any) -> None:
        axis.barh(np.arange(len(areas)), list(areas.values()), 0.6, color=LIGHT["abnormal"])
        axis.set_yticks(np.arange(len(areas)), list(areas))
        axis.set(xlabel="AUROC against healthy", xlim=(0.5, 1))

    rows[2].append(Panel("detection by fault", bars))
    by_fault = ", ".join(f"{name} {area:.3f}" for name, area in areas.items())
    return Extra(f"AUROC by fault, int8: {by_fault}.", tuple(map(tuple, rows)))


def activity(trained: Trained) -> Extra:
    """Measure the encoder alone: a linear probe on its int8 codes, and distortion by code size."""
    from sklearn.linear_model import LogisticRegression

    encoder = Interpreter((trained.bundle.path / ENCODER).read_bytes())
    some = trained.parts.train[::4]
    codes = encoder.run(trained.quantizer.quantize(some.counts)).astype(np.float32)
    probe = LogisticRegression(max_iter=2000).fit(
        codes / 32, classes_of(trained.dataset.train, some)
    )
    shown, normal = trained.classes(), trained.labels() == NORMAL
    assert shown is not None
    classes = shown[normal]
    test = encoder.run(trained.evaluation["input"]).astype(np.float32)[normal]
    accuracy = probe.score(test / 32, classes)
    size = trained.bundle.manifest.model.input.size
    sizes, distortion = distortion_by_code(trained, (2, 6))
    plane = latent.plane(test, "tsne")

    def curve(axis: Any) -> None:
        axis.plot(sizes, distortion, "o-", color=LIGHT["normal"])
        axis.set(xlabel="code size (values)", ylabel="mean squared error", ylim=(0, None))

    names = [each.name for each in ACTIVITIES]
    by_size = ", ".join(
        f"{k} ({size / k:.0f} : 1) {d:.3f}" for k, d in zip(sizes, distortion, strict=True)
    )
    return Extra(
        f"`vigil convert activity --encoder` converts the encoder alone: {measure(trained.bundle)}."
        f" A linear probe on its int8 codes recognizes the activity of {100 * accuracy:.1f} % of "
        "the normal test windows (six activities, simulated). Distortion by code size "
        f"(compression): {by_size}.",
        (
            (
                draw.scatter(plane, draw.by_class(classes[plane.which], names), "int8 codes"),
                Panel("distortion", curve, 0.8),
            ),
        ),
    )


def distortion_by_code(trained: Trained, others: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """Mean squared error on normal test windows, float, for the recipe's code size and `others`."""
    x = trained.input()[trained.labels() == NORMAL]
    models = {trained.evaluation["code"].shape[1]: trained.model}
    models |= {size: trained.fitted_with(model={"code": size})[0] for size in others}
    error = {}
    for size, model in models.items():
        back = np.asarray(model.predict(x, batch_size=256, verbose=0))
        error[size] = ((x - back) ** 2).mean()
    return sorted(error), [float(error[size]) for size in sorted(error)]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Test images classified by the training images with the nearest codes.

    Attributes:
        codes, classes: float32 [n, code] and int16 [n], of the test images.
        fitted: number of training images.
        accuracy: share of the test images whose class the vote of the neighbours gives.
    """

    codes: NDArray[np.float32]
    classes: NDArray[np.int16]
    fitted: int
    accuracy: float


def neighbours(trained: Trained) -> Neighbours:
    """Classify all test images by the 5 nearest of the training images, by their float codes."""
    from sklearn.neighbors import KNeighborsClassifier

    # All test images: Keras encodes them in seconds, the interpreter ran only a few.
    recipe = trained.recipe
    whole = data.load_dataset(recipe.data.model_copy(update={"test": 10_000}))
    test = trained.codes(divide(whole, recipe.windows, recipe.split, recipe.seed).test, whole.test)
    train = trained.codes(trained.parts.train, trained.dataset.train)
    accuracy = KNeighborsClassifier(5).fit(*train).score(*test)
    return Neighbours(*test, len(train[0]), float(accuracy))


def digits(trained: Trained) -> Extra:
    """Draw the codes of all test digits, and measure whether neighbours are of the same class."""
    recipe, near = trained.recipe, neighbours(trained)
    code, classes = near.codes[:MOST_POINTS], near.classes[:MOST_POINTS]
    names = [str(digit) for digit in range(10)]
    x, y = trained.input(), trained.output()
    pairs = [("image", x[:7]), ("int8", y[:7]), ("image", x[7:14]), ("int8", y[7:14])]
    remarks = (
        f"A 5-nearest-neighbour classifier on the code (two numbers, float) classifies "
        f"{len(near.codes):,} test images by {near.fitted:,} training images with an accuracy of "
        f"{near.accuracy:.3f}. The picture shows {len(code):,} of them."
    )
    if getattr(recipe.model, "activation", "") == "relu" and recipe.name == "mnist_conv":
        remarks += (
            " Such a network usually has LeakyReLU. This one has ReLU, because quantizing "
            "LeakyReLU cost [more than twice as much](training.md#quantize)."
        )
    return Extra(
        remarks,
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
    """Draw `picture` (.png) and return the remarks that stand beside it."""
    m = trained.bundle.manifest
    with style():
        extra = EXTRAS[m.name](trained) if m.name in EXTRAS else Extra("")
        parts = [] if extra.rows else parts_of(trained)
        own = [panel for part in parts for panel in part.panels] or draw.windows(trained)
        rows = [list(row) for row in extra.rows] or [own]
        if len(rows) == 1 and (trained.labels() == ABNORMAL).any():
            rows[0].append(draw.histogram(trained))
        remarks = [*(part.words for part in parts), extra.remarks]
        code = trained.evaluation["code"]
        if m.model.family == "variational" and code[0].size > 2:
            # Without UMAP, so that the picture is the same on every machine.
            planes = [latent.plane(code, method) for method in latent.METHODS[:2]]
            rows.append(
                [
                    draw.scatter(each, draw.groups(trained, each.which), f"codes, {each.title}")
                    for each in planes
                ]
            )
            remarks.append("`vigil report` also draws the codes by UMAP, if it is installed.")
        height = 2.0 if not any(panel.title for panel in rows[0]) else 2.9
        figure = draw.figure(rows, 11, height, LIGHT["paper"])
        picture.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        figure.savefig(
            buffer, dpi=110, facecolor=LIGHT["paper"], metadata={"Software": None}, format="png"
        )
        write_png(picture, buffer.getvalue())
    return " ".join(remark for remark in remarks if remark)
