"""Every target equals the interpreter to the bit; one wrong bit anywhere is found and named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.link import messages
from tools.link.events import Event, Lost, Scored
from tools.measure.bench.small_bundle import KEPT, WINDOW, small_bundle
from tools.measure.verify import VerifyResult, load, render_text, save, targets
from tools.measure.verify.compare import compare
from tools.measure.verify.stream import lay_out
from tools.measure.verify.verify import verify
from training.bundle import Bundle, reference
from training.bundle.errors import LinkError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("build") / "waves")


class FakeBoard:
    """A session whose board computes with the interpreter, and may get something wrong."""

    def __init__(self, bundle: Bundle, fault: str = "") -> None:
        self.bundle, self.fault = bundle, fault
        self.port = "/dev/fake"
        self.board = messages.HelloReply(
            model_hash=bytes(8) if fault == "hash" else bundle.hash8, board="fake", engine="tflm"
        )
        passed = 3 if fault == "boot" else 4
        self.boot = messages.BootReport(golden_passed=passed, golden_total=4)
        self.watched = (False, False)

    def __enter__(self) -> FakeBoard:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def watch(
        self, *, input: bool = False, output: bool = False, sizes: tuple[int, int] | None = None
    ) -> None:
        self.watched = (input, output)

    def threshold(self) -> messages.Threshold:
        return messages.Threshold(value=self.bundle.manifest.threshold.value)

    def start(self, stream: int, first: int = 0) -> int:
        return first

    def stream(self, frames: np.ndarray) -> Iterator[Event]:
        from training.native.core import Segmenter

        m = self.bundle.manifest
        segmenter = Segmenter(m.segmenter.window, m.segmenter.hop, len(m.signal.channels))
        _, windows, _ = segmenter.push(0, frames)
        right = reference.compute(self.bundle, windows)
        assert right.input is not None and right.output is not None and right.score is not None
        for k in range(len(windows)):
            x, y, score = right.input[k].copy(), right.output[k].copy(), right.score[k]
            if k == 9:
                if self.fault == "input":
                    x[5] ^= 1
                if self.fault == "output":
                    y[-1] ^= 1
                if self.fault == "score":
                    score = np.nextafter(score, np.float32(1))
                if self.fault == "lost":
                    yield Lost(9, 1, messages.LostReason.ENGINE)
                    continue
            kept = [v.tobytes() if w else None for v, w in zip((x, y), self.watched, strict=True)]
            yield Scored(k, float(score), False, 100, *kept)


def on_fake(monkeypatch: pytest.MonkeyPatch, bundle: Bundle, fault: str = "") -> VerifyResult:
    board = FakeBoard(bundle, fault)
    monkeypatch.setattr("tools.measure.verify.verify.Session.open", lambda port: board)
    return verify(bundle.path, ["/dev/fake"], windows=50)


def test_host_targets_are_equal(bundle: Bundle) -> None:
    result = verify(bundle.path, windows=50)
    golden, host = result.targets
    assert result.ok
    assert (result.golden, result.more) == (6, 50)
    assert golden.output is not None and golden.output.of == 6 * WINDOW
    assert host.output is not None and (host.output.wrong, host.output.of) == (0, 56 * WINDOW)
    assert host.score is not None and host.score.of == 56
    assert result.keras is not None and result.keras.mean_absolute == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"channels": 3},
        {"hop": 8},
        {"hop": 10},
        {"hop": 40},
        {"per_window": True, "channels": 2},
        {"features": "alone", "channels": 3},
        {"features": "beside"},
        {"features": "beside", "score": "join", "channels": 2},
    ],
    ids=str,
)
def test_other_signals(tmp_path: Path, options: dict[str, Any]) -> None:
    bundle = small_bundle(tmp_path / "waves", **options)
    assert verify(bundle.path, windows=20).ok
    chosen = bundle.golden.counts
    stream = lay_out(bundle.manifest, chosen)
    assert np.array_equal(stream.windows[stream.chosen], chosen)


def test_all_windows_or_given_ones(bundle: Bundle) -> None:
    assert verify(bundle.path, windows=None).more == KEPT
    given = verify(bundle.path, counts=bundle.golden.counts[:3])
    assert (given.ok, given.more) == (True, 3)
    with pytest.raises(LinkError, match="windows must be int16"):
        verify(bundle.path, counts=bundle.golden.counts.astype(np.int32))  # type: ignore[arg-type]


def test_a_wrong_byte_planted_in_the_engine_is_found(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One weight of the generated source off by one, as a converter's defect would have it."""
    from tools.convert import convert

    def wrong(bundle_dir: Path, out: Path, engines: list[str]) -> list[Path]:
        paths = convert(bundle_dir, out, engines)
        source = out / "compiled_model.cpp"
        text = source.read_text()
        at = text.index("kWeights")
        at = next(i for i in range(text.index("{", at), len(text)) if text[i].isdigit())
        source.write_text(text[:at] + ("1" if text[at] != "1" else "0") + text[at + 1 :])
        return paths

    monkeypatch.setattr(targets, "convert", wrong)
    result = verify(bundle.path, windows=50)
    host = result.targets[1]
    assert not result.ok
    assert host.output is not None and host.output.wrong > 0
    assert host.first_wrong.startswith("window ")
    assert "NOT equal" in render_text(result)
    assert host.first_wrong in render_text(result, width=200)


