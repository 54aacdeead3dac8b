"""Rules that attribute bytes to the parts of an image, by section, object and symbol.

The first matching rule decides. The rules depend on the folders of firmware/lib, the files that
tools/convert generates, namespaces, and the toolchains' libraries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.checkout import LIBRARIES
from tools.measure.budget.image import Piece

# Parts and their display names, in the order of display, Vigil's own first.
TITLES = {
    "model": "model (weights)",
    "arena": "arena, activations",
    "engine": "engine",
    "signal": "signal",
    "detector": "detector",
    "calibration": "calibration",
    "link": "link",
    "sampling": "sampling",
    "sketch": "sketch",
    "golden": "golden windows",
    "board": "board",
    "arduino": "Arduino core",
    "libc": "libc",
    "libm": "libm",
    "libgcc": "libgcc, libstdc++",
    "vectors": "vectors, start-up",
    "stack": "stack",
    "heap": "heap",
    "padding": "padding",
    "other": "other",
}
OWN = (
    "model",
    "arena",
    "engine",
    "signal",
    "detector",
    "calibration",
    "link",
    "sampling",
    "sketch",
    "golden",
    "board",
)


@dataclass(frozen=True)
class _Rule:
    part: str
    section: str = ""  # regular expressions, searched for; an empty one always matches
    input_section: str = ""
    source: str = ""  # in "archive(object)", with forward slashes
    symbol: str = ""  # in the mangled name
    type: str = ""  # in the type's name; members of large variables have one
    sram: bool | None = None  # True: only bytes in SRAM; False: only others
    function: bool | None = None


_SOURCES = "|".join(sorted(path.stem for path in (LIBRARIES / "signal").glob("*.cpp")))
_SIGNAL = rf"({_SOURCES})\.(cpp\.)?o"
_STAGES = r"(Spectrum|Statistics|FeatureInput)"
_RULES = (
    _Rule("heap", section=r"^\.heap"),
    _Rule("stack", section=r"^\.stack"),
    # Stacks of an operating system's threads are ordinary variables.
    _Rule("stack", symbol=r"^(_main_stack|_?os_\w+_stack|\w*_stack_mem)$", sram=True),
    _Rule("vectors", section=r"^\.(isr_vector|vectors|nvictable)"),
    _Rule("vectors", input_section=r"^\.(isr_vector|[Vv]ectors)"),
    _Rule("golden", source=r"\bgolden\.(cpp\.)?o\b"),
    # The engine's working memory, in any file.
    _Rule("arena", symbol=r"\d[kg]?_?\w*([Aa]rena|[Aa]ctivation)\w*", sram=True),
    # A compiled model contains weights (per layer, with biases, in the order of reading) and code
    # and tables, which count as the engine's.
    _Rule("model", source=r"\btflm_model\.(cpp\.)?o\b", sram=False, function=False),
    _Rule("model", source=r"\bcompiled_model\.(cpp\.)?o\b", symbol=r"Weights|Stream\d", sram=False),
    _Rule("engine", source=r"\b(tflm|compiled)_model\.(cpp\.)?o\b"),
    _Rule("model", symbol=r"^_ZN5vigil5modelL?\d", function=False),
    _Rule("engine", source=r"Chirale_TensorFLowLite|engine_(tflm|compiled)\b|tflite|tensorflow"),
    _Rule("calibration", source=r"/storage/|libstorage\.a|calibration\.(cpp\.)?o"),
    _Rule("signal", source=rf"\blib/?signal\b|/signal/|libsignal\.a|\b{_SIGNAL}"),
    _Rule("detector", source=r"/detector/|libdetector\.a|\bdetector\.(cpp\.)?o"),
    _Rule("link", source=r"/link/|liblink\.a"),
    _Rule("sampling", source=r"/sampling/|libsampling\.a"),
    _Rule("board", source=r"/lib\w*/board/|libboard\.a|\b(board|flash)_\w+\.(cpp\.)?o"),
    # The application is one object of the sketch; its members belong to different parts.
    _Rule("calibration", type=r"^vigil::BoardCalibration\b"),
    _Rule("sampling", type=r"^vigil::Sample(r|Memory)\b"),
    _Rule("link", type=r"^vigil::link::"),
    _Rule("detector", type=r"^vigil::(Detector|Segmenter)\b"),
    _Rule("detector", type=r"\[\]$", symbol=r"\.(counts|input|output)_?$"),
    # Templates and inline functions are in the objects that use them.
    _Rule("detector", symbol=r"^_ZNK?5vigil8Detector"),
    _Rule("signal", symbol=rf"^_ZZ?NK?5vigil\d+{_STAGES}"),
    _Rule("link", symbol=r"^_ZNK?5vigil4link"),
    _Rule("sketch", source=r"(^|/)src/|/lib\w*/app/|libapp\.a"),
    _Rule(
        "vectors",
        source=r"/(startup|vectors)\w*\.|\bcrt(i|n|0|begin|end)\.o|\bstartup\w*\.(S|cpp|c)?\.?o",
    ),
    _Rule("libm", source=r"/libm(_nano)?\.a"),
    _Rule("libc", source=r"/architecture/libc\.|/lib(c|g|rdimon|nosys)(_nano|_s)?\.a"),
    _Rule("libgcc", source=r"/lib(gcc|stdc\+\+|supc\+\+)(_nano|_s)?\.a|^linker stubs"),
    _Rule(
        "arduino",
        source=r"Framework\w*|framework-arduino|libmbed|libcc_|/cores?/|/architecture/|/variants?/",
    ),
    _Rule("arduino", source=r"/(SPI|Wire|PDM|USB\w*)/"),
    _Rule("arduino", section=r"^\.(crash_data_ram|sdh_\w+)"),
)
# For an image without a map file.
_NAMESPACES = (
    ("model", r"^_ZN5vigil5model"),
    ("engine", r"^_ZNK?(5vigil6engine|6tflite)"),
    ("link", r"^_ZN\w*5vigil4link"),
    ("calibration", r"^_ZNK?5vigil(16BoardCalibration|11Calibration|9SlotStore)"),
    ("sampling", r"^_ZNK?5vigil(7Sampler|10SampleRing)"),
    ("board", r"^_ZN5vigil5board"),
    ("signal", rf"5vigil\d+(\w*Scaler|Segmenter|QualityGate|score|{_STAGES})"),
    ("detector", r"5vigil8Detector"),
)


def part_of(piece: Piece, mapped: bool) -> str:
    """Return the key in TITLES of the part of `piece`; `mapped` as in Image."""
    if piece.padding and not piece.section.name.startswith((".heap", ".stack")):
        return "padding"
    source = f"{piece.archive}({piece.object})" if piece.archive else piece.object
    source = source.replace("\\", "/")
    for rule in _RULES:
        if (
            (rule.sram is None or rule.sram == piece.section.in_sram)
            and (rule.function is None or rule.function == piece.function)
            and re.search(rule.section, piece.section.name)
            and re.search(rule.input_section, piece.input_section)
            and re.search(rule.source, source)
            and re.search(rule.symbol, piece.symbol)
            and re.search(rule.type, piece.type)
        ):
            return rule.part
    if not mapped:
        for part, pattern in _NAMESPACES:
            if re.search(pattern, piece.symbol):
                return part
    return "other"
