"""Beats at their annotations: which records train which autoencoder, and the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.measure.ecg import annotated
from tools.measure.ecg.annotated import evaluate_annotated
from tools.report.ecg.annotated import write_page
from training.bundle.errors import DataError
from training.data import mitdb
from training.recipe import read_recipe
from training.windows import Windows

DS1, DS2 = ("101", "106", "108", "109", "112"), ("100", "103")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> annotated.Beats:
    """Records whose first value is their name, and whose every fifth beat is ventricular."""

    def read(wanted: tuple[str, ...]) -> annotated.Beats:
        classes = np.where(np.arange(50) % 5 == 4, 2, 0).astype(np.int16)
        return {
            name: (np.full((50, mitdb.BEAT), int(name), np.int16), classes)
            for name in wanted
            if name in (*DS1, *DS2)
        }

    monkeypatch.setattr(mitdb, "read_patients", read)
    return read((*DS1, *DS2))


def test_no_record_is_judged_by_an_autoencoder_that_saw_it(
    records: annotated.Beats, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fits: list[tuple[set[str], set[str], int]] = []

    def errors(normal: Windows, test: dict[str, Windows], gain: object, recipe: object) -> dict:
        fits.append((set(map(str, normal.counts[:, 0, 0])), set(test), recipe.seed))  # type: ignore[attr-defined]
        assert not normal.labels.any()
        return {
            name: (w.labels.astype(np.float32), 2 * w.labels.astype(np.float32))
            for name, w in test.items()
        }

    monkeypatch.setattr(annotated, "errors_by_stage", errors)
    study = evaluate_annotated(read_recipe("mitdb"), 2)
    assert [seed for *_, seed in fits] == [1] * 5 + [2] * 5
    for train, test, _ in fits:
        assert not train & test and len(train) >= 3
    assert [test for _, test, _ in fits[:5]] == [
        {"101", "112"}, {"106"}, {"108"}, {"109"}, set(DS2)
    ]  # fmt: skip
    assert fits[4][0] == set(DS1)
    page = write_page(study, tmp_path).read_text()
    assert "| V | 50 | 1.000 (1.000 to 1.000) | 1.000 (1.000 to 1.000) | 20 |" in page
    assert "| N flagged: false alarms | 0.0 % (0.0 % to 0.0 %) |" in page
    assert "| DS2 | 103 | 40 | 0 | 10 | 0 | 0 | 1.000 (1.000 to 1.000) |" in page


def test_too_few_records_of_ds1_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitdb, "read_patients", lambda wanted: {})
    with pytest.raises(DataError, match="needs 4 records of DS1 or more, but has 0"):
        evaluate_annotated(read_recipe("mitdb"), 1)
