"""docs/link.md against both implementations: examples, tables and named constants."""

import re
from dataclasses import asdict

import pytest

from tests.support import link_native as native
from tests.support.link_examples import BY_NAME, EXAMPLES, PAGE, Example, rows, section, wire_types
from tools.checkout import LIBRARIES
from tools.link import messages as m
from tools.link.codec import FIXED, decode, encode
from tools.link.frames import MAX_PAYLOAD, MAX_WIRE, Frame, FrameReceiver, encode_frame
from tools.link.timeouts import Timeouts

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)


def test_every_message_has_an_example():
    assert sorted(e.name for e in EXAMPLES) == sorted(BY_NAME)


@examples
def test_example_in_python(example: Example):
    payload = encode(example.message)
    assert encode_frame(example.message.TYPE, example.sequence, payload) == example.wire
    (frame,) = FrameReceiver().feed(example.wire)
    assert frame == Frame(example.message.TYPE, example.sequence, payload)
    assert decode(frame.type, frame.payload) == example.message


def as_native(message: m.Message) -> list[str]:
    """The fields as link_board.cpp prints them."""
    texts = []
    for name, kind in wire_types(type(message)).items():
        value = getattr(message, name)
        if kind == "text":
            texts.append("t" + value)
        elif "[" in kind:
            texts.append("x" + value.hex())
        elif kind == "float32":
            texts.append(float(value).hex())
        else:
            texts.append(str(value))
    return texts


@examples
def test_example_in_cpp(example: Example):
    payload = encode(example.message)
    type_ = example.message.TYPE
    assert native.encode_frame(type_, example.sequence, payload) == example.wire
    assert native.Receiver().feed(example.wire) == [Frame(type_, example.sequence, payload)]
    recoded = native.recode(type_, payload)
    assert recoded is not None
    values, again = recoded
    assert [_float(v) for v in values] == [_float(v) for v in as_native(example.message)]
    assert again == payload


def _float(value: str) -> float | str:
    return float.fromhex(value) if "0x" in value else value


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_byte_table(name: str):
    cls = BY_NAME[name]
    table = rows(section(f"0x{cls.TYPE:02X} {name}"))
    expected, at = [], 0
    for field, kind in wire_types(cls).items():
        expected.append([str(at) if at >= 0 else "", kind, field])
        at = at + FIXED[kind] if kind in FIXED and at >= 0 else -1
    assert [row[:3] for row in table] == expected


def test_messages_that_may_grow():
    (sentence,) = [line for line in PAGE.splitlines() if "Later versions may append fields" in line]
    named = {name for name in BY_NAME if name in re.findall(r"\w+", sentence)}
    assert named == {name for name, cls in BY_NAME.items() if cls.MAY_GROW}


@pytest.mark.parametrize(
    ("title", "enum"),
    [
        ("Reasons of an ACK", m.AckReason),
        ("Error codes", m.ErrorCode),
        ("Reasons of a LOST", m.LostReason),
        ("States of the on-board sensor", m.SensorState),
        ("Units of a tick", m.TickUnit),
        ("States of the instruction cache", m.Cache),
    ],
)
def test_enumerations(title, enum):
    table = {int(row[0]): row[1] for row in rows(section(title))}
    assert table == {each.value: each.name.lower() for each in enum}


def test_timeouts():
    table = rows(section("Timeouts"))
    host = {row[0]: float(row[1]) for row in table if not row[0].endswith("_us")}
    assert host == asdict(Timeouts())
    header = (LIBRARIES / "link" / "board_link.h").read_text().replace("'", "")
    for name, value, _ in (row for row in table if row[0].endswith("_us")):
        assert f"{name} = {value};" in header


def test_sizes():
    assert f"at most {MAX_WIRE} bytes on the wire" in PAGE
    assert f"0 to {MAX_PAYLOAD}" in PAGE
    longest = encode_frame(0x84, 0, b"\1" * MAX_PAYLOAD)
    assert len(longest) == MAX_WIRE
    assert native.encode_frame(0x84, 0, b"\1" * MAX_PAYLOAD) == longest
    assert native.encode_frame(0x84, 0, b"\1" * (MAX_PAYLOAD + 1)) == b""
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(0x84, 0, b"\1" * (MAX_PAYLOAD + 1))
