"""The bundle: its page's own example, and the reason for every refusal."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tools.checkout import DOCS
from training.bundle import (
    Bundle,
    check_destination,
    manifest_text,
    pack_arrays,
    parse_manifest,
    read_bundle,
    sha256,
    write_bundle,
)
from training.bundle.chain import make_scaler, make_score
from training.bundle.errors import BundleError
from training.bundle.manifest import Manifest, float32_text
from training.score import fold_reconstruction

PAGE = DOCS / "bundle.md"


@pytest.fixture(scope="module")
def example() -> dict:
    return json.loads(re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1])


@pytest.fixture
def copy(trained_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_bundle.path, tmp_path / "copy"))


def edit(path: Path, **changes) -> None:
    """Change values in a copy's manifest; keys are dotted, with __ for dots."""
    file = path / "manifest.json"
    values = json.loads(file.read_text())
    for key, value in changes.items():
        *steps, last = key.split("__")
        inner = values
        for step in steps:
            inner = inner[step]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    file.write_text(json.dumps(values))


def refusal(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the page -----------------------------------------------------------------------------------


def test_the_pages_example_is_a_manifest(example):
    manifest = parse_manifest(json.dumps(example).encode(), "page")
    assert json.loads(manifest_text(manifest)) == example


def test_the_page_names_every_key(example):
    def keys(values):
        for key, value in values.items():
            yield key
            if isinstance(value, dict) and key not in ("recipe", "versions", "baselines"):
                yield from keys(value)

    declared = set()

    def collect(schema):
        for name, field in schema.model_fields.items():
            declared.add(field.alias or name)
            for kind in [field.annotation, *getattr(field.annotation, "__args__", ())]:
                if hasattr(kind, "model_fields"):
                    collect(kind)

    collect(Manifest)
    text = PAGE.read_text()
    assert {key for key in declared if key not in text} == set()
    assert set(keys(example)) <= declared


def test_the_pages_score_is_folded_from_its_scales(example):
    manifest = parse_manifest(json.dumps(example).encode(), "page")
    assert fold_reconstruction("mse", manifest.model.input, manifest.model.output) == manifest.score


def test_the_pages_scaler_has_the_step_that_the_page_says(example):
    # One standard deviation of ECG5000 is 4096 counts, and the training normals' own is 4081.
    scaler = example["scaler"]
    per_step = 2 ** scaler["shift"] / scaler["multiplier"][0]
    deviation = per_step / example["model"]["input"]["scale"]
    assert deviation == pytest.approx(example["signal"]["gain"][0], rel=0.01)


# --- a real one ---------------------------------------------------------------------------------


def test_golden_windows_give_what_they_must(trained_bundle):
    from training.bundle.interpreter import Interpreter

    manifest, golden = trained_bundle.manifest, trained_bundle.golden
    scaled = make_scaler(manifest.scaler, 1).scale(golden.counts)
    assert (scaled == golden.input).all()
    output = Interpreter(trained_bundle.model).run(scaled)
    assert (output == golden.output).all()
    score = make_score(manifest.score, manifest.model.input, manifest.model.output)
    assert (score.score(scaled, output) == golden.score).all()
    assert {0, 1} <= set(golden.label.tolist())


def test_score_is_the_mean_squared_error_of_real_values(trained_bundle):
    m, golden = trained_bundle.manifest.model, trained_bundle.golden
    x = m.input.scale * (golden.input.astype(float) - m.input.zero_point)
    y = m.output.scale * (golden.output.astype(float) - m.output.zero_point)
    assert golden.score == pytest.approx(((x - y) ** 2).mean(axis=1), rel=1e-3)


def test_writing_again_gives_the_same_bytes(trained_bundle, tmp_path):
    files = {p.name: p.read_bytes() for p in trained_bundle.path.iterdir()}
    again = write_bundle(
        tmp_path / "again",
        trained_bundle.manifest,
        trained_bundle.model,
        pack_arrays(vars(trained_bundle.golden)),
    )
    for name in ("manifest.json", "model.tflite", "golden.npz"):
        assert (again.path / name).read_bytes() == files[name]
    assert again.hash8 == trained_bundle.hash8 == bytes.fromhex(sha256(files["manifest.json"]))[:8]


def test_a_new_bundle_takes_an_older_ones_place_and_leaves_others_files(copy, trained_bundle):
    (copy / "notes.txt").write_text("mine")
    (copy / "report.html").write_text("stale")
    golden = (copy / "golden.npz").read_bytes()
    write_bundle(copy, trained_bundle.manifest, trained_bundle.model, golden)
    names = sorted(p.name for p in copy.iterdir())
    assert names == ["golden.npz", "manifest.json", "model.tflite", "notes.txt"]
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]


