"""Every time that a session waits for, by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Seconds. The defaults suit a board on USB and the emulated one alike."""

    hello: float = 0.25
    """Between two HELLOs to a board that does not answer."""
    open: float = 5.0
    """Of HELLOs without an answer, before the session gives up."""
    reply: float = 0.5
    """Between two requests (statistics, threshold, restart) whose answer has not come."""
    answer: float = 5.0
    """For the answer to a request, resent as often as `reply` allows."""
    resend_first: float = 0.25
    """For an acknowledgement, before the first round trip has been measured."""
    resend_least: float = 0.03
    """For an acknowledgement at the least, however fast the round trips measured."""
    resend_most: float = 1.0
    """For an acknowledgement at the most; each one that fails to come doubles the wait."""
    keepalive: float = 1.0
    """Between two signs of life to a board that has nothing to do."""
    silence: float = 2.5
    """Of a board that should have spoken, before the session says HELLO again."""
    goodbye: float = 0.2
    """For the answer to GOODBYE, which is sent up to three times."""
    reconnect: float = 0.5
    """Between two attempts to open a port that vanished."""
    port: float = 60.0
    """For a vanished port to come back."""
    write: float = 2.0
    """For the port to take what is written to it."""
