"""Messages on disk until the broker has them, so that neither an outage nor a restart loses one.

SQLite with a write-ahead log, committed to the disk in batches. A message that was written and not
acknowledged is sent again after a restart: at least once, in order.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tools.monitor.mqtt.board_topics import Message
from training.bundle.errors import DataError

BATCH_SECONDS = 0.03
# Messages that the broker has are removed together with the next new ones, which saves a write;
# at once if there are so many, and after this time if there are no new ones.
MANY_ACKNOWLEDGED = 100
REMOVAL_SECONDS = 1.0
MOST_IN_MEMORY = 10_000  # messages that wait for a disk that cannot be written
# Below so many free bytes of the disk, nothing is added, because removing messages needs some.
RESERVED_BYTES = 16 << 20
MOST_REMOVED = 1000  # messages in one transaction, which is written beside the file first
_DISK_ERRORS = (sqlite3.Error, OSError)

_TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, text TEXT NOT NULL,
    retain INTEGER NOT NULL
)
"""
_OWN_INDEX = "CREATE INDEX IF NOT EXISTS retained ON messages (topic, id) WHERE retain"
# Messages under way to the broker stay, and so does the newest retained message of each topic.
_DROP = """
DELETE FROM messages WHERE id IN (
    SELECT id FROM messages AS old WHERE id > ? AND (NOT retain OR EXISTS (
        SELECT 1 FROM messages WHERE retain AND topic = old.topic AND id > old.id
    )) ORDER BY id LIMIT ?
)
"""


