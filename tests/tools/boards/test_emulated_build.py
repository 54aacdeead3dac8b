"""Building for the emulated board: without a network, in any folder, and only what fits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sketch import PROJECT
from tools.boards.build import build
from tools.checkout import ROOT
from training.bundle.errors import BoardError

pytestmark = pytest.mark.toolchain

ODD_FOLDER = 'my föld er, it\'s "q"'


def test_builds_without_a_network(tmp_path: Path) -> None:
    """In a namespace with no network at all, from an empty PlatformIO folder."""
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us take the network away (unshare -rn)")
    core = tmp_path / "core"
    script = (
        "from pathlib import Path; from tools.boards.build import build;"
        f"print(build('emulated', build_dir=Path({str(tmp_path)!r}), "
        f"project=Path({str(PROJECT)!r})).elf)"
    )
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PLATFORMIO_CORE_DIR": str(core)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()
    assert (core / "packages" / "tool-scons" / "scons.py").is_file()


@pytest.mark.parametrize("name", ["elsewhere", "my föld er", 'it\'s "q"'])
def test_builds_from_any_folder(tmp_path: Path, name: str) -> None:
    clone = tmp_path / ODD_FOLDER
    shutil.copytree(ROOT / "firmware" / "emulated", clone / "firmware" / "emulated")
    shutil.copytree(ROOT / "firmware" / "lib", clone / "firmware" / "lib")
    for script in ("quoting.py", "link_map.py"):
        shutil.copy(ROOT / "firmware" / script, clone / "firmware")
    shutil.copytree(
        PROJECT, clone / "tests" / "support" / "board_sketch", ignore=shutil.ignore_patterns(".pio")
    )
    result = build(
        "emulated",
        build_dir=clone / "build",
        project=clone / "tests" / "support" / "board_sketch",
    )
    assert result.elf.is_file() and result.elf.is_relative_to(clone)
    assert result.map is not None
    assert f"{clone}/firmware/emulated" in result.map.read_text() or "core/startup" in result.output


@pytest.mark.parametrize("name", ["my föld er", 'it\'s "q"'])
def test_a_checkout_in_any_folder_builds_its_firmware(tmp_path: Path, name: str) -> None:
    """The whole way that `vigil build` goes, in a copy of the checkout."""
    clone = tmp_path / ODD_FOLDER
    unneeded = shutil.ignore_patterns(".pio", "generated", "__pycache__", "tests")
    for folder in ("firmware", "tools", "training"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=unneeded)
    script = (
        "from pathlib import Path; from tools.measure.bench.reference import make;"
        "from tools.cli.program import main; make(Path('build/reference')); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "build", "reference"],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "build" / "reference" / "firmware" / "emulated.elf").is_file()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ("flash_overflow", r"region .FLASH' overflowed by \d+ bytes"),
        ("sram_overflow", r"region .RAM' overflowed by \d+ bytes"),
        ("small_board", r"static data takes \d+ bytes of SRAM, \d+ more than the 30000"),
    ],
)
def test_an_image_that_does_not_fit_does_not_build(
    tmp_path: Path, environment: str, said: str
) -> None:
    with pytest.raises(BoardError, match=said):
        build(environment, build_dir=tmp_path, project=PROJECT)
