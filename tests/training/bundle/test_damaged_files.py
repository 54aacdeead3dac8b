"""Files damaged in any way: taken, or refused in one line; never a crash, a hang or a flood.

Each target runs for a few seconds here, and for a minute in `make fuzz`. All earlier findings, in
tests/fuzz/corpora/*_regressions.zip, are tried every time.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.fuzz_model import damaged_model, model_seeds
from tests.fuzz.python_fuzz import at_random
from tests.fuzz.saved_inputs import saved
from tests.fuzz.targets import TARGETS
from tests.support.networks import KERNELS, RUNNER, kernel_sources, write_sources
from tools.checkout import ROOT
from tools.convert import convert
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.measure.bench.models import ModelBuilder, schema, unary
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from training.bundle import Bundle, crc32, pack_arrays, read_bundle, sha256
from training.bundle.errors import BundleError, ConvertError
from training.bundle.interpreter import probe_arena
from training.bundle.reference import compute

pytestmark = pytest.mark.slow

SECONDS = 3.0


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_seconds_of_every_target(name: str) -> None:
    runs = at_random(name, SECONDS, seed=1)
    assert runs > len(saved(name, "regressions")) + len(saved(name, "corpus"))
    print(f"{name}: {runs} executions")


# --- findings that take more than a call to show --------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


def with_files(bundle: Bundle, folder: Path, **files: bytes) -> Path:
    """A copy whose manifest says that the damaged file is right: somebody meant it."""
    shutil.copytree(bundle.path, folder)
    values = json.loads((folder / "manifest.json").read_bytes())
    for part, data in files.items():
        facts = values[part]
        facts |= {"bytes": len(data), "sha256": sha256(data)}
        if "crc32" in facts:
            facts["crc32"] = crc32(data)
        (folder / facts["file"]).write_bytes(data)
    (folder / "manifest.json").write_text(json.dumps(values))
    return folder


def test_an_archive_that_unpacks_to_gigabytes_is_refused_unread(bundle, tmp_path):
    golden = {name: getattr(bundle.golden, name) for name in ("counts", "input", "output")}
    path = tmp_path / "bomb.npz"
    path.write_bytes(pack_arrays(golden))
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("score.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(200):
            file.write(bytes(1 << 20))
    damaged = with_files(bundle, tmp_path / "copy", golden=path.read_bytes())
    with pytest.raises(BundleError, match=r"golden\.npz: unpacks to 2\d{8} bytes, must be at most"):
        read_bundle(damaged)


def test_an_array_that_claims_more_than_there_is_allocates_nothing(bundle, tmp_path):
    header = b"{'descr': '<i2', 'fortran_order': False, 'shape': (1099511627776,)}".ljust(117)
    path = tmp_path / "golden.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("counts.npy", b"\x93NUMPY\x01\x00\x76\x00" + header + b"\n" + bytes(8))
    damaged = with_files(bundle, tmp_path / "copy", golden=path.read_bytes())
    with pytest.raises(BundleError, match=r"'counts\.npy' holds 8 bytes, not"):
        read_bundle(damaged)


INTERPRETER = saved("interpreter", "regressions")


@pytest.mark.parametrize("data", INTERPRETER.values(), ids=INTERPRETER)
def test_a_model_that_breaks_the_interpreter_is_refused(data: bytes) -> None:
    """The reader takes these for models; the interpreter faults on them, in a child."""
    read_model(data)
    with pytest.raises(ConvertError, match="interpreter crashes on the model \\(SIG"):
        probe_arena(data)


def test_verify_and_replay_outlive_such_a_model(bundle):
    damaged = replace(bundle, model=next(iter(INTERPRETER.values())))
    for run in (lambda: compute(damaged, damaged.golden.counts), lambda: InProcessBoard(damaged)):
        with pytest.raises(ConvertError, match="interpreter crashes on the model"):
            run()


def test_what_the_interpreter_refuses_or_takes_is_told(bundle):
    assert 0 < probe_arena(bundle.model) < 1 << 20
    builder = ModelBuilder()
    source = builder.tensor((1, 1 << 23), 0.1)  # more than the arena holds
    target = unary(builder, "TANH", source, (1, 1 << 23), 1 / 128, 0)
    with pytest.raises(ConvertError, match="rejects the model: Failed to") as caught:
        probe_arena(builder.finish(source, target))
    assert "\n" not in str(caught.value)


def test_the_command_ends_with_one_line_and_code_2(bundle, tmp_path):
    cases = {
        "shape": bundle.model[:200],
        "crash": next(iter(INTERPRETER.values())),
        "noise": random.Random(1).randbytes(5000),
    }
    for name, data in cases.items():
        damaged = with_files(bundle, tmp_path / name, model=data)
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", "convert", str(damaged)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 2, (name, done.stderr)
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_bundle_that_converts_still_does(bundle, tmp_path):
    assert convert(bundle.path, tmp_path / "out")


# --- what is taken holds --------------------------------------------------------------------------


@pytest.mark.slow
def test_damaged_models_that_are_taken_stay_within_their_memory(tmp_path: Path) -> None:
    """What the converter makes C++ of runs under sanitizers, on windows of exactly its size."""
    draw, seeds = random.Random(1), model_seeds()
    taken: dict[bytes, None] = {}
    while len(taken) < 60:
        data = damaged_model(draw.choice(seeds), draw)
        try:
            parsed = read_model(data)
            header = compile_model(parsed, "damaged", "damaged")["compiled_model.h"]
        except ConvertError:
            continue
        arena = re.search(r"kArenaBytes = (\d+)", header)
        assert arena is not None
        if data not in seeds and int(arena[1]) < 1 << 22 and parsed.macs() < 10_000_000:
            taken[data] = None
    sources = [path for path in write_sources(list(taken), tmp_path) if path != RUNNER]
    program = tmp_path / "taken"
    command = [
        *("g++", "-std=c++17", "-O1", "-w", "-fsanitize=address,undefined"),
        "-fno-sanitize-recover=undefined",
        *(f"-I{folder}" for folder in (KERNELS, RUNNER.parent)),
        *map(
            str,
            [
                *sources,
                ROOT / "tests" / "support" / "cpp" / "accepted_runner.cpp",
                *kernel_sources(KERNELS),
            ],
        ),
        *("-o", str(program)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run([str(program)], capture_output=True, text=True)
    ran = [int(line) for line in done.stdout.split()]
    assert done.returncode == 0, (list(taken)[ran[-1]].hex(), done.stderr[-2000:])
    assert ran == list(range(len(taken)))


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([(0, 1), (0, 1)], "writes to tensor 1, which is computed already"),
        ([(1, 2), (2, 1)], "reads tensor 1, which is not computed yet"),
        ([(0, 0)], "writes to tensor 0, which is computed already"),
        ([(0, 2)], "no operator computes the model's output"),
    ],
)
def test_values_are_computed_once_and_before_they_are_read(steps, said):
    """Tensors that are each other's input sent the planner round in circles."""
    builder = ModelBuilder()
    tensors = [builder.tensor((1, 4), 1 / 128) for _ in range(3)]
    for source, target in steps:
        builder.operator("TANH", [tensors[source]], [tensors[target]])
    with pytest.raises(ConvertError, match=said):
        read_model(builder.finish(tensors[0], tensors[1]))


