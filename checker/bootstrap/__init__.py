"""Making the environment that `lab` runs in: standard library alone, and nothing of the rest of checker."""
