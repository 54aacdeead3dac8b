"""What verify found: each target against the TensorFlow Lite Micro interpreter, byte for byte."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Count:
    """How many of so many values differ from the reference."""

    wrong: int
    of: int


@dataclass(frozen=True)
class TargetResult:
    """One place where the same windows were computed; None where a stage was not looked at."""

    name: str  # "compiled engine, host", "emulated, tflm engine", ...
    windows: int
    input: Count | None  # bytes of scaled input
    output: Count | None  # bytes of model output
    score: Count | None  # scores, by all their bits
    first_wrong: str = ""  # where the first difference is, in words
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether nothing that was looked at differs."""
        return not any(count.wrong for count in (self.input, self.output, self.score) if count)


@dataclass(frozen=True)
class FloatDifference:
    """How far the float model's scores are from the int8 ones: for information, never exact."""

    windows: int
    mean_absolute: float  # in the score's units
    largest: float
    mean_score: float  # of the int8 scores, for scale


@dataclass(frozen=True)
class ScoredOnBoard:
    """The board's own scores of test windows, for its AUROC in the report."""

    board: str  # its name; "emulated" is said beside every number from it
    windows: tuple[int, ...]  # indices into the test windows
    scores: tuple[float, ...]  # single-precision values


@dataclass(frozen=True)
class VerifyResult:
    """The table that `vigil verify` prints."""

    name: str  # the bundle's
    bundle: str  # hash of the bundle (16 hexadecimal digits)
    golden: int  # windows from the bundle's golden file
    more: int  # further windows of the test set
    targets: tuple[TargetResult, ...]
    keras: FloatDifference | None
    board: ScoredOnBoard | None = None

    @property
    def ok(self) -> bool:
        """Whether every target equals the reference."""
        return all(target.exact for target in self.targets)

    def to_json(self) -> str:
        """Everything, as JSON text with one newline at the end."""
        return json.dumps({**asdict(self), "ok": self.ok}) + "\n"

    @staticmethod
    def from_json(text: str) -> VerifyResult:
        """The result that to_json() wrote."""
        values = json.loads(text)
        values.pop("ok")
        keras, board = values["keras"], values["board"]
        return VerifyResult(
            **{
                **values,
                "targets": tuple(_target(r) for r in values["targets"]),
                "keras": FloatDifference(**keras) if keras else None,
                "board": ScoredOnBoard(**{k: _tuple(v) for k, v in board.items()})
                if board
                else None,
            }
        )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _target(values: dict[str, Any]) -> TargetResult:
    counts = {k: Count(**values[k]) if values[k] else None for k in ("input", "output", "score")}
    return TargetResult(**{**values, **counts})
