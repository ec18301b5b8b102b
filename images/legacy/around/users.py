"""The users of the parcel office, and its bookkeeper.

The users come when the office first opens. They register a parcel twice a second and send a photo for every third. Before each try they look up the
office's address in a file. What is not acknowledged they try again, for a minute; then they give up.

All of it is in /var/lib/users/record.jsonl, a line for each write that ended and for each statement that came:

  {"kind": "parcel" or "photo", "ref": "U-00001", "to": address, "begin": s, "end": s, "acknowledged": true or false,
   "unsure": whether a try may have been registered without an acknowledgement, "last": why the last try failed, "seal": what was answered}
  {"kind": "statement", "at": s, "period": n, "total": n, "from": address of the sender}
  {"kind": "login", "at": s, "to": address}
  {"kind": "still", "begin": s, "end": s}: nobody could try anything, because the container was paused or the machine slept

http://users:9000/ says how they fare; POST /statements is the bookkeeper's.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import http.client
import json
import os
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from answers import Answers

ADDRESS = Path(os.environ.get("USERS_ADDRESS", "/work/address"))
RECORD = Path("/var/lib/users/record.jsonl")
PATIENCE = 60.0
"""Seconds after which a user gives up."""
PAUSE = 0.5
"""Seconds between two parcels."""
AGAIN = 0.25
"""Seconds between two tries of one write."""
ANSWER = 10.0
"""Seconds in which an answer must come."""
TICK = 1.0
STILL = 5.0
"""Seconds between two ticks from which on nobody could try anything."""
PHOTO_EVERY = 3
PHOTO_BYTES = 20_000


class Record:
    """The record, and a summary of it."""

    def __init__(self) -> None:
        self._file = RECORD.open("a", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()
        self.acknowledged = 0
        self.given_up = 0
        self.address = ""
        self.since = 0.0
        self.trouble = ""
        self.longest = 0.0
        self.number = 0

    def add(self, **line: object) -> None:
        """Write a line."""
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def summary(self) -> str:
        """Return how the users fare."""
        lines = [
            f"{self.acknowledged} writes acknowledged, {self.given_up} given up",
            f"address: {self.address}",
        ]
        lines.append(f"longest wait for an acknowledgement: {self.longest:.1f} s")
        if self.trouble:
            lines.append(f"trying for {time.time() - self.since:.1f} s: {self.trouble}")
        return "\n".join(lines) + "\n"


def read_address() -> str:
    """Return what the address's file says, in UTF-8 or in UTF-16; nothing while it is being written."""
    try:
        data = ADDRESS.read_bytes()
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        found = data.decode("utf-16" if wide else "utf-8-sig").split()
    except (OSError, UnicodeDecodeError):
        found = []
    return found[0] if found else ""


class Users:
    """Those who write."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.session = ""

    def look_up(self) -> str:
        """Return the office's address; while the file is being written, the one before."""
        self.record.address = read_address() or self.record.address
        return self.record.address

    def is_open(self) -> bool:
        """Whether the office opens its door."""
        try:
            line = http.client.HTTPConnection(self.look_up() or "localhost:1", timeout=ANSWER)
            with contextlib.closing(line):
                line.request("GET", "/readyz")
                return line.getresponse().status == http.HTTPStatus.OK
        # A ValueError says that the address cannot be one.
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def ask(self, address: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Send one request, and return the status and what was answered."""
        line = http.client.HTTPConnection(address, timeout=ANSWER)
        try:
            line.request("POST", path, body, {"Session": self.session})
            answer = line.getresponse()
            text = answer.read()
            try:
                said = json.loads(text)
            except ValueError:
                said = {}
            return answer.status, said if isinstance(said, dict) else {}
        finally:
            line.close()

    def write(self, kind: str, ref: str, path: str, body: bytes) -> None:
        """Try until it is acknowledged, or patience is at its end."""
        record, unsure, last = self.record, False, ""
        begin = record.since = time.time()
        while True:
            to = self.look_up()
            status, said = 0, {}
            try:
                status, said = self.ask(to, path, body)
                if status == http.HTTPStatus.UNAUTHORIZED:
                    _, opened = self.ask(to, "/login", b"")
                    self.session = str(opened.get("session", ""))
                    record.add(kind="login", at=time.time(), to=to)
                    status, said = self.ask(to, path, body)
                last = f"HTTP {status}: {said.get('error', '')}"
                # The office says why it refuses. Something in front of it may have lost its answer.
                unsure = unsure or (status >= http.HTTPStatus.INTERNAL_SERVER_ERROR and not said)
            except TimeoutError:
                unsure, last = True, "no answer in time"
            except (ConnectionRefusedError, socket.gaierror, ValueError) as error:
                last = str(error) or type(error).__name__
            except (OSError, http.client.HTTPException) as error:
                unsure, last = True, str(error) or type(error).__name__
            end = time.time()
            done = status == http.HTTPStatus.CREATED
            if done or end - begin > PATIENCE:
                break
            record.trouble = last
            time.sleep(AGAIN)
        record.trouble = ""
        record.acknowledged += done
        record.given_up += not done
        record.longest = max(record.longest, end - begin)
        record.add(
            kind=kind, ref=ref, to=to, begin=round(begin, 3), end=round(end, 3), acknowledged=done, unsure=unsure,
            last="" if done else last, seal=said.get("seal", ""),
        )  # fmt: skip

    def run(self) -> None:
        """Write until the container ends."""
        while not self.is_open():
            time.sleep(AGAIN)
        number = sum('"kind": "parcel"' in line for line in RECORD.read_text(encoding="utf-8").splitlines())
        while True:
            number += 1
            ref = f"U-{number:05}"
            self.write("parcel", ref, "/parcels", json.dumps({"ref": ref}).encode())
            if number % PHOTO_EVERY == 0:
                photo = hashlib.shake_256(ref.encode()).digest(PHOTO_BYTES)
                self.write("photo", ref, f"/photos/{ref}", photo)
            time.sleep(PAUSE)


def watch(record: Record) -> None:
    """Record the times in which this process could do nothing, until it ends."""
    before = time.time()
    while True:
        time.sleep(TICK)
        now = time.time()
        if now - before > STILL:
            record.add(kind="still", begin=round(before, 3), end=round(now, 3))
        before = now


def desk_of(record: Record) -> type[Answers]:
    """Return what answers at port 9000."""

    class Desk(Answers):
        def do_GET(self) -> None:
            self.reply(200, record.summary())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                said = json.loads(body)
                period, total = int(said["period"]), int(said["total"])
            except (ValueError, KeyError, TypeError):
                self.reply(400, "a statement has a period and a total\n")
                return
            sender = self.client_address[0]
            record.add(
                kind="statement", at=round(time.time(), 3), period=period, total=total, **{"from": sender}
            )
            self.reply(200, "thank you\n")

    return Desk


if __name__ == "__main__":
    kept = Record()
    threading.Thread(target=Users(kept).run, daemon=True).start()
    threading.Thread(target=watch, args=(kept,), daemon=True).start()
    ThreadingHTTPServer(("", 9000), desk_of(kept)).serve_forever()
