"""Writes docs/ecg.md from an evaluation on MIT-BIH."""

from __future__ import annotations

from pathlib import Path

from tools.measure.ecg.study import Study
from tools.report.ecg import tables
from tools.report.ecg.pictures import draw_wrong

PAGE = "ecg.md"
PICTURE = "images/ecg-missed.png"

HEAD = """# ECG

This page is written by `vigil evaluate {name}{options}`, from the records of the MIT-BIH \
Arrhythmia Database in `VIGIL_DATA`.

A Holter recorder is worn for a day or more. Its first stage finds the heartbeats and marks those \
that a person should look at; everything after it sees only what it marked. Vigil does this on the \
microcontroller that samples the ECG: it finds each QRS complex, learns the wearer's own beats in \
the first minutes, and reports for each later beat how far its shape is from the wearer's own and \
how early it comes. The recipe is `{name}`. **Vigil is not a medical device.** It was evaluated on \
the records below and never on a person.

## What was measured, on what

- Each record is 30 minutes of one person, two channels at 360 Hz; the chain sees lead MLII (or \
the first, if a record lacks it) at {rate:g} Hz.
- DS1 and DS2 are the usual division by patient (de Chazal 2004), without the four paced records. \
{ds1} of DS1's 22 records and {ds2} of DS2's 22 were at hand: {ds2_names}.
- DS1 was used to choose settings. Thresholds, quality gate and autoencoders are learned from \
normal beats; the threshold for a record of DS1 comes from the other records of DS1, that for DS2 \
from all of DS1. The settings of detector and wearer were chosen on all of DS1, so that its \
figures are optimistic.
- No setting was chosen on DS2, but its figures were seen several times while Vigil was developed. \
They are few records, some with few abnormal beats.
- The first five minutes and the last second of each record, ventricular flutter, and beats \
without an annotation within 150 ms are left out (AAMI EC57). The wearer is learned from the first \
{learn} beats.
- Classes are those of AAMI: N normal (with bundle branch block), S supraventricular, V \
ventricular, F fusion of V and N.
- Brackets hold the 95 % interval when records are drawn with replacement.

"""

BOARD = """Every record was also streamed to {board}, as a new wearer each. It judged {beats:,} \
beats, and {differing} in R, RR or score, compared bit for bit.

"""
HOST = """The figures were computed on the host, by the C++ that the board runs. With `--board`, \
the command also streams every record to the emulated board and compares.

"""

COST = """Instructions per sample, counted on the emulated board, are in the chapters \
[beats](bundle.md#beats) and [wearer](bundle.md#wearer).

"""

SECTIONS = (
    (
        "QRS detection",
        "A detection within 150 ms of an annotated beat finds it. Each cell of a detector: "
        "sensitivity, positive predictivity. The other packages' detectors have their default "
        "settings and see the whole record at once, at 360 Hz; Vigil's is causal. It was tuned on "
        "DS1.",
        tables.detectors,
    ),
    (
        "Template, autoencoder, both",
        "`template`: distance from the wearer's own beats. `autoencoder`: the error of a dense "
        "autoencoder of other people's normal beats, relative to the wearer's usual error. `both`: "
        "the larger. All with rhythm. AUROC as mean and lowest over the seeds 1 to {seeds}; "
        "`template` has none. `float` is the Keras model, `int8` the quantized one in the "
        "interpreter that the board's engines equal byte for byte.",
        tables.families,
    ),
    (
        "Alarms",
        "Asked: false alarms per normal beat. An alarm is on while 3 of the last 5 beats are "
        "flagged. A run of three V or more is found if an alarm is on during it, or up to two "
        "beats later. A false alarm begins on five normal beats.",
        tables.alarm_rates,
    ),
)


def write_page(study: Study, docs: Path, options: str = "") -> Path:
    """Write docs/ecg.md and its picture; return the page's path.

    Args:
        options: of the command, as the page's first line repeats them.
    """
    ds1, ds2 = study.records["DS1"], study.records["DS2"]
    seeds = max(len(runs) for runs in study.families.values())
    text = HEAD.format(
        name=study.name,
        options=options,
        rate=study.rate_hz,
        ds1=len(ds1),
        ds2=len(ds2),
        ds2_names=" ".join(record.name for record in ds2),
        learn=study.chain.wearer.learn,
    )
    board = study.board
    if board is None:
        text += HOST
    else:
        text += BOARD.format(
            board="the emulated board" if board.board == "emulated" else board.board,
            beats=board.beats,
            differing=f"{board.differing} differ" if board.differing else "none differs",
        )
    text += f"## What was asked, and what it is\n\n{tables.measures(study)}\n{COST}"
    for title, words, figures in SECTIONS:
        if figures is tables.families and len(study.families) == 1:
            continue  # there is nothing to compare
        text += f"## {title}\n\n{words.format(seeds=seeds)}\n\n{figures(study)}\n"
        if figures is tables.families:
            text += f"{tables.best_family(study)}\n\n"
    text += "## By record\n"
    for each in tables.SETS:
        text += f"\n### {each}\n\n{tables.by_record(study, each)}"
    (docs / PICTURE).parent.mkdir(parents=True, exist_ok=True)
    draw_wrong(study, 0.01, docs / PICTURE)
    text += MISSED + f"{NOISE}\n\n{tables.noise(study)}"
    path = docs / PAGE
    path.write_text(text, encoding="utf-8")
    return path


MISSED = f"""
## What is wrong

Beats of DS1 on the wrong side of the threshold at 1 %, the furthest from it, two of a record at \
most. The shaded stretch is compared with the wearer's own beats. Small squares are 40 ms and \
0.1 mV.

![Strips of three seconds about beats that are judged wrong]({PICTURE})

- A ventricular beat that is not early and resembles the wearer's own is missed (106, 203).
- A run of exactly three is missed if one of its beats is (203).
- A wearer whose beats change at once, as by a moved electrode, is flagged until learned anew (109 \
from minute 26 on).
- A supraventricular beat shows in rhythm alone. One that is not early by the wearer's own scale \
is missed (118, 124).
- A normal beat in noise, or on a steep baseline, is flagged (108, 230).

"""
NOISE = """## Noise

Noise is added to each record of DS1 from its first frame on, so that the wearer is learned in \
noise too. The ratio is that of the MIT-BIH Noise Stress Test: the signal's power is that of a \
sine as high as the QRS complex. QRS: sensitivity, positive predictivity. Beats judged: those \
that the quality gate lets pass and that come after the wearer is learned, which noise delays; \
AUROC and false alarms are of them. The threshold is that of clean records at 2 %."""
