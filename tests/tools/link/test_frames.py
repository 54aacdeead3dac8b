"""Frames and messages: damage is detected, and both languages agree."""

import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import link_native as native
from tests.support.link_examples import EXAMPLES, Example, wire_types
from tools.link import messages as m
from tools.link.codec import BY_TYPE, DecodeError, decode, encode, fixed_size
from tools.link.frames import (
    CHECK_SIZE,
    MAX_PAYLOAD,
    Frame,
    FrameReceiver,
    Noise,
    check_bytes,
    decode_frame,
    encode_frame,
)

examples = pytest.mark.parametrize("sample", EXAMPLES, ids=lambda e: e.name)


def both(wire: bytes) -> list[Frame | None]:
    """The frames of both receivers, which must agree; None for noise."""
    python = [x if isinstance(x, Frame) else None for x in FrameReceiver().feed(wire)]
    assert native.Receiver().feed(wire) == python
    return python


def flipped(data: bytes, *bits: int) -> bytes:
    out = bytearray(data)
    for bit in bits:
        out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


# --- detection ----------------------------------------------------------------------------------


@examples
def test_every_single_bit_flip_is_detected(sample: Example):
    for bit in range(8 * len(sample.wire)):
        damaged = flipped(sample.wire, bit)
        assert not any(both(b"\0" + damaged + b"\0")), f"bit {bit}"


@examples
def test_every_burst_up_to_10_bits_is_detected_by_the_boards_receiver(sample: Example):
    undetected, tried = native.undetected_bursts(sample.wire, 10)
    bits = 8 * len(sample.wire)
    assert tried == bits + sum(2 ** max(n - 2, 0) * (bits - n + 1) for n in range(2, 11))
    assert undetected == 0


# There are too many bursts of up to 32 bits to try (2^31 per position), but their detection can be
# proven. The check is affine over the transmitted bits: a changed bit changes the 40 bits of
# (computed check xor received check) by a syndrome that depends only on its position. So in each of
# the cases below, the undetected patterns are the solutions of a linear system, which is solved
# over all 2^32 patterns at once. The syndromes come from the code under test.


class System:
    """Linear equations over GF(2): which of the given syndromes sum to a target?"""

    def __init__(self, syndromes: list[int]) -> None:
        self.rows: list[tuple[int, int]] = []  # reduced syndrome, which ones it is made of
        self.independent = True
        for i, syndrome in enumerate(syndromes):
            value, made_of = self._reduce(syndrome, 1 << i)
            if value == 0:
                self.independent = False
            else:
                self.rows.append((value, made_of))

    def _reduce(self, value: int, made_of: int) -> tuple[int, int]:
        for row, of in self.rows:
            if value & (1 << (row.bit_length() - 1)):
                value, made_of = value ^ row, made_of ^ of
        return value, made_of

    def solve(self, target: int) -> int | None:
        value, made_of = self._reduce(target, 0)
        return made_of if value == 0 else None


def syndrome(piece: bytes) -> int:
    """0 if the last five bytes of the piece are the check of the bytes before."""
    came = int.from_bytes(piece[-CHECK_SIZE:], "little")
    return came ^ int.from_bytes(check_bytes(piece[:-CHECK_SIZE]), "little")


def syndromes(piece: bytes) -> list[int]:
    whole = syndrome(piece)
    return [syndrome(flipped(piece, bit)) ^ whole for bit in range(8 * len(piece))]


def candidates(piece: bytes, bits: range) -> list[bytes]:
    """The ways to change `bits` (at most 32) of `piece` so that its check is valid."""
    places = [bit for bit in bits if 0 <= bit < 8 * len(piece)]
    assert len(places) <= 32
    each = syndromes(piece)
    system = System([each[bit] for bit in places])
    assert system.independent  # at most one solution
    unknowns = system.solve(syndrome(piece))
    if unknowns is None:
        return []
    return [flipped(piece, *(bit for i, bit in enumerate(places) if unknowns >> i & 1))]


