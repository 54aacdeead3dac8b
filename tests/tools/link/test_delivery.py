"""Reports from a line that may say anything."""

import pytest

from tools.link import messages as m
from tools.link.delivery import Reports
from tools.link.events import Counters, Lost


@pytest.mark.parametrize("reason", [float("nan"), float("inf"), -1.0, 1e30, 77.0])
def test_a_reason_that_is_none_counts_as_a_gap(reason):
    reports = Reports(0, 4, {}, Counters())
    values = {**dict.fromkeys(m.Score.__annotations__, 0), "flags": m.NOT_JUDGED, "score": reason}
    score = m.Score(**values)
    event = reports.receive(score)
    assert isinstance(event, Lost) and event.reason == m.LostReason.GAP
