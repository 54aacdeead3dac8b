"""The inputs that fuzzing keeps: `corpora/*.zip` in the repository, and new findings beside them.

A target has up to two archives: `TARGET_corpus.zip`, inputs that reach new code, and
`TARGET_regressions.zip`, inputs that once were findings. The two targets of the board's side share
theirs, under the name `board`. A new finding is a loose file in `findings/`, which Git ignores,
until this command moves it into an archive:

    python -m tests.fuzz.saved_inputs ARCHIVE FILE...
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHIVES = HERE / "corpora"
FINDINGS = HERE / "findings"


def archive(name: str, kind: str) -> Path:
    """The archive of target `name`; `kind` is "corpus" or "regressions". It may not exist."""
    return ARCHIVES / f"{'board' if name.startswith('board_') else name}_{kind}.zip"


def saved(name: str, kind: str) -> dict[str, bytes]:
    """The archived inputs of a target by name, sorted; regressions include loose findings."""
    inputs = _read(archive(name, kind))
    if kind == "regressions":
        inputs |= {path.name: path.read_bytes() for path in findings(name)}
    return inputs


def unpack(name: str, folder: Path) -> list[Path]:
    """Write a target's saved inputs to `folder`, for libFuzzer; return the folders written."""
    folders = [folder / kind for kind in ("corpus", "regressions")]
    for path in folders:
        path.mkdir(parents=True)
        for file, data in saved(name, path.name).items():
            (path / file).write_bytes(data)
    return folders


def findings_folder(name: str) -> Path:
    """The folder for a target's new findings, created if needed."""
    folder = FINDINGS / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def findings(name: str) -> list[Path]:
    """A target's findings that are not archived yet."""
    return sorted((FINDINGS / name).glob("*"))


def keep(name: str, data: bytes) -> Path:
    """Save a finding as a loose file."""
    path = findings_folder(name) / f"crash-{sha1(data).hexdigest()}"
    path.write_bytes(data)
    return path


def command_to_add(name: str, path: Path) -> str:
    """The command that moves a finding into the regressions of its target."""
    target = archive(name, "regressions").relative_to(HERE.parents[1])
    return f"python -m tests.fuzz.saved_inputs {target} {path.relative_to(HERE.parents[1])}"


def add(target: Path, files: Sequence[Path]) -> None:
    """Add files to an archive, which is created if needed; loose findings are removed."""
    write(target, _read(target) | {path.name: path.read_bytes() for path in files})
    for path in files:
        if FINDINGS in path.resolve().parents:
            path.unlink()


def write(target: Path, inputs: dict[str, bytes]) -> None:
    """Write an archive that depends on nothing but its contents: sorted, stored, without times."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
        for name, data in sorted(inputs.items()):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o644 << 16
            file.writestr(info, data)


def _read(path: Path) -> dict[str, bytes]:
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in sorted(file.namelist())}


def main() -> None:
    parser = argparse.ArgumentParser(description="Add inputs to an archive of saved inputs.")
    parser.add_argument(
        "archive", type=Path, help="for example tests/fuzz/corpora/model_corpus.zip"
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    given = parser.parse_args()
    add(given.archive, given.files)


if __name__ == "__main__":
    main()
