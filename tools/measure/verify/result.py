"""The result of verify: how each target differs from the TensorFlow Lite Micro interpreter."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Count:
    """The number of values that differ from the reference, and the number compared."""

    wrong: int
    of: int


@dataclass(frozen=True)
class TargetResult:
    """How one target differs from the reference; None for a stage that was not compared."""

    name: str  # "compiled engine, host", "emulated, tflm engine", ...
    windows: int
    input: Count | None  # bytes of the scaled input
    output: Count | None  # bytes of the model's output
    score: Count | None  # scores, compared by their bits
    first_wrong: str = ""  # the first difference, in words
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether no compared value differs."""
        return not any(count.wrong for count in (self.input, self.output, self.score) if count)


@dataclass(frozen=True)
class FloatDifference:
    """Difference between the float model's scores and the int8 scores, for information."""

    windows: int
    mean_absolute: float  # in the score's units
    largest: float
    mean_score: float  # mean of the int8 scores, for comparison


@dataclass(frozen=True)
class ScoredOnBoard:
    """The board's own scores of test windows, for the board's AUROC in the report."""

    board: str  # the board's name; figures from "emulated" are marked so
    windows: tuple[int, ...]  # indices into the test windows
    scores: tuple[float, ...]  # single-precision values


@dataclass(frozen=True)
class VerifyResult:
    """The table that `vigil verify` prints."""

    name: str  # name of the bundle
    bundle: str  # hash of the bundle, 16 hexadecimal digits
    golden: int  # number of golden windows of the bundle
    more: int  # number of other test windows
    targets: tuple[TargetResult, ...]
    keras: FloatDifference | None
    board: ScoredOnBoard | None = None

    @property
    def ok(self) -> bool:
        """Whether every target equals the reference."""
        return all(target.exact for target in self.targets)

    def to_json(self) -> str:
        """Return the result as JSON text that ends with a newline."""
        return json.dumps({**asdict(self), "ok": self.ok}) + "\n"

    @staticmethod
    def from_json(text: str) -> VerifyResult:
        """Return the result that to_json() wrote. Raises ValueError for any other text."""
        return TypeAdapter(VerifyResult).validate_json(text)
