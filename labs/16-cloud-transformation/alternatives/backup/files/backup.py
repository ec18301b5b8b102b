"""Makes a backup of the database, with all that it knows, in one file:   python3 backup.py /srv/office/data/office.db /tmp/office.db."""

import sqlite3
import sys

source, target = map(sqlite3.connect, sys.argv[1:])
source.backup(target)
target.close()
