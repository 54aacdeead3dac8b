"""The report is one self-contained file with every result."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.ecg import worn_bundle
from tools.measure.bench.small_bundle import KEPT, small_bundle
from tools.measure.budget import Budget, Measured, Memory, Part, save
from tools.measure.verify import Count, FloatDifference, TargetResult, VerifyResult
from tools.monitor.theme import DARK, LIGHT
from tools.report.evidence import BoardScores, Evidence
from tools.report.page import write_report
from tools.report.windows import gallery
from training.bundle import Bundle, manifest
from training.bundle.errors import BundleError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def without_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes half a minute to compile; test_latent.py has its own test of it."""
    monkeypatch.setattr("tools.report.figures.latent.has_umap", lambda: False)


VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """A page's tags, its text, and the text under each section's id."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self.section = ""
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = dict(attrs)["id"] or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        self.sections[self.section] = self.sections.get(self.section, "") + " " + data.strip()

    def count(self, tag: str, name: str) -> int:
        return sum(t == tag and name in (a.get("class") or "").split() for t, a in self.tags)


def budget(bundle: Bundle) -> Budget:
    flash = Memory("flash", 983_040, (Part("model", 10_256, ()), Part("engine", 3_581, ())))
    sram = Memory("sram", 262_144, (Part("arena", 48, ()), Part("stack", 32_768, ())))
    measured = Measured("emulated", stack_used=1_020, arena_used=48, instructions=90_210)
    return Budget(
        "emulated",
        "emulated/firmware.elf",
        flash,
        sram,
        stack_reserved=32_768,
        inference_stack=240,
        measured=measured,
        bundle=bundle.hash8.hex(),
    )


def parity(bundle: Bundle, wrong: int = 0) -> VerifyResult:
    first = "window 4, output byte 2 is 7, must be 8" if wrong else ""
    target = TargetResult(
        "emulated, tflm engine", 56, Count(0, 1344), Count(wrong, 1344), Count(0, 56), first
    )
    keras = FloatDifference(160, 0.00123, 0.5, 0.25)
    return VerifyResult("waves", bundle.hash8.hex(), 6, 50, (target,), keras)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("build") / "waves")


@pytest.fixture(scope="module")
def full(bundle: Bundle) -> str:
    scores = bundle.evaluation()["int8_test"]
    board = BoardScores("emulated", np.arange(KEPT), scores)
    path = write_report(bundle.path, (budget(bundle),), parity(bundle), board)
    assert path == bundle.path / "report.html"
    return path.read_text()


def test_it_is_one_file_that_asks_nothing_of_a_network(full: str) -> None:
    page = Page(full)
    assert not page.open
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe"}
        for name in ("src", "href", "xlink:href", "data"):
            inside = ("#", "data:image/png;base64,")
            assert (attributes.get(name) or "#").startswith(inside), (tag, attributes)
    assert "@import" not in full
    assert set(re.findall(r"url\((.)", full)) <= {"#"}
    assert len(full) < 1_000_000


def test_every_part_is_there(full: str, bundle: Bundle) -> None:
    page = Page(full)
    m = bundle.manifest
    sections = page.sections
    assert {"scores", "windows", "stages", "inside", "budget", "parity", "provenance"} <= set(
        sections
    )
    area = f"{m.metrics.int8.auroc:.4f}"
    assert area in sections[""]
    c = m.metrics.int8.confusion
    assert f"flags {c.true_positive} of {c.true_positive + c.false_negative} abnormal" in page.text
    assert f"threshold {m.threshold.value:.4g}" in sections["scores"]
    assert "split conformal, 3 %" in sections["scores"]
    assert m.threshold.guarantee in sections["scores"]
    assert page.count("svg", "window") == 16
    for name in ("Keras", "int8", "emulated", "recall", "precision"):
        assert name in sections["stages"]
    assert sections["stages"].count(area) == 3  # Keras (the same here), int8, the board's own
    assert "principal components" in sections["inside"]
    assert "<code>pip install &#39;vigil-tinyml[umap]&#39;</code>" in full
    assert "kept: epoch 19" in sections["inside"]
    assert "10,256" in sections["budget"]
    assert "90,210 instructions per inference (emulated)" in sections["budget"]
    assert "an inference takes at most 240" in sections["budget"]
    assert "0 of 1,344" in sections["parity"] and "equal" in sections["parity"]
    assert "0.00123" in sections["parity"]
    assert m.data.sha256 in sections["provenance"]
    assert "simulated" not in page.text


def test_ids_are_unique_and_every_reference_has_its_target(full: str) -> None:
    page = Page(full)
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href="#|url\(#)([^")]+)', full)
    assert wanted and set(wanted) <= set(ids)


def test_light_and_dark(full: str) -> None:
    """Charts take every colour from the page, which has two sets of them."""
    assert "prefers-color-scheme: dark" in full
    style = full[: full.index("</style>")]
    body = full[full.index("</style>") :]
    assert all(c in style for c in (*LIGHT.values(), *DARK.values()))
    assert "var(--normal)" in body and "var(--ink)" in body
    assert re.findall(r"#[0-9a-fA-F]{6}\b", re.sub(r"#[\w-]*-[\w-]+", "", body)) == []


def test_a_failed_target_is_shown(bundle: Bundle, tmp_path: Path) -> None:
    path = write_report(bundle.path, (), parity(bundle, wrong=3), path=tmp_path / "r.html")
    section = Page(path.read_text()).sections["parity"]
    assert "3 of 1,344" in section
    assert "differs" in section and "must be 8" in section


def test_what_was_not_measured_is_said_to_be_missing(bundle: Bundle, tmp_path: Path) -> None:
    sections = Page(write_report(bundle.path, path=tmp_path / "r.html").read_text()).sections
    assert "No firmware was built" in sections["budget"]
    assert "Not verified" in sections["parity"]


def test_what_is_kept_beside_the_bundle_is_found(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "waves")
    save(budget(bundle), bundle.path, "emulated")
    assert "10,256" in Page(write_report(bundle.path).read_text()).sections["budget"]
    again = small_bundle(tmp_path / "waves", channels=2)  # and an older bundle's is passed over
    assert "No firmware" in Page(write_report(again.path).read_text()).sections["budget"]
    stale = dataclasses.replace(parity(again), bundle=bundle.hash8.hex())
    with pytest.raises(BundleError, match="verify again"):
        write_report(again.path, parity=stale)


def test_simulated_data_say_so(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "waves", simulated=True)
    page = Page(write_report(bundle.path).read_text())
    assert "simulated data" in page.sections[""]
    assert "no sensor recorded them" in page.sections[""]
    assert "simulated" in page.sections["provenance"]


@pytest.mark.parametrize(
    "options",
    [
        {"labelled": False},
        {"channels": 4},
        {"per_window": True, "hop": 8},
        {"features": "alone"},
        {"features": "beside", "channels": 2},
    ],
    ids=str,
)
def test_other_bundles(tmp_path: Path, options: dict[str, Any]) -> None:
    bundle = small_bundle(tmp_path / "waves", **options)
    page = Page(write_report(bundle.path).read_text())
    if "labelled" in options:
        assert "not labelled" in page.sections["stages"]
        assert page.count("svg", "window") == 8
    if options.get("channels") == 4:
        assert "the first 3 of 4 channels" in page.sections["windows"]
    if "per_window" in options:
        assert "standard deviations" in page.sections["windows"]
    if options.get("features") == "alone":
        assert "12 features (mean, deviation, peak to peak, crest," in page.sections["windows"]
    if options.get("features") == "beside":
        assert "24 samples (0.24 s) across" in page.sections["windows"]


def test_names_cannot_break_the_page(full: str) -> None:
    """The data set's description holds & and <noise>."""
    assert "sine waves &amp; &lt;noise&gt;" in full
    assert "sine waves & <noise>" in Page(full).text


