"""Generated messages: up to date, and refused when the schema is wrong."""

import re

import pytest

from tools.checkout import ROOT
from tools.link import generate
from training.bundle.errors import LinkError

SCHEMA = generate.SCHEMA.read_text()
FILES = list(generate.render())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_generated_files_are_up_to_date(path):
    fresh = generate.render()[path]
    name = path.relative_to(ROOT)
    assert path.read_text() == fresh, f"{name} is stale: run `make generate`, then commit it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_generated_file_names_its_command(path):
    text = path.read_text()
    assert generate.BY in (text if path.suffix == ".md" else text.splitlines()[0])


NEW = """
[[message]]
name = "TEMPERATURE"
type = 0xFE
pending = 9
summary = "States the temperature of the processor."
fields = [["degrees", "float32", "degrees Celsius"]]
example = { sequence = 1, degrees = 21.5 }
"""


def test_a_new_message_appears_in_all_three_files():
    schema = generate.read_schema(SCHEMA + NEW)
    assert 'class Temperature(Message):\n    """States the temperature of the processor."""' in (
        generate.python(schema)
    )
    header = generate.header(schema)
    assert "struct Temperature {" in header and re.search(r"kTemperature = 1U << \d+,", header)
    assert "static_assert(LayoutOf<Temperature>::kFixedSize == 4);" in header
    assert "X(Temperature)" in header
    page = generate.page(schema, (ROOT / "docs" / "link.md").read_text())
    assert "#### 0xFE TEMPERATURE" in page
    assert "| 0 | float32 | `degrees` | degrees Celsius |" in page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "SKIP"', 'name = "WATCH"', "two messages have the same name"),
        ("type = 0x05", "type = 0x06", "two messages have the same type"),
        ('"resend", "uint8"', '"resend", "uint9"', "no field type 'uint9'"),
        ('"window", "uint64", "first window whose', '"window", "text", "first', "come first"),
    ],
)
def test_a_wrong_schema_is_refused(old, new, message):
    assert old in SCHEMA
    with pytest.raises(LinkError, match=message):
        generate.read_schema(SCHEMA.replace(old, new, 1))
