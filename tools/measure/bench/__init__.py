"""Instructions per inference of each engine, counted on an emulated core."""
