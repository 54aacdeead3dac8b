"""Fixtures for every test, and the skipping of marked tests that cannot run here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.build_cache import compile_objects, delete_unused
from tests.support.requirements import NEEDS, data_set_missing
from tools.checkout import LIBRARIES
from tools.convert import host

pytest_plugins = ["tests.support.training"]


OTHERS = (
    "ignore:The inplace keyword:DeprecationWarning",  # a pandas keyword that wfdb still uses
    "ignore:__array__ implementation:DeprecationWarning",
    "ignore:loadtxt. input contained no data:UserWarning",  # test_download empties a file
)
"""Warnings of other packages, which no change here can remove."""


def pytest_configure(config: pytest.Config) -> None:
    """Leave out warnings of other packages, so that those about this code are seen."""
    for warning in OTHERS:
        config.addinivalue_line("filterwarnings", warning)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Clean the cache of builds, once and not in every worker."""
    if not hasattr(session.config, "workerinput"):
        delete_unused()


@pytest.fixture(scope="session", autouse=True)
def shared_kernels() -> Iterator[None]:
    """Let every `HostEngine` link the same objects instead of compiling all kernels again."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or "clang++"
    sources, includes = host.kernel_sources(), host.includes(LIBRARIES / "span")

    @cache
    def objects() -> list[Path]:
        return compile_objects((compiler, *host.FLAGS), sources, includes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "kernel_sources", objects)
        yield


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one worker more than there are cores: many tests wait, for emulated boards and pages."""
    return (os.cpu_count() or 1) + 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose requirements are missing; `data("ecg5000")` requires one set."""
    for name, missing in NEEDS.items():
        for marker in item.iter_markers(name):
            names = marker.args if name == "data" else ()
            reasons = [data_set_missing(each) for each in names] or [missing()]
            for reason in filter(None, reasons):
                pytest.skip(reason)
