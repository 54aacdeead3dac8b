"""A small linked image for the budget's tests, made by the board's own compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.checkout import ROOT

GXX = shutil.which("arm-none-eabi-g++")
needs_compiler = pytest.mark.skipif(GXX is None, reason="needs arm-none-eabi-g++ on PATH")

_LINKER_SCRIPT = """
MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = 8M  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 8M }
ENTRY(reset)
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text .text.*) *(.rodata .rodata.*) . = ALIGN(4); } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .stack (NOLOAD) : { . += 2048; } > RAM
  .data : { *(.data .data.*) . = ALIGN(8); } > RAM AT > FLASH
  .bss (NOLOAD) : { *(.bss .bss.*) *(COMMON) . = ALIGN(8); end = .; } > RAM
}
"""
_SOURCES = {
    "generated/tflm_model.cpp": """
#include <cstdint>
namespace vigil::model { alignas(16) extern const unsigned char kModel[];
const unsigned char kModel[WEIGHTS] = {1, 2, 3}; }
""",
    "lib/engine_tflm/engine.cpp": """
#include "engine.h"
namespace vigil::model { extern const unsigned char kModel[]; }
namespace vigil::engine {
namespace { alignas(16) volatile std::uint8_t tensor_arena[ARENA]; }
Status run(Span<const std::int8_t> input, Span<std::int8_t> output) {
    for (unsigned i = 0; i < output.size(); ++i) {
        tensor_arena[i] = static_cast<std::uint8_t>(input[i] * model::kModel[i] CODE);
        output[i] = static_cast<std::int8_t>(tensor_arena[i]);
    }
    return Status::ok;
}
}
""",
    "src/main.cpp": """
#include "detector.h"
#include "scaler.h"
#include "score.h"
namespace vigil::link { struct Memory { volatile std::uint8_t ring[300]; }; }
struct App {
    std::int16_t counts_[64];
    std::int8_t input_[64], output_[64];
    vigil::link::Memory memory_;
    int state_;
};
static App app;
static int tuned[3] = {1, 2, 3};
extern "C" int puts(const char*);
extern "C" void reset() {
    static const vigil::AffineChannel channel[] = {{0, 1 << 20}};
    for (;;) {
        app.counts_[0] = static_cast<std::int16_t>(tuned[1]++);
        app.memory_.ring[app.state_++ % 300] = 1;
        vigil::AffineScaler{{channel, 1}, 20, 0}({app.counts_, 64}, {app.input_, 64});
        vigil::engine::run({app.input_, 64}, {app.output_, 64});
        if (vigil::ReconstructionError<vigil::ScoreKind::mse>{1, 1, 0, 0, 0.5f}(
                {app.input_, 64}, {app.output_, 64}) > 1)
            puts("anomaly");
    }
}
extern "C" {
__attribute__((section(".vectors"), used)) void (*const vectors[2])() = {nullptr, reset};
}
""",
}


def build(folder: Path, weights: int = 3000, arena: int = 640, code: str = "") -> Path:
    """An ELF file, its map beside it: `weights` and `arena` bytes, `code` in the engine's loop."""
    assert GXX is not None
    (folder / "link.ld").write_text(_LINKER_SCRIPT)
    libraries = [ROOT / "firmware/lib" / name for name in ("signal", "detector", "span")]
    sources = [*sorted((ROOT / "firmware/lib/signal").glob("*.cpp"))]
    for name, text in _SOURCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        sources.append(path)
    flags = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16", "-Os", "-g"]
    flags += [
        "-std=c++17",
        "-ffunction-sections",
        "-fdata-sections",
        "-fno-exceptions",
        "-fno-rtti",
    ]
    flags += [f"-DWEIGHTS={weights}", f"-DARENA={arena}", f"-DCODE={code}", "-ffp-contract=off"]
    objects = []
    for source in sources:
        target = folder / source.parent.name / f"{source.name}.o"
        target.parent.mkdir(exist_ok=True)
        includes = [f"-I{library}" for library in libraries]
        subprocess.run([GXX, *flags, *includes, "-c", source, "-o", target], check=True)
        objects.append(target)
    elf = folder / "firmware.elf"
    linking = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections"]
    linking += [f"-Wl,-T,{folder / 'link.ld'}", f"-Wl,-Map,{elf.with_suffix('.map')}", "-Wl,-w"]
    subprocess.run([GXX, *flags, *linking, *objects, "-o", elf], check=True, capture_output=True)
    return elf
