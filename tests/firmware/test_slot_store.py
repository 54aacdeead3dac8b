"""The slot store: records outlive a power cut at any write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES, ROOT

CUTS = ROOT / "tests/support/cpp/slot_store_cuts.cpp"
WEARER_CUTS = CUTS.with_name("board_wearer_cuts.cpp")
COMPILER = [
    *("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover"),
]


@pytest.fixture(scope="module")
def program() -> Path:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    sources = [CUTS, LIBRARIES / "storage/slot_store.cpp", LIBRARIES / "link/crc32.cpp"]
    includes = [CUTS.parent, *(LIBRARIES / name for name in ("storage", "link", "span"))]
    return link(COMPILER, compile_objects(COMPILER, sources, includes), "slot_store_cuts")


def test_no_power_cut_loses_an_earlier_record(program: Path) -> None:
    done = subprocess.run([program, "1", "1000"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "11000 cuts\n"  # 1,000 at each of the 11 operations of a save


def test_no_power_cut_loses_what_is_known_about_a_wearer() -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    names = ["storage/slot_store.cpp", "link/crc32.cpp", "signal/wearer.cpp"]
    sources = [WEARER_CUTS, *(LIBRARIES / name for name in [*names, "app/board_wearer.cpp"])]
    folders = "app", "storage", "signal", "link", "span"
    includes = [WEARER_CUTS.parent, *(LIBRARIES / name for name in folders)]
    program = link(COMPILER, compile_objects(COMPILER, sources, includes), "board_wearer_cuts")
    done = subprocess.run([program, "1", "100"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    operations = 2 + 6 + (8 * 4 + 4 * 7 * 4) // 4 + 4 * 8  # pieces of an erase, header, words
    assert done.stdout == f"{100 * operations} cuts\n"


def test_the_cuts_would_notice_a_store_that_writes_in_one_slot(tmp_path: Path) -> None:
    """A store that erases the slot of its newest record loses it in a cut."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    for name in ("slot_store.h", "slot_store.cpp", "slots.h"):
        shutil.copy(LIBRARIES / "storage" / name, tmp_path)
    header = tmp_path / "slot_store.h"
    text = header.read_text()
    assert "return newest_ == 0 ? 1 : 0;" in text
    header.write_text(text.replace("return newest_ == 0 ? 1 : 0;", "return 0;"))
    sources = [CUTS, tmp_path / "slot_store.cpp", LIBRARIES / "link/crc32.cpp"]
    includes = [tmp_path, CUTS.parent, LIBRARIES / "link", LIBRARIES / "span"]
    bad = link(COMPILER, compile_objects(COMPILER, sources, includes), "bad_store_cuts")
    done = subprocess.run([bad, "1", "1000"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "cut at operation" in done.stdout
