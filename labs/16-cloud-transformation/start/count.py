"""Counts the parcels in a copy of the office's database:   python3 count.py /data/office.db."""

import sqlite3
import sys

try:
    (count,) = sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM parcels").fetchone()
except sqlite3.OperationalError:  # there is no table yet
    count = 0
print(count, "parcels in the copy")
