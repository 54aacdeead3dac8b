"""A board's sensor: raw values to the model's counts, text for plotters, errors."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from tests.support import link_native as native
from tools.boards.adc import AdcRecording
from tools.boards.catalogue import find_board, load_boards
from tools.boards.sensors import find_sensor, sensor_keys
from tools.convert.emit import convert
from tools.convert.sensor import conversions
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import Bundle
from training.bundle.errors import BoardError, ConvertError
from training.bundle.manifest import Manifest

NANO = find_board("nano33ble")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "waves")


@pytest.fixture
def manifest(bundle: Bundle) -> Manifest:
    return bundle.manifest


def with_signal(manifest: Manifest, **changes: object) -> Manifest:
    return manifest.model_copy(update={"signal": manifest.signal.model_copy(update=changes)})


def test_a_pins_volts_are_the_models_counts(manifest: Manifest):
    """AD8232: 1.65 V at the pin is 0 mV, and 1.1 V more is 1 mV, here 1000 counts."""
    (conversion,) = conversions(manifest, find_sensor("ad8232", NANO))
    for raw in range(4096):
        millivolts = (raw * 3.3 / 4096 - 1.65) / 1.1
        count = native.convert(conversion.multiplier, conversion.shift, conversion.offset, raw)
        assert abs(count - 1000 * millivolts) <= 1.0


@pytest.mark.parametrize("gain", [1e-3, 0.5, 200.0, 1e4, -200.0])
@pytest.mark.parametrize("offset", [0, 1024, -32768])
def test_any_gain_and_offset(manifest: Manifest, gain: float, offset: int):
    changed = with_signal(manifest, gain=[gain], offset=[offset], units=["V"])
    (conversion,) = conversions(changed, find_sensor("analog", NANO))
    for raw in (0, 1, 1000, 4095):
        count = native.convert(conversion.multiplier, conversion.shift, conversion.offset, raw)
        expected = min(max(offset + gain * raw * 3.3 / 4096, -32768), 32767)
        assert abs(count - expected) <= 0.51


def test_an_accelerometer_in_other_units(manifest: Manifest):
    changed = with_signal(
        manifest, channels=list("xyz"), units=["m/s^2"] * 3, gain=[100.0] * 3, offset=[0] * 3
    )
    x, *others = conversions(changed, find_sensor("lsm9ds1", NANO))
    assert len(others) == 2
    count = native.convert(x.multiplier, x.shift, x.offset, 8197)  # 1 g
    assert abs(count - 980.665) < 1


@pytest.mark.parametrize("key", ["lsm9ds1-9axis", "bmi270-9axis"])
def test_each_kind_of_channel_has_its_unit(manifest: Manifest, key: str):
    units = ["g"] * 3 + ["rad/s"] * 3 + ["raw"] * 3
    changed = with_signal(
        manifest, channels=list("abcdefghi"), units=units, gain=[100.0] * 9, offset=[5] * 9
    )
    sensor = find_sensor(key, NANO)
    for c, unit in zip(conversions(changed, sensor), units, strict=True):
        per_unit = {"g": sensor.raw_per_unit[0], "rad/s": sensor.raw_per_unit[3] * 57.29578}
        raw = 200
        expected = 5 + 100 * raw / per_unit.get(unit, 1.0)
        count = native.convert(c.multiplier, c.shift, c.offset, raw)
        assert abs(count - expected) <= 1, unit


def test_raw_counts_need_no_scale(manifest: Manifest):
    """The zero of an AD8232 is a voltage; a model of raw counts knows none."""
    changed = with_signal(manifest, units=["raw"], gain=[1.0])
    (c,) = conversions(changed, find_sensor("ad8232", NANO))
    for raw in (0, 1, 2048, 4095):
        assert native.convert(c.multiplier, c.shift, c.offset, raw) == raw


@pytest.mark.parametrize(
    ("changes", "key", "why"),
    [
        ({"rate_hz": None}, "ad8232", "no sample rate"),
        ({"units": ["z"]}, "ad8232", "no sensor measures that"),
        ({"rate_is_nominal": True}, "ad8232", "100 Hz, a nominal rate: no sensor measures that"),
        ({"units": ["g"]}, "ad8232", "trained on data in g, but AD8232 on A0 measures mV"),
        ({}, "lsm9ds1", "trained on 1 channels .c0., but LSM9DS1 accelerometer gives 3"),
        ({"rate_hz": 20_000.0}, "analog", "at most 10000"),
        ({"gain": [1e10]}, "analog", "gain of 1e.10"),
    ],
)
def test_a_model_of_another_signal_is_refused(
    manifest: Manifest, changes: dict[str, object], key: str, why: str
):
    with pytest.raises(ConvertError, match=why) as caught:
        conversions(with_signal(manifest, **changes), find_sensor(key, NANO))
    assert "\n" not in str(caught.value)


def test_sensors_belong_to_boards():
    with pytest.raises(BoardError, match="plays a recording"):
        find_sensor("ad8232", find_board("emulated"))
    with pytest.raises(BoardError, match=r"no sensor 'mic'; it has: analog, ad8232, lsm9ds1"):
        find_sensor("mic", NANO)
    with pytest.raises(BoardError, match="needs adc_bits, adc_volts and adc_hz"):
        find_sensor("analog", replace(NANO, adc_bits=None))
    for key, boards in sensor_keys().items():
        assert boards
        for board in boards:
            sensor = find_sensor(key, load_boards()[board])
            assert len(sensor.name.encode()) <= 31  # as the link carries it
            assert sensor.kind != "analog" or sensor.pin in load_boards()[board].analog


def test_the_generated_sensor_constants(bundle: Bundle, tmp_path: Path):
    convert(bundle.path, tmp_path / "without", ["compiled"])
    without = (tmp_path / "without" / "sensor_constants.h").read_text()
    assert "SensorKind::none" in without and '"none"' in without
    convert(bundle.path, tmp_path / "with", ["compiled"], find_sensor("ad8232", NANO))
    text = (tmp_path / "with" / "sensor_constants.h").read_text()
    flat = re.sub(r"\s+", " ", text)
    assert '{ SensorKind::analog, kRateHz, 14, {10, 11}, "AD8232 on A0"}' in flat
    (conversion,) = conversions(bundle.manifest, find_sensor("ad8232", NANO))
    fields = f"{conversion.multiplier}, {conversion.shift}, {conversion.offset}"
    assert f"{{{{{fields}}}}}" in flat
    version = [int(number) for number in metadata.version("vigil-tinyml").split(".")[:3]]
    constants = (tmp_path / "with" / "constants.h").read_text()
    numbers = re.search(r"kFirmwareVersion\[3\] = \{(\d+), (\d+), (\d+)\}", constants).groups()
    assert [int(number) for number in numbers] == version


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (0.0, "0.000000000"),
        (0.12, "0.1200"),
        (0.5, "0.5000"),
        (0.00123456, "0.001235"),
        (1.5e-7, "0.000000150"),
        (0.99996, "1.0000"),
        (123.456, "123.4560"),
        (-2.25, "-2.2500"),
        (1e30, "4000000000.0000"),
        (float("nan"), "nan"),
    ],
)
def test_scores_as_a_plotter_reads_them(score: float, shown: str):
    line = native.plot_line(1, score, 0.25, True)
    assert line == f"score:{shown},threshold:0.2500,flag:1\r\n"
    parts = dict(part.split(":") for part in line.strip().split(","))
    assert list(parts) == ["score", "threshold", "flag"]
    assert native.plot_line(2, score, 0.25, False) == (
        f">score:{shown}\r\n>threshold:0.2500\r\n>flag:0\r\n"
    )
    assert native.plot_line(0, score, 0.25, False) == ""


def test_recordings_that_the_emulated_converter_cannot_play_are_refused():
    counts = np.zeros((10, 1), np.int16)
    for bad in (
        AdcRecording(counts.astype(np.int32)),  # type: ignore[arg-type]
        AdcRecording(counts[:, 0]),
        AdcRecording(counts, np.zeros(9, np.bool_)),
        AdcRecording(counts, speed=0),
        AdcRecording(np.zeros((10, 256), np.int16)),
    ):
        with pytest.raises(BoardError):
            bad.memory()
