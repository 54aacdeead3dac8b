"""Deliberate faults on a line."""

import re

import pytest

from tools.checkout import DOCS
from tools.link import faults
from tools.link.faults import KINDS, FaultConfig, FaultFilter
from tools.link.frames import Frame, FrameReceiver, encode_frame
from training.bundle.errors import LinkError

FRAMES = [encode_frame(0x84, i & 0xFF, bytes((i & 0xFF,)) * (1 + i % 30)) for i in range(400)]


def through(
    config: FaultConfig, pieces: list[bytes], seconds: float = 0.001
) -> tuple[bytes, FaultFilter]:
    """Enter one piece per `seconds`; return what leaves."""
    line, out, now = FaultFilter(config), b"", 0.0
    for piece in pieces:
        line.feed(piece, now)
        out += line.take(now)
        now += seconds
    while line.waiting:
        now += seconds
        out += line.take(now)
    return out, line


def good(data: bytes) -> list[Frame]:
    return [x for x in FrameReceiver().feed(data) if isinstance(x, Frame)]


def test_a_line_without_faults_changes_nothing():
    out, line = through(FaultConfig(rate=0), [*FRAMES, b"text without a zero"])
    assert out == b"".join(FRAMES) + b"text without a zero"
    assert line.frames == len(FRAMES) and not line.faults


def test_the_same_seed_does_the_same_whatever_the_pieces():
    config = FaultConfig(rate=0.2, seed=7)
    whole = b"".join(FRAMES)
    bytes_alone = [whole[i : i + 1] for i in range(len(whole))]
    first, line = through(config, FRAMES)
    assert through(config, [whole])[0] == first
    assert through(config, bytes_alone, 1e-5)[0] == first
    assert through(FaultConfig(rate=0.2, seed=8), FRAMES)[0] != first
    assert sum(line.faults.values()) == pytest.approx(80, abs=30)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_its_documented_effect(kind):
    out, line = through(FaultConfig(rate=0.25, seed=3, kinds=(kind,)), FRAMES)
    hit = line.faults[kind]
    assert 60 < hit < 140
    sent, came = b"".join(FRAMES), good(out)
    intact = [f for f in good(sent) if f in came]
    if kind in (faults.SPLIT, faults.DELAY):
        assert out == sent
    elif kind == faults.DROP:
        assert len(came) == len(FRAMES) - hit
    elif kind == faults.DUPLICATE:
        assert len(came) == len(FRAMES) + hit
    elif kind == faults.GARBAGE:
        assert len(out) > len(sent) and len(came) == len(FRAMES)
    elif kind == faults.MERGE:
        assert len(FRAMES) - 2 * hit <= len(came) < len(FRAMES)
        assert len(sent) - 2 * hit - 2 <= len(out) < len(sent)
    else:
        # If only a zero is lost or wrong, the frame itself may be intact.
        assert len(FRAMES) - hit <= len(came) < len(FRAMES) - hit // 2
        assert (len(out) < len(sent)) == (kind in (faults.LOSE, faults.TRUNCATE))
    assert len(intact) >= len(FRAMES) - 2 * hit


def test_the_page_names_every_fault():
    page = (DOCS / "link.md").read_text()
    section = page.split("## Faults on purpose")[1].split("##")[0]
    assert tuple(re.findall(r"^\| `(\w+)` ", section, re.MULTILINE)) == KINDS


def test_delays_keep_the_order_and_the_time():
    config = FaultConfig(rate=1, kinds=(faults.DELAY,), delay=0.5)
    line = FaultFilter(config)
    line.feed(FRAMES[0], 0.0)
    line.feed(FRAMES[1], 0.0)
    assert line.take(0.0) == b""
    assert line.take(0.5) == FRAMES[0] + FRAMES[1]


def test_invalid_fault_settings_are_refused():
    with pytest.raises(LinkError, match=r"no such fault: .'gremlin'"):
        FaultConfig(kinds=("gremlin",))
    with pytest.raises(LinkError, match="between 0 and 1"):
        FaultConfig(rate=2)
    with pytest.raises(LinkError, match="0 seconds or later, not at -1"):
        FaultConfig(reboots=(-1.0,))
    with pytest.raises(LinkError, match="back at 2 s: it must be later"):
        FaultConfig(unplugged=((2.0, 2.0),))
    with pytest.raises(LinkError, match="unplugged at 3 s, when the port is not back yet"):
        FaultConfig(unplugged=((3.0, 5.0), (1.0, 4.0)))
    with pytest.raises(LinkError, match="no reboot at 2 s: the board is unplugged then"):
        FaultConfig(reboots=(2.0,), unplugged=((1.0, 4.0),))
