"""A Python in which some modules cannot be imported, as if they were not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.checkout import ROOT

TRAINING = (
    *("tensorflow", "keras", "scipy", "sklearn", "threadpoolctl", "matplotlib", "jinja2"),
    *("pooch", "unicorn", "wfdb", "cbor2", "pyedflib"),
)
"""Modules of the packages that pyproject.toml lists under `train`."""

POSIX = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
"""Modules of the standard library that Windows lacks."""

_SITE = """
import sys
{before}
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

for name in list(sys.modules):
    if name.partition(".")[0] in {names!r}:
        del sys.modules[name]
sys.meta_path.insert(0, Hidden())
"""


def hide(folder: Path, names: Iterable[str], before: str = "") -> dict[str, str]:
    """The environment of a Python that lacks these modules; it runs the code `before` first."""
    site = folder / "hidden"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(_SITE.format(names=tuple(names), before=before))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}


def run_python(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
