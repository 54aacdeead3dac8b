"""A bundle for boards on a line in memory, with the part of a manifest that monitors read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tools.link.session import Session
from training.bundle.segmenter_schema import Grid


def noise_bundle(session: Session, window: int, hop: int, **facts: Any) -> Any:
    """The bundle whose model the session's board has; `facts` are added to its manifest."""
    manifest = SimpleNamespace(
        name="noise",
        threshold=SimpleNamespace(value=0.5),
        sizes=(window, window),
        decision=None,
        wearer=None,
        raw_size=window,
        segmenter=SimpleNamespace(window=window, hop=hop),
        grid=Grid(window, 0, window, hop),
        **facts,
    )
    return SimpleNamespace(
        manifest=manifest, hash8=session.board.model_hash, path=Path("build/noise")
    )