def test_a_bundle_that_another_program_replaces_meanwhile_is_replaced(
    copy, trained_bundle, monkeypatch
):
    golden = (copy / "golden.npz").read_bytes()
    (copy / "notes.txt").write_text("mine")

    def write() -> None:
        write_bundle(copy, trained_bundle.manifest, trained_bundle.model, golden)

    def move(source: Path, to: Path, kept=shutil.move) -> None:
        monkeypatch.setattr(shutil, "move", kept)
        write()  # the other program, between two steps of this one
        (copy / "theirs.txt").write_text("theirs")
        kept(source, to)

    monkeypatch.setattr(shutil, "move", move)
    write()
    assert read_bundle(copy).hash8 == trained_bundle.hash8
    names = sorted(p.name for p in copy.iterdir())
    assert names == ["golden.npz", "manifest.json", "model.tflite", "notes.txt", "theirs.txt"]
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]


def test_files_that_are_no_part_of_the_contract_come_in_the_same_step(copy, trained_bundle):
    def add(folder: Path) -> None:
        assert folder != copy and read_bundle(copy).hash8 == trained_bundle.hash8
        (folder / "keras.weights.h5").write_text("new")

    (copy / "keras.weights.h5").write_text("old")
    golden = (copy / "golden.npz").read_bytes()
    written = write_bundle(
        copy, trained_bundle.manifest, trained_bundle.model, golden, add_files=add
    )
    assert written.path == copy
    assert (copy / "keras.weights.h5").read_text() == "new"


def test_a_link_to_a_folder_stays_one(copy, trained_bundle, tmp_path):
    (copy / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("copy")
    golden = (copy / "golden.npz").read_bytes()
    write_bundle(tmp_path / "link", trained_bundle.manifest, trained_bundle.model, golden)
    assert (tmp_path / "link").is_symlink()
    assert (copy / "notes.txt").read_text() == "mine"
    assert not (copy / "evaluation.npz").exists()


def test_a_bundle_that_would_be_refused_leaves_the_older_one_alone(copy, trained_bundle):
    before = (copy / "manifest.json").read_bytes()
    with pytest.raises(BundleError, match=r"golden\.npz has 3 bytes"):
        write_bundle(copy, trained_bundle.manifest, trained_bundle.model, b"bad")
    assert (copy / "manifest.json").read_bytes() == before
    assert read_bundle(copy).hash8 == trained_bundle.hash8


def test_a_folder_of_something_else_is_not_overwritten(trained_bundle, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    golden = (trained_bundle.path / "golden.npz").read_bytes()
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        write_bundle(tmp_path, trained_bundle.manifest, trained_bundle.model, golden)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


# --- refusals -----------------------------------------------------------------------------------


def test_a_folder_or_file_that_is_not_there(copy, tmp_path):
    assert "no such bundle" in refusal(tmp_path / "none")
    (copy / "model.tflite").unlink()
    assert "model.tflite is missing" in refusal(copy)


@pytest.mark.parametrize("name", ["model.tflite", "golden.npz"])
def test_a_flipped_bit_and_a_cut_file(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    assert f"{name}: SHA-256 differs" in refusal(copy)
    (copy / name).write_bytes(data[:-1])
    assert f"{name} has {len(data) - 1} bytes" in refusal(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema 2, but this version of Vigil reads schema 1"),
        ({"schema": None}, "not a Vigil manifest"),
        ({"hop": 3}, "unknown key 'hop'"),
        ({"segmenter__hopp": 3}, "unknown key 'segmenter.hopp'; did you mean 'hop'?"),
        ({"segmenter__hop": None}, "'segmenter.hop' is missing"),
        ({"segmenter__hop": 0}, "'segmenter.hop' should be greater than or equal to 1"),
        ({"segmenter__window": 65}, "model.input.size is 64, but window * channels is 65"),
        ({"scaler__kind": "log"}, "scaler"),
        ({"scaler__multiplier": [-1]}, "multiplier"),
        ({"scaler__multiplier": [1, 2]}, "one entry per channel"),
        ({"scaler__shift": 63}, "shift"),
        ({"scaler__zero_point": 90}, "scaler.zero_point differs from model.input.zero_point"),
        ({"score__input_weight": 20000}, "'score.input_weight' should be less"),
        (
            {"score__factor": 1e-60, "score__kind": "rms"},
            "'score' tag 'rms' found using 'kind' does not match",
        ),
        ({"threshold__value": 1e39}, "must be a finite single-precision number"),
        ({"threshold__calibration_scores": [2.0, 1.0]}, "calibration_scores must ascend"),
        ({"signal__gain": [0.0]}, "gain must be finite and not zero"),
        ({"data__windows__train": 10**30}, "'data.windows.train' should be less"),
        ({"recipe__data": ["csv"]}, "'recipe' must have an object as data"),
        ({"signal__rate_hz": 1e300}, "must be a finite single-precision number"),
        ({"signal__rate_hz": 1e-60}, "must not be zero in single precision"),
        ({"model__output__zero_point": 77}, "model.output.zero_point is 77; the two files belong"),
        ({"model__output__scale": 0.5}, "but the manifest's model.output.scale is 0.5"),
        ({"signal__units": []}, "one entry per channel"),
        ({"model__crc32": 1}, "CRC-32 differs"),
        ({"model__sha256": "xyz"}, "'model.sha256'"),
        ({"golden__windows": 5}, "'counts' is int16"),
        ({"name": "../escape"}, "'name'"),
    ],
)
def test_a_field_that_cannot_be_is_named(copy, changes, message):
    edit(copy, **changes)
    assert message in refusal(copy)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"schema": NaN}']
)
def test_what_is_no_manifest_at_all(copy, text):
    (copy / "manifest.json").write_bytes(text)
    assert "manifest.json: " in refusal(copy)


