"""The host's end of the serial link: frames, messages, sessions and faults (docs/link.md)."""