class Spool:
    """A queue of messages in a file; any thread may put, one thread takes.

    Args:
        path: the file; a spool that exists is continued.
        most: messages to keep; beyond, the oldest are dropped and counted.
        say: is called with level and text if the disk fails, and if messages are dropped.

    Attributes:
        dropped: messages that were dropped since the start.
        problem: why the file cannot be written; empty: it can.
        commits: changes of the file since the start.

    Raises:
        DataError: the file cannot be written, or is no spool.
    """

    def __init__(
        self,
        path: Path,
        most: int = 1_000_000,
        say: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self.path, self._most, self._say = path, most, say
        self.dropped = self._dropped_said = 0
        self._is_full = False
        self._new: list[Message] = []
        self._acknowledged: list[int] = []
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self.commits = 0
        self._put = self._committed = 0  # messages since the start
        self._taken = 0  # id of the newest message that was taken
        self._drop_or_take = threading.Lock()
        self._written = threading.Condition(self._lock)
        self._closing = False
        self.problem = ""
        self._one = FileLock(f"{path}.lock")
        try:
            for file in (path, Path(self._one.lock_file)):
                if file.is_symlink():
                    raise DataError(f"{file}: is a symbolic link; give a file")
            if not path.parent.is_dir():
                raise DataError(f"{path}: there is no such folder")
            self._one.acquire(timeout=0)
            self._file, self._reader = (
                sqlite3.connect(path, check_same_thread=False, isolation_level=None)
                for _ in range(2)
            )
            tables = self._file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if (names := {name for (name,) in tables}) and "messages" not in names:
                raise sqlite3.Error("it is the database of another program")
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.execute(_TABLE)
            self._file.execute(_OWN_INDEX)
            count = self._file.execute("SELECT COUNT(*) FROM messages").fetchone()
            self._depth = int(count[0])
        except Timeout:
            raise DataError(
                f"{path}: another gateway uses this spool; give each its own --spool and --name"
            ) from None
        except (OSError, sqlite3.Error) as problem:
            self._one.release()
            reason = getattr(problem, "strerror", None) or str(problem)
            raise DataError(
                f"{path}: cannot be used as a spool: {reason}; give another file as --spool"
            ) from None
        self._writer = threading.Thread(target=self._write, name="spool", daemon=True)
        self._writer.start()

    @property
    def depth(self) -> int:
        """Messages that the broker has not acknowledged."""
        with self._lock:
            return self._depth + len(self._new) - len(self._acknowledged)

    def put(self, message: Message) -> int:
        """Queue a message, which is on the disk within a tenth of a second; return its number."""
        with self._changed:
            if len(self._new) >= MOST_IN_MEMORY:
                self.dropped += 1
                return self._put
            self._new.append(message)
            self._put += 1
            if len(self._new) == 1:
                self._changed.notify()
            return self._put

    def wait_until_written(self, number: int) -> None:
        """Wait until the messages up to `number` are on the disk, or the disk has failed."""
        with self._written:
            while self._committed < number and not (self.problem or self._closing):
                self._written.wait()

    def wait_for_commit(self, seen: int, seconds: float) -> None:
        """Wait until `commits` differs from `seen`, or the time is over."""
        with self._written:
            if self.commits == seen:
                self._written.wait(seconds)

    def take(self, after: int, most: int) -> list[tuple[int, Message]]:
        """Return messages on the disk with an id greater than `after`, oldest first.

        Raises:
            DataError: the file cannot be read.
        """
        with self._drop_or_take:
            try:
                rows = self._reader.execute(
                    "SELECT id, topic, text, retain FROM messages WHERE id > ? ORDER BY id LIMIT ?",
                    (after, most),
                ).fetchall()
            except sqlite3.Error as problem:
                raise DataError(f"{self.path}: cannot be read: {problem}") from None
            if rows:
                self._taken = rows[-1][0]
        return [(row[0], Message(row[1], row[2], bool(row[3]))) for row in rows]

    def acknowledge(self, number: int) -> None:
        """Note that the broker has the message with this id."""
        with self._changed:
            self._acknowledged.append(number)
            if self._has_many_acknowledged:
                self._changed.notify()

    def close(self) -> None:
        """Write what is queued, and close the file. What cannot be written is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._writer.join()
        self._reader.close()
        self._file.close()
        self._one.release()
        with self._lock:
            self.dropped += len(self._new)
            self._new.clear()
        self._say_dropped()

    @property
    def _has_many_acknowledged(self) -> bool:
        return len(self._acknowledged) >= MANY_ACKNOWLEDGED

    def _write(self) -> None:
        while True:
            with self._changed:
                while not (self._new or self._closing or self._has_many_acknowledged):
                    if not self._changed.wait(REMOVAL_SECONDS) and self._acknowledged:
                        break
            time.sleep(BATCH_SECONDS)
            with self._lock:
                new, acknowledged = self._new[:], self._acknowledged[:MOST_REMOVED]
            self._commit(new, acknowledged)  # no thread waits for the disk
            with self._written:
                self.commits += 1
                self._written.notify_all()
                done = not (self._new or self._acknowledged)
                if self._closing and (done or self.problem):
                    return

    def _commit(self, new: list[Message], acknowledged: list[int]) -> None:
        """Write the first of the queued changes; say what keeps them from being written."""
        try:
            try:
                self._change(new, acknowledged)
            except _DISK_ERRORS:  # on a full disk, what the broker has makes room
                self._change([], acknowledged)
                self._change(new, [])
        except _DISK_ERRORS as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            line = f"{self.path}: cannot be written: {reason}; messages wait in memory"
            if line != self.problem:
                self._say("error", line)
            self.problem = line
            return
        if self.problem:
            self.problem = ""
            self._say("info", f"{self.path}: can be written again")
        if self._depth < self._most:
            self._is_full = False
            self._say_dropped()
        elif self.dropped > self._dropped_said and not self._is_full:
            self._is_full = True
            self._say(
                "error", f"{self.path}: full with {self._most} messages: the oldest are dropped"
            )

    def _change(self, new: list[Message], acknowledged: list[int]) -> None:
        """Remove the messages that the broker has, and add new ones, in one transaction."""
        if new and not self._has_room():
            raise sqlite3.Error(f"the disk has less than {RESERVED_BYTES >> 20} MB left")
        with self._drop_or_take, self._transaction():
            self._file.executemany(
                "DELETE FROM messages WHERE id = ?", [(number,) for number in acknowledged]
            )
            self._file.executemany(
                "INSERT INTO messages (topic, text, retain) VALUES (?, ?, ?)",
                [(m.topic, m.text, int(m.retain)) for m in new],
            )
            depth = self._depth - len(acknowledged) + len(new)
            excess, dropped = depth - self._most, 0
            if excess > 0:
                dropped = self._file.execute(_DROP, (self._taken, excess)).rowcount
        with self._lock:
            self.dropped += dropped
            self._depth = depth - dropped
            self._committed += len(new)
            del self._new[: len(new)], self._acknowledged[: len(acknowledged)]

    def _has_room(self) -> bool:
        folder = self.path.parent
        if shutil.disk_usage(folder).free >= RESERVED_BYTES:
            return True
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # gives back what the log takes
        pages, size = (
            int(self._file.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_size")
        )
        return shutil.disk_usage(folder).free + pages * size >= RESERVED_BYTES

    def _say_dropped(self) -> None:
        if self.dropped > self._dropped_said:
            count = self.dropped - self._dropped_said
            self._say("error", f"{self.path}: {count} messages were dropped")
            self._dropped_said = self.dropped

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise
