"""Fuzz the board's side of the link with libFuzzer, after all saved inputs.

    python -m tests.fuzz.board_fuzz board_bytes|board_frames|board_any [SECONDS] [SEED] [FOLDER]

`board_bytes` reads every input as raw bytes from the line, `board_frames` as frames with a correct
CRC; with `board_any`, each input says which of the two it is. Seed 0 draws one. New inputs that
reach new code go to FOLDER/corpus. The input of a crash goes to `findings/`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz.saved_inputs import findings_folder, unpack
from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES

SOURCES = [
    Path(__file__).with_name("fuzz_board.cpp"),
    *sorted((LIBRARIES / "link").glob("*.cpp")),
    *sorted((LIBRARIES / "sampling").glob("*.cpp")),
    LIBRARIES / "signal" / "calibration.cpp",
    LIBRARIES / "signal" / "segmenter.cpp",
    LIBRARIES / "storage" / "slot_store.cpp",
]
INCLUDES = [LIBRARIES / name for name in ("app", "link", "sampling", "signal", "span", "storage")]
COMPILER = [
    *("clang++", "-std=c++17", "-g", "-O2", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"),
]


def main() -> None:
    name, *given = sys.argv[1:]
    seconds = float(given[0]) if given else 60.0
    seed = int(given[1]) if len(given) > 1 else 0
    folder = Path(given[2] if len(given) > 2 else tempfile.mkdtemp())
    program = link(COMPILER, compile_objects(COMPILER, SOURCES, INCLUDES), "fuzz_board")
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    os.environ["VIGIL_FUZZ"] = name
    os.execv(
        program,
        [
            str(program),
            f"-max_total_time={seconds:.0f}",
            f"-seed={seed}",
            "-max_len=2048",
            "-print_final_stats=1",
            f"-artifact_prefix={findings_folder(name)}/",
            str(corpus),
            *map(str, unpack(name, folder / "saved")),
        ],
    )


if __name__ == "__main__":
    main()
