"""docs/link.md against both implementations: every example, byte table and named constant."""

from dataclasses import asdict, fields

import pytest

from tests.support import link_native as native
from tests.support.link_examples import BY_NAME, EXAMPLES, PAGE, Example, rows, section
from tools.checkout import LIBRARIES
from tools.link import messages as m
from tools.link.frames import MAX_PAYLOAD, MAX_WIRE, Frame, FrameReceiver, encode_frame
from tools.link.timeouts import Timeouts

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
WIRE_TYPES = {
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "float32": "f32",
    "uint8[3]": "bytes3",
    "uint8[8]": "bytes8",
    "text": "text",
    "int16[]": "rest",
    "int8[]": "rest",
}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "f32": 4, "bytes3": 3, "bytes8": 8}


def test_every_message_has_an_example():
    assert sorted(e.name for e in EXAMPLES) == sorted(BY_NAME)


@examples
def test_example_in_python(example: Example):
    payload = m.encode(example.message)
    assert encode_frame(example.message.TYPE, example.sequence, payload) == example.wire
    (frame,) = FrameReceiver().feed(example.wire)
    assert frame == Frame(example.message.TYPE, example.sequence, payload)
    assert m.decode(frame.type, frame.payload) == example.message


def as_native(message: m.Message) -> list[str]:
    """The fields as link_board.cpp writes them down."""
    texts = []
    for field in fields(message):
        value, code = getattr(message, field.name), field.metadata["wire"]
        if code == "text":
            texts.append("t" + value)
        elif code in ("bytes3", "bytes8", "rest"):
            texts.append("x" + value.hex())
        elif code == "f32":
            texts.append(float(value).hex())
        else:
            texts.append(str(value))
    return texts


@examples
def test_example_in_cpp(example: Example):
    payload = m.encode(example.message)
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
    for field in fields(cls):
        code = field.metadata["wire"]
        expected.append((str(at) if at >= 0 else "", code, field.name))
        at = at + SIZES[code] if code in SIZES and at >= 0 else -1
    assert [(row[0], WIRE_TYPES[row[1]], row[2]) for row in table] == expected


def test_messages_that_may_grow():
    (sentence,) = [line for line in PAGE.splitlines() if "may be longer in later versions" in line]
    named = {name for name in BY_NAME if name in sentence.replace(",", " ").split()}
    assert named == {name for name, cls in BY_NAME.items() if cls.MAY_GROW}


def test_reasons_and_codes():
    reasons = {int(r[0]): r[1] for r in rows(section("Reasons of an ACK"))}
    assert reasons == {r.value: r.name.lower() for r in m.AckReason}
    codes = {int(r[0]): r[1] for r in rows(section("Error codes"))}
    assert codes == {c.value: c.name.lower() for c in m.ErrorCode}


def test_timeouts():
    table = rows(section("Timeouts"))
    host = {row[0]: float(row[1]) for row in table if not row[0].endswith("_us")}
    assert host == asdict(Timeouts())
    header = (LIBRARIES / "link" / "board_link.h").read_text().replace("'", "")
    for name, value, _ in (row for row in table if row[0].endswith("_us")):
        assert f"{name} = {value};" in header


def test_sizes():
    assert f"{MAX_WIRE} bytes on the wire at the most" in PAGE
    assert f"0 to {MAX_PAYLOAD}" in PAGE
    longest = encode_frame(0x84, 0, b"\1" * MAX_PAYLOAD)
    assert len(longest) == MAX_WIRE
    assert native.encode_frame(0x84, 0, b"\1" * MAX_PAYLOAD) == longest
    assert native.encode_frame(0x84, 0, b"\1" * (MAX_PAYLOAD + 1)) == b""
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(0x84, 0, b"\1" * (MAX_PAYLOAD + 1))
