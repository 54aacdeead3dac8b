"""The terminal view: the signal, the scores and the state of one board, live."""
