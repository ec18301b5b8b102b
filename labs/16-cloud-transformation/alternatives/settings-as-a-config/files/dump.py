"""Writes a database as SQL:   python3 dump.py /srv/office/data/office.db."""

import sqlite3
import sys

for line in sqlite3.connect(sys.argv[1]).iterdump():
    print(line)
