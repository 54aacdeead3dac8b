"""Bars of scores on a logarithmic scale with the threshold always in the middle."""

from __future__ import annotations

import math

EIGHTHS = " ▏▎▍▌▋▊▉█"
LOWER_EIGHTHS = " ▁▂▃▄▅▆▇█"
DECADES = 1.0  # shown on either side of the threshold


def height(score: float, threshold: float) -> float:
    """Return the height of a score's bar, 0 to 1, which is 0.5 at the threshold.

    Linear in log10(score / threshold) and limited to DECADES on either side. Scores are not
    negative; every score above 0 exceeds a threshold of 0 or less.
    """
    if score <= 0:
        return 0.0
    if threshold <= 0 or math.isinf(score):
        return 1.0
    if math.isnan(score) or math.isinf(threshold):
        return 0.0
    return min(max(0.5 + math.log10(score / threshold) / (2 * DECADES), 0.0), 1.0)


def bar(score: float, threshold: float, cells: int) -> str:
    """Return a horizontal bar of `cells` characters with the threshold as a line in the middle.

    The bar crosses the line exactly if the score is above the threshold.
    """
    if cells < 3:
        return ("█" if score > threshold else "░") * cells
    middle = cells // 2
    eighths = round(height(score, threshold) * cells * 8)
    if score > threshold:
        eighths = max(eighths, (middle + 1) * 8 + 1)
    else:
        eighths = min(eighths, middle * 8)
    text = []
    for cell in range(cells):
        filled = min(max(eighths - 8 * cell, 0), 8)
        if cell == middle:
            text.append("┃" if filled else "│")
        else:
            text.append(EIGHTHS[filled] if filled else "·" if cell > middle else " ")
    return "".join(text)
