"""The program at the front of a bundle for a room: standard library alone, and nothing of the rest of checker."""
