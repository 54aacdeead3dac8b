"""The time column: which it is, the rate it gives, and where it cuts the recording."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data.csv import Settings
from training.data.files.gaps import with_gaps
from training.data.files.table import Table, read_table
from training.suggest import find_settings


def table(tmp_path: Path, times, name: str = "time [s]", **settings) -> Table:
    path = tmp_path / "log.csv"
    cells = (f"{t},{(7 * i) % 23}" for i, t in enumerate(times))
    path.write_text(f"{name},x\n" + "\n".join(cells) + "\n")
    return read_table(path, Settings(path=str(path), **settings))


def test_a_gap_cuts_and_counts_what_is_lost(tmp_path: Path) -> None:
    times = [round(0.02 * i + (3600 if i >= 60 else 0), 2) for i in range(100)]
    read = table(tmp_path, times)
    assert read.cuts.tolist() == [60] and read.lost.tolist() == [180_000]
    assert read.rate_hz == 50
    note = "1 gap in the time (the longest 3600.02 s; the first at row 62): the recording is cut"
    assert any(n.startswith(note) for n in read.notes)
    _, labels, missing = with_gaps(read, np.zeros(100, np.bool_), 8, 4)
    assert len(labels) == 180_100 and missing.sum() == 180_000


def test_one_lost_frame_is_a_gap(tmp_path: Path) -> None:
    read = table(tmp_path, [round(0.02 * (i + (i >= 30)), 2) for i in range(100)])
    assert read.cuts.tolist() == [30] and read.lost.tolist() == [1]


def test_repeated_stamps_and_jumps_back_cut(tmp_path: Path) -> None:
    times = [round(0.02 * i, 2) for i in range(100)]
    times.insert(40, times[39])
    times[70:] = [t - 1 for t in times[70:]]
    read = table(tmp_path, times)
    assert read.cuts.tolist() == [40, 70]
    assert "1 repeated time stamp: the recording is cut there" in read.notes
    assert "1 backward time stamp: the recording is cut there" in read.notes


def test_whole_milliseconds_of_another_period_are_no_gaps(tmp_path: Path) -> None:
    read = table(tmp_path, [round(1000 * i / 119) for i in range(2000)], "millis")
    assert not len(read.cuts) and read.rate_hz == pytest.approx(119, rel=1e-3)


def test_whole_seconds_of_a_slow_logger_are_no_gaps(tmp_path: Path) -> None:
    read = table(tmp_path, [round(1.05 * i) for i in range(500)])
    assert not len(read.cuts) and read.rate_hz == pytest.approx(1 / 1.05, rel=1e-3)


def test_whole_seconds_of_a_fast_logger_give_its_rate(tmp_path: Path) -> None:
    times = [i // 50 for i in range(1000)]
    times[500:] = [t + 100 for t in times[500:]]
    read = table(tmp_path, times)
    assert read.cuts.tolist() == [500]
    assert read.rate_hz == pytest.approx(50, rel=0.1)


def test_the_declared_rate_is_checked_and_tells_the_unit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rate_hz is 100, but column time gives 50 frames per"):
        table(tmp_path, [0.02 * i for i in range(50)], rate_hz=100)
    assert table(tmp_path, [20 * i for i in range(50)], "t", rate_hz=50).rate_hz == 50
    assert table(tmp_path, [20 * i for i in range(50)], "t").rate_hz is None


def test_irregular_times_are_resampled_on_request(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.uniform(0.005, 0.05, 400)).round(4)
    with pytest.raises(DataError, match=r"not taken at equal times; set data.resample_hz, such"):
        table(tmp_path, times)
    read = table(tmp_path, times, resample_hz=100)
    assert read.rate_hz == 100
    assert len(read.values) == pytest.approx((times[-1] - times[0]) * 100, abs=2)
    known = np.interp(times[0] + 3.0, times, [(7 * i) % 23 for i in range(400)])
    assert read.values[300, 0] == pytest.approx(known)


def test_resampling_never_bridges_a_gap(tmp_path: Path) -> None:
    read = table(tmp_path, [0.1 * i + (50 if i >= 30 else 0) for i in range(60)], resample_hz=20)
    assert read.cuts.tolist() == [59] and len(read.values) == pytest.approx(118, abs=1)


@pytest.mark.parametrize("name", ["counter", "Sample", "id", "x_axis", "frame no"])
def test_a_column_that_only_rises_is_never_a_channel(tmp_path: Path, name: str) -> None:
    read = table(tmp_path, range(50), name)
    assert read.channels == ("x",)
    assert any(f"column {name} is the clock" in note for note in read.notes)


def test_a_named_channel_is_no_clock(tmp_path: Path) -> None:
    read = table(tmp_path, range(50), "ramp", channels=["ramp", "x"])
    assert read.channels == ("ramp", "x") and read.clock is None


@pytest.mark.parametrize(
    ("name", "bits", "step"), [("Sample Index", 8, 1), ("millis", 16, 20), ("micros", 32, 20_000)]
)
def test_a_clock_of_few_bits_that_begins_again_at_zero(tmp_path, name, bits, step) -> None:
    begin = 2**bits - 30 * step
    times = [(begin + step * i) % 2**bits for i in range(600)]
    read = table(tmp_path, times, name)
    assert not len(read.cuts)
    assert read.rate_hz == (None if name == "Sample Index" else 50)
    times[300:] = [t + 7 * step for t in times[300:]]
    if bits > 8:
        assert table(tmp_path, times, name).cuts.tolist() == [300]


def test_a_restart_is_no_overflow(tmp_path: Path) -> None:
    times = [20 * i for i in range(300)] + [20 * i for i in range(300)]
    assert table(tmp_path, times, "millis").cuts.tolist() == [300]


def test_stamps_are_preferred_to_a_count_of_samples(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = (f"{i % 256},{(7 * i) % 23},{1714550000 + i / 250:.6f}" for i in range(900))
    path.write_text("Sample Index,x,Timestamp\n" + "\n".join(rows) + "\n")
    read = read_table(path, Settings(path=str(path)))
    assert read.channels == ("x",) and read.rate_hz == 250 and not len(read.cuts)


@pytest.mark.parametrize(
    ("step", "said"),
    [(1, "1 frame per second"), (300, "a frame every 300 s"), (1e-6, "1,000,000 per second")],
)
def test_a_rate_in_words(tmp_path: Path, step: float, said: str) -> None:
    read = table(tmp_path, [f"{step * i:.6f}" for i in range(50)])
    assert f"column time is the clock: {said}" in read.notes


def test_midnight_is_no_jump_back(tmp_path: Path) -> None:
    times = [f"23:59:{50 + i}" for i in range(10)] + [f"00:00:{i:02d}" for i in range(30)]
    read = table(tmp_path, times, "time")
    assert not len(read.cuts) and read.rate_hz == 1


def test_several_clocks_are_all_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = (f"{i},2024-01-01 00:00:{i:02d},{1000 + 20 * i},{(7 * i) % 23}" for i in range(50))
    path.write_text("seq,when,foo,x\n" + "\n".join(rows) + "\n")
    read = read_table(path, Settings(path=str(path)))
    assert read.channels == ("x",) and read.rate_hz == 1
    assert "left out, because they count or tell the time: seq, foo" in read.notes


def test_a_clock_that_begins_again_after_a_reset_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [f"{20 * i},{(7 * i) % 23}" for i in range(30)]
    path.write_text("\n".join(["foo,x", *rows, "foo,x", *rows]) + "\n")
    read = read_table(path, Settings(path=str(path)))
    assert read.channels == ("x",) and read.cuts.tolist() == [30]


@pytest.mark.parametrize("turn", [256, 10_000, 65_536, 86_400_000])
def test_a_counter_that_begins_again_is_no_channel(tmp_path: Path, turn: int) -> None:
    step = turn // 64
    read = table(
        tmp_path, [(step * i) % turn - (turn == 65_536) * 32_768 for i in range(300)], "pkt"
    )
    assert read.channels == ("x",) and not len(read.cuts)
    read = table(tmp_path, [(step * (i + (i > 150))) % turn for i in range(300)], "pkt")
    assert read.channels == ("x",) and read.cuts.tolist() == [151]


def test_a_signal_that_repeats_is_no_counter(tmp_path: Path) -> None:
    for said in ([i * 5 % 360 for i in range(300)], [i % 10 * 2.5 for i in range(300)]):
        assert table(tmp_path, said, "angle").channels == ("angle", "x")


@pytest.mark.parametrize("seconds", [60, 1, 0.25])
def test_days_of_a_spreadsheet(tmp_path: Path, seconds: float) -> None:
    read = table(tmp_path, [f"{45352 + i * seconds / 86400:.9f}" for i in range(400)], "Time")
    assert read.rate_hz == pytest.approx(1 / seconds, rel=1e-3) and not len(read.cuts)
    read = table(tmp_path, [f"{45352.37 + i * seconds:.2f}" for i in range(400)], "Time")
    assert read.rate_hz == pytest.approx(1 / seconds)  # a device that runs since half a day


def test_rows_in_no_order_are_refused(tmp_path: Path) -> None:
    times = [round(0.02 * (i * 37 % 100), 2) for i in range(100)]
    with pytest.raises(
        DataError, match=r"column time jumps back in .* % of the rows: sort the rows"
    ):
        table(tmp_path, times)


def test_a_clock_that_stands_still_is_said_and_cuts(tmp_path: Path) -> None:
    times = [round(0.02 * min(i, 60), 2) for i in range(150)]
    times += [round(3 + 0.02 * i, 2) for i in range(50)]
    read = table(tmp_path, times)
    assert read.rate_hz == 50 and read.cuts.tolist() == [61, 150]
    note = "the clock stands still for 89 rows, from row 63 on: the recording is cut there"
    assert note in read.notes


def test_irregular_times_of_a_fast_signal_are_refused(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(2).uniform(2e-5, 2e-4, 400))
    with pytest.raises(DataError, match="the frames are not taken at equal times"):
        table(tmp_path, [f"{t:.7f}" for t in times])


@pytest.mark.parametrize(
    "form",
    ["%d-%b-%Y %H:%M:%S", "%b %d, %Y %H:%M:%S", "%d %B %Y %H:%M", "%Y%m%d%H%M%S", "%d/%m/%Y %H:%M"],
)
def test_dates_in_other_forms(tmp_path: Path, form: str) -> None:
    first = datetime(2024, 2, 3, 21)
    times = [(first + timedelta(minutes=i)).strftime(form) for i in range(400)]
    read = table(tmp_path, [f'"{t}"' for t in times], "when")
    assert read.channels == ("x",) and not len(read.cuts) and not read.missing.any()
    assert read.rate_hz == pytest.approx(1 / 60) and read.clock is not None
    assert read.clock.seconds is not None
    assert read.clock.seconds[0] == first.replace(tzinfo=UTC).timestamp()


def test_milliseconds_after_a_colon(tmp_path: Path) -> None:
    read = table(tmp_path, [f"10:00:{i // 50:02d}:{i % 50 * 20:03d}" for i in range(200)], "when")
    assert read.rate_hz == 50 and not len(read.cuts)


def test_resampling_says_what_it_leaves_out(tmp_path: Path) -> None:
    times = [round(0.01 * i if i < 150 else 1.5 + 0.1 * (i - 150), 2) for i in range(250)]
    read = table(tmp_path, times, resample_hz=100)
    assert "99 of 250 rows stand alone between gaps: left out" in read.notes


def test_a_column_of_a_lower_rate_needs_interpolation(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    slow = (f"{i * 3 % 17}" if i % 10 == 0 else "" for i in range(400))
    path.write_text("fast,slow\n" + "\n".join(f"{i * 7 % 23},{v}" for i, v in enumerate(slow)))
    with pytest.raises(
        DataError, match=r"column slow has a value in one of 10 rows.*interpolate = 9"
    ):
        read_table(path, Settings(path=str(path)))
    settings, (read,) = find_settings([str(path)])
    assert settings.interpolate == 9 and int(read.missing.sum()) == 9  # after the last value
    assert read.values[5, 1] == 6.5 and read.values[10, 1] == 30 % 17


@pytest.mark.parametrize("names", ["year,month,day,hour,minute,second", "hh,min,sec"])
def test_columns_of_year_to_second_are_one_clock(tmp_path: Path, names: str) -> None:
    path = tmp_path / "log.csv"
    form = "%Y,%m,%d,%H,%M,%S" if "year" in names else "%H,%M,%S"
    times = [
        datetime(2024, 2, 28, 23, 58) + timedelta(seconds=i + 30 * (i > 200)) for i in range(300)
    ]
    rows = [f"{t.strftime(form)},{7 * i % 23}" for i, t in enumerate(times)]
    path.write_text("\n".join([f"{names},x", *rows]) + "\n")
    read = read_table(path, Settings(path=str(path)))
    assert read.channels == ("x",) and read.rate_hz == 1
    assert read.cuts.tolist() == [201] and read.lost.tolist() == [30]
    if "year" in names:
        assert read.clock is not None and read.clock.seconds is not None
        assert read.clock.seconds[-1] == times[-1].replace(tzinfo=UTC).timestamp()


def test_quantities_named_like_parts_of_a_time_are_channels(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "hour,min,x\n" + "".join(f"{i * 5 % 24},{i * 7 % 60},{i % 9}\n" for i in range(99))
    )
    assert read_table(path, Settings(path=str(path))).channels == ("hour", "min", "x")


def test_a_second_shorter_clock_is_no_channel(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [
        f"{i / 100},{7 * i % 23}," + (f"{i / 50},{5 * i % 17}" if i < 60 else ",")
        for i in range(99)
    ]
    path.write_text("\n".join(["t1,x,t2,y", *rows]) + "\n")
    assert read_table(path, Settings(path=str(path))).channels == ("x", "y")


def test_one_order_of_day_and_month_holds_for_the_whole_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("training.data.files.text.CHUNK", 600)  # some 25 rows: most fit both orders
    first = datetime(2024, 2, 1, 22)
    times = [first + timedelta(minutes=5 * i) for i in range(400)]
    read = table(tmp_path, [t.strftime("%d/%m/%Y %H:%M") for t in times], "when")
    assert not len(read.cuts) and read.clock is not None and read.clock.seconds is not None
    assert read.clock.seconds.tolist() == [t.replace(tzinfo=UTC).timestamp() for t in times]


def test_a_first_stamp_that_is_missing_hides_no_other(tmp_path: Path) -> None:
    stamps = [f"2024-01-01 00:{i:02d}:00" for i in range(60)]
    read = table(tmp_path, ["NA", *stamps[1:]], "when")
    assert np.flatnonzero(read.missing).tolist() == [0] and read.rate_hz == pytest.approx(1 / 60)


def test_a_clock_alone_is_no_signal(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("when\n" + "".join(f"2024-01-01T00:{i:02d}:00\n" for i in range(60)))
    with pytest.raises(DataError, match="no channel among the columns when"):
        read_table(path, Settings(path=str(path)))


def test_a_stretch_at_another_rate_is_said(tmp_path: Path) -> None:
    slow, fast = np.arange(850) * 0.01, 8.5 + np.arange(150) * 0.005
    note = "15 % of the steps in time differ from the usual one by over 30 %"
    times = [f"{t:.3f}" for t in (*slow, *fast)]
    assert any(n.startswith(note) for n in table(tmp_path, times).notes)
    assert not any("steps" in n for n in table(tmp_path, times, resample_hz=100).notes)
    assert not any("steps" in n for n in table(tmp_path, times[:860]).notes)
    lost = [t for n, t in enumerate(times[:850]) if n % 10]  # gaps are said as such
    assert not any("steps" in n for n in table(tmp_path, lost).notes)


def test_a_much_lower_rate_is_said_to_have_no_filter(tmp_path: Path) -> None:
    times = [f"{n / 200:.3f}" for n in range(400)]
    note = "no filter removes what is faster than 10 Hz before the rate falls from 200 Hz"
    assert any(n.startswith(note) for n in table(tmp_path, times, resample_hz=20).notes)
    assert not any("no filter" in n for n in table(tmp_path, times, resample_hz=100).notes)


@pytest.mark.parametrize("fast", [700, 1300])
def test_half_the_rate_in_stamps_of_whole_ticks_is_no_period_between_them(
    tmp_path: Path, fast: int
) -> None:
    times = [0.01 * n if n < fast else 0.01 * fast + 0.02 * (n - fast) for n in range(2000)]
    with pytest.raises(DataError, match="the frames are not taken at equal times"):
        table(tmp_path, [f"{t:.2f}" for t in times])
    assert table(tmp_path, [f"{t:.2f}" for t in times], resample_hz=50).rate_hz == 50
    between = table(tmp_path, [f"{0.013 * n:.2f}" for n in range(2000)])
    assert between.rate_hz == pytest.approx(76.9, rel=1e-3) and not len(between.cuts)
    assert not any("steps" in n for n in between.notes)


@pytest.mark.parametrize("rate", [100, 1000])
def test_frames_that_are_lost_at_random_are_gaps_at_any_share(tmp_path: Path, rate: int) -> None:
    kept = np.flatnonzero(np.random.default_rng(rate).random(2000) > 0.03)
    read = table(tmp_path, [f"{n / rate:.3f}" for n in kept])
    gaps = np.flatnonzero(np.diff(kept) > 1)
    assert read.cuts.tolist() == (gaps + 1).tolist()
    assert read.lost.tolist() == (np.diff(kept)[gaps] - 1).tolist()
    assert read.rate_hz == rate


def test_the_frames_of_a_long_gap_are_counted_by_the_mean_step(tmp_path: Path) -> None:
    frames = [*range(100), *range(60_100, 60_200)]  # 17 ms are not the period of 60 Hz
    assert table(tmp_path, [round(1000 * n / 60) for n in frames], "ms").lost.tolist() == [60_000]