def test_best_and_worst_are_the_best_and_the_worst(bundle: Bundle) -> None:
    evidence = Evidence.read(bundle.path, ())
    scores, labels = evidence.scores, evidence.labels
    best, worst, furthest, nearest = gallery(evidence).groups
    normal, abnormal = np.sort(scores[labels == 0]), np.sort(scores[labels == 1])
    assert [d.score for d in best.drawings] == [float(s) for s in normal[:4]]
    assert [d.score for d in worst.drawings] == [float(s) for s in normal[::-1][:4]]
    assert [d.score for d in furthest.drawings] == [float(s) for s in abnormal[::-1][:4]]
    assert [d.score for d in nearest.drawings] == [float(s) for s in abnormal[:4]]
    for d in worst.drawings:
        assert scores[d.index] == np.float32(d.score)
        assert d.flagged == (d.score > evidence.bundle.manifest.threshold.value)


def test_the_same_evidence_gives_the_same_page(bundle: Bundle, tmp_path: Path) -> None:
    pages = [write_report(bundle.path, path=tmp_path / name).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_a_bundle_without_its_evaluation_is_refused(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "waves")
    (bundle.path / "evaluation.npz").unlink()
    with pytest.raises(BundleError, match="train again"):
        write_report(bundle.path)


def test_a_page_states_the_alarm_and_a_threshold_that_the_recipe_sets(tmp_path: Path) -> None:
    small = small_bundle(tmp_path / "small")
    m = small.manifest
    fixed = m.threshold.offered[0].model_copy(update={"method": "fixed", "setting": None})
    threshold = m.threshold.model_copy(update={"method": "fixed", "offered": [fixed]})
    levels = manifest.AlarmLevels(kind="count", windows=5, raise_level=3, clear_level=2)
    drift = manifest.Drift(block=16, limit=60, share=0.25, correlation=1, guarantee="Drift rarely.")
    decision = manifest.Decision(kind="alarm", alarm=levels, guarantee="Seldom.", drift=drift)
    changed = m.model_copy(update={"threshold": threshold, "decision": decision})
    (small.path / "manifest.json").write_text(changed.model_dump_json(by_alias=True))
    text = Page(write_report(small.path).read_text()).sections["scores"]
    assert "Alarm: 3 of 5 windows flagged (cleared below 2). Seldom. Drift: Drift rarely." in text
    assert "set by the recipe" in text


def test_the_score_of_a_wearer_is_no_squared_error(tmp_path: Path) -> None:
    plain, worn = small_bundle(tmp_path / "plain"), worn_bundle(tmp_path / "worn")
    assert "score (mean squared error)" in write_report(plain.path).read_text()
    text = write_report(worn.path).read_text()
    assert "score (doublings of the usual distance)" in text
    assert "mean squared error" not in text


def test_a_page_says_that_the_fit_saw_labelled_abnormal_windows(tmp_path: Path) -> None:
    small = small_bundle(tmp_path / "small")
    m = small.manifest
    said = "and labelled abnormal ones of the training part, the model"
    assert said not in Page(write_report(small.path).read_text()).sections[""]
    recipe = {**m.recipe, "fit": {**m.recipe.get("fit", {}), "abnormal": 0.1}}
    changed = m.model_copy(update={"recipe": recipe})
    (small.path / "manifest.json").write_text(changed.model_dump_json(by_alias=True))
    text = Page(write_report(small.path).read_text()).sections[""]
    assert said in text
    assert "The baselines see normal windows alone." in text
