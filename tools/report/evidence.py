"""Evidence of a report: the bundle, and the measurements beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.measure.budget.budget import Budget
from tools.measure.budget.store import load as load_budgets
from tools.measure.verify.result import VerifyResult
from tools.measure.verify.store import load as load_parity
from training.bundle import Bundle, read_bundle
from training.bundle.errors import BundleError
from training.bundle.labels import ABNORMAL, NORMAL


@dataclass(frozen=True, eq=False)
class BoardScores:
    """Scores that a board computed."""

    board: str  # name of the board, with "emulated" if it is
    windows: NDArray[np.int64]  # int64 [n], indices of the test windows
    score: NDArray[np.float32]  # float32 [n]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that the report shows; it is read, and no model computes it again."""

    bundle: Bundle
    evaluation: dict[str, NDArray[Any]]
    budgets: tuple[Budget, ...] = ()
    parity: VerifyResult | None = None
    board: BoardScores | None = None

    @staticmethod
    def read(
        bundle_dir: Path,
        budgets: tuple[Budget, ...] | None = None,
        parity: VerifyResult | None = None,
        board: BoardScores | None = None,
    ) -> Evidence:
        """Read the bundle; read from its folder each measurement that is not given.

        Raises:
            BundleError: the evaluation is missing, or `parity` is of another bundle.
        """
        bundle = read_bundle(bundle_dir)
        evaluation = bundle.evaluation()
        own = bundle.hash8.hex()
        if budgets is None:
            budgets = load_budgets(bundle_dir, own)
        if parity is None:
            parity = load_parity(bundle_dir)
        elif parity.bundle != own:
            raise BundleError(f"{bundle_dir}: trained again after it was verified; verify again")
        if board is None and parity is not None and parity.board is not None:
            scored = parity.board
            windows = np.asarray(scored.windows, np.int64)
            board = BoardScores(scored.board, windows, np.asarray(scored.scores, np.float32))
        return Evidence(bundle, evaluation, budgets, parity, board)

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """Label of every test window."""
        return np.asarray(self.evaluation["labels"], np.int8)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Score of every test window, by the quantized model."""
        return np.asarray(self.evaluation["int8_test"], np.float32)

    @property
    def labelled(self) -> bool:
        """Whether the test set has both normal and abnormal windows."""
        return bool((self.labels == NORMAL).any() and (self.labels == ABNORMAL).any())

    def stages(self) -> list[tuple[str, NDArray[np.float32], NDArray[np.bool_]]]:
        """Name, scores and truth (abnormal) of each stage, for windows with a label."""
        known = self.labels >= 0
        stages = [
            ("Keras", self.evaluation["keras_test"][known], self.labels[known] == ABNORMAL),
            ("int8", self.scores[known], self.labels[known] == ABNORMAL),
        ]
        if self.board is not None:
            labels = self.labels[self.board.windows]
            stages.append(
                (self.board.board, self.board.score[labels >= 0], labels[labels >= 0] == ABNORMAL)
            )
        return stages
