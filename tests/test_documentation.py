"""The pages: links lead somewhere, named files exist, and pictures stay small."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from tools.checkout import DOCS, ROOT
from tools.cli.app import app
from tools.cli.program import COMMANDS, load_commands

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
MOST_PICTURE_BYTES = 1_500_000


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub forms them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_of_docs_is_in_the_index():
    index = DOCS / "README.md"
    links = re.findall(r"\]\(([^)#\s]+)\)", index.read_text(encoding="utf-8"))
    listed = {(DOCS / link).resolve() for link in links}
    assert set(DOCS.rglob("*.md")) - {index} == {path for path in listed if DOCS in path.parents}


def test_the_pictures_are_small_and_each_is_shown():
    pictures = {path for path in DOCS.rglob("*") if path.suffix in (".png", ".svg")}
    assert sum(path.stat().st_size for path in pictures) < MOST_PICTURE_BYTES
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    }
    assert pictures <= shown


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:training|tools|tests|firmware|docs|benchmarks)/[\w./-]+)`", text))
    written = {path for path in named if "NAME" in path or "RECIPE" in path}
    generated = {"firmware/generated"}
    assert sorted(p for p in named - written - generated if not (ROOT / p).exists()) == []


def test_the_readme_names_every_command():
    rows = re.findall(r"^\| (`vigil .*?) \|", (ROOT / "README.md").read_text("utf-8"), flags=re.M)
    named = {word.removeprefix("vigil ") for row in rows for word in re.findall(r"`([^`]+)`", row)}
    assert named == {command for commands in COMMANDS.values() for command in commands}


def code_of(page: Path) -> list[str]:
    """The lines of a page's blocks of code, and the code within its sentences."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.S)
    rest = re.sub(r"```.*?```", "", text, flags=re.S)
    return [line for block in blocks for line in block.splitlines()] + re.findall(
        r"`([^`\n]+)`", rest
    )


def test_every_option_that_a_page_names_exists():
    load_commands(None)
    group = typer.main.get_command(app)
    options = {
        name: {"--help"} | {each for p in command.params for each in (*p.opts, *p.secondary_opts)}
        for name, command in group.commands.items()
    }
    unknown, checked = [], 0
    for page in [page for page in PAGES if page.name != "CHANGELOG.md"]:
        for line in code_of(page):
            found = re.search(r"\bvigil ([a-z]+)\b([^|;&]*)", line.partition(" #")[0])
            if not found:
                continue
            for word in shlex.split(found[2]):
                if re.match("--?[a-z]", word):
                    checked += 1
                    if word.partition("=")[0].rstrip(",.") not in options.get(found[1], ()):
                        unknown.append(f"{page.name}: {line}")
    assert unknown == []
    assert checked > 100


def test_every_benchmark_that_a_page_names_exists():
    named = {
        name
        for page in PAGES
        for name in re.findall(r"python -m benchmarks\.(\w+)", page.read_text(encoding="utf-8"))
    }
    assert named and all((ROOT / "benchmarks" / f"{name}.py").exists() for name in named)
