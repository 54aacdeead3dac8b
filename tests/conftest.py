"""Fixtures for every test, and the skipping of marked tests that cannot run here."""

from __future__ import annotations

import pytest

from tests.support.build_cache import delete_unused
from tests.support.requirements import NEEDS, data_set_missing

pytest_plugins = ["tests.support.training"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Clean the cache of builds, once and not in every worker."""
    if not hasattr(session.config, "workerinput"):
        delete_unused()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose requirements are missing; `data("ecg5000")` requires one set."""
    for name, missing in NEEDS.items():
        for marker in item.iter_markers(name):
            names = marker.args if name == "data" else ()
            reasons = [data_set_missing(each) for each in names] or [missing()]
            for reason in filter(None, reasons):
                pytest.skip(reason)
