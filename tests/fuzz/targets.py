"""The Python targets: each takes any bytes, and may refuse them with an error of one line.

Anything else is a finding: another exception, a window reported twice, a hang, or a very large
allocation.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import fuzz_bundle, fuzz_host, fuzz_model
from tests.fuzz.changes import some_bytes


@dataclass(frozen=True)
class Target:
    """`run` is called with one of `seeds`, or with one that `mutate` has changed."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random], bytes]


TARGETS = {
    "host_bytes": Target(fuzz_host.host_bytes, fuzz_host.host_bytes_seeds, some_bytes),
    "host_frames": Target(fuzz_host.host_frames, fuzz_host.host_frames_seeds, some_bytes),
    "manifest": Target(fuzz_bundle.manifest, fuzz_bundle.manifest_seeds, fuzz_bundle.damaged_json),
    "golden": Target(fuzz_bundle.golden, fuzz_bundle.golden_seeds, fuzz_bundle.damaged_npz),
    "model": Target(fuzz_model.model, fuzz_model.model_seeds, fuzz_model.damaged_model),
}
