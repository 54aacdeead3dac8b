"""Error messages of the link: one line with the likely cause and the remedy."""

import struct
from enum import IntEnum

from tools.link import messages as m
from tools.link.codec import BY_TYPE, name_of
from tools.link.exchange import Exchange

_TIMING = struct.Struct("<3I")  # rate in 0.001 Hz, repeated, skipped

NO_ALARM = (
    "the board's image has no alarm over windows: train the model with alarm.kind, build and flash"
)

NO_WEARER = "the board's image has no wearer: 'this was normal' and 'new wearer' need one"
NOT_KEPT = (
    "the board keeps its last 4 to 16 flagged beats, and this is none of them: accept a later one "
    "of the same shape"
)


def explain_silence(exchange: Exchange, state: str, *, in_hello: bool) -> str:
    """Explain why a board does not answer, from what was received before."""
    port, counters = exchange.port, exchange.counters
    if in_hello and (stranger := explain_stranger(exchange)):
        return f"{port}: {stranger}"
    if in_hello and counters.received == 0:
        return (
            f"{port}: the board does not answer: wrong port, wrong firmware "
            "(flash it with 'make flash'), or a board that hangs (press its reset button)"
        )
    return (
        f"{port}: the board no longer answers ({state}; "
        f"{counters.received} valid frames before, {counters.corrupt} corrupt: "
        f"{'possible serial noise' if counters.corrupt else 'unplugged, reset or hanging'})"
    )


def explain_stranger(exchange: Exchange) -> str:
    """Name a device that is no Vigil board for what it sends; empty if it sends nothing."""
    if exchange.heard:
        return ""
    text = exchange.unfinished_text()
    if text:
        return f"no Vigil firmware answers on this port; it prints '{text[-60:]}'"
    if exchange.noise:
        return (
            f"no frame of Vigil's link was received, but {exchange.noise} damaged pieces: another "
            "device, other firmware on the board, or serial noise"
        )
    return ""


def explain_timing(sampling: m.Sampling) -> str:
    """State the sensor's own rate, and what its samples repeat or leave out; empty without one."""
    if len(sampling.timing) < _TIMING.size:
        return ""
    millihertz, repeated, skipped = _TIMING.unpack_from(sampling.timing)
    return (
        f"{sampling.sensor} measures at {millihertz / 1000:.1f} Hz by its own clock: of "
        f"{sampling.taken:,} samples, {repeated:,} repeat the one before; {skipped:,} measurements "
        "were not taken"
    )


def word_of(kind: type[IntEnum], value: int) -> str:
    """Return the name of a value in lower case; of one that a later version added, its number."""
    return kind(value).name.lower() if value in set(kind) else f"code {value}"


def explain_error(error: m.Error) -> str:
    """Explain what the board refused and why."""
    cls = BY_TYPE.get(error.type)
    what = name_of(cls) if cls else f"type 0x{error.type:02x}"
    why = word_of(m.ErrorCode, error.code).replace("_", " ")
    return f"{what} ({why}, detail {error.detail})"


def explain_versions(detail: int) -> str:
    """Explain which side to update, from the detail of ERROR `version`."""
    newest, oldest = detail >> 8 & 0xFF, detail & 0xFF
    ours = f"this program speaks {m.OLDEST_PROTOCOL} to {m.PROTOCOL}"
    remedy = "update this program" if oldest > m.PROTOCOL else "flash the board with 'make flash'"
    return f"the board speaks link protocol {oldest} to {newest}, {ours}: {remedy}"


def explain_sensor(state: int) -> str:
    """Explain why a board does not sample, from the state of its sensor."""
    if state == m.SensorState.FAILED:
        return "the board's sensor does not answer: is it the sensor that the image was built for?"
    return (
        "the board reads no sensor of its own: flash an image for one with `vigil flash "
        "--sensor KEY`, or stream samples to it"
    )
