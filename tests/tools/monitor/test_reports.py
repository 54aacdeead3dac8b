"""Reports of a board as the monitor's events, whatever the board states."""

from __future__ import annotations

from tools.link import messages as m
from tools.monitor.boards.calibrating import status_of
from tools.monitor.boards.wearing import status_of_report


def test_values_of_a_later_version_are_numbers() -> None:
    calibration = status_of(m.CalibrationReport(state=200, source=9, threshold=0.5))
    assert (calibration.state, calibration.source) == ("code 200", "code 9")
    assert not calibration.running
    wearer = status_of_report(m.WearerReport(phase=77, memory=88, interval=2**32 - 1), 125.0)
    assert (wearer.learned, wearer.memory) == (False, "code 88")
    known = status_of(m.CalibrationReport(state=m.CalibrationState.NOT_KEPT))
    assert (known.state, known.source) == ("not_kept", "bundle")
