"""The picture of `vigil inspect`: the whole recording, and a few windows beside it."""

import math
from pathlib import Path

import pytest

from tools.report import inspect_picture
from training.data.csv import Settings
from training.data.files.table import Table, read_table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    lines = [f"{math.sin(i / 7):.3f},{int(600 <= i < 900)}" for i in range(1000)]
    lines[200] = ",0"
    path = tmp_path / "log.csv"
    path.write_text("x,label\n" + "\n".join(lines) + "\n")
    return read_table(path, Settings(path=str(path)))


def test_the_windows_lie_in_the_longest_normal_stretch(table: Table) -> None:
    assert inspect_picture._part(table, 128) == (201 + (399 - 128) // 2, 201 + (399 + 128) // 2)
    assert inspect_picture._part(table, 400) is None


def axes(table: Table, window: int, path: Path, monkeypatch) -> int:
    drawn = []
    save = inspect_picture.Figure.savefig
    monkeypatch.setattr(
        inspect_picture.Figure,
        "savefig",
        lambda figure, *a, **k: (drawn.append(len(figure.axes)), save(figure, *a, **k)),
    )
    inspect_picture.draw([table], path, window)
    assert path.read_bytes()[:4] == b"\x89PNG"
    return drawn[0]


def test_a_long_recording_is_drawn_twice_and_a_short_one_once(
    table: Table, tmp_path: Path, monkeypatch
) -> None:
    assert axes(table, 16, tmp_path / "a.png", monkeypatch) == 2
    assert axes(table, 128, tmp_path / "b.png", monkeypatch) == 1


def test_the_part_beside_a_very_long_recording_is_seen_in_the_whole(
    tmp_path: Path, monkeypatch
) -> None:
    frames = 40_000
    path = tmp_path / "log.csv"
    path.write_text("x\n" + "".join(f"{math.sin(i / 7):.3f}\n" for i in range(frames)))
    widths: list[float] = []
    monkeypatch.setattr(
        inspect_picture.Figure,
        "savefig",
        lambda figure, *_, **__: widths.extend(p.get_width() for p in figure.axes[0].patches),
    )
    inspect_picture.draw([read_table(path, Settings(path=str(path)))], tmp_path / "a.png", 16)
    assert widths == [frames / inspect_picture.VISIBLE]
