"""Keeps Parcel running: starts it on a whole store, ends it when it hangs, and waits longer after each short life."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

STORE = pathlib.Path(os.environ["PARCEL_DATA"], "parcels")
COPY = pathlib.Path(os.environ["PARCEL_COPY"], "parcels")
JOURNAL = STORE.with_name("healed")
RUNNING = STORE.with_name("running")


def end(*_: object) -> None:
    RUNNING.unlink(missing_ok=True)
    sys.exit(0)


def note(text: str) -> None:
    with JOURNAL.open("a") as journal:
        journal.write(f"{time.strftime('%F %T')} {text}\n")


def is_whole(file: pathlib.Path) -> bool:
    return not subprocess.run([sys.executable, "/app/store.py", "verify", file], check=False).returncode


def live() -> int:
    parcel = subprocess.Popen([sys.executable, "/app/store.py"])
    misses = 0
    while parcel.poll() is None:
        time.sleep(0.5)
        healthy = not subprocess.run([sys.executable, "-I", "-S", "/app/health.py"], check=False).returncode
        misses = 0 if healthy else misses + 1
        if misses == 4:
            parcel.kill()
    return parcel.returncode


signal.signal(signal.SIGTERM, end)
# Out of memory, the kernel may kill this program together with Parcel; then Docker starts both again.
if RUNNING.exists():
    note("ended together with its supervisor")
RUNNING.touch()
pause = 0.5
while True:
    if STORE.exists() and not is_whole(STORE) and is_whole(COPY):
        STORE.rename(STORE.with_name("damaged"))
        shutil.copy(COPY, STORE)
    began = time.monotonic()
    code = live()
    note(f"ended with {code}")
    pause = 0.5 if time.monotonic() - began > 10 else min(pause * 2, 60)
    time.sleep(pause)