def test_a_golden_file_of_another_interpreter_is_found(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = dataclasses.replace(bundle.golden, output=bundle.golden.output.copy())
    golden.output[2, 7] += 1
    changed = dataclasses.replace(bundle, golden=golden)
    monkeypatch.setattr("tools.measure.verify.verify.read_bundle", lambda path: changed)
    result = verify(bundle.path, windows=10)
    assert not result.ok
    assert result.targets[0].output is not None and result.targets[0].output.wrong == 1
    assert result.targets[0].first_wrong.startswith("window 2, output byte 7 is ")


def test_a_board_that_agrees(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    result = on_fake(monkeypatch, bundle)
    assert result.ok
    board = result.targets[2]
    assert board.name == "fake, tflm engine"
    assert [c and (c.wrong, c.of) for c in (board.input, board.output, board.score)] == [
        (0, 56 * WINDOW),
        (0, 56 * WINDOW),
        (0, 56),
    ]
    assert result.board is not None
    scores = bundle.evaluation()["int8_test"]
    assert np.array_equal(np.float32(result.board.scores), scores[list(result.board.windows)])


@pytest.mark.parametrize("stage", ["input", "output", "score"])
def test_one_wrong_bit_on_the_board_fails(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    result = on_fake(monkeypatch, bundle, stage)
    assert not result.ok
    wrong = {name: getattr(result.targets[2], name).wrong for name in ("input", "output", "score")}
    assert wrong == {"input": 0, "output": 0, "score": 0} | {stage: 1}
    assert result.targets[2].first_wrong.startswith(f"window 9, {stage}")


def test_golden_windows_that_failed_at_start_fail(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = on_fake(monkeypatch, bundle, "boot")
    assert not result.ok
    assert result.targets[3].first_wrong == "1 golden window"


@pytest.mark.parametrize(("fault", "says"), [("hash", "another model"), ("lost", "lost window 9")])
def test_a_board_that_cannot_be_compared(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, fault: str, says: str
) -> None:
    with pytest.raises(LinkError, match=says):
        on_fake(monkeypatch, bundle, fault)


def test_scores_are_compared_by_their_bits() -> None:
    def scores(*values: float) -> reference.Computed:
        return reference.Computed(None, None, np.array(values, np.float32))

    rows = np.arange(3)
    assert compare("x", scores(0.0, 1, np.nan), scores(0.0, 1, np.nan), rows).exact
    target = compare("x", scores(-0.0, 1, np.nan), scores(0.0, 1, 2), rows)
    assert target.score is not None and target.score.wrong == 2
    assert target.input is None and not target.exact


def test_the_result_is_kept_beside_its_bundle(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "waves")
    assert load(bundle.path) is None
    result = verify(bundle.path, windows=10)
    assert VerifyResult.from_json(result.to_json()) == result
    save(result, bundle.path)
    assert load(bundle.path) == result
    small_bundle(tmp_path / "waves", channels=2)  # trained anew: what was verified is another
    assert load(bundle.path) is None
