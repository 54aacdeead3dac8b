"""The detector's logic, with an engine of known results."""

import shutil
import subprocess

import pytest

from tools.checkout import ROOT

LIB = ROOT / "firmware/lib"


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    program = tmp_path_factory.mktemp("detector") / "harness"
    sources = [ROOT / "tests/support/cpp/detector_harness.cpp", LIB / "detector/detector.cpp"]
    sources += [
        LIB / f"signal/{name}.cpp" for name in ("quality_gate", "scaler", "score", "segmenter")
    ]
    flags = (
        "-std=c++17 -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover"
    )
    includes = [f"-I{LIB / name}" for name in ("span", "signal", "detector")]
    subprocess.run(["g++", *flags.split(), *includes, *sources, "-o", program], check=True)

    def run(
        *frames: tuple[int, list[int]], threshold: float = 0.1, gate: bool = False
    ) -> list[str]:
        text = "\n".join(" ".join(map(str, [first, *counts])) for first, counts in frames)
        done = subprocess.run(
            [program, str(threshold), *(["gate"] if gate else [])],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    return run


def test_golden_windows_pass_only_if_every_byte_and_bit_is_equal(harness):
    assert harness()[0] == "golden 1 4 7"


def test_a_window_is_an_anomaly_only_if_its_score_exceeds_the_threshold(harness):
    frames = (0, [1, 2, 3, 4, 99, 0, 0, 0])  # the second is off by one in one of four places
    assert harness(frames, threshold=0.2499)[1:] == [
        "scored 0 0x0p+0 0 5",
        "scored 1 0x1p-2 1 5",
    ]
    assert harness(frames, threshold=0.25)[2] == "scored 1 0x1p-2 0 5"


def test_a_window_that_the_gate_rejects_is_reported_and_not_scored(harness):
    frames = (0, [1, 2, 3, 4, 5, 5, 5, 5, 1, 2, 3, 4])
    assert harness(frames, gate=True)[1:] == [
        "scored 0 0x0p+0 0 5",
        "rejected 1 1",
        "scored 2 0x0p+0 0 5",
    ]


def test_a_clipped_window_is_an_anomaly_if_its_score_says_so_and_not_judged_otherwise(harness):
    frames = (0, [1, 2, 3, 105, 1, 2, 3, 106, 99, 2, 3, 106])
    assert harness(frames, gate=True)[1:] == [
        "scored 0 0x0p+0 0 5",
        "rejected 1 6",
        "scored 2 0x1p-2 1 5",
    ]
    assert harness(frames, threshold=0.25, gate=True)[3] == "rejected 2 6"


def test_a_gap_loses_only_the_windows_that_contain_it(harness):
    lines = harness((0, [1, 1, 1, 1, 1]), (9, [1] * 7))
    assert [line.split()[:3] for line in lines[1:]] == [
        ["scored", "0", "0x0p+0"],
        ["lost", "1", "2"],
        ["scored", "3", "0x0p+0"],
    ]


def test_the_detector_reports_a_failed_window_and_scores_the_next(harness):
    lines = harness((0, [100, 0, 0, 0, 1, 1, 1, 1]))
    assert lines[1:] == ["failed 0 5", "scored 1 0x0p+0 0 5"]
