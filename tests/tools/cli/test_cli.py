"""The program `vigil`: its commands, and one line and exit code 2 for bad input."""

import errno
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from tests.support.command_line import vigil
from tools.checkout import ROOT
from tools.cli import boards, demo, program
from tools.cli.app import app
from tools.cli.gateway import OF_A_FILE
from tools.cli.options import DEFAULT, bundle_path, faults_of
from tools.cli.program import COMMANDS, load_commands
from tools.link.faults import FaultConfig
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.summary import Summary
from training.bundle import read_bundle
from training.bundle.errors import BundleError, DataError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "trian"),
        (["train", "ecg500"], "did you mean 'ecg5000'?"),
        (["train", "ecg5000", "--set", "model.cod=4"], "did you mean 'code'?"),
        (["train", "ecg5000", "--set", "model"], "SECTION.KEY=VALUE"),
        (["train", "absent.toml"], "no such file"),
        (["train", "there.csv", "there.csv"], "put a pattern of several files between quotes"),
        (["train", "absent_*.csv"], "no file matches this pattern in the current folder, /"),
        (["train", "csv", "--set", "data.path=absent.csv"], "absent.csv"),
        (["build", "nothing"], "train it first"),
        (["build", "--board", "nano33"], "no board 'nano33'"),
        (["build", "--engine", "eon"], "engine 'eon'"),
        (["build", "--board", "nicla_sense_me"], "it has: none"),
        (["flash", "--board", "emulated"], "needs no upload"),
        (["build", "--sensor", "ad8232"], "plays a recording"),
        (["flash", "--sensor", "mic"], "it has: analog, ad8232, lsm9ds1"),
        (["monitor", "--sample", "--repeat"], "--repeat"),
        (["record", "run.wav", "nothing"], "train it first"),
        (["report", "nothing"], "train it first"),
        (["monitor", "nothing"], "train it first"),
        (["monitor", "--plain", "--json"], "exclude each other"),
        (["monitor", "--windows", "0"], "--windows"),
        (["monitor", "--speed", "inf"], "inf is not a finite number"),
        (["monitor", "--web", "--speed", "inf"], "inf is not a finite number"),
        (["monitor", "--sample", "--speed", "nan"], "nan is not a finite number"),
        (["record", "run.csv", "--speed", "nan"], "nan is not a finite number"),
        (["replay", "run.csv", "--speed", "inf"], "inf is not a finite number"),
        (["replay", "absent.csv"], "absent.csv: no such file"),
        (["replay", "absent.hea"], "absent.hea: no such file"),
        (["monitor", "--threshold", "nan"], "nan is not a finite number"),
        (["monitor", "--threshold", "1e39"], "1e+39 is not a finite number"),
        (["monitor", "nothing", "--record", "there.csv"], "with --overwrite"),
        (["monitor", "nothing", "--record", "there.hea"], "there.csv: exists"),
        (["record", "there.csv", "nothing"], "with --overwrite"),
        (["monitor", "nothing", "--record", "there.csv", "--overwrite"], "train it first"),
        (
            ["monitor", "--source", "there.csv", "--record", "there.hea", "--overwrite"],
            "is the source of the stream",
        ),
        (["calibrate", "absent.csv", "nothing"], "train it first"),
        (["calibrate", "absent.csv", "--rate", "2"], "a share between 0 and 1"),
        (["budget", "--check", "--accept"], "exclude each other"),
        (["budget", "--picture", "budget.gif"], "ends in .png or .svg"),
        (["budget", "--picture", "absent/budget.svg"], "no folder absent"),
        (["zoo", "--full", "--board"], "--board and --full exclude each other"),
        (["zoo", "--seeds", "3", "--board"], "--board and --seeds exclude each other"),
        (["zoo", "--seeds", "1"], "--seeds"),
        (["zoo", "ecg500"], "did you mean 'ecg5000'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, said, tmp_path):
    (tmp_path / "there.csv").write_text("a recording\n")
    done = vigil(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "there.csv").read_text() == "a recording\n"
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("vigil: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", [ImportError, ModuleNotFoundError])
def test_a_signal_chain_that_is_not_compiled_is_one_line_with_the_remedy(kind, monkeypatch, capsys):
    def load(_: str | None) -> None:
        raise kind("not found", name="training.native.core")

    monkeypatch.setattr(program, "load_commands", load)
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "vigil: the compiled signal chain is missing or out of date; run `make setup`\n"
    )


