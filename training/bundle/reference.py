"""The reference result of a bundle: the signal chain around the TFLM interpreter.

Every target (the compiled engine on this machine, a board) must compute the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.chain import input_of, score_of
from training.bundle.files import Bundle
from training.bundle.interpreter import open_interpreter


@dataclass(frozen=True, eq=False)
class Computed:
    """Windows at each stage of the chain, as one target computed them.

    A stage that the target does not show is None.
    """

    input: NDArray[np.int8] | None  # int8 [n, input size]
    output: NDArray[np.int8] | None  # int8 [n, output size]
    score: NDArray[np.float32] | None  # float32 [n]

    def rows(self, indices: NDArray[np.int64]) -> Computed:
        """Select windows by index, int64 [m]."""
        return Computed(
            None if self.input is None else self.input[indices],
            None if self.output is None else self.output[indices],
            None if self.score is None else self.score[indices],
        )


def compute(bundle: Bundle, counts: NDArray[np.int16]) -> Computed:
    """Scale, infer and score windows of raw counts, int16 [n, window, channels].

    Raises:
        ConvertError: the interpreter rejects the model or crashes on it.
    """
    scaled = input_of(bundle.manifest).scale(np.ascontiguousarray(counts))
    output = open_interpreter(bundle.model).run(scaled)
    return Computed(scaled, output, score_of(bundle.manifest).score(scaled, output))
