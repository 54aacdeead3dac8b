"""Searches for the autoencoder that detects best within the budget of a board."""
