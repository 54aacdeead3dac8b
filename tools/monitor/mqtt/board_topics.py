"""One board's topics: its events as messages, and the commands that a client may publish.

Below the prefix and the board's id:

    status     online, away (the board does not answer) or offline; retained
    board      descriptions of board and source; retained
    score      one message per window
    flag       the same, for flagged windows only
    not_judged windows that the quality gate rejected, with the reason
    alarm      the alarm over windows was raised or cleared; retained
    drift      whether the board should be calibrated again; retained
    lost       windows without a score for another reason
    missing    frames without a sample
    link       counters of both ends; retained
    threshold  the board's, at the start and after each change; retained
    calibration the board's own calibration, and the source of its threshold; retained
    wearer     what the board knows about the person who wears it; retained
    event      marks, pauses, restarts, notices, the end
    command    is read if commands are allowed; reply has the answers

Every payload but `status` is a JSON object, with its time `ts`, the `stream` that it belongs to,
and the version `schema` of its form.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tools.boards.ports import serial_number
from tools.monitor.controls import (
    Accept,
    Acknowledge,
    Command,
    Controls,
    Mark,
    RenewWearer,
    SetPaused,
    SetThreshold,
    is_threshold,
)
from tools.monitor.events import (
    AlarmChanged,
    BoardFacts,
    CalibrationStatus,
    DriftChanged,
    Event,
    LinkCounters,
    Notice,
    RecordingAsked,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    ThresholdChanged,
    View,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.mqtt.home_assistant import BIRTH, discovery, discovery_topic
from tools.monitor.views import as_json
from tools.monitor.wall_clock import WallClock
from training.bundle.validation import brief

# Topics whose last message the broker keeps.
RETAINED = ("status", "board", "link", "alarm", "drift", "threshold", "calibration", "wearer")
SCHEMA = 1  # of the payloads; a new field keeps it, any other change raises it
COMMAND_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: UTF-8 text on a topic, at least once, in order (QoS 1)."""

    topic: str
    text: str
    retain: bool = False


