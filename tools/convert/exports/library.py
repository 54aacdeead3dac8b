"""The part that all exports share: one C header, and the C++ behind it.

The sources are the model's, as `vigil convert` writes them, and those files of firmware/lib that
its chain includes. Namespace and global symbols get the library's prefix, so that two exports can
be linked into one program.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import LIBRARIES
from tools.convert.emit import convert
from training.bundle import Bundle, read_bundle
from training.bundle.errors import ConvertError

_FOLDERS = ("span", "signal", "detector", "engine_compiled")
_MODEL = ("constants.h", "compiled_model.h", "compiled_model.cpp", "golden.h", "golden.cpp")
_GOLDEN = 1  # windows in flash
# Titles and units become comments and quoted texts, which these characters would end or continue.
_PLAIN = str.maketrans({'"': "'", "\\": "/"})

_HEADER = """\
// {title}
//
// Written by `vigil export`: call {prefix}_begin() once, then {prefix}_push() for every sample.
// Not for use from several threads or interrupts at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

enum {{
    {prefix}_channels = {channels},  // values per sample: {channel_names}
    {prefix}_window = {window},  // samples that a score covers
    {prefix}_hop = {hop},  // samples between two windows
}};

typedef enum {{
    {prefix}_more,        // this sample completes no window
    {prefix}_normal,      // a window was scored
    {prefix}_anomaly,     // a window was scored, above the threshold
    {prefix}_not_judged,  // a signal that cannot be judged, or a wearer being learned
    {prefix}_failed,      // {prefix}_begin() was not called
}} {prefix}_result;

// Samples per second that the model was trained on; 0 if not fixed.
static const float {prefix}_rate_hz = {rate}F;

// Prepares the detector, and computes a golden window. Returns false if a byte or a
// score differs from what training computed: then do not trust this build.
bool {prefix}_begin(void);

// The count of a value in the channel's unit, rounded and limited to 16 bits.
int16_t {prefix}_count(unsigned channel, float value);

// Takes one sample: a count for each channel.
{prefix}_result {prefix}_push(const int16_t* counts);

// The score of the last scored window; above the threshold it is an anomaly.
float {prefix}_score(void);
float {prefix}_threshold(void);
void {prefix}_set_threshold(float threshold);

// Forgets the samples of the window in progress, after a gap.
void {prefix}_restart(void);

#ifdef __cplusplus
}}
#endif
"""

_SOURCE = """\
#include "{prefix}.h"

#include <new>

#include "constants.h"
#include "detector.h"
#include "golden.h"

namespace {{

using namespace vigil;
using ModelDetector = Detector<model::Chain, model::SegmentStage, model::WearerStage>;

// The last result, as the detector reports it.
struct Last final : DetectorListener {{
    void scored(const Verdict& verdict) override {{
        score = verdict.score;
        result = verdict.anomaly ? {prefix}_anomaly : {prefix}_normal;
    }}
    void lost(std::uint64_t, std::uint64_t) override {{}}
    void rejected(std::uint64_t, GateReason) override {{ result = {prefix}_not_judged; }}
    void failed(std::uint64_t, engine::Status) override {{ result = {prefix}_failed; }}

    float score = 0;
    {prefix}_result result = {prefix}_more;
}};

constexpr float kGain[] = {{{gain}}};
constexpr std::int32_t kOffset[] = {{{offset}}};

model::SegmentStage::Storage<model::kSegmenter> segments;
std::int8_t input[model::kInputSize];
std::int8_t output[model::kOutputSize];

// Constructed in begin(): a program in C may run no constructors of globals.
alignas(ModelDetector) unsigned char memory[sizeof(ModelDetector)];
ModelDetector* detector = nullptr;
float last_score = 0;

std::uint32_t no_clock() {{
    return 0;
}}

}}  // namespace

bool {prefix}_begin(void) {{
    detector = new (memory) ModelDetector(
        {{model::kSegmenter, model::kChain, model::kThreshold}},
        {{segments.memory(), input, output}}, no_clock);
    last_score = 0;
    if (engine::begin() != engine::Status::ok) return false;
    const GoldenReport golden = detector->check({{model::kGolden, model::kGoldenCount}}, no_clock);
    return golden.passed == golden.total;
}}

int16_t {prefix}_count(unsigned channel, float value) {{
    if (channel >= model::kChannels) return 0;
    const float count = value * kGain[channel] + static_cast<float>(kOffset[channel]);
    if (!(count > -32768.0F)) return INT16_MIN;
    if (count > 32767.0F) return INT16_MAX;
    return static_cast<int16_t>(count + (count < 0 ? -0.5F : 0.5F));
}}

{prefix}_result {prefix}_push(const int16_t* sample) {{
    if (detector == nullptr) return {prefix}_failed;
    Last last;
    last.score = last_score;
    detector->push(detector->next_frame(), {{sample, model::kChannels}}, last);
    last_score = last.score;
    return last.result;
}}

float {prefix}_score(void) {{
    return last_score;
}}

float {prefix}_threshold(void) {{
    return detector == nullptr ? model::kThreshold : detector->threshold();
}}

void {prefix}_set_threshold(float threshold) {{
    if (detector != nullptr) detector->set_threshold(threshold);
}}

