"""One board of the gateway: it is opened, streamed from, and waited for when it is away."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.link.session import Session
from tools.monitor.boards.opening import open_sensor_board
from tools.monitor.controls import Controls
from tools.monitor.events import Event, Notice
from tools.monitor.gateway.spool import Spool
from tools.monitor.mqtt.board_topics import BoardTopics, Message, board_id
from tools.monitor.settings import Emulated, Port
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream
from tools.monitor.summary import Tally
from tools.recordings.source import Source
from training.bundle import Bundle
from training.bundle.errors import BoardError, VigilError

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
IDLE_S = 1.0  # the longest time until a command is obeyed
COUNTERS_S = 10.0  # between two messages of the link's counters
SETTLED_S = 60.0  # a stream that ran this long makes the next wait short again

Send = Callable[[Message], None]
MakeTopics = Callable[[str, Controls, Send], BoardTopics]  # of a board's id
Say = Callable[[str, str, str], None]  # level, board and text of a line of the log


@dataclass
class BoardState:
    """What the health page says of a board."""

    tally: Tally = field(default_factory=Tally)
    state: str = "waiting"  # waiting, online, away, offline
    problem: str = ""  # why it is not online


class BoardWorker(threading.Thread):
    """Streams from one board for ever; waits longer after each failure, up to a minute.

    Args:
        target: returns the board, or None while it is not plugged in.
        bundles: the bundles that a board may run, by the hash of the model.
        plays: what an emulated board's sensor measures.
        spool: takes the messages; once they are on the disk, the board may forget their windows.
    """

    def __init__(
        self,
        key: str,
        target: Callable[[], Port | Emulated | None],
        bundles: Mapping[bytes, Bundle],
        plays: Source | None,
        topics: MakeTopics,
        say: Say,
        spool: Spool,
    ) -> None:
        super().__init__(name=f"board {key}", daemon=True)
        self.key, self.state = key, BoardState()
        self._target, self._bundles, self._plays = target, bundles, plays
        self._make_topics, self._say, self._spool = topics, say, spool
        self._last = 0  # number in the spool of the last message
        self._controls: Controls | None = None
        self._stop_asked, self._wake = threading.Event(), threading.Event()
        self.topics: BoardTopics | None = None  # once the board has answered

    def stop(self, reason: str) -> None:
        """End the stream; `join` waits for its end."""
        self._stop_asked.set()
        self._wake.set()
        if self._controls is not None:
            self._controls.quit(reason)

    def retry(self) -> None:
        """Try at once to reach the board, if it is away."""
        self._wake.set()

    def run(self) -> None:
        wait = FIRST_WAIT_S
        while not self._stop_asked.is_set():
            began = time.monotonic()
            try:
                self._stream()
            except VigilError as problem:
                self._problem_is(str(problem))
            except Exception as problem:  # a defect: it must not end the board's thread in silence
                self._problem_is("".join(traceback.format_exception(problem)))
            # `offline` once the gateway ends; until then the board is expected back.
            self._status_is("offline" if self._stop_asked.is_set() else "away")
            wait = FIRST_WAIT_S if time.monotonic() - began > SETTLED_S else wait
            self._wake.wait(wait)
            self._wake.clear()
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _stream(self) -> None:
        target = self._target()
        if target is None:
            raise BoardError("not plugged in")
        controls = self._controls = Controls()
        if self._stop_asked.is_set():
            return
        with contextlib.ExitStack() as stack:
            stack.callback(controls.quit, "the stream has ended")  # then, commands are refused
            bundle = self._bundle_of(target)
            board = stack.enter_context(
                open_sensor_board(
                    bundle,
                    self._plays if isinstance(target, Emulated) else None,
                    target,
                    abandon=controls.out_of_time,
                    keep=lambda: self._spool.wait_until_written(self._last),
                )
            )
            topics = self.topics = self._make_topics(board_id(board.facts), controls, self._send)
            self._status_is("online")
            self.state.problem = ""
            model = f"{board.facts.model} {board.facts.model_hash}"
            self._say("info", self.key, f"{model} streams to {topics.root}")
            Stream(
                board,
                board.source,
                controls,
                Broadcast([self.state.tally, topics, _Log(self)], controls),
                idle_seconds=IDLE_S,
                counters_seconds=COUNTERS_S,
            ).run()

    def _send(self, message: Message) -> None:
        self._last = self._spool.put(message)

    def _problem_is(self, problem: str) -> None:
        if problem != self.state.problem:
            self._say("warning", self.key, problem)
        self.state.problem = problem

    def _status_is(self, status: str) -> None:
        if self.topics is not None and status != self.state.state:
            self.topics.send(self.topics.status(status))
        self.state.state = status

    def _bundle_of(self, target: Port | Emulated) -> Bundle:
        if len(self._bundles) == 1 or isinstance(target, Emulated):
            return next(iter(self._bundles.values()))
        with Session.open(target.name) as session:
            model_hash, model = session.board.model_hash, session.board.model
        if model_hash not in self._bundles:
            raise BoardError(
                f"the board runs {model} ({model_hash.hex()}), which is none of the gateway's "
                "bundles"
            )
        return self._bundles[model_hash]

    def note(self, event: Notice) -> None:
        """Write a notice of the stream to the log."""
        if event.answers is not None:
            self.state.state = "online" if event.answers else "away"
            self.state.problem = "" if event.answers else event.text
        self._say(event.severity.value, self.key, event.text)


class _Log:
    """The sink that writes a stream's notices to the log."""

    def __init__(self, worker: BoardWorker) -> None:
        self._worker = worker

    def handle(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._worker.note(event)

    def close(self) -> None:
        pass


def keys_of(targets: Sequence[Port | Emulated]) -> list[str]:
    """Return a name for each board: its port, or emulated-1 and so on."""
    emulated = 0
    names = []
    for target in targets:
        if isinstance(target, Emulated):
            emulated += 1
            names.append(f"emulated-{emulated}")
        else:
            names.append(target.name)
    return names
