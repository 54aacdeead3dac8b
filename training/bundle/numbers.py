"""Numbers of the manifest: single precision, and rates."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

Rate = Annotated[float, Field(ge=0, le=1)]


def _single(value: float) -> float:
    if not abs(value) <= float(np.finfo(np.float32).max):
        raise ValueError("must be a finite single-precision number")
    return value


def _not_zero(value: float) -> float:
    if np.float32(value) == 0:
        raise ValueError("must not be zero in single precision")
    return value


Float32 = Annotated[float, AfterValidator(_single)]
PositiveFloat32 = Annotated[Float32, Field(gt=0), AfterValidator(_not_zero)]


def float32_text(value: float | np.floating[Any]) -> float:
    """Return the double whose decimal text reads back as the same float32."""
    return float(str(np.float32(value)))
