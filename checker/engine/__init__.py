"""The container engine: which one is used, how it is reached, and how one is set up where there is none."""
