"""The boards that a stream can run on: on a serial port, emulated, or in this process."""
