"""Where a recording may be written: not over another, its source, or a symbolic link."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.monitor_board import source
from tools.monitor.recorder import Recorder
from tools.recordings.registry import check_target
from training.bundle.errors import DataError


@pytest.mark.parametrize("name", ["run.txt", "missing/run.csv", "missing/run.npz"])
def test_a_recording_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=name.split("/")[0]):
        Recorder(tmp_path / name, source(1).frame_labels)


@pytest.mark.parametrize(
    ("there", "name"),
    [
        ("run.csv", "run.csv"),
        ("run.samples.csv", "run.csv"),
        ("run.npz", "run.npz"),
        ("run.hea", "run.hea"),
        ("run.dat", "run.hea"),
        ("run.csv", "run.hea"),
        ("run.flag", "run.hea"),
    ],
)
def test_no_recording_takes_the_place_of_another_unasked(
    tmp_path: Path, there: str, name: str
) -> None:
    (tmp_path / there).write_text("hours of work")
    with pytest.raises(DataError, match=rf"{there}: exists; .*--overwrite"):
        check_target(tmp_path / name, None, overwrite=False)
    check_target(tmp_path / name, None, overwrite=True)
    check_target(tmp_path / "other.csv", tmp_path / there, overwrite=False)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ("run.samples.csv", "run.csv"),
        ("link.csv", "run.csv"),
        ("run.csv", "run.hea"),
        ("run.npz", "run.npz"),
        ("run.hea", "run.csv"),  # beside a record lie its scores
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_no_recording_takes_the_place_of_its_source(
    tmp_path: Path, read: str, name: str, overwrite: bool
) -> None:
    for each in ("run.csv", "run.samples.csv", "run.npz", "run.hea"):
        (tmp_path / each).write_text("what is streamed")
    (tmp_path / "link.csv").symlink_to("run.samples.csv")
    with pytest.raises(DataError, match="is the source of the stream"):
        check_target(tmp_path / name, tmp_path / read, overwrite)


@pytest.mark.parametrize("name", ["run.csv", "run.npz", "run.hea"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recording_follows_no_symbolic_link(tmp_path: Path, name: str, overwrite: bool) -> None:
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(DataError, match="symbolic link"):
        check_target(tmp_path / name, None, overwrite)


@pytest.mark.parametrize(
    ("recording", "link"),
    [
        ("run.csv", "run.csv"),
        ("run.csv", "run.samples.csv"),
        ("run.hea", "run.csv"),
        ("run.hea", "run.dat"),
    ],
)
def test_a_link_that_appears_after_the_check_is_not_followed(
    tmp_path: Path, recording: str, link: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("hours of work")
    (tmp_path / link).symlink_to(precious)
    with pytest.raises(DataError, match="cannot be written"):
        Recorder(tmp_path / recording, source(1).frame_labels)
    assert precious.read_text() == "hours of work"
