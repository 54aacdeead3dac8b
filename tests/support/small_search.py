"""Run a search of a small recipe without its end, on this machine or on a Ray cluster.

A journal that exists is continued.

python -m tests.support.small_search RECIPE JOURNAL TRIALS [ADDRESS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.boards.catalogue import find_board
from tools.tune.budget import read_budget
from tools.tune.cluster import RayWorkers
from tools.tune.cost import Costs
from tools.tune.search import Setting, search
from tools.tune.space import read_space
from tools.tune.study import Study
from tools.tune.workers import LocalWorkers, Workers
from training.recipe import read_recipe
from training.windows import load_data


def main(recipe_path: str, journal: str, trials: str, address: str | None = None) -> None:
    """Search, and store the trials."""
    recipe, dataset = load_data(read_recipe(recipe_path))
    board, space = find_board("nano33ble"), read_space(recipe)
    budget = read_budget(board, None)
    setting = Setting(recipe, dataset, space, budget, Costs(board, None), splits=2, seed=1)
    study = Study(Path(journal), {"seed": 1}, space, budget, resume=Path(journal).exists())
    workers: Workers
    if address is None:
        workers = LocalWorkers(1, recipe, dataset, space)
    else:
        workers = RayWorkers(address, recipe, dataset, space)
        print(f"{workers.count} processors", flush=True)
    for _ in search(setting, study, workers, int(trials), None):
        pass
    workers.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
