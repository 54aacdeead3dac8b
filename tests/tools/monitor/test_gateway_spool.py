"""The gateway's spool: in order, bounded, and honest about what it drops."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE, wait_until
from tools.monitor.gateway import spool as spool_module
from tools.monitor.gateway.spool import MANY_ACKNOWLEDGED, MOST_IN_MEMORY, Spool
from tools.monitor.mqtt.board_topics import Message
from training.bundle.errors import DataError


def messages(count: int, first: int = 0) -> list[Message]:
    return [Message("vigil/one/score", str(k)) for k in range(first, first + count)]


def texts(spool: Spool) -> list[str]:
    return [message.text for _, message in spool.take(0, 1000)]


def test_a_spool_keeps_its_messages_in_order_over_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for message in messages(50):
        spool.put(message)
    wait_until(lambda: len(texts(spool)) == 50)
    spool.acknowledge(spool.take(0, 1)[0][0])
    spool.close()
    again = Spool(tmp_path / "spool")
    assert again.depth == 49
    again.put(Message("vigil/one/status", "online", retain=True))
    wait_until(lambda: len(texts(again)) == 50)
    assert texts(again) == [*map(str, range(1, 50)), "online"]
    assert [m.retain for _, m in again.take(0, 1000)] == [False] * 49 + [True]
    again.close()


def test_what_the_broker_has_is_removed_with_new_messages_or_when_it_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "REMOVAL_SECONDS", 10 * PATIENCE)
    spool = Spool(tmp_path / "spool")
    spool.put(messages(1)[0])
    wait_until(lambda: spool.commits == 1)
    spool.acknowledge(spool.take(0, 1)[0][0])
    for message in messages(MANY_ACKNOWLEDGED, first=1):
        spool.put(message)
    wait_until(lambda: len(texts(spool)) == MANY_ACKNOWLEDGED)
    for number, _ in spool.take(0, MANY_ACKNOWLEDGED):
        spool.acknowledge(number)
    wait_until(lambda: texts(spool) == [])
    assert spool.depth == 0
    spool.close()
    again = Spool(tmp_path / "spool")
    assert texts(again) == []
    again.close()


def test_a_spool_is_bounded_and_says_what_it_drops(tmp_path: Path) -> None:
    said: list[str] = []
    spool = Spool(tmp_path / "spool", most=10, say=lambda _, text: said.append(text))
    for message in messages(25):
        spool.put(message)
    wait_until(lambda: spool.dropped == 15)
    assert texts(spool) == [str(k) for k in range(15, 25)]
    for number, _ in spool.take(0, 5):
        spool.acknowledge(number)
    wait_until(lambda: len(said) == 2)
    assert "full with 10 messages: the oldest are dropped" in said[0]
    assert "15 messages were dropped" in said[1]
    spool.close()


def test_a_full_spool_keeps_the_newest_state_of_each_topic(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", most=4)
    states = [
        Message(f"vigil/{board}/status", text, retain=True)
        for board, text in (("one", "away"), ("one", "online"), ("two", "online"))
    ]
    for message in (*states, *messages(20)):
        spool.put(message)
    wait_until(lambda: spool.dropped == 19)
    assert texts(spool) == ["online", "online", "18", "19"]
    spool.close()


def test_a_full_spool_keeps_what_is_under_way(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", most=5)
    for message in messages(5):
        spool.put(message)
    wait_until(lambda: len(spool.take(0, 2)) == 2)
    under_way = [number for number, _ in spool.take(0, 2)]
    for message in messages(4, 5):
        spool.put(message)
    wait_until(lambda: spool.dropped == 4)
    assert texts(spool) == ["0", "1", "6", "7", "8"]
    for number in under_way:
        spool.acknowledge(number)
    wait_until(lambda: len(texts(spool)) == 3)
    assert (spool.depth, spool.dropped) == (3, 4)
    spool.close()


def test_the_last_of_the_disk_is_left_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    spool = Spool(tmp_path / "spool", say=lambda _, text: said.append(text))
    for message in messages(3):
        spool.put(message)
    wait_until(lambda: len(texts(spool)) == 3)
    monkeypatch.setattr(Spool, "_has_room", lambda _: False)
    spool.put(messages(1, 3)[0])
    wait_until(lambda: said)
    assert "the disk has less than 16 MB left; messages wait in memory" in said[0]
    for number, _ in spool.take(0, 3):
        spool.acknowledge(number)
    wait_until(lambda: not texts(spool))  # removing goes on
    assert spool.depth == 1
    monkeypatch.undo()
    wait_until(lambda: texts(spool) == ["3"])
    spool.close()


def test_a_full_disk_keeps_messages_in_memory_until_there_is_room(tmp_path: Path) -> None:
    said: list[str] = []
    spool = Spool(tmp_path / "spool", say=lambda _, text: said.append(text))
    spool._file.execute("PRAGMA max_page_count = 1")
    for message in messages(MOST_IN_MEMORY + 5):
        spool.put(message)
    wait_until(lambda: said)
    assert "full; messages wait in memory" in said[0]
    kept = MOST_IN_MEMORY + 5 - spool.dropped
    spool._file.execute("PRAGMA max_page_count = 1000000")
    wait_until(lambda: len(spool.take(0, MOST_IN_MEMORY)) == kept)
    spool.close()
    assert [line.removeprefix(f"{spool.path}: ") for line in said[1:]] == [
        "can be written again",
        f"{spool.dropped} messages were dropped",
    ]


def test_a_disk_that_is_gone_is_said_and_holds_up_no_board(tmp_path: Path) -> None:
    folder, said = tmp_path / "disk", list[tuple[str, str]]()
    folder.mkdir()
    spool = Spool(folder / "spool", say=lambda level, text: said.append((level, text)))
    folder.rename(tmp_path / "pulled")
    spool.wait_until_written(spool.put(messages(1)[0]))
    problem = f"{folder / 'spool'}: cannot be written: No such file or directory"
    assert said == [("error", f"{problem}; messages wait in memory")]
    assert spool.problem == said[0][1]
    (tmp_path / "pulled").rename(folder)
    wait_until(lambda: texts(spool) == ["0"])
    assert said[1:] == [("info", f"{folder / 'spool'}: can be written again")]
    spool.close()


def test_what_is_no_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hours of work" * 1000)
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "locked.lock").symlink_to("text")
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE accounts (name TEXT)")
    other.close()
    for name, reason in (
        ("text", "not a database"),
        ("other", "database of another program"),
        ("link", "symbolic"),
        ("locked", "symbolic"),
        ("x" * 300, "too long"),
        ("no/where", "no such folder"),
    ):
        with pytest.raises(DataError, match=reason):
            Spool(tmp_path / name)
    assert (tmp_path / "text").read_text() == "hours of work" * 1000


def test_two_gateways_do_not_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with pytest.raises(DataError, match="another gateway uses this spool"):
        Spool(tmp_path / "spool")
    spool.close()
    Spool(tmp_path / "spool").close()
