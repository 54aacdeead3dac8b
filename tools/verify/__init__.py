"""The same windows on every rung, byte for byte against the TensorFlow Lite Micro interpreter."""
