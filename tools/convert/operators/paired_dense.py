"""Dense layers in the paired kernel, which holds two rows in a 16-bit lane (docs/engine.md)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.operators.dense import DenseLayer
from tools.convert.planner import Lanes
from tools.convert.requantization import (
    OneMultiply,
    Requantization,
    best_shift,
    fits,
    one_multiply,
)
from tools.convert.step import Report, Step, Value
from tools.convert.work import Work

INT8: Lanes = (-128, 127)
"""Lanes of a widened int8 input."""

OFFSET: Lanes = (0, 255)
"""Lanes that a paired kernel wrote: int8 values plus 128."""

CHAIN, LOOP = 9, 8
"""Blocks of eight inputs in the two forms of the inner loop (paired_dense_dsp.h)."""

BLOCK_BYTES = 92
"""Code of a block, as in paired_dense_dsp.h."""

LAST_PASS_BYTES = 4
"""Code before the loop, which marks the last pass."""

SHIFTS = range(-6, 16)
"""Shifts that the kernel's instructions can encode."""

DROPPED = 7
"""Shifts that a layer may have, from the one at which its multipliers keep all bits upwards."""

_NO_FORM = OneMultiply(0, False, 0, 0, 0)
"""Form of a row whose output in the kernel is not used; the output is the smallest value."""

PAIRED_DENSE_BYTES = 44
"""sizeof(PairedDense) in paired_dense_dsp.h."""