@pytest.mark.parametrize(
    ("machine", "said"),
    [("x86_64", "run: pip install"), ("aarch64", "exists for Linux on x86-64 alone")],
)
def test_an_interpreter_that_is_missing_is_one_line_with_what_helps(
    machine, said, monkeypatch, capsys
):
    def load(_: str | None) -> None:
        raise ModuleNotFoundError("not found", name="tflite_micro.runtime")

    monkeypatch.setattr(program, "load_commands", load)
    monkeypatch.setattr(program.platform, "machine", lambda: machine)
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device: free some"),
        (OSError(errno.EROFS, "Read-only file system", "build"), "build: Read-only file system; "),
    ],
)
def test_what_the_system_refuses_is_one_line_with_the_cure(problem, said, monkeypatch, capsys):
    def load(_: str | None) -> None:
        raise problem

    monkeypatch.setattr(program, "load_commands", load)
    with pytest.raises(SystemExit) as end:
        program.main()
    line = capsys.readouterr().err
    assert end.value.code == 2 and line.startswith(f"vigil: {said}") and line.count("\n") == 1


def test_a_folder_that_was_removed_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "removed").mkdir()
    monkeypatch.chdir(tmp_path / "removed")
    (tmp_path / "removed").rmdir()
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("vigil: the current folder no longer exists")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    small_bundle(tmp_path / "build" / "small")
    (tmp_path / "file").touch()
    done = vigil("export", "small", "--out", "file/library", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("vigil: file/library") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.01", FaultConfig(0.01)),
        ("0.01,7", FaultConfig(0.01, 7)),
        ("0,seed=7,kinds=drop+flip", FaultConfig(0, 7, ("drop", "flip"))),
        ("0,reboot@5,unplug@9:12", FaultConfig(0, reboots=(5.0,), unplugged=((9.0, 12.0),))),
        ("0,unplug@9:12,7", None),
        ("0,reboot=5", None),
        ("0,unplug@9", None),
        ("much", None),
    ],
)
def test_faults_are_a_rate_and_then_what_and_when(text, meant):
    if meant is not None:
        assert faults_of(text) == meant
        return
    with pytest.raises(
        typer.BadParameter, match=r"'[\w:@=]+' is not understood; write RATE\[,SEED\]"
    ) as problem:
        faults_of(text)
    assert "\n" not in str(problem.value)


def test_a_damaged_bundle_is_refused_with_its_reason(tmp_path):
    bundle = tmp_path / "build" / DEFAULT
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text(json.dumps({"schema": 7}))
    done = vigil("convert", cwd=tmp_path)
    assert done.returncode == 2
    assert "schema 7" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["monitor", "b"], "name a recording with --source"),
        (["record", "r.csv", "b", "-p", "emulated"], "name a recording with --source"),
        (["gateway", "b", "-p", "emulated"], OF_A_FILE),
    ],
)
def test_a_bundle_without_a_data_set_is_refused_before_firmware_is_built(words, cure, tmp_path):
    small_bundle(tmp_path / "b")
    done = vigil(*words, cwd=tmp_path)
    said = f"vigil: the bundle names no data set; {cure}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert not (tmp_path / "b" / "firmware").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--web", "--web-host", "0.0.0.0"], "without TLS"),
        (["--name", "pump-3"], "--name names one board that is plugged in"),
    ],
)
def test_a_wrong_option_of_the_monitor_is_refused_before_firmware_is_built(
    options: list[str], said: str, tmp_path: Path
) -> None:
    small_bundle(tmp_path / "b", data_set="sines")
    done = vigil("monitor", "b", "-p", "emulated", *options, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "b" / "firmware").exists()


def test_help_lists_every_command():
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    for command in [
        "train",
        "convert",
        "build",
        "flash",
        "board",
        "boards",
        "monitor",
        "verify",
        "budget",
        "report",
        "demo",
    ]:
        assert f" {command} " in done.stdout


def test_every_command_is_listed_beside_the_module_that_defines_it():
    """`vigil COMMAND` imports only that module, so a command that is not listed has no help."""
    registered: set[str] = set()
    for module, commands in COMMANDS.items():
        load_commands(commands[0])
        names = {c.name or c.callback.__name__ for c in app.registered_commands}
        assert set(commands) <= names, module
        registered |= set(commands)
    assert {c.name or c.callback.__name__ for c in app.registered_commands} == registered


