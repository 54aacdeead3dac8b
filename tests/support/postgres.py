"""A PostgreSQL server of a test's own, without TCP."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import PATIENCE


def program(name: str) -> str | None:
    """The path of one of the server's programs; Debian keeps them off PATH."""
    here = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(here[-1]) if here else shutil.which(name)


class Database:
    """A database, by psql."""

    def __init__(self, folder: Path, as_user: Sequence[str]) -> None:
        self._folder, self._as_user = folder, as_user

    def run(self, sql: str) -> list[list[str]]:
        """The rows of the last statement; AssertionError with the server's words if one fails."""
        done = subprocess.run(
            [
                *(*self._as_user, "psql", "-h", str(self._folder), "-d", "postgres", "-qAtX"),
                *("-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-"),
            ],
            input=sql,
            capture_output=True,
            text=True,
            cwd=self._folder,
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def postgres() -> Iterator[Database]:
    """A server that ends with the block. Root may not run one, so it becomes `postgres`."""
    root = os.getuid() == 0
    as_user = ["runuser", "-u", "postgres", "--"] if root else []
    folder = Path(tempfile.mkdtemp(prefix="vigil-postgres-"))  # tmp_path is closed to other users
    if root:
        shutil.chown(folder, "postgres")

    def command(name: str, *arguments: str) -> None:
        found = program(name)
        assert found is not None
        subprocess.run(
            [*as_user, found, "-D", str(folder / "data"), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )

    try:
        command("initdb", "--auth=trust", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        log = str(folder / "log")
        command("pg_ctl", "-w", "-t", str(round(PATIENCE)), "-l", log, "-o", options, "start")
        try:
            yield Database(folder, as_user)
        finally:
            command("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