@examples
def test_every_burst_up_to_32_bits_is_detected(sample: Example):
    piece = sample.wire[1:-1]
    size = len(piece)
    assert decode_frame(piece) is not None and syndrome(piece) == 0

    # A burst that leaves the frame whole: no nonzero pattern in any 32 bits has syndrome 0.
    each = syndromes(piece)
    for first in range(8 * size - 31):
        assert System(each[first : first + 32]).independent, f"burst at bit {first}"

    suspects: list[bytes] = []
    # A burst that turns byte `cut` into a zero and splits the frame; it reaches at most this far.
    for cut in range(size):
        lowest = (piece[cut] & -piece[cut]).bit_length() - 1
        highest = piece[cut].bit_length() - 1
        after = range(0, 32 - (8 - lowest))  # bits behind the cut, when it begins at `lowest`
        before = range(8 * cut - (31 - highest), 8 * cut)
        first, second = piece[:cut], piece[cut + 1 :]
        if len(first) > CHECK_SIZE:
            suspects += [b"\0" + x + b"\0" + second + b"\0" for x in candidates(first, before)]
        if len(second) > CHECK_SIZE:
            suspects += [b"\0" + first + b"\0" + x + b"\0" for x in candidates(second, after)]
    # A burst that begins in the zero before, or ends in the zero after, and makes it nonzero.
    for bit in range(8):
        longer = b"\0" + piece
        suspects += [b"\0" + x + b"\0" for x in candidates(longer, range(bit, bit + 32)) if x[0]]
        end = 8 * (size + 1) - bit
        longer = piece + b"\0"
        suspects += [b"\0" + x + b"\0" for x in candidates(longer, range(end - 32, end)) if x[-1]]

    # The check alone would accept these; COBS codes, length and size must reject them.
    for wire in suspects:
        assert not any(both(wire)), wire.hex(" ")


@pytest.mark.parametrize(
    ("first", "second"), list(zip(EXAMPLES, EXAMPLES[1:] + EXAMPLES[:1], strict=True))
)
def test_a_burst_that_joins_two_frames_is_detected(first: Example, second: Example):
    """Bursts over both zeros between two frames: only frames that were sent are accepted."""
    one, two = first.wire[1:-1], second.wire[1:-1]
    sent = [decode_frame(one), decode_frame(two), None]
    joined, end = one + b"\0\0" + two, 8 * len(one)
    for bit in range(end - 23, end + 8):  # all that reach the first zero and the second
        for piece in candidates(joined, range(bit, bit + 32)):
            assert all(frame in sent for frame in both(b"\0" + piece + b"\0")), piece.hex(" ")


def test_the_bound_is_tight_and_the_method_sees_it():
    """The generator polynomial itself is a burst of 33 bits, the shortest that has syndrome 0."""
    piece = next(e for e in EXAMPLES if e.name == "STATISTICS").wire[1:-1]
    generator = [100 + i for i in range(33) if 0x1DB710641 >> i & 1]
    assert syndrome(flipped(piece, *generator)) == 0
    assert not System(syndromes(piece)[100:133]).independent


def test_the_crc_is_that_of_ieee_802_3():
    assert native.crc32(b"123456789") == zlib.crc32(b"123456789") == 0xCBF43926
    assert native.crc32(b"6789", native.crc32(b"12345")) == 0xCBF43926


# --- the effect of noise ------------------------------------------------------------------------

A = encode_frame(0x84, 1, b"first\0")
B = encode_frame(0x84, 2, b"second\0")
FIRST, SECOND = Frame(0x84, 1, b"first\0"), Frame(0x84, 2, b"second\0")


@pytest.mark.parametrize("garbage", [b"\x07" * 9, b"Vigil 0.1\r\n", b"\xff" * 600])
def test_garbage_before_a_frame_does_no_harm(garbage):
    assert both(garbage + A + B) == [None, FIRST, SECOND]


@pytest.mark.parametrize("byte", range(len(A)))
@pytest.mark.parametrize("change", ["lost", "wrong", "zero", "twice"])
def test_one_byte_costs_one_frame_at_most(byte, change):
    instead = {
        "lost": b"",
        "wrong": bytes((A[byte] ^ 0x55 or 1,)),
        "zero": b"\0",
        "twice": A[byte : byte + 1] * 2,
    }[change]
    frames = [x for x in both(B + A[:byte] + instead + A[byte + 1 :] + B) if x]
    assert frames in ([SECOND, SECOND], [SECOND, FIRST, SECOND])


def test_text_is_distinguished_from_noise():
    receiver = FrameReceiver()
    pieces = list(receiver.feed(b"Vigil 0.1\r\n" + A + b"\xfe\xff\0"))
    assert pieces == [Noise(b"Vigil 0.1\r\n"), FIRST, Noise(b"\xfe\xff")]
    assert (receiver.counters.frames, receiver.counters.text, receiver.counters.damaged) == (
        1,
        1,
        1,
    )


def test_endless_noise_takes_no_memory():
    receiver = FrameReceiver()
    for _ in range(1000):
        assert list(receiver.feed(b"\x55" * 1000)) == []
    assert len(receiver.clear()) <= 16 * 252
    assert list(receiver.feed(A)) == [FIRST]


