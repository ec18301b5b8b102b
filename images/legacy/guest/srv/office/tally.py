#!/usr/bin/env python3
"""The statements: tells the bookkeeper how many parcels there were at the end of each ten seconds. Cron runs it."""

import fcntl
import json
import os
import sqlite3
import time
import urllib.request

from settings import DATA, LOCK, READONLY, SETTINGS

PERIOD = 10

with open(LOCK, "a") as lock:
    fcntl.flock(lock, fcntl.LOCK_SH)
    if os.path.exists(READONLY):
        raise SystemExit("read-only for the moment")
    db = sqlite3.connect(os.path.join(DATA, "office.db"), timeout=10)
    now = int(time.time()) // PERIOD
    (last,) = db.execute("SELECT max(period) FROM statements").fetchone()
    # What was missed is sent later; what was sent is never sent again.
    for period in range(now - 1 if last is None else last + 1, now):
        (total,) = db.execute(
            "SELECT count(*) FROM parcels WHERE at < ?", ((period + 1) * PERIOD,)
        ).fetchone()
        statement = json.dumps({"period": period, "total": total})
        try:
            urllib.request.urlopen(
                SETTINGS["books_url"] + "/statements", statement.encode(), timeout=5
            ).close()
        except OSError as error:
            raise SystemExit(f"{statement} was not sent: {error}") from None
        with db:
            db.execute("INSERT INTO statements VALUES (?, ?)", (period, total))
        print(statement, flush=True)
    db.close()
