"""How often the parts of the convolutions' kernels run."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from tools.convert.operators.dense import DenseLayer, finish_work
from tools.convert.operators.positions import Positions
from tools.convert.work import Work, added, memcpy, memset, repeated


def _met(first: int, stride: int, count: int, kernel: int, dilation: int, size: int) -> list[int]:
    """At each position along an axis, how many of the kernel's weights meet an input."""
    met = []
    for position in range(count):
        begin = first + position * stride
        inside = (0 <= begin + k * dilation < size for k in range(kernel))
        met.append(sum(inside))
    return met


def _windows(at: Positions) -> tuple[list[int], list[int]]:
    """Rows of the kernel that meet inputs, down the image; and columns, along it."""
    down = _met(
        *(at.top, at.stride_height, at.rows, at.kernel_height, at.dilation_height, at.in_height)
    )
    along = _met(
        *(at.left, at.stride_width, at.columns, at.kernel_width, at.dilation_width, at.in_width)
    )
    return down, along


def _positions_work(kernel: str, at: Positions) -> dict[str, float]:
    """over_positions() of kernel_window.h."""
    divisions = (at.dilation_height != 1) * at.rows + (at.dilation_width != 1) * at.count
    return {
        f"{kernel}.call": 1,
        f"{kernel}.row": at.rows,
        f"{kernel}.position": at.count,
        f"{kernel}.dilated": divisions,
    }


def convolve_work(at: Positions, layer: DenseLayer) -> Work:
    """convolve() of convolve.cpp: rows of the kernel, by two outputs or one."""
    down, along = _windows(at)
    work: Counter[str] = Counter()
    for rows, high in Counter(down).items():
        for columns, wide in Counter(along).items():
            for part, times in _one_position(at, layer.outputs, rows, columns).items():
                work[f"convolve.{part}"] += times * high * wide
    changes = at.rows * sum(a != b for a, b in pairwise(along))
    changes += sum((down[i], along[0]) != (down[i - 1], along[-1]) for i in range(1, at.rows))
    groups, rest = divmod(layer.outputs, 4)
    return added(
        _positions_work("convolve", at),
        work,
        {"convolve.change": 1 + changes},
        finish_work("finish", layer, 4, groups * at.count),
        finish_work("finish", layer, rest, at.count if rest else 0),
    )


def _one_position(at: Positions, outputs: int, rows: int, columns: int) -> dict[str, int]:
    together = at.dilation_width == 1 or rows == 0
    turns, walked = (1, rows) if together else (rows, columns)
    count = columns * at.channels if at.dilation_width == 1 else at.channels
    whole_rows = columns == at.kernel_width == at.dilation_height * at.in_width
    if at.dilation_width == 1 and whole_rows:
        walked, count = 1, count * walked
    pairs = outputs // 4 * 2 + outputs % 4 // 2
    single = outputs % 2
    fours = count // 4
    return {
        "group": -(-outputs // 4),
        "turn": -(-outputs // 4) * turns,
        "pair": pairs * turns,
        "pair_row": pairs * turns * walked,
        "pair_four": pairs * turns * walked * fours,
        "pair_one": pairs * turns * walked * (count % 4),
        "single": single * turns,
        "single_row": single * turns * walked,
        "single_eight": single * turns * walked * (fours // 2),
        "single_four": single * turns * walked * (fours % 2),
        "single_one": single * turns * walked * (count % 4),
    }


def depthwise_work(at: Positions, layer: DenseLayer, multiplier: int) -> Work:
    """depthwise() of depthwise.cpp: four channels at a time, or one."""
    down, along = _windows(at)
    groups = layer.outputs // 4 if multiplier == 1 else 0
    ones = layer.outputs - 4 * groups
    rows, taps = sum(down) * at.columns, sum(down) * sum(along)
    return added(
        _positions_work("depthwise", at),
        {
            "depthwise.four": groups * at.count,
            "depthwise.four_row": groups * rows,
            "depthwise.four_tap": groups * taps,
            "depthwise.one": ones * at.count,
            "depthwise.one_row": ones * rows,
            "depthwise.one_tap": ones * taps,
        },
        finish_work("finish", layer, 4, groups * at.count),
        finish_work("finish", layer, 1, ones * at.count),
    )


def patches_work(at: Positions) -> Work:
    """convolve() of convolve_paired.h, with patch_at() and without the dense layer."""
    down, along = _windows(at)
    whole_down = [n == at.kernel_height for n in down]
    whole_along = [n == at.kernel_width for n in along]
    contiguous = (at.kernel_height == 1 or at.kernel_width == at.in_width) and (
        max(at.dilation_height, at.dilation_width) == 1 or at.kernel_height * at.kernel_width == 1
    )
    direct = sum(whole_down) * sum(whole_along) if contiguous else 0
    work: list[Work] = [
        {
            "patches.call": 1,
            "patches.row": at.rows,
            "patches.position": at.count,
            "patches.copied": at.count - direct,
        }
    ]
    run = at.kernel_width if at.dilation_width == 1 else 1
    pieces: Counter[tuple[bool, int, int, int]] = Counter()
    for column in range(at.columns):
        for j in range(0, at.kernel_width, run):
            x = at.left + column * at.stride_width + j * at.dilation_width
            start, end = max(x, 0), min(x + run, at.in_width)
            if start >= end:
                start = end = x + run
            pieces[whole_along[column], start - x, end - start, x + run - end] += 1
    for (whole, before, inside, after), times in pieces.items():
        for met, whole_row in zip(down, whole_down, strict=True):
            if contiguous and whole and whole_row:
                continue
            work.append(_copied(at.channels, before, inside, after, times * met))
            work.append(_copied(at.channels, run, 0, 0, times * (at.kernel_height - met)))
    return added(*work)


def _copied(channels: int, before: int, inside: int, after: int, times: int) -> Work:
    """copy_pixels() of convolve_paired.cpp."""
    works = [{"patches.piece": 1.0}, memset(before * channels, 1)]
    if inside:
        works += [
            memcpy(inside * channels, 1),
            memset(after * channels, 1),
        ]
    return repeated(added(*works), times)
