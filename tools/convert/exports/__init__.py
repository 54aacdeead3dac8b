"""Exports: a bundle as a library for another build system, without the link and the application.

Each file here but `library.py` is one form, found by its file name. It has a function
`files(library: Library) -> dict[str, str]`: the texts of the export by path, relative to its
folder.
"""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path

from tools.convert.emit import write_files
from tools.convert.exports.library import make_library

FORMS = ("arduino", "cmake", "zephyr", "esp-idf")
"""Names of the forms on the command line; `-` stands for the `_` of the file name."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same archive


def export(bundle_dir: Path, form: str, out: Path, prefix: str | None = None) -> Path:
    """Write a bundle as a library to the folder `out`/PREFIX, and return what a user installs.

    That is the folder, or for `arduino` the archive `out`/PREFIX.zip beside it.

    Args:
        form: one of FORMS.
        prefix: begins the names of functions and files; None: the bundle's name. Two libraries with
            different prefixes fit in one program.

    Raises:
        BundleError: the bundle fails its checks.
        ConvertError: the compiled engine cannot run the model, or `prefix` is no C identifier.
    """
    library = make_library(bundle_dir, prefix)
    module = importlib.import_module(f"tools.convert.exports.{form.replace('-', '_')}")
    folder = out / library.prefix
    files = write_files(folder, module.files(library))
    if form != "arduino":
        return folder
    archive = out / f"{library.prefix}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in files:
            entry = zipfile.ZipInfo(
                f"{library.prefix}/{file.relative_to(folder).as_posix()}", _EPOCH
            )
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, file.read_bytes())
    return archive
