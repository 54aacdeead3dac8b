"""The report: one self-contained HTML file."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tools.measure.budget.budget import Budget
from tools.measure.budget.text import facts as budget_facts
from tools.measure.verify.result import Count, VerifyResult
from tools.monitor.theme import DARK, FONTS, LIGHT, css_variables
from tools.report import curves
from tools.report.budget_picture import memory_svg
from tools.report.evidence import BoardScores, Evidence
from tools.report.figures import parts_of
from tools.report.figures.family import WIDE
from tools.report.figures.trained import Trained
from tools.report.windows import gallery
from training.advice import advice
from training.bundle.decision import alarm_text
from training.bundle.labels import ABNORMAL, NORMAL
from training.bundle.latency import latencies
from training.bundle.manifest import Decision, Manifest, Wearer
from training.bundle.wording import plural
from training.challenge import SIZES
from training.metrics import classification
from training.threshold import departure

_TEMPLATES = Path(__file__).parent
_METHODS = {
    "conformal": "split conformal",
    "percentile": "percentile",
    "sigma": "mean + k sigma",
    "best_f1": "best F1 on training labels",
    "fixed": "set by the recipe",
}


@dataclass(frozen=True)
class Figure:
    """A headline figure."""

    value: str
    unit: str
    label: str
    note: str


def write_report(
    bundle_dir: Path,
    budgets: tuple[Budget, ...] | None = None,
    parity: VerifyResult | None = None,
    board: BoardScores | None = None,
    path: Path | None = None,
) -> Path:
    """Write the report of a bundle; a part without measurement says so.

    Args:
        budgets: budgets of images of this bundle; those in its folder if None.
        parity: result of verify; the one in the bundle's folder if None.
        board: scores that a board computed; those of `parity` if None.
        path: the file to write; report.html in the bundle's folder if None.

    Returns:
        The path of the file.

    Raises:
        BundleError: the bundle cannot be read, or `parity` is of another bundle.
    """
    evidence = Evidence.read(bundle_dir, budgets, parity, board)
    path = Path(bundle_dir) / "report.html" if path is None else Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(render(evidence), encoding="utf-8")
    return scratch.replace(path)


def render(evidence: Evidence) -> str:
    """The HTML of the page."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=_percent, setting=_setting, number=_number, area=_area, count=_count, code=_code
    )
    latent, latent_words = curves.latent(evidence)
    parts = parts_of(Trained(evidence.bundle))
    m = evidence.bundle.manifest
    confusion = m.metrics.int8.confusion
    stages = {"Keras, float": m.metrics.keras, "int8, in TensorFlow Lite Micro": m.metrics.int8}
    return environment.get_template("page.html").render(
        m=m,
        evidence=evidence,
        light=css_variables(LIGHT),
        dark=css_variables(DARK),
        fonts=FONTS,
        sentence=_sentence(m),
        figures=_figures(m),
        stages=stages,
        board=_board_stage(evidence),
        methods=_METHODS,
        gallery=gallery(evidence),
        score=_score(m),
        histogram=curves.histogram(evidence),
        histogram_narrow=curves.histogram(evidence, narrow=True),
        roc=curves.roc(evidence) if evidence.labelled else "",
        precision_recall=curves.precision_recall(evidence) if evidence.labelled else "",
        parts=[
            (part, curves.part(part, f"part-{i}"), 100 * part.width / WIDE)
            for i, part in enumerate(parts)
        ],
        latent=latent,
        latent_words=latent_words,
        training=curves.training(evidence),
        advice=advice(m),
        windows=_window_counts(m),
        sizes=SIZES,
        challenge={
            kind: list(caught)
            for kind, caught in itertools.groupby(m.checks.challenge, lambda each: each.kind)
        },
        classification=classification(confusion) if evidence.labelled else (),
        departure=departure(m),
        alarm=alarm_text(m.decision.alarm) if isinstance(m.decision, Decision) else "",
        flagged=(confusion.false_positive, confusion.true_positive),
        memories=[
            (b, [(x, memory_svg(x, f"{i}-{x.name}")) for x in (b.flash, b.sram)], budget_facts(b))
            for i, b in enumerate(evidence.budgets)
        ],
        parity=evidence.parity,
        recipe=_flat(m.recipe),
        NORMAL=NORMAL,
        ABNORMAL=ABNORMAL,
    )


def _window_counts(m: Manifest) -> dict[str, int]:
    counts = m.data.windows.model_dump()
    rejected = counts.pop("not_judged")
    counts |= {f"test {label} not judged": count for label, count in rejected.items()}
    return {name.replace("_", " "): count for name, count in counts.items() if count}


def _score(m: Manifest) -> str:
    """Say what the score of a window is."""
    if isinstance(m.wearer, Wearer):
        return "The score is the distance of a beat from the wearer's usual beats, in doublings."
    if m.score.kind == "mahalanobis":
        return "The score is the distance of a window's features from those of training."
    if m.score.kind == "level":
        return "The score is the largest level of a channel, relative to training."
    what = "a window's features" if not m.raw_size else "a window"
    distance = f"the distance of {what} from the reconstruction"
    if m.score.kind == "join":
        return (
            f"The score joins {distance}, the distance of the features from those of training, and "
            "the level, by their fourth roots."
        )
    return f"The score is {distance}."


