"""The container engine: which one is used, how `lab` connects to it, and how one is installed if there is none."""