def test_a_golden_file_with_other_arrays(copy, trained_bundle):
    arrays = dict(vars(trained_bundle.golden))
    arrays["score"] = arrays["score"].astype(np.float64)
    n = len(arrays["score"])
    for broken, message in (
        (arrays, f"'score' is float64 [{n}], must be float32 [{n}]"),
        ({"counts": arrays["counts"]}, "holds ['counts'], must hold"),
    ):
        packed = pack_arrays(broken)
        (copy / "golden.npz").write_bytes(packed)
        edit(copy, golden__bytes=len(packed), golden__sha256=sha256(packed))
        assert message in refusal(copy)
    for name, value, message in (
        ("label", 7, "'label' has values other than -1, 0 and 1"),
        ("score", np.nan, "'score' has values that are not finite"),
    ):
        arrays = {key: np.array(each) for key, each in vars(trained_bundle.golden).items()}
        arrays[name][2] = value
        packed = pack_arrays(arrays)
        (copy / "golden.npz").write_bytes(packed)
        edit(copy, golden__bytes=len(packed), golden__sha256=sha256(packed))
        assert message in refusal(copy)
    junk = b"no zip archive"
    (copy / "golden.npz").write_bytes(junk)
    edit(copy, golden__bytes=len(junk), golden__sha256=sha256(junk))
    assert "not a readable .npz" in refusal(copy)


def test_evaluation_is_optional(copy):
    assert "int8_test" in read_bundle(copy).evaluation()
    (copy / "evaluation.npz").unlink()
    with pytest.raises(BundleError, match=r"evaluation\.npz is missing: train again"):
        read_bundle(copy).evaluation()
    os.mkfifo(copy / "evaluation.npz")
    with pytest.raises(BundleError, match="is a device, a pipe or a socket"):
        read_bundle(copy).evaluation()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("labels", lambda a: a[:1], "'keras_test' is float32"),
        ("shown", lambda a: a - 1, "'shown' must lie in 0 to"),
        ("shown", lambda a: a[0], r"'shown' is int64 \[\], which does not fit"),
        ("counts", lambda a: a[:, 1:], "'counts' is int16"),
        ("output", lambda a: a.astype(object).astype(str), "'output' is <U"),
        ("int8_test", lambda a: a + np.nan, "'int8_test' has values that are not finite"),
        ("code", lambda a: None, "lacks 'code'; train again"),
        ("history_best_epoch", lambda a: a + 99999, "'history_best_epoch' must lie in 0 to"),
    ],
)
def test_an_evaluation_with_other_arrays(copy, name, change, message):
    bundle = read_bundle(copy)
    arrays = bundle.evaluation()
    arrays[name] = change(arrays[name])
    kept = {key: each for key, each in arrays.items() if each is not None}
    (copy / "evaluation.npz").write_bytes(pack_arrays(kept))
    with pytest.raises(BundleError, match=rf"evaluation\.npz: .*{message}") as problem:
        bundle.evaluation()
    assert "\n" not in str(problem.value)


def test_float32_texts_come_back_to_the_bit():
    values = np.random.default_rng(1).standard_normal(1000).astype(np.float32) ** 9
    assert all(np.float32(json.loads(json.dumps(float32_text(v)))) == v for v in values)


def test_a_place_that_cannot_take_a_bundle_is_refused_before_there_is_one(tmp_path):
    check_destination(tmp_path / "new" / "bundle")
    assert not (tmp_path / "new" / "bundle").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BundleError, match="mine exists and is not a bundle: choose another name"):
        check_destination(tmp_path / "mine")
    for path in (tmp_path / "mine" / "letter.txt" / "b", Path("/proc/nope"), Path("/proc/no/pe")):
        with pytest.raises(BundleError, match=r"cannot be written: .*; choose another folder"):
            check_destination(path)
