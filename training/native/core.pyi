import numpy as np
from numpy.typing import NDArray

class AffineScaler:
    def __init__(
        self, center: list[int], multiplier: list[int], shift: int, zero_point: int
    ) -> None: ...
    def scale(self, windows: NDArray[np.int16]) -> NDArray[np.int8]: ...

class PerWindowScaler:
    def __init__(
        self, channels: int, min_deviation: int, steps_per_deviation: int, zero_point: int
    ) -> None: ...
    def scale(self, windows: NDArray[np.int16]) -> NDArray[np.int8]: ...

class ReconstructionError:
    def __init__(
        self,
        kind: str,
        input_weight: int,
        output_weight: int,
        input_zero_point: int,
        output_zero_point: int,
        factor: float,
    ) -> None: ...
    def score(self, input: NDArray[np.int8], output: NDArray[np.int8]) -> NDArray[np.float32]: ...

class QualityGate:
    def __init__(
        self,
        min_range: list[int],
        min_variation: list[int],
        max_run: list[int],
        max_extreme: list[int],
        max_mains: list[int],
        mains: list[int],
    ) -> None: ...
    def check(self, windows: NDArray[np.int16]) -> NDArray[np.uint8]: ...
    def measure(self, windows: NDArray[np.int16]) -> NDArray[np.uint32]: ...

class Segmenter:
    def __init__(self, window: int, hop: int, channels: int) -> None: ...
    def push(
        self, first_frame: int, frames: NDArray[np.int16]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int16], list[tuple[int, int]]]: ...
    def restart(self, frame: int) -> None: ...
    @property
    def next_frame(self) -> int: ...
    @property
    def next_window(self) -> int: ...

def integer_sqrt(value: int) -> int: ...
