"""Continuous ECG of the MIT-BIH Arrhythmia Database: whole records, annotated beat by beat.

One lead per record (MLII; if a record lacks it, the first), resampled from 360 to 180 Hz. The
records lie end to end, and a cut separates them: each is another wearer. The split is that of de
Chazal (2004): DS1 for training, DS2 for testing, without the paced patients, as AAMI EC57 requires.

A frame within 150 ms of an annotated beat has the label and the class of that beat. All other
frames, and those of ventricular flutter, which has no beats, are of unknown label. Source:
PhysioNet mitdb 1.0.0 (ODC-By 1.0), Moody & Mark 2001, Goldberger et al. 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from training.bundle.errors import DataError, UnavailableError
from training.data.download import Checksums, Files, cache_folder, data_folder, find_files
from training.data.files.heartbeats import classify_frames, labels_of
from training.data.mitdb import GAIN, LEAD, RATE, Records
from training.data.recording import Dataset, Recording

CHANNELS = 1
ZERO = 1024  # counts of 0 mV
DESCRIPTION = "MIT-BIH Arrhythmia Database, continuous: patients of DS1 against DS2"
ADDRESSES = ("https://physionet.org/files/mitdb/1.0.0/",)
# What is downloaded: 15.6 MB, five patients of DS1 and three of DS2.
CHECKSUMS = {
    "101.hea": "d5f02fbe8673fa05465442191b98ca0d28a1670e7ef0e83fb9ef8723113a311c",
    "101.dat": "698d1ea6f472d23ca50317c72c96cda2698badd8578220ed0380cdf241e39006",
    "101.atr": "441cdd6486cfdf4c53e344d1048ab81296773e7058d53069022adc68543a0663",
    "106.hea": "ad5ed3ee5603926a07a09f0d0c9e2a7ff10a705dbafcde3d185317730a8839ab",
    "106.dat": "c017bc18b95b1f970bca143a044ee5d54168648b541e47aa656f2737a59c1202",
    "106.atr": "585347e6d1bd3ad89cdb52cb80945878a5e51026d81f871a376bb6e13936f7fa",
    "119.hea": "658f01382d7280a06e2f4c06363569d477394a6898c69ee788bb383f6092df63",
    "119.dat": "02a286a28e69b441568add915f16a2856b22bab893bf8729ee9654411ed3a5aa",
    "119.atr": "fd919c8ea20eed4a22fb37984977f30ce48d382eefd2d90934bf947a88e0fd7b",
    "208.hea": "5a27efda1bea972440a0b5f40a1c322898693e9602d5ce4722fe750b7dea46e9",
    "208.dat": "22873623623c44ee413a5b60cacb15d4af2723734836fb3ae45d9ff96bdb36e7",
    "208.atr": "33878519ee34d00cb233fdb15b11c2b8da0b0aea2e643d31b07105cc3392edf4",
    "223.hea": "bbd414e57b6eafa53204fb7eeb1212c9d47f598f36e8838b103bfb68a316ca85",
    "223.dat": "1d42aa9e13f7349287ae5f0f00b40078c01aadd39e2cad1001ab42d3b7484594",
    "223.atr": "beaa5cb3eb5fb64a5f9e1dfcac9297f9564b379c9c354cbf8f9f927d9b81ccf1",
    "100.hea": "60ebc904c7bf3e04d142638d3fd5c903e8dc9f10f1ea3264e07926aa089ee75e",
    "100.dat": "b2ea3c250e56e48f4b7b90697832b8ecd1afa1e0bb31f2dcfea4ed6e1075a639",
    "100.atr": "8d8a5349fb16638ebbf649f1779d12e96d91b736b2aafe59db43719ae583d471",
    "103.hea": "3da9706fc27cc5d627a31b04b74b908ac0b6e061843a87cbd57801e5ea0fed7b",
    "103.dat": "f7994f0bd196730779998b4bddf26cb47f396599fb370a08b5cb29a3ac4d555d",
    "103.atr": "392ce37fbc7e89b3f14998e197a844f23cce6a3db6edaa71b4b49bf3ca5b6596",
    "200.hea": "9e0c2ff5b790cf624deab0ccb8a9f211a9e29a748d8197da3c1ee7c5b596b40c",
    "200.dat": "a9e203b3807b9fcd3647cde03444437cb8eec7f5128a8eb413edafb394272e0f",
    "200.atr": "f9624a11696760427d75314a78c31f89ca3c446af855890c8f8b66cddd8b3a3f",
}


class Settings(Records):
    """Where the records come from."""

    name: Literal["ecg"] = "ecg"


def load(settings: Settings) -> Dataset:
    """Load the records of the training patients and of the test patients, each end to end."""
    folder = find_folder()
    names, parts = [], []
    for wanted in (settings.train, settings.test):
        present = [each for each in wanted if (folder / f"{each}.hea").is_file()]
        if not present:
            raise DataError(f"{folder}: none of the records {' '.join(wanted)} exists")
        names.append(f"{len(present)} of {len(wanted)}")
        parts.append(present)
    description = f"{DESCRIPTION} ({' and '.join(names)} records)"
    train, test = (
        join([read_record(folder / each) for each in part], name, description)
        for name, part in zip(("ecg_train", "ecg_test"), parts, strict=True)
    )
    return Dataset("ecg", description, train, test)


def read_record(path: Path) -> Recording:
    """Read one record of the database, continuous, with the labels of its beats.

    Raises:
        DataError: the file is not a record of the database.
    """
    import wfdb  # imports pandas, which takes a second
    from scipy.signal import decimate

    try:
        leads = wfdb.rdheader(str(path)).sig_name or [""]
        lead = leads.index(LEAD) if LEAD in leads else 0
        record = wfdb.rdrecord(str(path), channels=[lead], physical=False)
        marks = wfdb.rdann(str(path), "atr")
    except (OSError, ValueError, IndexError) as problem:
        raise DataError(f"{path}: not a readable WFDB record: {problem}") from None
    if record.fs != 2 * RATE or record.adc_gain[0] != GAIN:
        raise DataError(f"{path}: must have {2 * RATE:.0f} Hz and {GAIN:.0f} counts/mV")
    halved = decimate(record.d_signal[:, 0].astype(np.float64), 2, ftype="fir")
    classes = classify_frames(len(halved), RATE, marks.sample // 2, marks.symbol)
    return Recording(
        name=path.name,
        description=f"{DESCRIPTION}, record {path.name}, lead {leads[lead]}",
        counts=np.rint(halved).astype(np.int16)[:, None],
        labels=labels_of(classes),
        channels=("ecg",),
        units=("mV",),
        gain=(GAIN,),
        offset=(ZERO,),
        rate_hz=RATE,
        classes=classes,
    )


def join(records: Sequence[Recording], name: str, description: str) -> Recording:
    """Join records of one lead end to end, with a cut between them."""
    first = records[0]
    classes = [each.classes for each in records if each.classes is not None]
    return Recording(
        name=name,
        description=description,
        counts=np.concatenate([each.counts for each in records]),
        labels=np.concatenate([each.labels for each in records]),
        channels=first.channels,
        units=first.units,
        gain=first.gain,
        offset=first.offset,
        rate_hz=first.rate_hz,
        classes=np.concatenate(classes),
        cuts=np.cumsum([each.frames for each in records])[:-1].astype(np.int64),
    )


def find_folder() -> Path:
    """Return the folder of the records; download a handful of them if there is none.

    Raises:
        UnavailableError: there are no records, and no download.
    """
    given, cache = data_folder(), cache_folder() / "mitdb"
    for folder in ([given / "mitdb"] if given else []) + [cache]:
        if any(folder.glob("*.hea")):
            return folder
    checksums = {name: Checksums(sha256, sha256) for name, sha256 in CHECKSUMS.items()}
    try:
        return find_files(Files("mitdb", checksums, ADDRESSES, Path.read_bytes))[0].parent
    except UnavailableError as problem:
        raise UnavailableError(str(problem).replace("mitdb: ", "ecg: ", 1)) from None
