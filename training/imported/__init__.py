"""Models that somebody else has trained: read, quantized where they are float, and scaled."""
