"""The container engine: which one is used, and how `lab` connects to it."""
