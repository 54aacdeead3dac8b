"""The sampler of a search: Optuna's TPE, which knows that every trial has the same settings.

Imported when a search begins, because Optuna is an extra.
"""

from __future__ import annotations

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

STARTUP = 16
"""Trials drawn at random before the sampler models what is good."""


class Sampler(optuna.samplers.TPESampler):
    """TPE that draws all settings together.

    Optuna looks for the settings that all trials have in common by comparing those of each. After
    1,000 trials this takes longer than the rest of a draw. Here every trial has the same settings,
    so those of the first one are taken. The draws are the same.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, n_startup_trials=STARTUP, multivariate=True)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the settings that are drawn together: none before the first finished trial."""
        first = study.get_trials(deepcopy=False)[0]
        if not first.state.is_finished():
            return {}
        return {k: each for k, each in sorted(first.distributions.items()) if not each.single()}