# --- Python and C++ -----------------------------------------------------------------------------

payloads = st.binary(max_size=MAX_PAYLOAD) | st.binary(max_size=MAX_PAYLOAD).map(
    lambda data: bytes(b % 3 for b in data)  # many zeros
)
bytes_ = st.integers(0, 255)


@given(bytes_, bytes_, payloads)
@example(0, 0, bytes(MAX_PAYLOAD))
@example(255, 255, b"\xff" * MAX_PAYLOAD)
def test_frames_are_equal_in_both_languages_and_decode_again(type_, sequence, payload):
    wire = encode_frame(type_, sequence, payload)
    assert native.encode_frame(type_, sequence, payload) == wire
    assert wire.strip(b"\0").count(0) == 0
    assert both(wire) == [Frame(type_, sequence, payload)]


@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([A, B, b"\0", A[:9], b"\0\0"]), max_size=8)
)
def test_receivers_agree_on_anything(pieces):
    both(b"".join(pieces) + b"\0")


@given(payloads, st.data())
def test_pieces_of_any_size_give_the_same_frames(payload, data):
    wire = A + encode_frame(0x84, 3, payload) + b"noise" + B
    whole = list(FrameReceiver().feed(wire))
    receiver, parts = FrameReceiver(), []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        parts += receiver.feed(wire[:cut])
        wire = wire[cut:]
    assert parts == whole


@given(st.binary(min_size=1, max_size=250), st.data())
@settings(max_examples=300)
def test_a_valid_check_alone_does_not_make_a_frame(encoded, data):
    """Bytes with a valid check after wrong COBS codes and lengths."""
    encoded = encoded.replace(b"\0", b"\1")
    if data.draw(st.booleans()) and len(encoded) > 4:  # a plausible length
        encoded = encoded[:3] + bytes((max(len(encoded) - 5, 1), 1)) + encoded[5:]
    both(b"\0" + encoded + check_bytes(encoded) + b"\0")


@given(st.sampled_from([*BY_TYPE, 0x00, 0x7F, 0xFF]), st.binary(max_size=MAX_PAYLOAD))
@settings(max_examples=500)
def test_decoders_agree_on_anything(type_, payload):
    recoded = native.recode(type_, payload)
    try:
        message = decode(type_, payload)
    except DecodeError:
        assert recoded is None
        return
    assert recoded is not None
    values, again = recoded
    assert len(values) == len(message.__slots__)
    if all(value == value for value in vars_of(message)):  # a NaN's bits may not survive Python
        texts_are_utf8 = "�" not in str(message)
        assert not texts_are_utf8 or encode(message) == again


def vars_of(message: m.Message) -> list[object]:
    return [getattr(message, name) for name in message.__slots__]


WIRE = {
    "uint8": bytes_,
    "uint16": st.integers(0, 2**16 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32, allow_nan=False),
    "uint8[3]": st.binary(min_size=3, max_size=3),
    "uint8[8]": st.binary(min_size=8, max_size=8),
    "text": st.text(max_size=31).filter(lambda t: len(t.encode()) <= 31),
    "int16[]": st.binary(max_size=200),
    "int8[]": st.binary(max_size=200),
    "uint32[]": st.binary(max_size=100),
}
messages = st.one_of(
    st.builds(cls, **{name: WIRE[kind] for name, kind in wire_types(cls).items()})
    for cls in BY_TYPE.values()
)


@given(messages)
def test_messages_decode_again_in_both_languages(message):
    payload = encode(message)
    assert decode(message.TYPE, payload) == message
    recoded = native.recode(message.TYPE, payload)
    assert recoded is not None and recoded[1] == payload


@given(messages, st.binary(min_size=1, max_size=9))
def test_longer_payloads_are_accepted_where_a_message_may_grow(message, more):
    payload = encode(message)
    if message.WIRE.endswith("[]"):
        return
    recoded = native.recode(message.TYPE, payload + more)
    assert (recoded is not None) == message.MAY_GROW
    if message.MAY_GROW:
        assert decode(message.TYPE, payload + more) == message
    else:
        with pytest.raises(DecodeError, match="too long"):
            decode(message.TYPE, payload + more)


@given(messages, st.data())
def test_shorter_payloads_are_refused(message, data):
    payload = encode(message)
    if message.WIRE.endswith("[]"):
        payload = payload[: fixed_size(type(message))]
    if not payload:
        return
    short = payload[: data.draw(st.integers(0, len(payload) - 1))]
    assert native.recode(message.TYPE, short) is None
    with pytest.raises(DecodeError):
        decode(message.TYPE, short)
