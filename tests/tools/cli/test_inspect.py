"""`vigil inspect`: what it says of a file, its picture, and the recipe that it writes."""

import io
import json
import math
import re
import shlex
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tools.cli import train
from tools.cli.app import app
from tools.cli.program import load_commands
from training.bundle import read_bundle
from training.bundle.errors import DataError
from training.recipe import read_recipe
from training.suggest import recipe_name


def vigil(*words: str | Path) -> str:
    load_commands("inspect")
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "pump log.csv"
    lines = []
    for i in range(1200):
        x = "" if i == 500 else f"{math.sin(i / 5):.3f}"
        lines.append(
            f"{i / 100 + (7 if i >= 800 else 0):.2f},{x},{20 + (i % 7) / 10},{int(i > 1100)}"
        )
    lines[300:450] = [line.rsplit(",", 2)[0] + ",20.5,0" for line in lines[300:450]]
    path.write_text("time [s],x [g],t [°C],Fault\n" + "\n".join(lines) + "\n")
    return path


def test_a_file(log: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    said = vigil("inspect", log)
    for part in (
        "1,200 frames, 12.0 seconds at 100 frames per second",
        "labels: 1,101 frames normal, 99 abnormal, 0 not known",
        "column time is the clock",
        "1 gap in the time (the longest 7.01 s; the first at row 802)",
        "1 row with missing values (x 1; the first is row 502)",
        "channel t is stuck at 20.5 in rows 301 to 451",
        "column Fault is taken for the label",
        "needed settings: none",
        "picture: ",
    ):
        assert part in said
    assert Path("pump_log.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(tmp_path.glob("*.png"))


def test_the_recipe_and_an_svg(log: Path, tmp_path: Path) -> None:
    vigil("inspect", log, "--recipe", tmp_path / "r.toml", "--picture", tmp_path / "p.svg")
    assert b"<svg" in (tmp_path / "p.svg").read_bytes()[:1000]
    recipe = read_recipe(tmp_path / "r.toml")
    assert recipe.name == "r"  # as the commands that follow will call it
    assert recipe.data.path == str(log)
    assert recipe.windows.length in (4, 8, 16) and recipe.windows.hop <= recipe.windows.length


def test_settings_that_a_file_needs_are_in_its_recipe(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    rows = [f"{i % 13} {math.cos(i / 3):.3f}" for i in range(400)]
    rows[200] = "sensor restarted"
    path.write_text("\n".join(rows) + "\n")
    said = vigil("inspect", path, "-r", tmp_path / "r.toml", "--no-picture")
    assert "1 row of text is left out (the first is row 201)" in said
    assert not list(tmp_path.glob("*.png"))
    needed = 'needed settings: data.header = ["c1", "c2"], data.skip_text = true'
    assert needed in vigil("inspect", path, "--no-picture")
    data = read_recipe(tmp_path / "r.toml").data
    assert data.header == ["c1", "c2"] and data.skip_text


def test_rows_of_windows(tmp_path: Path) -> None:
    for part, count in (("TRAIN", 60), ("TEST", 40)):
        rows = [
            [str(1 + (n % 5 == 4))] + [f"{math.sin((i + n) / 6):.4f}" for i in range(48)]
            for n in range(count)
        ]
        (tmp_path / f"Beats_{part}.txt").write_text("\n".join(map("  ".join, rows)) + "\n")
    vigil("inspect", tmp_path / "Beats_TRAIN.txt", "-r", tmp_path / "r.toml", "--no-picture")
    recipe = read_recipe(tmp_path / "r.toml")
    assert recipe.data.row_is_window == "label first" and recipe.data.normal == ["1"]
    assert recipe.data.test_path.endswith("Beats_TEST.txt")
    assert recipe.windows.length == recipe.windows.hop == 48
    assert recipe.windows.train_hop is None and recipe.split.order == "shuffled"


def test_intervals_beside_the_file(tmp_path: Path) -> None:
    rows = [f"2024-01-01 {i // 60:02d}:{i % 60:02d}:00,{i % 7}" for i in range(600)]
    (tmp_path / "taxi.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    spans = {"known/taxi.csv": [["2024-01-01 05:00:00", "2024-01-01 05:59:00"]]}
    (tmp_path / "combined_windows.json").write_text(json.dumps(spans))
    assert "540 frames normal, 60 abnormal" in vigil(
        "inspect", tmp_path / "taxi.csv", "--no-picture"
    )


def test_the_folder_at_hand(log: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "1,200 frames" in vigil("inspect", ".", "-r", "r.toml", "--no-picture")
    assert read_recipe(Path("r.toml")).data.path == "."
    assert recipe_name(".") == tmp_path.name


def test_the_next_command_takes_no_name_for_an_option(
    log: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log.rename("-pump log.csv")
    said = vigil("inspect", "--no-picture", "--", "-pump log.csv")
    (following,) = re.findall(r"next: (vigil train .*), or --recipe", said)
    _, _, name = shlex.split(following)
    assert "1,200 frames" in vigil("inspect", "--no-picture", name)
    said = vigil("inspect", "--no-picture", name, "--recipe", "-pump.toml")
    assert "next: vigil train ./-pump.toml" in said


def test_several_files_need_a_recipe(log: Path, tmp_path: Path) -> None:
    (tmp_path / "later.csv").write_text(log.read_text())
    said = vigil("inspect", log, tmp_path / "later.csv", "--no-picture")
    assert "next: add --recipe NAME.toml, then vigil train NAME.toml" in said


def test_a_folder(log: Path, tmp_path: Path) -> None:
    (tmp_path / "later.csv").write_text(log.read_text())
    (tmp_path / "notes.csv").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"notes.csv: is a ZIP archive"):
        vigil("inspect", tmp_path, "--no-picture")
    (tmp_path / "notes.csv").unlink()
    said = vigil("inspect", tmp_path, "--no-picture", "-r", tmp_path / "r.toml")
    assert "later.csv" in said and "8.2 %" in said
    assert "2,400 frames" in said
    assert read_recipe(tmp_path / "r.toml").data.path == str(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.csv"], "none.csv: no such file"),
        ([""], "the path is empty; name a file or a folder"),
        (["https://example.com/log.csv"], "is an address; download the file and name it"),
        (["~nobody-of-this-name/log.csv"], "no such user"),
        (["l\udcfcg.csv"], "the name is not UTF-8, as a recipe is; rename it"),
        (["rec.dat"], "rec.dat: is part of a WFDB record; name its header, rec.hea"),
        (["*.xyz"], "no file matches this pattern"),
        (["log.csv", "--picture", "x.bmp"], "x.bmp: must end in .png or .svg"),
        (["log.csv", "--recipe", "x.ini"], "x.ini: must end in .toml"),
    ],
)
def test_what_cannot_be_done(tmp_path: Path, monkeypatch, words, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text("x\n" + "".join(f"{i % 7}\n" for i in range(99)))
    (tmp_path / "rec.hea").write_text("rec 1 360 10\nrec.dat 16\n")
    (tmp_path / "rec.dat").write_bytes(bytes(20))
    load_commands("inspect")
    result = CliRunner().invoke(app, ["inspect", *words], env={"COLUMNS": "200"})
    assert result.exit_code != 0
    assert message in result.output + str(result.exception)


def test_train_takes_a_file_of_samples(log: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert train.is_file(str(log)) and train.is_file("none.csv") and train.is_file("logs/*.csv")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").touch()
    assert not any(train.is_file(n) for n in ("ecg5000", "mine.toml", str(tmp_path / "bundle")))
    recipe = train.write_recipe(Console(file=io.StringIO()), str(log))
    assert recipe == Path("build/pump_log.toml")
    assert read_recipe(recipe, ["fit.epochs=3"]).data.path == str(log)
    with pytest.raises(DataError, match=r"no such user"):
        train.is_file("~nobody-of-this-name/log.csv")
    # What a person has changed is kept.
    edited = recipe.read_text().replace("seed = 1", "seed = 7")
    recipe.write_text(edited)
    out = io.StringIO()
    assert train.write_recipe(Console(file=out), str(log)) == recipe
    assert "kept as build/pump_log-1.toml" in out.getvalue().replace("\n", " ")
    assert Path("build/pump_log-1.toml").read_text() == edited != recipe.read_text()
    train.write_recipe(Console(file=io.StringIO()), str(log))  # nothing was changed
    assert not Path("build/pump_log-2.toml").exists()
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        train.write_recipe(Console(file=io.StringIO()), "none.csv")


def test_train_says_the_settings_that_a_file_needs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = (f"{n},{n % 17 / 4},{'B' if n > 1900 else 'A'}\n" for n in range(2000))
    Path("kinds.csv").write_text("t [s],x,label\n" + "".join(rows))
    out = io.StringIO()
    train.write_recipe(Console(file=out), "kinds.csv")
    assert 'needed settings: data.normal = ["A"]\n' in out.getvalue()
    Path("plain.csv").write_text(
        Path("kinds.csv").read_text().replace(",B", ",1").replace(",A", ",0")
    )
    out = io.StringIO()
    train.write_recipe(Console(file=out), "plain.csv")
    assert "needed" not in out.getvalue()


@pytest.mark.slow
def test_a_file_of_samples_becomes_a_bundle(log: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    load_commands("train")
    words = ["train", str(log), "-s", "fit.epochs=2", "-s", "windows.length=16"]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "column Fault is taken for the label" in result.output
    bundle = read_bundle(Path("build/pump_log"))
    assert bundle.manifest.recipe["data"]["path"] == "pump log.csv"
    assert bundle.manifest.signal.channels == ["x", "t"]


def test_label_words_are_shown_with_their_meaning(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    rows = [f"{math.sin(i / 5):.3f},{'fault' if i > 500 else 'normal'}" for i in range(600)]
    path.write_text("x [g],state\n" + "\n".join(rows) + "\n")
    said = vigil("inspect", "--no-picture", path)
    assert "label column state: normal normal; abnormal fault" in said


def test_pictures_of_files_with_one_name_are_kept_apart(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        rows = "\n".join(f"{math.sin(i / 5):.3f}" for i in range(600))
        (tmp_path / folder / "run.csv").write_text(f"x [g]\n{rows}\n")
    assert "picture: run.png" in vigil("inspect", "a/run.csv")
    assert "picture: run-2.png" in vigil("inspect", "b/run.csv")
    assert "picture: run.png" in vigil("inspect", "a/run.csv")  # the same file again


def test_files_without_a_channel_of_the_first_are_refused_with_the_reason(tmp_path: Path) -> None:
    for name, column in (("x", "b"), ("y", "c")):
        rows = "\n".join(f"{math.sin(i / 5):.3f},{math.cos(i / 7):.3f}" for i in range(600))
        (tmp_path / f"{name}.csv").write_text(f"a,{column}\n{rows}\n")
    with pytest.raises(DataError, match=r"no column b.*need the channels of the first one") as no:
        vigil("inspect", "--no-picture", tmp_path / "x.csv", tmp_path / "y.csv")
    assert "\n" not in str(no.value)
