"""The arrays of evaluation.npz: their types and shapes, as docs/training.md specifies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import BundleError
from training.bundle.manifest import Manifest

_OPTIONAL = "classes"


def check_arrays(arrays: Mapping[str, NDArray[Any]], manifest: Manifest, where: str) -> None:
    """Check what a bundle's evaluation holds.

    Raises:
        BundleError: an array is missing, has another type or shape, or values that cannot be.
    """
    m, lengths = manifest, dict[str, int]()
    window = (m.segmenter.window, len(m.signal.channels))
    # By name: the type, what the first axis counts, and the shape of one entry.
    known: dict[str, tuple[type[np.generic], str, tuple[int, ...] | None]] = {
        "labels": (np.int8, "test", ()),
        "keras_test": (np.float32, "test", ()),
        "int8_test": (np.float32, "test", ()),
        "keras_calibration": (np.float32, "calibration", ()),
        "int8_calibration": (np.float32, "calibration", ()),
        "shown": (np.int64, "shown", ()),
        "counts": (np.int16, "shown", window),
        "input": (np.int8, "shown", (m.model.input.size,)),
        "output": (np.int8, "shown", (m.model.output.size,)),
        "code": (np.float32, "shown", None),
        _OPTIONAL: (np.int16, "shown", ()),
        "history_loss": (np.float32, "epochs", ()),
        "history_validation": (np.float32, "epochs", ()),
        "history_best_epoch": (np.int64, "", ()),
    }
    for name, (dtype, counted, entry) in known.items():
        if name not in arrays:
            if name == _OPTIONAL:
                continue
            raise BundleError(f"{where}: the evaluation lacks '{name}'; train again")
        array = arrays[name]
        fits = array.dtype == dtype and (array.ndim > 0) == bool(counted)
        if fits and counted:
            fits = len(array) == lengths.setdefault(counted, len(array))
        if not fits or (entry is not None and array.shape[1:] != entry):
            raise BundleError(
                f"{where}: '{name}' is {array.dtype} {list(array.shape)}, which does not fit the "
                "manifest and the other arrays; train again"
            )
    for name in ("int8_test", "code"):
        if not np.isfinite(arrays[name]).all():
            raise BundleError(f"{where}: '{name}' has values that are not finite; train again")
    for name, index, most in (
        ("shown", arrays["shown"], lengths["test"]),
        ("history_best_epoch", arrays["history_best_epoch"], max(lengths["epochs"], 1)),
    ):
        if ((index < 0) | (index >= most)).any():
            raise BundleError(f"{where}: '{name}' must lie in 0 to {most - 1}; train again")
