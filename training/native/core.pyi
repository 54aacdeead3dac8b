from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

class AffineScaler:
    def __init__(
        self, center: list[int], multiplier: list[int], shift: int, zero_point: int
    ) -> None: ...
    def scale(self, windows: NDArray[np.int16]) -> NDArray[np.int8]: ...

class Features:
    def __init__(
        self,
        channels: int,
        statistics: int,
        edges: list[int],
        hann: list[int],
        sines: list[int],
        noise: int,
    ) -> None: ...
    def measure(self, windows: NDArray[np.int16]) -> NDArray[np.int16]: ...

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

class Mahalanobis:
    def __init__(
        self,
        input_zero_point: int,
        first: int,
        weights: list[int],
        offset: list[int],
        factor: list[float],
    ) -> None: ...
    def score(self, input: NDArray[np.int8], output: NDArray[np.int8]) -> NDArray[np.float32]: ...

class Level:
    def __init__(
        self, input_zero_point: int, first: int, stride: int, channels: int, factor: float
    ) -> None: ...
    def score(self, input: NDArray[np.int8], output: NDArray[np.int8]) -> NDArray[np.float32]: ...

class Join:
    def __init__(
        self,
        heads: Sequence[ReconstructionError | Mahalanobis | Level],
        weights: list[float],
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
        lowest: list[int],
        highest: list[int],
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

class Calibration:
    def __init__(self, windows: int, rate: int, tolerated: int) -> None: ...
    def push(self, scores: NDArray[np.float32]) -> None: ...
    @property
    def taken(self) -> int: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def set_aside(self) -> int: ...
    @property
    def threshold(self) -> float: ...
    @property
    def largest(self) -> NDArray[np.float32]: ...

class Wearer:
    def __init__(
        self,
        score: str,
        window: int,
        channels: int,
        first: int,
        length: int,
        shift: int,
        learn: int,
    ) -> None: ...
    def judge(
        self,
        beats: NDArray[np.int16],
        rr: NDArray[np.uint32],
        errors: NDArray[np.float32],
        threshold: float = ...,
        decision: Decision | None = None,
        windows: NDArray[np.uint64] | None = None,
        clipped: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float32]: ...
    def accept(self, window: int) -> bool: ...
    def forget_flagged(self) -> None: ...
    def load(self, memory: bytes) -> None: ...
    def restart(self) -> None: ...
    @property
    def beats(self) -> int: ...
    @property
    def form_count(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def interval(self) -> float: ...
    @property
    def learned(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def forms(self) -> NDArray[np.int32]: ...
    @property
    def memory(self) -> bytes: ...

class Decision:
    def __init__(
        self,
        points: list[tuple[float, int]],
        scores: int,
        kind: str,
        windows: int,
        raise_level: float,
        clear_level: float,
        block: int,
        limit: int,
        threshold: float = 1.0,
    ) -> None: ...
    @property
    def last(self) -> tuple[float, bool, bool]: ...
    def calibrated(self, threshold: float, largest: NDArray[np.float32], scores: int) -> None: ...
    def push(
        self, scores: NDArray[np.float32], threshold: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]: ...
    def configure(
        self, kind: str, windows: int, raise_level: float, clear_level: float
    ) -> bool: ...
    def gap(self) -> None: ...
    def restart(self) -> None: ...
    @property
    def low(self) -> int: ...
    @property
    def measured(self) -> bool: ...

class Resampler:
    def __init__(self, up: int, down: int, taps: int, channels: int, filter: list[int]) -> None: ...
    def push(self, frames: NDArray[np.int16]) -> NDArray[np.int16]: ...
    def restart(self, frame: int) -> None: ...

class BiquadFilter:
    def __init__(self, sections: list[list[int]], channels: int) -> None: ...
    def push(self, frames: NDArray[np.int16]) -> NDArray[np.int16]: ...
    def restart(self) -> None: ...

class QrsConfig:
    def __init__(
        self,
        smooth: int,
        baseline: int,
        slope: int,
        energy: int,
        settle: int,
        hold: int,
        refractory: int,
        t_wave: int,
        search_from: int,
        reach: int,
        edge: int,
        latency: int,
        learn: int,
    ) -> None: ...

class Beats(TypedDict):
    slots: NDArray[np.uint64]
    peaks: NDArray[np.uint64]
    intervals: NDArray[np.uint32]
    windows: NDArray[np.int16]
    lost: list[tuple[int, int]]

class BeatSegmenter:
    def __init__(
        self, window: int, before: int, hop: int, channels: int, lead: int, qrs: QrsConfig
    ) -> None: ...
    def push(self, first_frame: int, frames: NDArray[np.int16]) -> Beats: ...
    def restart(self, frame: int) -> None: ...
    @property
    def next_frame(self) -> int: ...
    @property
    def next_window(self) -> int: ...
    @property
    def span(self) -> int: ...

def integer_sqrt(value: int) -> int: ...
