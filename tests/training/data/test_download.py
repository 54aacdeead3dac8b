"""Downloads: checked by bytes, then by values, then from the next address, or unavailable."""

import hashlib
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError, UnavailableError
from training.data import download, ecg5000, load
from training.data.download import Checksums, Files, find_files
from training.recipe import read_recipe
from training.windows import load_data

TEXT = b"1 2 3\n4 5 6\n"


def values(path: Path) -> bytes:
    return np.loadtxt(path).tobytes()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def a_set(*addresses: str) -> Files:
    expected = sha256(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).tobytes())
    return Files("set", {"a.txt": Checksums(sha256(TEXT), expected)}, addresses, values)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, and no VIGIL_DATA."""
    monkeypatch.delenv("VIGIL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vigil"


@pytest.fixture
def site(monkeypatch):
    """Addresses with their contents in place of a network; the addresses asked for, in order."""
    contents: dict[str, bytes] = {}
    asked: list[str] = []

    def fetch(address: str, target: Path, progress: bool) -> None:
        asked.append(address)
        if address not in contents:
            raise ConnectionError("no such address")
        target.write_bytes(contents[address])

    monkeypatch.setattr(download, "fetch", fetch)
    return contents, asked


def test_the_expected_bytes_are_taken_from_the_first_address_and_kept(cache, site):
    contents, asked = site
    contents["http://one/a.txt"] = TEXT
    files = a_set("http://one/", "http://two/")
    assert [path.read_bytes() for path in find_files(files)] == [TEXT]
    assert find_files(files) == [cache / "set" / "a.txt"]
    assert asked == ["http://one/a.txt"]


def test_other_line_endings_are_accepted_for_their_values(cache, site):
    contents, asked = site
    contents["http://one/a.txt"] = TEXT.replace(b"\n", b"\r\n")
    files = a_set("http://one/", "http://two/")
    (path,) = find_files(files)
    assert values(path) == values(find_files(files)[0]) and asked == ["http://one/a.txt"]


@pytest.mark.parametrize("wrong", [b"1 2 3\n4 5 7\n", b"<html>moved</html>", b""])
def test_other_values_are_replaced_from_the_second_address(cache, site, wrong):
    contents, asked = site
    contents["http://one/a.txt"] = wrong
    contents["http://two/a.txt"] = TEXT
    assert find_files(a_set("http://one/", "http://two/"))[0].read_bytes() == TEXT
    assert asked == ["http://one/a.txt", "http://two/a.txt"]


def test_an_archive_may_have_folders_and_one_that_is_none_is_passed_over(cache, site, tmp_path):
    contents, _ = site
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("release 2/a.txt", TEXT)
    contents["http://one/set.zip"] = b"not an archive"
    contents["http://two/set.zip"] = (tmp_path / "packed.zip").read_bytes()
    assert find_files(a_set("http://one/set.zip", "http://two/set.zip"))[0].read_bytes() == TEXT


def test_without_a_fitting_address_it_is_unavailable_in_one_line_and_leaves_nothing(cache, site):
    contents, _ = site
    contents["http://one/a.txt"] = b"7 8 9\n"
    with pytest.raises(UnavailableError) as caught:
        find_files(a_set("http://one/", "http://two/"))
    line = str(caught.value)
    assert "\n" not in line
    assert "http://one/ (other contents than expected)" in line
    assert "http://two/ (ConnectionError)" in line
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_damaged_file_in_the_cache_is_downloaded_again(cache, site):
    contents, _ = site
    contents["http://one/a.txt"] = TEXT
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "a.txt").write_bytes(b"1 2")
    assert find_files(a_set("http://one/"))[0].read_bytes() == TEXT


def test_a_file_in_vigil_data_is_the_users_and_is_named_not_replaced(tmp_path, monkeypatch, site):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_bytes(b"7 8 9\n")
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"a\.txt: SHA-256 is .* and its values differ too"):
        find_files(a_set("http://one/"))
    assert site[1] == []
    (tmp_path / "set" / "a.txt").write_bytes(TEXT.replace(b"\n", b"\r\n"))
    assert find_files(a_set("http://one/")) == [tmp_path / "set" / "a.txt"]


def test_a_release_with_other_values_leads_to_the_recipes_fallback(cache, site):
    contents, asked = site
    contents |= dict.fromkeys(ecg5000.ADDRESSES, b"<html>")
    lines: list[str] = []
    recipe, dataset = load_data(read_recipe("ecg5000"), lines.append)
    assert recipe.name == dataset.name == "simulated" and dataset.simulated
    assert "Falling back to the recipe 'simulated'" in lines[0] and "\n" not in lines[0]
    assert set(ecg5000.ADDRESSES[:2]) <= set(asked)


def test_without_files_and_without_a_network_it_is_unavailable(cache, monkeypatch):
    # Nothing listens there.
    monkeypatch.setattr(ecg5000, "ADDRESSES", ["http://127.0.0.1:9/ECG5000.zip"])
    with pytest.raises(UnavailableError, match="set VIGIL_DATA to a folder"):
        load("ecg5000")
    assert not list(cache.rglob("*.zip"))


def test_a_download_is_checked_unpacked_and_kept(tmp_path, cache):
    folder = tmp_path / "site"
    folder.mkdir()
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        archive.writestr("a.txt", TEXT)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = a_set(f"http://127.0.0.1:{server.server_port}/set.zip")
    try:
        (path,) = find_files(files, progress=False)
        assert path.read_bytes() == TEXT
    finally:
        server.shutdown()
        server.server_close()
    assert find_files(files, progress=False) == [path]  # the server is gone