# --- numbers that are none ------------------------------------------------------------------------


def sliced(begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> bytes:
    """A model that takes a part of four values."""
    builder = ModelBuilder()
    source, target = builder.tensor((1, 4), 0.1), builder.tensor((1, 2), 0.1)
    given = [builder.constant(values) for values in (begin, end, strides)]
    options = schema.StridedSliceOptionsT()
    builder.operator("STRIDED_SLICE", [source, *given], [target], options)
    return builder.finish(source, target)


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(
    "wrong",
    [
        np.array([0, np.nan], np.float32),
        np.array([0, np.inf], np.float32),
        np.array([0], np.int32),
        np.array([0, 0, 0], np.int32),
    ],
    ids=["nan", "inf", "too-few", "too-many"],
)
def test_where_a_slice_lies_must_be_whole_numbers_one_a_side(at, wrong):
    """The interpreter reads them as int32 whatever the model calls them."""
    given = [np.array(values, np.int32) for values in ([0, 1], [1, 3], [1, 1])]
    assert compile_model(read_model(sliced(*given)), "title", "model.tflite")
    given[at] = wrong
    what = ("begin", "end", "strides")[at]
    with pytest.raises(ConvertError, match=f"its {what} must be 2 int32 constants"):
        compile_model(read_model(sliced(*given)), "title", "model.tflite")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_option_that_is_no_number_is_refused(value):
    builder = ModelBuilder()
    source, target = builder.tensor((1, 4), 0.1), builder.tensor((1, 4), 0.1)
    builder.operator("LEAKY_RELU", [source], [target], schema.LeakyReluOptionsT(alpha=value))
    with pytest.raises(ConvertError, match=r"\(LEAKY_RELU\): the option alpha is not a finite"):
        read_model(builder.finish(source, target))


@pytest.mark.parametrize("strides", [(0, 1), (1, -1), (1, 257), (32, 16), (1 << 24, 1 << 24)])
def test_strides_that_would_flood_the_source_are_refused(strides):
    """Each remainder of a transposed convolution's stride takes code of its own."""
    builder = ModelBuilder()
    source, target = builder.tensor((1, 3, 3, 1), 0.1), builder.tensor((1, 400, 400, 1), 0.1)
    weights = builder.constant(np.ones((1, 3, 3, 1), np.int8), 0.1)
    size = builder.constant(np.array([1, 400, 400, 1], np.int32))
    options = schema.TransposeConvOptionsT(strideH=strides[0], strideW=strides[1])
    builder.operator("TRANSPOSE_CONV", [size, weights, source], [target], options)
    with pytest.raises(ConvertError, match=f"strides of {strides[0]} and {strides[1]}: each must"):
        compile_model(read_model(builder.finish(source, target)), "title", "model.tflite")