void {prefix}_restart(void) {{
    if (detector != nullptr) detector->restart(0);
}}
"""

# The Arduino IDE passes no flags of a library, and its compilers contract a * b + c, which changes
# scores. Sources without floats go without this pragma: GCC inlines no function with it into a
# kernel, which a pragma of its own optimizes.
_NO_CONTRACTION = """\
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
"""


@dataclass(frozen=True)
class Library:
    """A bundle as a library."""

    prefix: str  # of functions and files, a C identifier
    title: str  # one line of plain text, without double quotes and backslashes
    version: str  # of the model: major.minor.patch from its hash
    header: str  # text of PREFIX.h
    sources: dict[str, str]  # texts of the C++ by name, one folder for all
    channels: tuple[str, ...]  # names, as plain
    unit: str  # of the first channel, as plain
    rate_hz: float  # samples per second; 0 if not fixed

    def cpp(self) -> list[str]:
        """Names of the sources to compile, sorted."""
        return sorted(name for name in self.sources if name.endswith(".cpp"))


def make_library(bundle_dir: Path, prefix: str | None = None) -> Library:
    """Convert a bundle for the compiled engine, and collect what it includes.

    Raises:
        BundleError: the bundle fails its checks.
        ConvertError: the compiled engine cannot run the model, or `prefix` is no C identifier or a
            file's name.
    """
    bundle = read_bundle(bundle_dir)
    manifest = bundle.manifest
    if prefix is None:
        prefix = re.sub(r"[^A-Za-z0-9_]", "_", manifest.name)
        prefix = prefix if prefix[:1].isalpha() else f"model_{prefix}"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", prefix):
        raise ConvertError(
            f"--prefix {prefix}: not a C identifier of at most 40 letters, digits and underscores"
        )
    if prefix.lower() in _stems():
        raise ConvertError(
            f"--prefix {prefix}: a file of the library has this name; choose another"
        )
    with tempfile.TemporaryDirectory() as scratch:
        convert(bundle_dir, Path(scratch), ["compiled"], golden_windows=_GOLDEN)
        generated = {name: (Path(scratch) / name).read_text(encoding="utf-8") for name in _MODEL}
    signal = manifest.signal
    rate = signal.rate_hz or 0.0
    title = (
        f"{manifest.name}: detects anomalies in {', '.join(signal.channels)}"
        f"{f' at {rate:g} samples per second' if rate else ''}"
    ).translate(_PLAIN)
    values = {
        "prefix": prefix,
        "title": title,
        "channels": len(signal.channels),
        "channel_names": ", ".join(
            f"{name} [{unit}]" for name, unit in zip(signal.channels, signal.units, strict=True)
        ).translate(_PLAIN),
        "window": manifest.grid.window,
        "hop": manifest.grid.hop,
        "rate": float(rate),
        "gain": ", ".join(f"{float(gain)!r}F" for gain in signal.gain),
        "offset": ", ".join(map(str, signal.offset)),
    }
    generated[f"{prefix}.cpp"] = _SOURCE.format(**values)
    files = {**generated, **_included(generated)}
    return Library(
        prefix=prefix,
        title=title,
        version=_version(bundle),
        header=_HEADER.format(**values),
        sources={name: _renamed(name, text, prefix) for name, text in sorted(files.items())},
        channels=tuple(name.translate(_PLAIN) for name in signal.channels),
        unit=signal.units[0].translate(_PLAIN),
        rate_hz=float(rate),
    )


def _stems() -> set[str]:
    """Names of the files that a library may hold, without their endings."""
    folders = (LIBRARIES / folder for folder in _FOLDERS)
    return {Path(name).stem for name in _MODEL} | {p.stem for f in folders for p in f.iterdir()}


def _version(bundle: Bundle) -> str:
    """A version that differs between models, as package managers want one: 0.MAJOR.MINOR."""
    return f"0.{int.from_bytes(bundle.hash8[:2])}.{int.from_bytes(bundle.hash8[2:4])}"


def _included(texts: dict[str, str]) -> dict[str, str]:
    """The files of firmware/lib that `texts` need: headers, and the sources that implement them.

    All kernels are taken: the linker keeps those that the model calls.
    """
    available = {
        path.name: path
        for folder in _FOLDERS
        for path in sorted((LIBRARIES / folder).iterdir())
        if path.suffix in (".h", ".cpp")
    }
    taken: dict[str, str] = {}
    kernels = sorted(path.name for path in (LIBRARIES / "engine_compiled").glob("*.cpp"))
    waiting = [*kernels, *_quoted(texts.values())]
    while waiting:
        name = waiting.pop()
        if name in texts or name in taken or name not in available:
            continue
        taken[name] = available[name].read_text(encoding="utf-8")
        waiting += _quoted([taken[name]])
        waiting.append(name.replace(".h", ".cpp"))
    return taken


def _quoted(texts: object) -> list[str]:
    return [
        name
        for text in texts  # type: ignore[attr-defined]
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE)
    ]


def _renamed(name: str, text: str, prefix: str) -> str:
    """The text with the namespace vigil_PREFIX, and without contraction in a source with floats."""
    text = re.sub(r"\bvigil_(?=[a-z])", f"vigil_{prefix}_", text)  # in assembly
    text = re.sub(r"\bnamespace vigil\b", f"namespace vigil_{prefix}", text)
    text = re.sub(r"\bvigil(?=::|;)", f"vigil_{prefix}", text)
    floats = re.search(r"\bfloat\b", text) is not None
    return _NO_CONTRACTION + text if name.endswith(".cpp") and floats else text