def test_no_command_is_answered_by_the_help_alone(tmp_path: Path) -> None:
    done = vigil(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    assert " train " in done.stdout


def test_no_help_text_has_words_in_brackets_which_rich_drops() -> None:
    load_commands(None)
    for name, command in typer.main.get_command(app).commands.items():
        for each in command.params:
            assert "[" not in (getattr(each, "help", None) or ""), (name, each.name)


@pytest.mark.parametrize("command", ["doctor", "boards", "--help"])
def test_a_terminal_without_unicode_gets_its_lines(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", command],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "TERM": "dumb", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.isascii() and len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize(("reason", "goes_on"), [("by key", True), ("", True), ("SIGINT", False)])
def test_ctrl_c_while_the_demo_streams_ends_the_demo(reason: str, goes_on: bool, monkeypatch):
    given = SimpleNamespace(signal=SimpleNamespace(rate_hz=None), wearer=None)
    monkeypatch.setattr(demo, "read_bundle", lambda path: SimpleNamespace(manifest=given))
    monkeypatch.setattr(demo, "run_monitor", lambda settings: [Summary(reason=reason)])
    with nullcontext() if goes_on else pytest.raises(KeyboardInterrupt):
        demo._watch(Path("bundle"), Path("image"), 5)


def test_a_closed_standard_output_takes_nothing_and_lends_its_number_to_no_file(tmp_path: Path):
    program = (
        "import sys; from tools.cli.program import main\n"
        "sys.argv = ['vigil', 'boards']\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "assert open('kept', 'w').fileno() > 2"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.closerange(0, 2),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "kept").read_bytes() == b""


@pytest.mark.parametrize("words", [["boards"], ["recipes"], ["--help"], ["monitor", "--help"]])
def test_a_reader_that_has_closed_the_pipe_ends_a_command_quietly(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tools.cli", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


class EndsAtOnce:
    """An emulated board that Ctrl-C ends before it has run."""

    port = "/dev/pts/7"

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> "EndsAtOnce":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def running(self) -> bool:
        raise KeyboardInterrupt


def test_a_board_is_watched_with_the_model_that_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`vigil monitor` alone would look for the recipe ecg."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boards, "build_image", lambda *_: SimpleNamespace(elf=Path("image")))
    monkeypatch.setattr(boards, "EmulatedBoard", EndsAtOnce)
    boards.board("my pump")
    assert (
        "`vigil monitor 'my pump' --port /dev/pts/7` in another terminal" in capsys.readouterr()[0]
    )


def test_recipes_and_boards_are_listed(tmp_path):
    assert "ecg5000" in vigil("recipes", cwd=tmp_path).stdout
    assert "nano33ble" in vigil("boards", cwd=tmp_path).stdout


def test_a_path_to_a_bundle_is_that_path_and_a_name_is_under_build(monkeypatch, tmp_path):
    """Else `vigil monitor /elsewhere/ecg5000` would take build/ecg5000 for it."""
    monkeypatch.chdir(tmp_path)
    assert bundle_path("/elsewhere/ecg5000") == Path("/elsewhere/ecg5000")
    assert bundle_path("my/bundles/pump") == Path("my/bundles/pump")
    assert bundle_path("pump") == Path("build/pump")
    assert bundle_path("my/recipes/pump.toml") == Path("build/pump")


def test_a_name_with_a_rate_is_the_bundle_for_samples_of_that_rate(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    model = small_bundle(Path("build") / "pump", window=32, hop=32, rate_hz=100.0)
    assert bundle_path("pump@100") == Path("build/pump")
    assert bundle_path("pump@200") == bundle_path("build/pump@200.0") == Path("build/pump-200hz")
    converted = read_bundle(Path("build/pump-200hz"))
    assert converted.model == model.model
    assert converted.manifest.model_rate_hz == 100.0
    assert converted.manifest.signal.rate_hz == 200.0
    # Of the sensor's frames: two for each of the model's, and the delay of the filter.
    assert (converted.manifest.grid.window, converted.manifest.grid.hop) == (64, 64)
    assert converted.manifest.grid.span == 62 + 16 + 1
    with pytest.raises(typer.BadParameter, match=r"rate in Hz after @, such as pump@250"):
        bundle_path("pump@fast")
    for rate in ("nan", "-1", "0", "1e300", "100.03"):
        with pytest.raises(DataError, match="cannot be resampled to 100"):
            bundle_path(f"pump@{rate}")
    with pytest.raises(BundleError, match="multiple of 5"):
        bundle_path("pump@60")
    with pytest.raises(BundleError, match="already converts"):
        bundle_path("pump-200hz@250")
