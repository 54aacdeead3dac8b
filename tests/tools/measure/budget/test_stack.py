"""The stack's bound agrees with the compiler's -fstack-usage, and is not given without grounds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support import networks
from tests.support.build_cache import compile_objects
from tools.checkout import LIBRARIES
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.measure.bench import emulator
from tools.measure.bench.reference import make
from tools.measure.budget.stack import CallGraph

pytestmark = pytest.mark.toolchain

COMPILERS = {
    "Arm": "arm-none-eabi-g++ -mcpu=cortex-m4 -mthumb",
    "RISC-V": "riscv64-unknown-elf-g++ -march=rv32imac -mabi=ilp32 -DRISCV",
}

SOURCE = r"""
#define APART __attribute__((noinline, noclone, used))
extern "C" {
volatile int sink;
int (*volatile pointer)(int);

APART int leaf(int x) { volatile int a[25]; a[x] = x; return a[x + 1]; }
APART int shallow(int x) { volatile int a[4]; a[x] = x; return a[x + 1] + 1; }
APART int middle(int x) { volatile char a[40]; a[x] = 1; return leaf(x) + shallow(x) + a[x]; }
APART int top(int x) { int y = middle(x) + shallow(x); sink = y; return y + x; }
APART int tail(int x) { return leaf(x + 1); }
APART int cycle(int x) { return x ? cycle(x - 2) * 3 + leaf(x) : 1; }
APART int through_pointer(int x) { return pointer(x) + leaf(x); }
APART int above_pointer(int x) { return through_pointer(x) + 1; }
APART int pushes(int x) {
#ifdef RISCV
    __asm__ volatile("addi sp, sp, -36\n jal 1f\n j 2f\n 1: addi sp, sp, -8\n addi sp, sp, 8\n"
                     "ret\n 2: addi sp, sp, 36" ::: "ra", "memory");
#else
    __asm__ volatile("push {r4-r11, lr}\n bl 1f\n b 2f\n 1: push {r0, r1}\n pop {r0, r1}\n bx lr\n"
                     "2: pop {r4-r11, lr}" ::: "lr", "memory");
#endif
    return x + sink;
}
void reset() {
    for (;;) sink = top(1) + tail(2) + cycle(3) + above_pointer(4) + pushes(5);
}
}
"""


@pytest.fixture(scope="module", params=["Arm", pytest.param("RISC-V", marks=pytest.mark.riscv)])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "calls.cpp").write_text(SOURCE)
    flags = "-Os -g -fno-exceptions -nostdlib -fstack-usage -Wl,-e,reset"
    command = [*COMPILERS[request.param].split(), *flags.split(), "calls.cpp", "-o", "calls.elf"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def own(folder: Path) -> dict[str, int]:
    """What -fstack-usage says of each function."""
    [path] = folder.glob("*.su")
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return {row[0].split(":")[-1].split("(")[0].split()[-1]: int(row[1]) for row in rows}


@pytest.fixture(scope="module")
def graph(folder: Path) -> CallGraph:
    return CallGraph(folder / "calls.elf")


@pytest.mark.parametrize(
    "path",
    [("leaf",), ("shallow",), ("middle", "leaf"), ("top", "middle", "leaf"), ("tail", "leaf")],
)
def test_bounds_are_the_compilers_figures(
    graph: CallGraph, own: dict[str, int], path: tuple[str, ...]
) -> None:
    worst = graph.worst_case(path[0])
    assert worst is not None and worst.closed
    assert worst.path == path
    assert worst.bytes == sum(own[name] for name in path)
    assert own["leaf"] >= 100  # its array


@pytest.mark.parametrize(
    ("function", "open_at"),
    [
        ("cycle", ("cycle",)),
        ("through_pointer", ("through_pointer",)),
        ("above_pointer", ("through_pointer",)),
        ("reset", ("cycle", "through_pointer")),
    ],
)
def test_no_bound_where_the_graph_is_open(
    graph: CallGraph, function: str, open_at: tuple[str, ...]
) -> None:
    worst = graph.worst_case(function)
    assert worst is not None and not worst.closed
    assert worst.open_at == open_at


def test_what_assembly_pushes_counts(graph: CallGraph, own: dict[str, int]) -> None:
    """-fstack-usage does not see it."""
    worst = graph.worst_case("pushes")
    assert worst is not None and worst.closed
    assert worst.bytes >= own["pushes"] + 36 + 8


def test_functions_that_are_not_there(graph: CallGraph) -> None:
    assert graph.worst_case("nowhere") is None
    assert graph.find("abov") == "above_pointer"
    assert graph.find("nowhere") is None


@pytest.mark.parametrize("key", ["M4", pytest.param("RISC-V", marks=pytest.mark.riscv)])
def test_an_inference_stays_within_its_bound_and_reaches_it(key: str, tmp_path: Path) -> None:
    core = emulator.CORES[key]
    model = read_model(make(tmp_path / "reference").model)
    for name, text in compile_model(model, "test", "test", plain=not core.board.dsp).items():
        (tmp_path / name).write_text(text)
    kernels = LIBRARIES / "engine_compiled"
    sources = [
        networks.RUNNER.parent / "stack_mark.cpp",
        tmp_path / "compiled_model.cpp",
        *networks.kernel_sources(kernels),
    ]
    flags = [*core.flags, "-g"]
    compiler = (*core.compiler, *flags)
    objects = compile_objects(compiler, sources, [tmp_path, kernels, emulator.BARE])
    elf = emulator.build(objects, [], tmp_path / "mark.elf", flags, core)
    networks.random_inputs(np.random.default_rng(1), 20, model.input.size).tofile(
        tmp_path / "inputs.bin"
    )
    emulator.run(elf, tmp_path, core=core)
    [used] = np.fromfile(tmp_path / "stack.bin", np.uint32)
    graph = CallGraph(elf)
    bound = graph.worst_case(str(graph.find(r"_ZN5vigil5model8compiled5infer")))
    assert bound is not None and bound.closed, bound
    assert 0 < bound.bytes - 16 <= used <= bound.bytes, bound
