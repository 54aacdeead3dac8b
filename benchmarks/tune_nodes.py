"""Compare the speed of `vigil tune --ray` on two nodes of one processor with that on one node.

    python -m benchmarks.tune_nodes [--recipe ecg5000] [--trials 192]

Both search in turn, with a new cluster each, in a network namespace with the loopback interface
only. Times are those that passed from the first trial asked to the last one stored. Tracing and
compilation count; each node does both, so that a short search gains less. The machine needs two
idle processors. The trials of both searches are compared: they have to be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.two_ray_nodes import HEAD, PORT, ray_nodes
from tools.boards.catalogue import find_board
from tools.checkout import ROOT
from tools.tune.budget import read_budget
from tools.tune.cluster import RayWorkers
from tools.tune.cost import Costs
from tools.tune.search import Setting, affordable, search
from tools.tune.space import read_space
from tools.tune.study import Study
from training.recipe import read_recipe
from training.windows import load_data

SEED = 1


def measure(name: str, trials: int, nodes: int) -> dict[str, Any]:
    """Search with so many nodes; return the seconds and the detection of each trial."""
    recipe, dataset = load_data(read_recipe(name))
    board, space = find_board("nano33ble"), read_space(recipe)
    costs = Costs(board, dataset.train.rate_hz, dataset.train.rate_is_nominal)
    budget = read_budget(board, None)
    setting = Setting(recipe, dataset, space, budget, costs, splits=8, seed=SEED)
    setting = replace(setting, space=affordable(setting))
    with tempfile.TemporaryDirectory() as folder, ray_nodes(Path(folder), nodes):
        study = Study(Path(folder) / "search.log", {"seed": SEED}, setting.space, budget, False)
        workers = RayWorkers(f"{HEAD}:{PORT}", recipe, dataset, setting.space)
        begin = time.perf_counter()
        detection = [each.detection for each in search(setting, study, workers, trials, None)]
        seconds = time.perf_counter() - begin
        workers.close()
    return {"seconds": seconds, "detection": detection}


def main() -> None:
    """Read the arguments, and measure each number of nodes in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="ecg5000")
    parser.add_argument("--trials", type=int, default=192)
    parser.add_argument("--nodes", type=int, choices=(1, 2), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.nodes is not None:
        print(json.dumps(measure(options.recipe, options.trials, options.nodes)))
        return
    results = []
    for nodes in (1, 2):
        load = os.getloadavg()[0]
        words = ["unshare", "-rn", sys.executable, "-m", "benchmarks.tune_nodes"]
        words += ["--recipe", options.recipe, "--trials", str(options.trials)]
        done = subprocess.run([*words, "--nodes", str(nodes)], cwd=ROOT, stdout=subprocess.PIPE)
        if done.returncode:
            sys.exit(f"the search with {nodes} node(s) failed")
        results.append(json.loads(done.stdout.splitlines()[-1]))
        seconds, count = results[-1]["seconds"], len(results[-1]["detection"])
        print(f"{nodes} node(s): {count} trials in {seconds:.1f} s; load {load:.1f}", flush=True)
    if results[0]["detection"] != results[1]["detection"]:
        sys.exit("the trials differ")
    ratio = results[0]["seconds"] / results[1]["seconds"]
    print(f"the same trials; two nodes are {ratio:.2f} times as fast as one")


if __name__ == "__main__":
    main()
