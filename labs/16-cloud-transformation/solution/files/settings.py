"""The settings of the office, from its environment. Its log goes to its output."""

import os
import time

SETTINGS = {
    "name": os.environ["NAME"],
    "seal_url": os.environ["SEAL_URL"],
    "seal_token": os.environ["SEAL_TOKEN"],
    "books_url": os.environ["BOOKS_URL"],
}
DATA = os.environ.get("DATA", "/data")

LOCK = f"{DATA}/lock"  # each writer takes a shared lock on it
READONLY = f"{DATA}/readonly"  # while this file is there, nothing is written


def log(line):
    """Write a line to the output."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), line, flush=True)
