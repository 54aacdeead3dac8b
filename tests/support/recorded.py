"""Streams that are recorded, and as much of a bundle as their sources need."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.monitor_board import WINDOW, FakeBoard
from tools.monitor.controls import Controls
from tools.monitor.events import Event, WindowScored
from tools.monitor.recorder import Recorder
from tools.monitor.stream import Stream
from tools.recordings.csv import samples_path
from tools.recordings.load import of_file
from tools.recordings.source import Source
from training.bundle.manifest import Grid, Segmenter, Signal


def bundle(**signal: Any) -> Any:
    """As much of a bundle as a source looks at."""
    facts = {
        "rate_hz": 100.0,
        "rate_is_nominal": False,
        "channels": ["ecg"],
        "units": ["mV"],
        "gain": [200.0],
        "offset": [0],
    }
    manifest = SimpleNamespace(
        name="noise",
        signal=Signal(**{**facts, **signal}),
        segmenter=Segmenter(kind="fixed", window=WINDOW, hop=WINDOW),
        grid=Grid(WINDOW, 0, WINDOW, WINDOW),
        recipe={},
    )
    return SimpleNamespace(manifest=manifest)


def record(path: Path | None, what: Source, board: FakeBoard, *commands: Any) -> list[Event]:
    events: list[Event] = []
    view, controls = Recorder(path, what.frame_labels, events.append), Controls()
    waiting = list(commands)

    def emit(event: Event) -> None:
        view.handle(event)
        events.append(event)
        if isinstance(event, WindowScored) and event.index == 10:
            while waiting:
                controls.ask(waiting.pop(0))

    Stream(board, what, controls, emit).run()
    view.close()
    return events


def samples_of(path: Path) -> np.ndarray:
    return of_file(samples_path(path) if path.suffix == ".csv" else path, bundle()).counts
