"""Timeouts of a session."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds. The defaults suit a board on USB and the emulated board."""

    hello: float = 0.25  # between two HELLOs
    open: float = 5.0  # until an unanswered HELLO is an error
    reply: float = 0.5  # between two repetitions of a request (statistics, threshold, restart)
    answer: float = 5.0  # until an unanswered request is an error
    resend_first: float = 0.25
    """Until an acknowledgement is late, before the first measured round trip."""
    resend_least: float = 0.03  # until an acknowledgement is late, minimum
    resend_most: float = 1.0
    """Until an acknowledgement is late, maximum; each late one doubles the time."""
    keepalive: float = 1.0  # between two frames of an idle host
    gone: float = 5.0  # until a board that answered before, and no longer does, is an error
    silence: float = 2.5  # until a board that owes an answer is sent HELLO again
    goodbye: float = 0.2  # between two GOODBYEs; there are at most three
    reconnect: float = 0.5  # between two attempts to open a port that vanished
    longest: float = 30.0
    """Between two HELLOs or attempts to open, maximum; both wait a tenth of the time that the board
    has been away, once that is longer."""
    port: float = 60.0  # until a vanished port is an error
    other_model: float = 0.0  # until a board that returned with another model is an error
    write: float = 2.0  # until a port that accepts no bytes is an error

    def waiting(self, seconds: float) -> "Timeouts":
        """Return the same, but wait `seconds` for a board that answered before; inf: for ever."""
        return replace(self, gone=seconds, port=seconds)

    def pause(self, least: float, away: float) -> float:
        """Return the seconds until the next attempt to reach a board that is `away` for long."""
        return min(max(least, away / 10), max(least, self.longest))
