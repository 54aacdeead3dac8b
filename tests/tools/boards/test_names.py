"""The user's names for boards."""

import pytest

from tools.boards import names
from training.bundle.errors import BoardError, DataError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "names_file", lambda: tmp_path / "config" / "boards.json")
    return tmp_path / "config"


def test_a_name_is_kept_changed_and_forgotten():
    assert names.name_of("7C1A") == ""
    names.keep_name("7C1A", "pump-3")
    names.keep_name("99", "fan")
    assert (names.name_of("7C1A"), names.name_of("99")) == ("pump-3", "fan")
    names.keep_name("7C1A", "")
    assert (names.name_of("7C1A"), names.name_of("99")) == ("", "fan")


@pytest.mark.parametrize("name", ["pump 3", "a/b", "#", "x" * 33, "pümp"])
def test_a_name_that_topics_do_not_allow(name):
    with pytest.raises(BoardError, match="letters, digits"):
        names.keep_name("7C1A", name)


@pytest.mark.parametrize(
    "text", ["no JSON", "[1, 2]", '{"7C1A": 3}', '{"7C1A": "a/b"}', "[" * 9999]
)
def test_a_damaged_file_names_nothing_and_is_replaced(folder, text):
    folder.mkdir()
    (folder / "boards.json").write_text(text)
    assert names.name_of("7C1A") == ""
    names.keep_name("7C1A", "pump-3")
    assert names.name_of("7C1A") == "pump-3"


def test_no_two_boards_have_one_name():
    names.keep_name("7C1A", "pump-3")
    with pytest.raises(BoardError, match="another board"):
        names.keep_name("99", "pump-3")


def test_a_folder_that_cannot_be_written_is_said(folder):
    folder.write_text("a file in its place")
    with pytest.raises(DataError, match=r"cannot be (read|written)"):
        names.keep_name("7C1A", "pump-3")
