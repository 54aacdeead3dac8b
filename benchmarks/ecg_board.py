"""Every ECG record at its own rate through the emulated board and through the host, bit for bit.

    python -m benchmarks.ecg_board [--rate 360] [--records 100 208]

It needs VIGIL_DATA with MIT-BIH's records, and the bundle of `vigil train ecg`. The board converts
the records' rate to the model's (`vigil monitor ecg@360`), and each record is a new wearer. R, RR
and score of each beat must be those of the host; of a beat that is not judged, R, RR and reason.
30 records of half an hour take about ten minutes. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from tools.boards.emulated import EmulatedBoard
from tools.cli.build import build_image
from tools.cli.options import bundle_path
from tools.link.events import Lost, Scored
from tools.link.messages import WearerAction, WearerRequest
from tools.link.session import Session
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.events import WindowNotJudged, WindowScored
from tools.recordings.ecg_record import read_ecg
from training.bundle import Bundle, read_bundle
from training.data.download import data_folder
from training.resampling import resampled

Beat = tuple[int, int, int | None, bytes]  # window, RR, R after the first frame of its hop, result


def on_board(session: Session, frames: np.ndarray, number: int) -> list[Beat]:
    """Stream a record as a new wearer, and return its beats in order."""
    session.wearer(WearerRequest(WearerAction.RENEW, number=number))
    session.start(0x65630000 + number)
    beats: list[Beat] = []
    for event in session.stream(frames):
        if isinstance(event, Scored):
            result = np.float32(event.score).tobytes()
            beats.append((event.window, event.interval, event.peak, result))
        elif isinstance(event, Lost) and event.peak is not None:
            reason = event.reason.name.lower().encode()
            beats.append((event.first, event.interval, event.peak, reason))
    return beats


def on_host(bundle: Bundle, frames: np.ndarray) -> list[Beat]:
    """Return the beats that the host finds, as `on_board`."""
    board, hop = InProcessBoard(bundle), bundle.manifest.grid.hop
    board.restart()
    board.send(0, frames)
    beats: list[Beat] = []
    for event in board.receive(0):
        match event:
            case WindowScored(peak=int(peak)):
                result = np.float32(event.score).tobytes()
            case WindowNotJudged(peak=int(peak)):
                result = event.reason.encode()
            case _:
                continue
        beats.append((event.index, event.interval, peak - event.index * hop, result))
    return beats


def main() -> int:
    """Print a line for each record; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=360.0, help="of the samples, Hz")
    parser.add_argument("--records", nargs="*", default=[], help="default: all at hand")
    given = parser.parse_args()
    bundle = read_bundle(bundle_path(f"ecg@{given.rate:g}"))
    elf = build_image(Console(), bundle.path, "emulated", "compiled").elf
    folder = data_folder()
    if folder is None:
        parser.error("set VIGIL_DATA to the folder of the data sets")
    paths = sorted((folder / "mitdb").glob("*.hea"))
    paths = [path for path in paths if not given.records or path.stem in given.records]
    began, total, wrong = time.monotonic(), 0, 0
    with EmulatedBoard(elf) as emulated, Session.open(emulated.port) as session:
        for number, path in enumerate(paths, 1):
            recording, _ = read_ecg(Path(path), bundle.manifest.signal)
            frames = resampled(recording.counts, recording.rate_hz or 0.0, given.rate, path.stem)
            board, host = on_board(session, frames, number), on_host(bundle, frames)
            differing = len(set(board) ^ set(host)) or int(board != host)
            total, wrong = total + len(board), wrong + differing
            judged = sum(len(beat[3]) == 4 for beat in board)
            print(f"{path.stem}: {len(board)} beats, {judged} judged, {differing} differ")
    minutes = (time.monotonic() - began) / 60
    print(f"{len(paths)} records, {total:,} beats, {wrong} differ, in {minutes:.1f} minutes")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
