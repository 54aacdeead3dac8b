"""MIT-BIH Arrhythmia Database: heartbeats of many patients, cut at the annotations.

Records are read in WFDB format and resampled from 360 to 180 Hz. Each annotated beat yields 128
samples with the R peak at sample 48; the beats lie end to end. The lead is MLII. If a record lacks
it, the first lead is used and the description says so. The split is that of de Chazal (2004): DS1
for training, DS2 for testing, without the paced patients (102 104 107 217), as AAMI EC57 requires.
Beats N L R e j are normal; S A a J (supraventricular), V E (ventricular), F (fusion) and Q / f
(unknown) are abnormal. Source: PhysioNet mitdb 1.0.0 (ODC-By 1.0), Moody & Mark 2001, Goldberger et
al. 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from scipy.signal import decimate

from training.bundle.errors import DataError, UnavailableError
from training.data import DataSettings
from training.data.download import cache_folder, data_folder
from training.data.recording import Dataset, Recording

CHANNELS = 1
BEAT = 128  # samples per beat at 180 Hz
BEFORE = 48  # samples before the R peak
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


class Records(DataSettings):
    """Records of the patients; missing records are left out, and the description says so."""

    train: tuple[str, ...] = tuple(DS1.split())
    test: tuple[str, ...] = tuple(DS2.split())

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = [record for record in self.test if record in self.train]
        if both:
            raise ValueError(
                f"record {both[0]} is in both train and test: the model would be tested on what it "
                "was trained on"
            )
        return self


class Settings(Records):
    """Where the beats come from."""

    name: Literal["mitdb"] = "mitdb"


def piece(settings: Settings) -> int:
    """Return the frames of a beat."""
    return BEAT


def load(settings: Settings) -> Dataset:
    """Load the beats of the training patients and of the test patients, end to end."""
    parts, numbers, others = [], [], []
    for name, wanted in (("mitdb_train", settings.train), ("mitdb_test", settings.test)):
        patients = read_patients(wanted)
        numbers.append(f"{len(patients)} of {len(wanted)}")
        leads = {record: _lead(_folder() / record)[1] for record in patients}
        others += [f"{record} in lead {lead}" for record, lead in leads.items() if lead != LEAD]
        beats, classes = zip(*patients.values(), strict=True)
        parts.append((name, np.concatenate(beats), np.concatenate(classes)))
    exceptions = f"; {', '.join(others)}" if others else ""
    description = f"{DESCRIPTION} ({numbers[0]} and {numbers[1]} records{exceptions})"
    train, test = (_recording(*part, description) for part in parts)
    return Dataset("mitdb", description, train, test)


def read_patients(
    wanted: Sequence[str],
) -> dict[str, tuple[NDArray[np.int16], NDArray[np.int16]]]:
    """Read beats and classes (see `read_record`) of the records that exist, in order.

    Raises:
        DataError: none of the records exists.
    """
    folder = _folder()
    present = [record for record in wanted if (folder / f"{record}.hea").is_file()]
    if not present:
        raise DataError(f"{folder}: none of the records {' '.join(wanted)} exists")
    return {record: read_record(folder / record) for record in present}


def read_record(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Read one record: beats, int16 [n, 128] in counts about 0, and AAMI classes, int16 [n].

    Beats too close to an end of the record are left out.

    Raises:
        DataError: the file is not a record of the database.
    """
    import wfdb  # here and below: imports pandas, which takes a second

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
    """Return index and name of the lead to read: MLII, or else the first."""
    import wfdb

    leads = wfdb.rdheader(str(path)).sig_name or [""]
    at = leads.index(LEAD) if LEAD in leads else 0
    return at, leads[at]


def _folder() -> Path:
    """Return the folder of the records; download them if there is none."""
    given, cache = data_folder(), cache_folder() / "mitdb"
    for folder in ([given / "mitdb"] if given else []) + [cache]:
        if any(folder.glob("*.hea")):
            return folder
    import requests
    import wfdb

    try:
        wfdb.dl_database("mitdb", str(cache), records=[*DS1.split(), *DS2.split()])
    except (requests.RequestException, OSError, ValueError) as problem:
        raise UnavailableError(
            f"mitdb: not in VIGIL_DATA, not in {cache}, and no download from PhysioNet "
            f"({type(problem).__name__}); set VIGIL_DATA to a folder that holds mitdb/"
        ) from None
    return cache


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
        rate_is_nominal=True,  # the time between beats is lost, so no figure per hour
        classes=np.repeat(classes, BEAT),
    )
