"""The kept image: reused while nothing changed, rebuilt when any input did."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tools.boards import build as building
from tools.boards import image_cache
from tools.boards.build import BuildResult
from tools.boards.image_cache import ImageCache
from tools.checkout import ROOT
from tools.cli import build as command
from tools.measure.bench.small_bundle import small_bundle


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of what an image is made from, to edit."""
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".pio", "generated", "__pycache__", "*.so")
    for folder in ("firmware", "tools/boards", "tools/convert", "training/bundle"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    monkeypatch.setattr(image_cache, "ROOT", copy)
    monkeypatch.setattr(image_cache, "FIRMWARE", copy / "firmware")
    moved = tuple(copy / folder.relative_to(ROOT) for folder in image_cache._SOURCES)
    monkeypatch.setattr(image_cache, "_SOURCES", moved)
    return copy


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(small_bundle(tmp_path / "waves").path, "emulated")


def built(folder: Path) -> BuildResult:
    folder.mkdir()
    for suffix, text in (("elf", "image"), ("map", "map")):
        (folder / f"firmware.{suffix}").write_text(text)
    return BuildResult("emulated", folder / "firmware.elf", folder / "firmware.map", 1.0, "")


def test_an_image_that_is_kept_outlives_the_next_build(cache: ImageCache, tmp_path: Path) -> None:
    result = built(tmp_path / "objects")
    kept = cache.keep(result, cache.inputs())
    result.elf.write_text("another")
    assert kept.elf.read_text() == "image"
    assert kept.map == kept.elf.with_suffix(".map") and kept.map.read_text() == "map"
    assert cache.find() == BuildResult("emulated", kept.elf, kept.map, 0.0, "")


def test_nothing_is_found_before_a_build(cache: ImageCache) -> None:
    assert cache.find() is None


CHANGES = (
    "bundle/model.tflite",
    "bundle/manifest.json",
    "bundle/golden.npz",
    "firmware/platformio.ini",
    "firmware/own_code.py",
    "firmware/src/main.cpp",
    "firmware/lib/engine_compiled/dense.cpp",
    "firmware/emulated/ldscripts/emulated.ld",
    "firmware/lib/app/another.cpp",
    "tools/boards/boards.toml",
    "tools/convert/emit.py",
    "training/bundle/manifest.py",
)


@pytest.mark.parametrize("changed", CHANGES)
def test_a_changed_or_new_file_needs_a_build(
    cache: ImageCache, checkout: Path, tmp_path: Path, changed: str
) -> None:
    cache.keep(built(tmp_path / "objects"), cache.inputs())
    assert cache.find() is not None
    inside = changed.removeprefix("bundle/")
    path = (cache.bundle if inside != changed else checkout) / inside
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n")
    assert cache.find() is None


def test_a_removed_file_needs_a_build(cache: ImageCache, checkout: Path, tmp_path: Path) -> None:
    cache.keep(built(tmp_path / "objects"), cache.inputs())
    (checkout / "firmware" / "lib" / "app" / "app.cpp").unlink()
    assert cache.find() is None


def test_another_sensor_threshold_tool_or_setting_needs_a_build(
    cache: ImageCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(built(tmp_path / "objects"), cache.inputs())
    assert ImageCache(cache.bundle, "emulated", "ad8232").find() is None
    assert ImageCache(cache.bundle, "emulated", threshold=0.5).find() is None
    assert ImageCache(cache.bundle, "emulated_tflm").find() is None
    with monkeypatch.context() as patch:
        patch.setenv("PLATFORMIO_BUILD_FLAGS", "-O3")
        assert cache.find() is None
    with monkeypatch.context() as patch:
        patch.setattr(image_cache, "version", lambda name: "0")
        assert cache.find() is None
    with monkeypatch.context() as patch:
        compiler = tmp_path / "bin" / "arm-none-eabi-g++"
        compiler.parent.mkdir()
        compiler.write_text("#!/bin/sh\necho 99.1\n")
        compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
        patch.setenv("PATH", f"{compiler.parent}{os.pathsep}{os.environ['PATH']}")
        assert cache.find() is None
    assert cache.find() is not None


def test_another_library_of_tensorflow_lite_micro_needs_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_LIBDEPS_DIR", str(tmp_path / "libdeps"))
    library = tmp_path / "libdeps" / "emulated_tflm" / building.TFLM_LIBRARY
    library.mkdir(parents=True)
    (library / "kernel.cpp").write_text("int a;")
    cache = ImageCache(small_bundle(tmp_path / "waves").path, "emulated_tflm")
    cache.keep(built(tmp_path / "objects"), cache.inputs())
    assert cache.find() is not None
    (library / "kernel.cpp").write_text("int ab;")
    assert cache.find() is None


@pytest.mark.parametrize("damage", ["elf", "map", "record", "no elf", "no map"])
def test_a_damaged_image_needs_a_build(cache: ImageCache, tmp_path: Path, damage: str) -> None:
    kept = cache.keep(built(tmp_path / "objects"), cache.inputs())
    assert kept.map is not None
    record = kept.elf.with_suffix(".json")
    path = {"elf": kept.elf, "map": kept.map, "record": record}.get(damage)
    if path is not None:
        path.write_text("[]")
    else:
        (kept.elf if damage == "no elf" else kept.map).unlink()
    assert cache.find() is None


def test_an_edit_during_the_build_needs_another(
    cache: ImageCache, checkout: Path, tmp_path: Path
) -> None:
    before = cache.inputs()
    (checkout / "firmware" / "src" / "main.cpp").write_text("// edited")
    cache.keep(built(tmp_path / "objects"), before)
    assert cache.find() is None


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("built, locked or converted")

    for name in ("alone", "build"):
        monkeypatch.setattr(command.platformio, name, refuse)
    monkeypatch.setattr(command, "convert_bundle", refuse)
    yield


def test_an_up_to_date_image_is_used_without_building_or_writing(
    cache: ImageCache, tmp_path: Path, no_build: None
) -> None:
    """A checkout that may only be read monitors: no lock, no source, no image is written."""
    kept = cache.keep(built(tmp_path / "objects"), cache.inputs())
    before = {path: path.stat().st_mtime_ns for path in cache.bundle.rglob("*")}
    console = Console(record=True, width=200)
    result = command.build_image(console, cache.bundle, "emulated", "compiled")
    assert result.elf == kept.elf
    assert console.export_text().endswith("emulated.elf: up to date\n")
    assert before == {path: path.stat().st_mtime_ns for path in cache.bundle.rglob("*")}
    assert set(json.loads(kept.elf.with_suffix(".json").read_text())) == {"inputs", "files"}


def test_a_changed_bundle_is_built_again(cache: ImageCache, tmp_path: Path, no_build: None) -> None:
    cache.keep(built(tmp_path / "objects"), cache.inputs())
    small_bundle(cache.bundle, window=32)
    with pytest.raises(AssertionError, match="built, locked or converted"):
        command.build_image(Console(quiet=True), cache.bundle, "emulated", "compiled")
