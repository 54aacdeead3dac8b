"""Measurements: verify, budget, estimate and bench."""
