"""MIT-BIH Arrhythmia Database: heartbeats of many patients, cut at the annotations.

Records are read in WFDB format, lead MLII, brought from 360 to 180 Hz, and every annotated beat
gives 128 samples, the R peak at the 48th; the beats lie end to end. Of a record without that lead
the first one is taken, and the description says so: another lead shows the same beats in another
shape. The split is de Chazal's (2004): DS1's patients to train on, DS2's to test on, the paced ones
(102 104 107 217) left out as AAMI EC57 has it. Beats N L R e j are normal; S A a J
(supraventricular), V E (ventricular), F (fusion) and Q / f (unknown) are abnormal. Source:
PhysioNet mitdb 1.0.0 (ODC-By 1.0), Moody & Mark 2001, Goldberger et al. 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError, UnavailableError
from training.data import DataSettings
from training.data.download import cache_folder, data_folder
from training.data.recording import Dataset, Recording

CHANNELS = 1
BEAT = 128  # samples at 180 Hz
BEFORE = 48  # of which lie before the R peak
RATE = 180.0
LEAD = "MLII"
GAIN = 200.0  # counts per millivolt
DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
# AAMI classes by annotation symbol: 0 N, 1 S, 2 V, 3 F, 4 Q.
CLASSES = {
    **dict.fromkeys("NLRej", 0),
    **dict.fromkeys("SAaJ", 1),
    **dict.fromkeys("VE", 2),
    "F": 3,
    **dict.fromkeys("Q/f", 4),
}
DESCRIPTION = "MIT-BIH Arrhythmia Database: beats at the annotations, patients of DS1 against DS2"


class Settings(DataSettings):
    """Patients; those whose records are not at hand are left out, and the description says so."""

    name: Literal["mitdb"] = "mitdb"
    train: tuple[str, ...] = tuple(DS1.split())
    test: tuple[str, ...] = tuple(DS2.split())


def piece(settings: Settings) -> int:
    """A beat."""
    return BEAT


def load(settings: Settings) -> Dataset:
    """Beats of the patients to train on, and of those to test on, end to end."""
    parts, told, others = [], [], []
    for name, wanted in (("mitdb_train", settings.train), ("mitdb_test", settings.test)):
        found = read_patients(wanted)
        told.append(f"{len(found)} of {len(wanted)}")
        leads = {w: _lead(_folder() / w)[1] for w in found}
        others += [f"{w} in lead {lead}" for w, lead in leads.items() if lead != LEAD]
        beats, classes = zip(*found.values(), strict=True)
        parts.append((name, np.concatenate(beats), np.concatenate(classes)))
    apart = f"; {', '.join(others)}" if others else ""
    description = f"{DESCRIPTION} ({told[0]} and {told[1]} records at hand{apart})"
    train, test = (_recording(*part, description) for part in parts)
    return Dataset("mitdb", description, train, test)


def read_patients(
    wanted: Sequence[str],
) -> dict[str, tuple[NDArray[np.int16], NDArray[np.int16]]]:
    """Beats and classes, as read_record gives them, of those records that are at hand, in order.

    DataError if none is.
    """
    folder = _folder()
    found = {w: read_record(folder / w) for w in wanted if (folder / f"{w}.hea").is_file()}
    if not found:
        raise DataError(f"{folder}: none of the records {' '.join(wanted)} is there")
    return found


def read_record(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Beats int16 [n, 128] in counts about 0 and AAMI classes int16 [n] of one record.

    Beats too close to an end of the record are left out. DataError names the file.
    """
    # Imported here: wfdb loads pandas, which takes a second; only this data set needs it.
    import wfdb
    from scipy.signal import decimate

    try:
        record = wfdb.rdrecord(str(path), channels=[_lead(path)[0]], physical=False)
        marks = wfdb.rdann(str(path), "atr")
    except (OSError, ValueError, IndexError) as problem:
        raise DataError(f"{path}: not a readable WFDB record: {problem}") from None
    if record.fs != 2 * RATE or record.adc_gain[0] != GAIN:
        raise DataError(f"{path}: must have {2 * RATE:.0f} Hz and {GAIN:.0f} counts/mV")
    samples = record.d_signal[:, 0].astype(np.float64) - record.adc_zero[0]
    halved = decimate(samples, 2, ftype="fir")
    kept = [i for i, symbol in enumerate(marks.symbol) if symbol in CLASSES]
    starts = marks.sample[kept] // 2 - BEFORE
    classes = np.array([CLASSES[marks.symbol[i]] for i in kept], np.int16)
    inside = (starts >= 0) & (starts + BEAT <= len(halved))
    beats = halved[starts[inside, None] + np.arange(BEAT)]
    return np.rint(beats).astype(np.int16), classes[inside]


def _lead(path: Path) -> tuple[int, str]:
    """Which channel of a record is read, and its name: MLII, or else the first."""
    import wfdb

    leads = wfdb.rdheader(str(path)).sig_name or [""]
    at = leads.index(LEAD) if LEAD in leads else 0
    return at, leads[at]


def _folder() -> Path:
    """Where the records are; downloads them if they are nowhere."""
    named = data_folder()
    for place in ([named / "mitdb"] if named else []) + [cache_folder() / "mitdb"]:
        if any(place.glob("*.hea")):
            return place
    import requests
    import wfdb

    place = cache_folder() / "mitdb"
    try:
        wfdb.dl_database("mitdb", str(place), records=[*DS1.split(), *DS2.split()])
    except (requests.RequestException, OSError, ValueError) as problem:
        raise UnavailableError(
            f"mitdb: not in VIGIL_DATA, not in {place}, and no download from PhysioNet "
            f"({type(problem).__name__}); set VIGIL_DATA to a folder that holds mitdb/"
        ) from None
    return place


def _recording(
    name: str, beats: NDArray[np.int16], classes: NDArray[np.int16], description: str
) -> Recording:
    return Recording(
        name=name,
        description=description,
        counts=beats.reshape(-1, 1),
        labels=np.repeat((classes > 0).astype(np.int8), BEAT),
        channels=("ecg",),
        units=("mV",),
        gain=(GAIN,),
        offset=(0,),
        rate_hz=RATE,
        rate_is_nominal=True,  # beats are cut out: nothing per hour follows from their number
        classes=np.repeat(classes, BEAT),
    )
