"""The bundle: the three files that training hands to every later step (docs/bundle.md)."""

from training.bundle.files import (
    EVALUATION,
    GOLDEN,
    MANIFEST,
    MODEL,
    Bundle,
    GoldenWindows,
    check_destination,
    crc32,
    manifest_text,
    pack_arrays,
    parse_manifest,
    read_bundle,
    sha256,
    unpack_arrays,
    write_bundle,
)

__all__ = [
    "EVALUATION",
    "GOLDEN",
    "MANIFEST",
    "MODEL",
    "Bundle",
    "GoldenWindows",
    "check_destination",
    "crc32",
    "manifest_text",
    "pack_arrays",
    "parse_manifest",
    "read_bundle",
    "sha256",
    "unpack_arrays",
    "write_bundle",
]
