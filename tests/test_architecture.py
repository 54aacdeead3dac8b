"""The code follows docs/architecture.md: imports run one way, in no circle, and files stay short.

The page's tables are the specification. Each rule is a function from a checkout to violations, so
that the rules themselves are tested on a small tree that breaks them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools.checkout import ROOT

PAGE = Path("docs/architecture.md")
PYTHON = ("training", "tools", "benchmarks")
LIBRARIES = Path("firmware/lib")
SOURCES = (".py", ".h", ".cpp", ".js", ".css", ".html")
MOST_LINES = 400
# Headers that the converter generates, and those of the framework that an engine wraps.
GENERATED = ("constants.h", "golden.h", "sensor_constants.h", "compiled_model.h", "tflm_model.h")
FRAMEWORK = ("tensorflow/",)


@dataclass
class Checkout:
    """A tree of sources beside its docs/architecture.md."""

    root: Path
    allowed: dict[str, set[str]] = field(init=False)  # row of the page -> paths it may import

    def __post_init__(self) -> None:
        self.allowed = {}
        for line in self.section("Modules").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 3 and cells[0].startswith("`"):
                self.allowed[cells[0].strip("`")] = set(re.findall(r"`([^`]+)`", cells[2]))

    def section(self, title: str) -> str:
        """The text below one heading of the page."""
        text = (self.root / PAGE).read_text(encoding="utf-8")
        return re.split(r"^## ", text.split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]

    def row(self, path: str) -> str | None:
        """The longest row of the table that covers a file."""
        return max((row for row in self.allowed if path.startswith(row)), key=len, default=None)

    def may_import(self, row: str, target: str) -> bool:
        """Whether the files of a row may import a file."""
        return self.row(target) == row or target.startswith(tuple(self.allowed[row]))

    def files(self, *folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[str]:
        """Source files below some folders, relative to the root."""
        return sorted(
            str(path.relative_to(self.root))
            for folder in folders
            for path in (self.root / folder).rglob("*")
            if path.suffix in suffixes
            and not {"__pycache__", "generated"} & set(path.parts)
            and not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        )

    def tree(self, path: str) -> ast.Module:
        """A Python file, parsed."""
        return ast.parse((self.root / path).read_text(encoding="utf-8"), path)

    def module(self, name: str) -> str | None:
        """The file of one of the project's Python modules; None for other packages."""
        path = name.replace(".", "/")
        for candidate in (f"{path}.py", f"{path}/__init__.py", f"{path}.pyi"):
            if (self.root / candidate).is_file():
                return candidate
        return None

    def imports(self, path: str) -> Iterator[tuple[int, str]]:
        """Line and file of every import of the project's own modules, lazy ones included."""
        for node in ast.walk(self.tree(path)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    names.append(submodule if self.module(submodule) else node.module)
            for name in names:
                file = self.module(name)
                if file is not None and file != path:
                    yield node.lineno, file

    def includes(self, path: str) -> Iterator[tuple[int, str]]:
        """Line and header of every #include of a C++ file."""
        lines = (self.root / path).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^">]+)', line)
            if match:
                yield number, match[1]


def forbidden_imports(checkout: Checkout) -> list[str]:
    """Imports of Python files that the table does not allow."""
    broken = []
    for path in checkout.files(*PYTHON):
        for line, target in checkout.imports(path):
            row = checkout.row(path)
            if row is None:
                broken.append(f"{path}: the table has no row for it")
            elif not checkout.may_import(row, target):
                broken.append(f"{path}:{line}: {row} may not import {target}")
    for path in checkout.files("tests"):
        broken += [
            f"{path}:{line}: a test may not import {target}"
            for line, target in checkout.imports(path)
            if target.startswith("benchmarks/")
        ]
    return broken


COMPILERS = {"math.h", "arm_mve.h"}
"""Headers of the C library and of the compiler, beside those of C++."""


def forbidden_includes(checkout: Checkout) -> list[str]:
    """Includes of firmware/lib that the table does not allow."""
    headers = {Path(file).name: file for file in checkout.files(str(LIBRARIES), suffixes=(".h",))}
    broken = []
    for path in checkout.files(str(LIBRARIES), suffixes=(".h", ".cpp")):
        row = checkout.row(path)
        if row is None:
            broken.append(f"{path}: the table has no row for it")
            continue
        for line, header in checkout.includes(path):
            target = headers.get(Path(header).name)
            if target is None:
                standard = re.fullmatch(r"[a-z_0-9]+", header) or header in COMPILERS
                known = standard or header in GENERATED or header.startswith(FRAMEWORK)
                if not known and "Arduino" not in checkout.allowed[row]:
                    broken.append(f"{path}:{line}: {row} may not include <{header}>")
            elif not checkout.may_import(row, target):
                broken.append(f"{path}:{line}: {row} may not include {target}")
    return broken


def circles(checkout: Checkout) -> list[str]:
    """Python files that import each other, directly or by way of others."""
    graph = {path: {t for _, t in checkout.imports(path)} for path in checkout.files(*PYTHON)}
    broken, done = [], set[str]()

    def visit(path: str, trail: list[str]) -> None:
        if path in trail:
            broken.append(" -> ".join([*trail[trail.index(path) :], path]))
        elif path not in done:
            for target in sorted(graph.get(path, ())):
                visit(target, [*trail, path])
            done.add(path)

    for path in graph:
        visit(path, [])
    return broken


def path_edits(checkout: Checkout) -> list[str]:
    """Places that change sys.path."""
    edit = re.compile(r"sys\.path\s*(\.\s*(insert|append|extend|remove)|\[.*\]\s*=|\+?=[^=])")
    broken = []
    for path in checkout.files(*PYTHON, "tests", "firmware"):
        for number, line in enumerate((checkout.root / path).read_text("utf-8").splitlines(), 1):
            if edit.search(line) and path != "tests/test_architecture.py":
                broken.append(f"{path}:{number}: {line.strip()}")
    return broken


def long_files(checkout: Checkout) -> list[str]:
    """Files over the limit that the page does not name, and names that need no exception."""
    named = set(re.findall(r"^\| `([^`]+)` \|", checkout.section("Long files"), flags=re.M))
    broken = []
    for path in checkout.files(*PYTHON, "firmware", suffixes=SOURCES):
        lines = len((checkout.root / path).read_text("utf-8").splitlines())
        if lines > MOST_LINES and path not in named:
            broken.append(f"{path}: {lines} lines")
        elif lines <= MOST_LINES and path in named:
            broken.append(f"{path}: named as an exception, but has {lines} lines")
    broken += [
        f"{path}: named, but absent" for path in named if not (checkout.root / path).exists()
    ]
    return broken


def unexplained_lazy_imports(checkout: Checkout) -> list[str]:
    """Modules that import inside a function without a comment at the first such import."""
    broken = []
    for path in checkout.files("training", "tools"):
        lines = (checkout.root / path).read_text("utf-8").splitlines()
        lazy = sorted(
            node.lineno
            for function in ast.walk(checkout.tree(path))
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        )
        if lazy and not any(_commented(lines, number) for number in lazy):
            broken.append(f"{path}:{lazy[0]}: say in a comment what the lazy import saves")
    return broken


def _commented(lines: list[str], number: int) -> bool:
    return "#" in lines[number - 1] or lines[number - 2].lstrip().startswith("#")


RULES = {
    rule.__name__: rule
    for rule in (
        forbidden_imports,
        forbidden_includes,
        circles,
        path_edits,
        long_files,
        unexplained_lazy_imports,
    )
}


@pytest.mark.parametrize("rule", RULES)
def test_the_code_follows_the_architecture_page(rule):
    broken = RULES[rule](Checkout(ROOT))
    assert not broken, "\n" + "\n".join(broken)


PAGE_TEXT = """# Page
## Modules
| module | holds | may import |
|---|---|---|
| `training/` | | |
| `tools/` | | `training/` |
| `firmware/lib/signal/` | | |
| `firmware/lib/detector/` | | `firmware/lib/signal/` |
## Long files
| `tools/table.py` | one table |
"""
LAZY = "def f():\n    # saves a second\n    "
GOOD = {
    "docs/architecture.md": PAGE_TEXT,
    "training/train.py": "import numpy\n",
    "tools/build.py": "from training import train\n",
    "tools/table.py": "ROW = 1\n" * 500,
    "firmware/lib/signal/scaler.h": "#include <cstdint>\n",
    "firmware/lib/detector/detector.cpp": '#include "scaler.h"\n',
}


@pytest.mark.parametrize(
    ("rule", "path", "text", "expected"),
    [
        (None, "tools/good.py", "import tools.build\n", ""),
        ("forbidden_imports", "training/fit.py", "import tools.build\n", "fit.py:1: training/ may"),
        ("forbidden_imports", "training/fit.py", f"{LAZY}from tools import build\n", "fit.py:3"),
        ("forbidden_imports", "benchmarks/speed.py", "import training.train\n", "no row for it"),
        ("forbidden_includes", "firmware/lib/signal/a.h", '#include "b.h"\n', "<b.h>"),
        ("forbidden_includes", "firmware/lib/signal/a.cpp", "#include <Wire.h>\n", "<Wire.h>"),
        ("circles", "training/train.py", "import training.fit\n", "train.py -> training"),
        ("path_edits", "tools/good.py", "import sys\nsys.path.insert(0, '.')\n", "good.py:2"),
        ("long_files", "tools/good.py", "A = 1\n" * 401, "good.py: 401 lines"),
        ("long_files", "tools/table.py", "A = 1\n", "table.py: named as an exception, but has 1"),
        ("unexplained_lazy_imports", "tools/good.py", "def f():\n    import numpy\n", "good.py:2"),
    ],
)  # fmt: skip
def test_a_planted_violation_is_found(tmp_path, rule, path, text, expected):
    files = {**GOOD, path: text}
    if rule == "circles":
        files["training/fit.py"] = f"{LAZY}import training.train\n"
    for name, content in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    broken = {name: check(Checkout(tmp_path)) for name, check in RULES.items()}
    assert {name for name in broken if broken[name]} == ({rule} if rule else set())
    assert rule is None or expected in broken[rule][0]
