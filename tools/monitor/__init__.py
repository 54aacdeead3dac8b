"""What people look at while a board runs: one stream of events, several views of it."""
