"""Which announcement goes where, and when."""
