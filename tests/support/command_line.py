"""Runs of the program `vigil` as processes that need not import its libraries again.

A server process imports the libraries once and forks for every run. A run imports the modules of
this project itself, as it does when a user starts it.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.checkout import ROOT

SERVER = """
import json, os, signal, sys
from tools.cli.program import load_commands

load_commands(None)
for name in [name for name in sys.modules if name.split(".")[0] in ("tools", "training")]:
    if not name.startswith("training.native"):
        del sys.modules[name]

for line in sys.stdin:
    words, folder, variables, outputs = json.loads(line)
    if (child := os.fork()) == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in enumerate(outputs, 1):
            os.dup2(os.open(path, os.O_WRONLY), number)
        os.chdir(folder)
        signal.alarm(900)  # seconds after which a command that hangs is killed
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = ["vigil", *words]
        code = 0
        try:
            from tools.cli import main
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def vigil(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `vigil WORDS` in the folder `cwd`, with a home folder there and 100 columns."""
    # Matplotlib lists the fonts of a new home folder, and says so if it takes more than 5 s.
    fonts = str(Path.home() / ".cache" / "matplotlib")
    variables = {
        **{"PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "100"},
        "MPLCONFIGDIR": fonts,
    }
    with tempfile.NamedTemporaryFile("r+") as out, tempfile.NamedTemporaryFile("r+") as err:
        request = words, str(cwd), variables, (out.name, err.name)
        server = _server()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(["vigil", *words], code, out.read(), err.read())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The server of this process; it ends when this process closes its standard input."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    )