def wide_bytes(values: int) -> int:
    """Memory of a wide activation: the sum of neighbours' products, then two bytes per value."""
    return 4 + 8 * -(-values // 4)


@dataclass(frozen=True, eq=False)
class PairedLayer:
    """A layer in a form that the paired kernel can run."""

    layer: DenseLayer  # the layer
    bias: NDArray[np.int64]  # int64 [outputs], for the lanes that the input comes in
    # one multiplication per row, or one for the first rows of all pairs and one for the second
    forms: tuple[OneMultiply, ...]
    shift: int  # of all rows
    after: bool  # whether the second rows' sums would leave 32 bits if shifted
    signed: bool  # whether ties of negative sums are corrected

    @property
    def missing(self) -> list[int]:
        """Rows without an exact form, whose outputs another step has to compute."""
        return [row for row, form in enumerate(self.forms) if form is _NO_FORM]


def fit_paired(
    layer: DenseLayer, lanes: Lanes, used: list[tuple[int, bool]], spare: int = 0
) -> PairedLayer | str:
    """Fit the paired kernel to a layer whose inputs come in `lanes`.

    Each pair of a shift and whether it is after the product is another copy of the kernel's code.
    The pairs in `used` are therefore preferred, and the layer's pair is added there. With weights
    per channel, up to `spare` rows may have no exact form, if no shift suits them all.

    Returns the reason, for the layer table, if the kernel cannot run the layer.
    """
    weights = layer.weights.astype(np.int64)
    if layer.inputs < 4 or layer.outputs < 4:
        return "plain: too small for pairs"
    if (weights == -128).any():
        return "plain: a weight of -128"
    offset = INT8[0] - lanes[0]  # lane = value - offset
    bias = layer.bias + offset * weights.sum(1)
    exacts = layer.requantizations(layer.zero_point, layer.low, layer.high)
    best = max((best_shift(exact.by) for exact in exacts if exact.by.value), default=0)
    if best >= SHIFTS.stop:
        return "plain: scales too far apart"
    # A larger shift drops bits of the multipliers. Of several, the one most likely to suit other
    # layers too is the largest; of those after the product, which no sum limits, the smallest.
    within = [shift for shift in SHIFTS if best <= shift < best + DROPPED]
    shifts = [(shift, False) for shift in reversed(within)]
    shifts += [(shift, True) for shift in within if shift > 0]
    shifts = [*(each for each in used if each in shifts), *shifts]
    possible = False
    fitted: PairedLayer | None = None
    for signed, (shift, after) in itertools.product((False, True), shifts):
        if not all(fits(exact, shift, True) and fits(exact, shift, after) for exact in exacts):
            continue
        possible = True
        forms = _fit_rows(layer, exacts, shift, after, signed, spare)
        if forms:
            fitted = PairedLayer(layer, bias, forms, shift, after, signed)
            if not fitted.missing:
                break
            spare = len(fitted.missing) - 1
    if fitted is None:
        return "plain: steps unlike" if possible else "plain: sums too large"
    used.append((fitted.shift, fitted.after))
    return fitted


def _fit_rows(
    layer: DenseLayer,
    exacts: Sequence[Requantization],
    shift: int,
    after: bool,
    signed: bool,
    spare: int,
) -> tuple[OneMultiply, ...]:
    """The forms of PairedLayer; empty if more than `spare` are missing.

    A pair's first row comes as 256 times its sum, which the kernel does not shift.
    """
    pairs = [(exact, each) for exact in exacts for each in (True, after)]
    if layer.per_channel:
        pairs = [(exact, after or row % 4 < 2) for row, exact in enumerate(exacts)]
    elif signed and shift != best_shift(exacts[0].by):
        return ()  # the kernel's correction is that of the best shift
    forms = []
    for exact, each in pairs:
        form = one_multiply(exact, shift, after=each, signed=signed)
        if form is None:
            spare -= 1
            if spare < 0 or not layer.per_channel:
                return ()
        forms.append(form or _NO_FORM)
    return tuple(forms)


def stream(paired: PairedLayer) -> NDArray[np.uint32]:
    """The kernel's words, rows in fours; the format is in paired_dense.h."""
    layer = paired.layer
    rows, columns = -(-layer.outputs // 4) * 4, -(-layer.inputs // 4) * 4
    weights = np.zeros((rows, columns), np.int64)
    weights[: layer.outputs, : layer.inputs] = layer.weights
    bias = np.zeros(rows, np.int64)
    bias[: layer.outputs] = paired.bias
    # Within four inputs, a word's lanes are values 0 and 2, or 1 and 3.
    order = np.arange(columns).reshape(-1, 2, 2).swapaxes(1, 2).reshape(-1)
    weights = weights[:, order]
    words: list[NDArray[np.int64]] = []
    for first in range(0, rows, 4):
        a, b = weights[first : first + 2], weights[first + 2 : first + 4]
        c_a, c_b = bias[first : first + 2], bias[first + 2 : first + 4]
        ahead = (b.reshape(2, -1, 2, 2).prod(2)).sum((1, 2))
        words += [256 * c_a + c_b, c_b - ahead, _interleaved(256 * a + b)]
        if layer.per_channel:
            words += _row_constants(paired, first)
    return np.concatenate(words).astype(np.int64).astype(np.uint32)


def zeros(paired: PairedLayer) -> NDArray[np.uint32]:
    """The words of Layer::zeros in paired_dense.h, for the layer's `silent` first inputs."""
    layer, blocks = paired.layer, paired.layer.inputs // 8
    skipped = layer.silent // 8
    rows = -(-layer.outputs // 4) * 4
    weights = np.zeros((rows, layer.silent), np.int64)
    weights[: layer.outputs] = layer.weights[:, : layer.silent]
    lack = weights.reshape(rows, -1, 2).prod(2).sum(1).reshape(-1, 4)[:, 2:]
    enter = BLOCK_BYTES * ((skipped - blocks) % LOOP - -blocks % LOOP)
    if blocks - skipped == LOOP:
        enter -= LAST_PASS_BYTES
    size = np.full((len(lack), 1), 32 * skipped)
    words = np.concatenate([[16 * skipped, enter], np.hstack([lack, size]).reshape(-1)])
    return words.astype(np.int64).astype(np.uint32)


def _interleaved(lanes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Both pairs' words, alternating every eight inputs; four inputs at the end."""
    words = ((lanes[:, 1::2] & 0xFFFF) << 16) | (lanes[:, 0::2] & 0xFFFF)
    whole = words.shape[1] // 4 * 4
    head = words[:, :whole].reshape(2, -1, 4).swapaxes(0, 1).reshape(-1)
    return np.concatenate([head, words[:, whole:].reshape(-1)])


def _row_constants(paired: PairedLayer, first: int) -> list[NDArray[np.int64]]:
    forms: Sequence[OneMultiply] = [
        paired.forms[row] if row < len(paired.forms) else _NO_FORM
        for row in range(first, first + 4)
    ]
    columns = [[form.rounding for form in forms]]
    if paired.signed:
        columns.append([form.correction for form in forms])
    columns.append([form.multiplier for form in forms])
    return [np.array(column, np.int64) for column in columns]


def paired_dense(paired: PairedLayer, to_bytes: bool, skips: bool = False) -> Step:
    """The step of a layer in the paired kernel, which writes int8 with `to_bytes`, else lanes.

    With `skips`, some layer of the model leaves inputs out, and this one has the same form.
    """
    layer = paired.layer
    groups, fours = -(-layer.inputs // 4), -(-layer.outputs // 4)
    skips = skips and groups % 2 == 0
    words = stream(paired)
    first = ["kStream#"]
    last: list[str] = []
    if layer.silent:
        lead = zeros(paired)
        words, first, last = np.concatenate([lead, words]), [f"kStream# + {len(lead)}"], first
    flags = {
        "after": paired.after,
        "sign": paired.signed,
        "per_channel": layer.per_channel,
        "bytes": to_bytes,
    }
    side = "left" if paired.shift >= 0 else "right"
    name = [f"kForm_{side}_{abs(paired.shift)}", *(name for name in flags if flags[name])]
    form = "_".join(name + ["skips"] * skips)
    form_fields = [str(paired.shift), *(str(on).lower() for on in flags.values()), "kLoops"]
    form_text = ", ".join(form_fields + ["true"] * skips)
    scales = (_NO_FORM, _NO_FORM) if layer.per_channel else paired.forms
    record = ", ".join(
        [*first, str(groups), str(fours)]
        + [f"{{{scale.multiplier}, {scale.rounding}}}" for scale in scales]
        + last
    )
    read = Value(layer.source, wide_bytes(layer.inputs), wide=True)
    size = layer.outputs if to_bytes else wide_bytes(layer.outputs)
    written = Value(layer.target, size, wide=not to_bytes)
    why = "proven by its bounds and steps"
    if layer.silent:
        why += f"; skips {layer.silent} inputs if all are 0"
    return Step(
        Report("FULLY_CONNECTED", layer.shape, layer.macs, layer.scale, "paired_dense", why),
        (read,),
        (written,),
        "paired_dense",
        ("kPaired#", read, written),
        frozenset({"paired_dense.h"}),
        constants=cpp.array("std::uint32_t", "kStream#", (f"0x{word:08X}" for word in words))
        + f"constexpr PairedDense<{form}> kPaired#{{Layer{{{record}}}}};\n",
        constant_bytes=4 * len(words) + PAIRED_DENSE_BYTES,
        shared=frozenset({f"constexpr Form {form} = {{{form_text}}};\n"}),
        pass_cycles=_pass_cycles(groups // 2, fours),
        paired_instructions=_instructions(paired, to_bytes) + skips * _zeros_instructions(layer),
        skipped_instructions=_skipped_instructions(layer),
        pass_instructions=_pass_instructions(groups // 2, fours),
    )


def _instructions(paired: PairedLayer, to_bytes: bool) -> int:
    """Instructions in paired_dense_dsp.h without those between passes; the call may take 1 less."""
    layer = paired.layer
    groups, fours = -(-layer.inputs // 4), -(-layer.outputs // 4)
    requantized = 4 + 2 * paired.after
    if layer.per_channel:
        requantized += 3 + 9 * paired.signed
    else:
        requantized += 1 + paired.signed * (8 if to_bytes else 9)
    written = 4 if to_bytes else 3
    four = 2 + 23 * (groups // 2) + 13 * (groups % 2) + 10 + requantized + written
    return (22 if to_bytes else 25) + four * fours


def _zeros_instructions(layer: DenseLayer) -> int:
    """Instructions that look for inputs to leave out; the most of them."""
    return 10 + 7 * (layer.silent // 8) if layer.silent else 3


def _skipped_instructions(layer: DenseLayer) -> float:
    """Instructions that a window takes less, as a mean over the windows of the layer's order."""
    fours, blocks = -(-layer.outputs // 4), layer.inputs // 8
    core = blocks - layer.silent // 8
    four = 23 * (blocks - core) + 3 * (-(-blocks // LOOP) - -(-core // LOOP)) - 7
    return layer.silent_share * fours * four if layer.silent else 0.0


def _pass_instructions(blocks: int, fours: int) -> tuple[int, int]:
    """Instructions between passes of the inner loop, for all rows: of the chain and of the loop."""
    if not blocks:
        return 0, 0
    passes, loops = -(-blocks // CHAIN), -(-blocks // LOOP)
    chain = 1 if passes == 1 else 4 * passes - 1
    return fours * chain, fours * (4 if loops == 1 else 3 * loops - 1)


def _pass_cycles(blocks: int, fours: int) -> tuple[int, int]:
    """Cycles between passes of the inner loop, for all rows, as `vigil estimate` models them."""
    if not blocks:
        return 0, 0
    more, loops = -(-blocks // CHAIN) - 1, -(-blocks // LOOP) - 1
    chain = 8 * more + (11 if more else 4)
    loop = 6 * loops + 5 if loops else 8 if blocks == LOOP else 10
    return fours * chain, fours * loop


def widen(tensor: int, size: int) -> Step:
    """The step that turns int8 values into lanes."""
    return _conversion(
        "widen", Value(tensor, size), Value(tensor, wide_bytes(size), True), size, widen_work(size)
    )


def narrow(tensor: int, size: int) -> Step:
    """The step that turns a paired kernel's lanes into int8 values."""
    read = Value(tensor, wide_bytes(size), True)
    return _conversion("narrow", read, Value(tensor, size), size, narrow_work(size))


def widen_work(size: int) -> Work:
    """widen() of paired_dense.cpp."""
    eights = size // 8
    return {
        "widen.call": 1,
        "widen.eight": eights,
        "widen.sixteen": -(-eights // 2),
        "widen.four": size % 8 // 4,
        "widen.part": size % 4 > 0,
    }


def narrow_work(size: int) -> Work:
    """narrow() of paired_dense.cpp."""
    return {"narrow.call": 1, "narrow.value": size}


def _conversion(function: str, read: Value, written: Value, size: int, work: Work) -> Step:
    return Step(
        Report("-", str(size), 0, "-", function, "for paired_dense"),
        (read,),
        (written,),
        function,
        (read, str(size), written),
        frozenset({"paired_dense.h"}),
        work=work,
    )
