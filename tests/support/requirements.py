"""What a marked test needs before it can run; each function returns what to do, or None."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tools.boards.build import has_tflm_library
from tools.boards.ports import find_ports
from tools.measure.bench import emulator


@cache
def toolchain_missing() -> str | None:
    return emulator.missing()


@cache
def tflm_missing() -> str | None:
    if has_tflm_library():
        return None
    return (
        "TensorFlow Lite Micro is not installed: "
        "run, with a network, .venv/bin/pio run -e emulated_tflm -d firmware"
    )


@cache
def registry_missing() -> str | None:
    if os.environ.get("VIGIL_REGISTRY") == "1":
        return None
    return "downloads compilers from PlatformIO's registry: set VIGIL_REGISTRY=1 to allow it"


@cache
def cores_missing() -> str | None:
    if os.environ.get("VIGIL_CORES") == "1":
        return toolchain_missing()
    return "builds the firmware for each emulated core, a minute or two: set VIGIL_CORES=1"


@cache
def riscv_missing() -> str | None:
    return emulator.missing(emulator.CORES["RISC-V"])


@cache
def board_missing() -> str | None:
    return None if find_ports() else "no board is plugged in: connect one by USB"


@cache
def browser_missing() -> str | None:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: .venv/bin/pip install playwright"
    installed = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return None if installed else "no Chromium on PATH: apt-get install chromium"


@cache
def broker_missing() -> str | None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if shutil.which("mosquitto", path=path):
        return None
    return "no MQTT broker on PATH: apt-get install mosquitto"


@cache
def database_missing() -> str | None:
    needed = [shutil.which("psql"), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if all(needed) and len(needed) > 1:
        return None
    return "no PostgreSQL server: apt-get install postgresql"


@cache
def cluster_missing() -> str | None:
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed: .venv/bin/pip install -e '.[cluster]'"
    namespace = ["unshare", "-rn", "ip", "link", "set", "lo", "up"]
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "needs unshare (util-linux) and ip (iproute2) on PATH"
    if subprocess.run(namespace, capture_output=True, check=False).returncode:
        return "this machine allows no network namespace"
    return None


def data_missing() -> str | None:
    folder = os.environ.get("VIGIL_DATA")
    if not folder:
        return "needs data sets: set VIGIL_DATA to their folder"
    return None if Path(folder).is_dir() else f"VIGIL_DATA: no folder {folder}"


def data_set_missing(name: str) -> str | None:
    reason = data_missing()
    if reason is None and not (Path(os.environ["VIGIL_DATA"]) / name).is_dir():
        reason = f"VIGIL_DATA has no folder {name}/"
    return reason


NEEDS: dict[str, Callable[[], str | None]] = {
    "toolchain": toolchain_missing,
    "tflm": tflm_missing,
    "registry": registry_missing,
    "cores": cores_missing,
    "riscv": riscv_missing,
    "board": board_missing,
    "browser": browser_missing,
    "broker": broker_missing,
    "database": database_missing,
    "cluster": cluster_missing,
    "data": data_missing,
}
