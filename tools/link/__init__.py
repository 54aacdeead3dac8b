"""The host's side of the serial link: frames, messages, sessions and faults (docs/link.md)."""
