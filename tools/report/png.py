"""PNG files with a palette: a third of the size, with no difference that the eye sees."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image


def reduce_png(data: bytes) -> bytes:
    """Encode a PNG again with the 256 colours that represent it best."""
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    if image.getchannel("A").getextrema() == (255, 255):
        method, opaque = Image.Quantize.MAXCOVERAGE, image.convert("RGB")
        reduced = opaque.quantize(256, method, kmeans=1, dither=Image.Dither.NONE)
    else:  # the only method that keeps transparency
        reduced = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_png(path: Path, data: bytes) -> None:
    """Write a PNG with a reduced palette, unless the file holds that picture already."""
    reduced = reduce_png(data)
    if not path.exists() or path.read_bytes() != reduced:
        path.write_bytes(reduced)
