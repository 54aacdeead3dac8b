"""`vigil evaluate`: the page of an ECG bundle, from records that are at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support.ecg import ecg, regular_peaks
from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.cli.program import app, load_commands
from tools.measure.bench.small_bundle import small_bundle
from tools.measure.ecg import families, study
from tools.measure.ecg.board import run_on_board
from tools.measure.ecg.records import chain_of, read_records
from training.beats import beats_at
from training.bundle import Bundle
from training.bundle.errors import DataError
from training.bundle.manifest import Wearer
from training.windows import Windows

SECONDS, RATE = 420, 360.0
RECORDS = ("101", "106", "100", "103")


def write_record(folder: Path, name: str) -> None:
    """Write seven minutes with an upside-down ventricular beat in twenty."""
    import wfdb

    peaks = regular_peaks(RATE, SECONDS, seed=int(name))
    normal = np.arange(len(peaks)) % 20 != 19
    signal = ecg(peaks[normal], RATE, int(SECONDS * RATE)).astype(int)
    signal -= ecg(peaks[~normal], RATE, len(signal), noise=0.0)
    wfdb.wrsamp(
        name,
        RATE,
        ["mV"],
        ["MLII"],
        d_signal=signal[:, None] + 1024,
        fmt=["212"],
        adc_gain=[200.0],
        baseline=[1024],
        write_dir=str(folder),
    )
    symbols = ["N" if usual else "V" for usual in normal]
    wfdb.wrann(name, "atr", peaks, symbols, write_dir=str(folder))


def wearer_bundle(path: Path) -> Bundle:
    return small_bundle(
        path,
        window=144,
        segmenter=beats_at(180.0, 144, 54),
        rate_hz=180.0,
        wearer=Wearer(score="template", first=40, length=72, shift=4, learn=100),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "mitdb").mkdir()
    for name in RECORDS:
        write_record(folder / "mitdb", name)
    return folder


def evaluate(*arguments: str) -> tuple[int, str]:
    load_commands("evaluate")
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def errors(
    normal: Windows, test: dict[str, Windows], gain: object, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A float model that sees every abnormal beat, and an int8 one that does with seed 1."""
    seen = {
        name: np.where(each.labels == 1, 50, 1).astype(np.float32) for name, each in test.items()
    }
    return {name: (each, each if seed == 1 else np.ones_like(each)) for name, each in seen.items()}


@pytest.mark.slow
def test_the_page_has_the_records_at_hand(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIL_DATA", str(data))
    monkeypatch.setattr(study, "DECIBELS", (24.0, 6.0))
    monkeypatch.setattr("tools.report.ecg.tables.DECIBELS", (24.0, 6.0))
    bundle = wearer_bundle(tmp_path / "ecg")
    monkeypatch.setattr(families, "make_recipe", lambda settings: settings["seed"])
    monkeypatch.setattr(families, "errors_by_stage", errors)
    code, printed = evaluate(str(bundle.path), "--seeds", "2", "--docs", str(tmp_path))
    page = (tmp_path / "ecg.md").read_text()
    assert code == 0 and str(tmp_path / "ecg.md") in printed.replace("\n", "")
    assert "record 101\n" in printed  # progress, also where no terminal shows a status
    assert "2 of DS1's 22 records and 2 of DS2's 22 were at hand: 100 103" in page
    assert "written by `vigil evaluate ecg --seeds 2`" in page
    # The int8 model of seed 2 is blind, so that `both` is as good as the wearer's forms alone.
    assert "| `autoencoder` | float | 1.0000 (1.0000) | 1.0000 (1.0000) |" in page
    assert "On DS1, `template` is best for V and F" in page
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines()]
    asked = {row[1]: row[2:6] for row in rows if len(row) == 7}
    assert asked["AUROC of V and F, pooled"] == ["0.975", "1.0000", "1.0000", ""]
    assert asked["QRS sensitivity"] == ["99.85 %", "100.00 %", "100.00 %", "100.00 %"]
    assert (tmp_path / "images" / "ecg-missed.png").stat().st_size > 1000


def test_a_bundle_without_a_wearer_is_one_line(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIL_DATA", str(data))
    bundle = small_bundle(tmp_path / "waves")
    with pytest.raises(DataError, match="such as that of `vigil train ecg`"):
        evaluate(str(bundle.path), "--docs", str(tmp_path))


def test_a_folder_that_cannot_be_written_is_one_line_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"cannot be written: .*; choose another folder"):
        evaluate("missing", "--docs", str(tmp_path / "file" / "docs"))


def test_beats_at_annotations_take_no_board(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "beats", data_set="mitdb")
    load_commands("evaluate")
    arguments = ["evaluate", str(bundle.path), "--board", "--docs", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and "without a board" in result.output


def test_too_few_records_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mitdb").mkdir()
    write_record(tmp_path / "mitdb", "101")
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    with pytest.raises(DataError, match="fewer than two records of DS1"):
        evaluate(str(wearer_bundle(tmp_path / "ecg").path), "--docs", str(tmp_path))


@pytest.mark.toolchain
def test_a_record_on_the_emulated_board_equals_the_host(data: Path, tmp_path: Path) -> None:
    bundle = wearer_bundle(tmp_path / "ecg")
    chain = chain_of(bundle)
    records = read_records(data / "mitdb", RECORDS[:2], chain)
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board:
        run = run_on_board(bundle, board.port, chain, records, lambda _: None)
        assert (run.records, run.differing) == (2, 0) and run.beats > 700
        # A wearer who is learned from fewer beats differs from the first beat that is judged.
        other = chain_of(bundle).wearer.model_copy(update={"learn": 90})
        run = run_on_board(
            bundle, board.port, replace(chain, wearer=other), records[:1], lambda _: None
        )
    assert run.differing >= 10