class BoardTopics(View):
    """Turns one board's events into messages.

    Args:
        prefix: of the topics.
        board_id: names the board in topics.
        send: publishes a message.
        home_assistant: prefix of Home Assistant's discovery topics; None: none is published.
        controls: obeys the commands of the broker's clients; None: nothing is read.
        gateway_status: topic that says whether the gateway is online; empty: there is none.
    """

    def __init__(
        self,
        prefix: str,
        board_id: str,
        send: Callable[[Message], object],
        home_assistant: str | None = None,
        controls: Controls | None = None,
        gateway_status: str = "",
    ) -> None:
        self.root, self._id, self.send = f"{prefix}/{board_id}", board_id, send
        self._home_assistant, self._controls = home_assistant, controls
        self._gateway_status = gateway_status
        self._clock = WallClock()
        self._started: Started | None = None
        self._stream = 0  # Unix milliseconds of its start
        self._has_wearer = False

    @property
    def subscriptions(self) -> list[str]:
        """The topics to read."""
        topics = [] if self._controls is None else [f"{self.root}/command"]
        if self._home_assistant is not None:
            topics.append(f"{self._home_assistant}/{BIRTH}")
        return topics

    def status(self, status: str) -> Message:
        """Return the message that says online, away or offline."""
        return Message(f"{self.root}/status", status, retain=True)

    def handle(self, event: Event) -> None:
        ts = self._clock.stamp(event)
        match event:
            case SamplesSent() | RecordingAsked():
                return
            case Started():
                self._started = event
                self._stream = ts if event.began is None else 1000 * event.began
                self.announce()
                self._publish("board", _values(event), ts, retain=True)
                # Replace the retained threshold of an earlier run.
                now = ThresholdChanged(event.board.threshold)
                self._publish("threshold", _values(now), ts, retain=True)
                frame = event.resume_frame
                index = frame // event.board.hop
                if event.board.alarm:
                    no_alarm = AlarmChanged(index, frame, False)
                    no_drift = DriftChanged(index, frame, False)
                    self._publish("alarm", _values(no_alarm), ts, retain=True)
                    self._publish("drift", _values(no_drift), ts, retain=True)
            case WindowScored():
                values = _values(event)
                self._publish("score", values, ts)
                if event.flag:
                    self._publish("flag", values, ts)
            case WindowNotJudged():
                self._publish("not_judged", _values(event), ts)
            case AlarmChanged():
                self._publish("alarm", _values(event), ts, retain=True)
            case DriftChanged():
                self._publish("drift", _values(event), ts, retain=True)
            case WindowsLost():
                self._publish("lost", _values(event), ts)
            case SamplesLost():
                self._publish("missing", _values(event), ts)
            case LinkCounters():
                self._publish("link", _values(event), ts, retain=True)
            case WearerStatus():
                if not self._has_wearer:
                    self._has_wearer = True
                    self.announce()
                self._publish("wearer", _values(event), ts, retain=True)
            case CalibrationStatus():
                self._publish("calibration", _values(event), ts, retain=True)
            case ThresholdChanged():
                self._publish("threshold", _values(event), ts, retain=True)
            case Notice(answers=bool(answers)):
                self._publish("event", as_json(event), ts)
                self.send(self.status("online" if answers else "away"))
            case Restarted():
                self._stream = ts if event.began is None else 1000 * event.began
                self._publish("event", as_json(event), ts)
            case _:
                self._publish("event", as_json(event), ts)

    def announce(self) -> None:
        """Describe the board to Home Assistant. Retained, so that a later start finds it too."""
        if self._home_assistant is None or self._started is None:
            return
        started, commands = self._started, self._controls is not None
        units = f"{started.source.noun}s"
        values = discovery(
            *(started.board, self._id, self.root, units, commands),
            *(self._gateway_status, self._has_wearer),
        )
        topic = discovery_topic(self._home_assistant, self._id)
        self.send(Message(topic, json.dumps(values), retain=True))

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message of the broker: Home Assistant's birth, or a command."""
        if topic == f"{self._home_assistant}/{BIRTH}":
            if payload == b"online":
                self.announce()
        elif topic == f"{self.root}/command" and self._controls is not None and not retained:
            self._obey(self._controls, payload)  # an old command is not a new one

    def _obey(self, controls: Controls, payload: bytes) -> None:
        given: dict[str, Any] = {}
        try:
            given, command = command_of(payload)
            if controls.quitting:
                raise ValueError("the board does not answer")
            controls.ask(command)
            answer: dict[str, Any] = {"accepted": True}
        except ValueError as problem:
            answer = {"accepted": False, "error": str(problem)}
        if isinstance(number := given.get("id"), str | int):
            answer["id"] = number if isinstance(number, int) else brief(number)
        self._publish("reply", answer, round(1000 * time.time()))

    def _publish(self, topic: str, values: dict[str, Any], ts: int, retain: bool = False) -> None:
        own = {"ts": ts, "stream": self._stream, "schema": SCHEMA}
        text = json.dumps({**values, **own}, allow_nan=False)
        self.send(Message(f"{self.root}/{topic}", text, retain))


def command_of(payload: bytes) -> tuple[dict[str, Any], Command]:
    """Return a command's JSON object and its meaning.

    Raises:
        ValueError: it is none; the message says what a command is.
    """
    form = (
        'a command is {"threshold": NUMBER}, {"accept": true or WINDOW}, {"wearer": "new"}, '
        '{"acknowledge": true}, {"paused": true or false} or {"mark": TEXT}'
    )
    try:
        given = json.loads(payload) if len(payload) <= COMMAND_BYTES else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ValueError(form)
    match given:
        case {"threshold": float() | int() as value} if is_threshold(value):
            return given, SetThreshold(float(value))
        case {"paused": bool(paused)}:
            return given, SetPaused(paused)
        case {"mark": str(text)}:
            return given, Mark(text)
        case {"accept": True}:
            return given, Accept()
        case {"accept": int(window)} if not isinstance(window, bool) and window >= 0:
            return given, Accept(window)
        case {"wearer": "new"}:
            return given, RenewWearer()
        case {"acknowledge": True}:
            return given, Acknowledge()
    raise ValueError(form)


def board_id(board: BoardFacts) -> str:
    """Return what names a board in topics: its name, else its USB serial number, else its port.

    Topics and Home Assistant allow letters, digits, _ and -.
    """
    if board.name:
        return board.name
    port = PurePath(board.port).name
    name = f"emulated-{port}" if board.emulated else serial_number(board.port) or port
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _values(event: Event) -> dict[str, Any]:
    values = as_json(event)
    del values["event"]
    values.pop("reconstruction", None)
    return values
