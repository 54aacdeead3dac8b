"""Boards to a broker for months, without a screen: `vigil gateway`."""
