"""Programs that hold the signal chains of many bundles, and the instructions of their stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.build_cache import compile_objects
from tools.checkout import LIBRARIES
from tools.convert.chain import chain_text
from tools.measure.bench import emulator
from tools.measure.estimate import Machine
from training.bundle.manifest import Biquads, Manifest, NoDecision, Segmenter

SIGNAL = LIBRARIES / "signal"
SOURCES = ("biquad", "fourier", "quality_gate", "scaler", "score", "spectrum", "statistics")
FRAMES = 32  # frames over which the instructions of a filter are counted

_CHAIN = """
namespace vigil::chain{i} {{
{text}
}}
extern "C" {{
int gate_{i}(const std::int16_t* x) {{
    return static_cast<int>(vigil::chain{i}::kChain.gate({{x, {counts}}}));
}}
void input_{i}(const std::int16_t* x, std::int8_t* to) {{
    vigil::chain{i}::kChain.input({{x, {counts}}}, {{to, {inputs}}});
}}
float score_{i}(const std::int8_t* x, const std::int8_t* y) {{
    return vigil::chain{i}::kChain.score({{x, {inputs}}}, {{y, {inputs}}});
}}
}}
"""
_FILTER = """
namespace vigil::chain{i} {{
constexpr BiquadSection kFilter[] = {{{sections}}};
}}
extern "C" void filter_{i}(const std::int16_t* x, std::int16_t* y, int frames) {{
    static vigil::BiquadState states[{states}];
    vigil::BiquadFilter filter(vigil::Span<const vigil::BiquadSection>(vigil::chain{i}::kFilter),
                               {channels}, vigil::Span<vigil::BiquadState>(states));
    for (; frames > 0; --frames, x += {channels}, y += {channels}) filter(x, y);
}}
"""


def count_stages(
    manifests: Sequence[Manifest], windows: Sequence[NDArray[np.int16]], folder: Path
) -> list[dict[str, float]]:
    """Mean instructions of each stage of each bundle's chain for one window, as on the Nano.

    The stages are those of tools.convert.chain_work; a stage that is "none" takes 0.

    Args:
        windows: int16 [n, window, channels] for each bundle; the gate must pass them.
    """
    compiler = (*emulator.COMPILER, *emulator.NANO, f"-I{emulator.BARE}")
    includes = [SIGNAL, LIBRARIES / "span"]
    sources = [*_sources(manifests, folder), *(SIGNAL / f"{name}.cpp" for name in SOURCES)]
    objects = compile_objects(compiler, sources, includes)
    machine = Machine(emulator.build(objects, [], folder / "chains.elf", emulator.NANO))
    counted = []
    for i, (manifest, of_bundle) in enumerate(zip(manifests, windows, strict=True)):
        each = [_count(machine, i, manifest, window) for window in of_bundle]
        counted.append({stage: float(np.mean([row[stage] for row in each])) for stage in each[0]})
    return counted


def _count(
    machine: Machine, i: int, manifest: Manifest, window: NDArray[np.int16]
) -> dict[str, float]:
    rng = np.random.default_rng(i)
    inputs = manifest.model.input.size
    x, to = machine.put(np.ascontiguousarray(window).tobytes()), machine.put(bytes(inputs))
    y = machine.put(rng.integers(-60, 60, inputs).astype(np.int8).tobytes())

    def count(stage: str, *arguments: int) -> float:
        return float(len(machine.trace(f"{stage}_{i}", *arguments).addresses))

    counts = {"filter": 0.0}
    if isinstance(manifest.filter, Biquads):
        frames = np.resize(window, (2 * FRAMES, window.shape[1]))
        source, target = machine.put(frames.tobytes()), machine.put(bytes(frames.nbytes))
        twice = count("filter", source, target, 2 * FRAMES) - count(
            "filter", source, target, FRAMES
        )
        fixed = isinstance(manifest.segmenter, Segmenter)
        hop = manifest.segmenter.hop if fixed else manifest.segmenter.window
        counts["filter"] = twice / FRAMES * hop
    gate = machine.trace(f"gate_{i}", x)
    assert gate.result == 0, "the gate rejects a window"
    counts["gate"] = 0.0 if manifest.gate.kind == "none" else float(len(gate.addresses))
    counts["input"] = count("input", x, to)
    counts["score"] = count("score", to, y)
    return counts


def _sources(manifests: Sequence[Manifest], folder: Path) -> list[Path]:
    """Write a file for each chain, and a main that keeps them in the image.

    As in a board's image, a file has one chain: with several, the compiler would not inline what
    they share.
    """
    paths, names = [], []
    for i, manifest in enumerate(manifests):
        channels = len(manifest.signal.channels)
        headers, text = chain_text(manifest.model_copy(update={"decision": NoDecision()}))
        headers += ["biquad.h", "span.h"]
        counts = manifest.segmenter.window * channels
        text = _CHAIN.format(i=i, text=text, counts=counts, inputs=manifest.model.input.size)
        names += [f"{stage}_{i}" for stage in ("gate", "input", "score")]
        if isinstance(manifest.filter, Biquads):
            rows = [f"{{{', '.join(map(str, row))}}}" for row in manifest.filter.sections]
            states = channels * (len(rows) + 1)
            text += _FILTER.format(i=i, sections=", ".join(rows), states=states, channels=channels)
            names.append(f"filter_{i}")
        path = folder / f"chain{i}.cpp"
        head = "".join(f'#include "{name}"\n' for name in sorted(headers))
        path.write_text("#include <cstdint>\n" + head + text)
        paths.append(path)
    table = folder / "chains_main.cpp"
    declared = "".join(f"void {name}();\n" for name in names)
    table.write_text(
        f'extern "C" {{\n{declared}}}\n'
        f"void (*volatile const kStages[])() = {{{', '.join(names)}}};\n"
        "int main() { return kStages[0] == nullptr; }\n"
    )
    return [*paths, table]
