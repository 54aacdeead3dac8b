"""The log of a stream: one sentence for what happened, with its severity, never cut."""

from __future__ import annotations

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tools.monitor.controls import Controls
from tools.monitor.events import (
    AlarmChanged,
    Ended,
    Event,
    Notice,
    RecordingChanged,
    SamplesLost,
    Severity,
    Started,
    ThresholdChanged,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.history import History
from tools.monitor.notices import ENTRIES, Log
from tools.monitor.terminal.log_panel import log_panel, newest
from tools.monitor.web.hub import Hub


def log_of(*events: Event) -> Log:
    log = Log()
    for event in events:
        log.take(event)
    return log


def started() -> Started:
    return Started(FakeBoard().facts, source().facts, 0)


def said(log: Log) -> list[tuple[str, str]]:
    return [(entry.severity.value, entry.text) for entry in log.entries]


def test_what_happened_is_said_with_its_severity() -> None:
    log = log_of(
        started(),
        ThresholdChanged(2e5),
        AlarmChanged(3, 60, True),
        Notice("the board does not answer; waiting", False, Severity.WARNING),
        RecordingChanged(False, "run.csv", "run.csv: cannot be written: No space left on device"),
        Ended(False, "by key"),
    )
    assert said(log) == [
        ("info", "threshold is now 2.0e+05, before 1.0e+05"),
        ("alarm", "alarm raised by beat 3"),
        ("warning", "the board does not answer; waiting"),
        (
            "error",
            "the recording has ended: run.csv: cannot be written: No space left on device",
        ),
        ("info", "the stream has ended: by key"),
    ]


def test_losses_that_follow_each_other_are_one_entry() -> None:
    log = log_of(
        started(),
        SamplesLost(0, 10, "lead_off"),
        SamplesLost(10, 10, "lead_off"),
        SamplesLost(20, 10, "overrun"),
        WindowsLost(4, 1, "gap"),
        WindowsLost(5, 2, "gap"),
        WindowsLost(9, 1, "gap"),
    )
    assert [text for _, text in said(log)] == [
        "no samples 0 to 19: lead_off",
        "no samples 20 to 29: overrun",
        "lost: beat 4 to 6: gap",
        "lost: beat 9: gap",
    ]
    assert [entry.number for entry in log.entries] == [0, 1, 2, 3]


def test_hours_without_a_judgement_are_two_entries() -> None:
    rejected = [WindowNotJudged(n, n * WINDOW, "flat") for n in range(1000)]
    log = log_of(started(), *rejected, WindowScored(1000, 1000 * WINDOW, 0.1, 0.5, False, 50))
    assert said(log) == [
        ("warning", "not judged from beat 0 on: flat"),
        ("info", "judged again from beat 1000 on; 1000 beats were not"),
    ]


def test_the_log_is_bounded() -> None:
    log = log_of(*(Notice(f"notice {n}") for n in range(3 * ENTRIES)))
    assert len(log.entries) == ENTRIES and log.last == f"notice {3 * ENTRIES - 1}"


def test_terminal_and_browser_show_the_same_sentences() -> None:
    history, hub = History(), Hub()
    view = hub.view("one", Controls())
    for event in (started(), Notice("one"), SamplesLost(0, 5, "gap"), SamplesLost(5, 5, "gap")):
        history.handle(event)
        view.handle(event)
    news, past = hub.news_and_past()
    texts = [entry.text for entry in history.log.entries]
    assert texts == ["one", "no samples 0 to 9: gap"]
    logs = [[e for e in each[0]["events"] if e["event"] == "log"] for each in (news, past)]
    assert [e["text"] for e in logs[1]] == texts
    # The live page gets an entry that grew again, under its number.
    assert [(e["number"], e["text"]) for e in logs[0]][-2:] == [
        (1, "no samples 0 to 4: gap"),
        (1, "no samples 0 to 9: gap"),
    ]


def test_the_log_can_be_read_back_whole_in_any_terminal() -> None:
    history = History()
    history.handle(started())
    long = "a message of many words that says why something failed"
    for n in range(40):
        history.handle(Notice(f"{n}: {long}, {long}"))
    for width, height in ((58, 9), (78, 18), (198, 40)):
        lines = [line.plain for line in log_panel(history, width, height)]
        assert len(lines) == height and all(len(line) <= width for line in lines)
        assert f"39: {long}, {long}" in " ".join(" ".join(lines).split())
    assert " 0: a message" in log_panel(history, 78, 6, back=39)[0].plain
    assert newest(history, 40).endswith("…") and "39: a message" in newest(history, 40)