def _sentence(m: Manifest) -> str:
    c = m.metrics.int8.confusion
    normal, abnormal = c.true_negative + c.false_positive, c.true_positive + c.false_negative
    if abnormal and normal:
        seen = also = ""
        if m.recipe.get("fit", {}).get("abnormal"):
            seen = " and labelled abnormal ones of the training part"
            also = " The baselines see normal windows alone."
        return (
            f"Trained on {m.data.windows.train:,} normal windows{seen}, the model flags "
            f"{c.true_positive:,} of {abnormal:,} abnormal test {plural('window', abnormal)} "
            f"({_percent(m.metrics.int8.recall)}) and raises a false alarm on "
            f"{c.false_positive:,} of {normal:,} normal {plural('one', normal)} "
            f"({_percent(m.metrics.int8.false_alarm_rate)}).{also}"
        )
    flagged = c.true_positive + c.false_positive
    whole = normal + abnormal
    if whole:
        return f"Trained on {m.data.windows.train:,} windows, it flags {flagged:,} of {whole:,}."
    return f"Trained on {m.data.windows.train:,} windows; the test windows have no labels."


def _figures(m: Manifest) -> list[Figure]:
    k, q = m.metrics.keras, m.metrics.int8
    shown = []
    if q.auroc is not None and k.auroc is not None:
        shown.append(Figure(f"{q.auroc:.4f}", "", "AUROC, int8", f"Keras {k.auroc:.4f}"))
    if q.average_precision is not None and k.average_precision is not None:
        note = f"Keras {k.average_precision:.4f}"
        shown.append(Figure(f"{q.average_precision:.4f}", "", "average precision, int8", note))
    if q.false_alarm_rate is not None:
        value = f"{100 * q.false_alarm_rate:.2f}"
        chosen = f"chosen {_setting(m.threshold.false_alarm_rate)}"
        shown.append(Figure(value, "%", "false alarms", chosen))
    if q.recall is not None:
        note = f"precision {_percent(q.precision)}"
        shown.append(Figure(f"{100 * q.recall:.1f}", "%", "recall at the threshold", note))
    kilobytes = f"{m.model.bytes / 1024:.1f}"
    shown.append(Figure(kilobytes, "KB", "model file", f"{m.model.parameters:,} parameters"))
    shown.append(
        Figure(
            f"{m.model.macs:,}",
            "",
            "multiply-accumulates",
            f"window of {m.segmenter.window} {plural('sample', m.segmenter.window)}",
        )
    )
    stages = latencies(m)
    samples, rate = sum(stage.samples for stage in stages), m.signal.rate_hz
    timed = rate is not None and not m.signal.rate_is_nominal
    note = " + ".join(f"{stage.stage} {stage.samples:g}" for stage in stages) + " samples"
    value, unit = (f"{samples / rate:.2f}", "s") if rate and timed else (f"{samples:g}", "samples")
    shown.append(Figure(value, unit, "latency to the score", note))
    return shown


@dataclass(frozen=True)
class BoardStage:
    """Metrics of the board's scores at the bundle's threshold."""

    name: str
    windows: int
    auroc: float | None
    average_precision: float | None
    false_alarm_rate: float | None
    recall: float | None
    precision: float | None
    f1: float | None


def _board_stage(evidence: Evidence) -> BoardStage | None:
    if evidence.board is None:
        return None
    # Imported here: scikit-learn takes a second to load.
    from sklearn.metrics import average_precision_score, roc_auc_score

    name, scores, abnormal = evidence.stages()[-1]
    flag = scores > np.float32(evidence.bundle.manifest.threshold.value)
    both = bool(abnormal.any() and not abnormal.all())
    hits = int((flag & abnormal).sum())

    def ratio(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    return BoardStage(
        name=name,
        windows=len(evidence.board.windows),
        auroc=float(roc_auc_score(abnormal, scores)) if both else None,
        average_precision=float(average_precision_score(abnormal, scores)) if both else None,
        false_alarm_rate=ratio(int((flag & ~abnormal).sum()), int((~abnormal).sum())),
        recall=ratio(hits, int(abnormal.sum())),
        precision=ratio(hits, int(flag.sum())) if both else None,
        f1=ratio(2 * hits, int(flag.sum()) + int(abnormal.sum())) if both else None,
    )


def _flat(recipe: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in recipe.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        elif value is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((prefix + key, shown))
    return rows


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.{2 if value < 0.1 else 1}f} %"


def _setting(value: float) -> str:
    return f"{100 * value:.6g} %"


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:#.{digits}g}".rstrip(".")


def _area(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _code(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _count(value: Count | None) -> str:
    return "–" if value is None else f"{value.wrong:,} of {value.of:,}"
