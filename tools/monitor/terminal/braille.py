"""Curves in braille characters: two columns and four rows of dots to a character cell.

A canvas holds layers; a cell shows every layer's dots in the colour of the last layer that has
any there. Pure text: nothing here knows a terminal.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rich.style import Style
from rich.text import Text

# Bit of the dot at [row, column] of a cell, from U+2800 up.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)


class Canvas:
    """Canvas of `width` x `height` cells, 2 * width x 4 * height dots; row 0 is at the top."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = max(width, 0), max(height, 0)
        self._cells = np.zeros((self.height, self.width), np.uint8)
        self._layer = np.full((self.height, self.width), -1, np.int16)
        self._styles: list[Style] = []

    @property
    def columns(self) -> int:
        """Number of dot columns."""
        return 2 * self.width

    @property
    def rows(self) -> int:
        """Number of dot rows."""
        return 4 * self.height

    def draw(self, low: NDArray[np.float64], high: NDArray[np.float64], style: Style) -> None:
        """Draw a curve over the earlier ones.

        Args:
            low, high: float64 [columns], the lowest and highest dot per column as fractions of the
                height, 0 at the bottom; NaN leaves the column empty.

        Neighbouring columns are joined, so that a steep edge is a line.
        """
        style_index = len(self._styles)
        self._styles.append(style)
        n = min(len(low), self.columns)
        if not n or not self.rows:
            return
        top: list[int] = self._row(high[:n]).tolist()
        bottom: list[int] = self._row(low[:n]).tolist()
        drawn = ~np.isnan(low[:n])
        # Extend a column to the one before if the two do not touch.
        for x in range(1, n):
            if drawn[x] and drawn[x - 1]:
                if top[x] > bottom[x - 1]:
                    top[x] = bottom[x - 1] + 1
                elif bottom[x] < top[x - 1]:
                    bottom[x] = top[x - 1] - 1
                top[x], bottom[x] = min(top[x], bottom[x]), max(top[x], bottom[x])
        for x in np.flatnonzero(drawn).tolist():
            for y in range(top[x], bottom[x] + 1):
                row, column = y // 4, x // 2
                self._cells[row, column] |= _DOTS[y % 4, x % 2]
                self._layer[row, column] = style_index

    def lines(self) -> list[Text]:
        """Return one Text of exactly `width` cells per row."""
        blank = Style()
        return [
            line_of(
                (chr(0x2800 + int(cell)) if cell else " ", self._styles[layer] if cell else blank)
                for cell, layer in zip(cells, layers, strict=True)
            )
            for cells, layers in zip(self._cells, self._layer, strict=True)
        ]

    def _row(self, fraction: NDArray[np.float64]) -> NDArray[np.int64]:
        clipped = np.nan_to_num(np.clip(fraction, 0.0, 1.0))
        return np.rint((1.0 - clipped) * (self.rows - 1)).astype(np.int64)


def line_of(cells: Iterable[tuple[str, Style]]) -> Text:
    """Return a line of single characters; neighbours of one style are one span."""
    text = Text(no_wrap=True)
    for style, run in itertools.groupby(cells, key=lambda cell: cell[1]):
        text.append("".join(character for character, _ in run), style)
    return text
