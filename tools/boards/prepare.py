"""Prepares PlatformIO's core folder so that `pio run` works without a network.

PlatformIO downloads SCons into its core folder as the package `tool-scons` before the first build.
This module puts the pip-installed SCons of the same version there, so that the emulated board
builds without a network. Boards whose compiler comes from PlatformIO's registry download it as
usual, into the same folder.
"""

import importlib.util
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

from tools.checkout import FIRMWARE, ROOT
from training.bundle.errors import BoardError

_SCONS = "4.11.1"
_TOOL_SCONS = "4.41101.0"  # PlatformIO's version number of SCons 4.11.1

_SCONS_PY = '''"""Starts the SCons that is installed beside PlatformIO."""

import SCons.Script

SCons.Script.main()
'''

_QUIET = {
    "enable_telemetry": False,
    "check_platformio_interval": 36500,  # days
    "check_prune_system_threshold": 0,  # never
}


def core_dir() -> Path:
    """Return PlatformIO's core folder: PLATFORMIO_CORE_DIR, else .platformio in the checkout."""
    override = os.environ.get("PLATFORMIO_CORE_DIR")
    return Path(override).expanduser().resolve() if override else ROOT / ".platformio"


def environment() -> dict[str, str]:
    """Return PlatformIO's environment variables: core folder, no telemetry, no update checks."""
    return {
        **os.environ,
        "PLATFORMIO_CORE_DIR": str(core_dir()),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "No",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_NO_ANSI": "true",
    }


def prepare_platformio(project: Path = FIRMWARE) -> Path:
    """Make `pio run -e emulated` work without a network; return PlatformIO's core folder.

    Installs tool-scons, turns telemetry and update checks off, and drops a link to the emulated
    platform of another checkout. Files that are right already are not written.

    Raises:
        BoardError: platformio or scons is not installed in this Python environment.
    """
    for module, distribution in (("platformio", "platformio"), ("SCons", f"scons=={_SCONS}")):
        if importlib.util.find_spec(module) is None:
            raise BoardError(f"{distribution} is not installed in {sys.prefix}: run `make setup`")
    core = core_dir()
    tool = core / "packages" / "tool-scons"
    package = {"name": "tool-scons", "version": _TOOL_SCONS}
    origin = {
        "type": "tool",
        "name": "tool-scons",
        "version": _TOOL_SCONS,
        "spec": {
            "owner": "platformio",
            "id": None,
            "name": "tool-scons",
            "requirements": None,
            "uri": None,
        },
    }
    # .piokeep exempts the package from PlatformIO's clean-up.
    _write(tool / "package.json", json.dumps(package))
    _write(tool / ".piopm", json.dumps(origin))
    _write(tool / ".piokeep", "")
    _write(tool / "scons.py", _SCONS_PY)
    _write_settings(core / "appstate.json")
    _forget_foreign_platform(core / "platforms" / "emulated.pio-link", project)
    return core


def _forget_foreign_platform(link: Path, project: Path) -> None:
    """Remove the link to another checkout's platform.

    PlatformIO identifies a linked platform by its text in platformio.ini, which is the same in
    every checkout. With one core folder for two checkouts, the second would build with the first
    one's platform.
    """
    try:
        known = json.loads(link.read_text(encoding="utf-8"))
        target = str(known["spec"]["uri"]).removeprefix("symlink://")
        folder = (Path(known["cwd"]) / target).resolve()
    except (OSError, ValueError, KeyError, TypeError):
        return
    parents = [parent / "firmware" / "emulated" for parent in project.resolve().parents]
    if folder not in parents:
        link.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_settings(path: Path) -> None:
    """Write PlatformIO's settings; they also apply to a plain `pio run` in this core folder."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = {}
    wanted = {
        **state,
        "settings": {**state.get("settings", {}), **_QUIET},
        "last_version": version("platformio"),  # no welcome, no upgrade of anything
    }
    if state != wanted:
        _write(path, json.dumps(wanted))
