"""A build that is interrupted leaves no process behind that writes objects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tools.boards.process_group import run_group
from tools.checkout import ROOT

# PlatformIO and its compiler; the compiler ignores what would end PlatformIO.
PLATFORMIO = """
import os, signal, subprocess, sys, time
compiler = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
compiler += "; print(flush=True); time.sleep(300)"
child = subprocess.Popen([sys.executable, "-c", compiler], stdout=subprocess.PIPE)
child.stdout.readline()
with open(os.environ["PIDS"] + ".new", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(os.environ["PIDS"] + ".new", os.environ["PIDS"])
time.sleep(300)
"""
BUILD = """
import os, signal, sys
from pathlib import Path
from tools.boards import build, process_group
from filelock import FileLock
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a caller may have left it ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
process_group.GRACE_S = 0.2
build._LOCK = FileLock(sys.argv[1], thread_local=False)
with build.alone(lambda: None):
    build._platformio(["run"], Path(), dict(os.environ), "build")
"""


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, None),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_signal_ends_every_process_of_a_build(tmp_path: Path, number: int, code: int | None):
    (tmp_path / "platformio.py").write_text(PLATFORMIO)
    pids = tmp_path / "pids"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    build = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(tmp_path / "lock")],
        env={**os.environ, "PYTHONPATH": path, "PIDS": str(pids)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(pids.exists)
    started = [int(pid) for pid in pids.read_text().split()]
    try:
        build.send_signal(number)
        build.wait(30)
        assert code is None or build.returncode == code
        if number == signal.SIGKILL:  # the processes end soon after
            wait_until(lambda: not any(map(running, started)))
        assert not any(map(running, started))
    finally:
        for pid in filter(running, started):
            os.kill(pid, signal.SIGKILL)


def test_what_a_program_leaves_behind_is_killed_after_it(tmp_path: Path):
    left = (
        "import subprocess, sys; quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
        "; print(subprocess.Popen(['sleep', '300'], **quiet).pid)"
    )
    code, output = run_group([sys.executable, "-c", left], os.environ)
    assert code == 0
    wait_until(lambda: not running(int(output)))


def test_code_and_output_are_those_of_the_program():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    before = signal.getsignal(signal.SIGTERM)
    ended = run_group([sys.executable, "-u", "-c", code], os.environ)
    assert ended == (3, "out\nerr\n")
    assert signal.getsignal(signal.SIGTERM) is before
