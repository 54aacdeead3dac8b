"""Recordings that a monitor plays or writes: one registry of suffixes, one file per format."""
