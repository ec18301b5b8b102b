#!/usr/bin/env python3
"""The parcel office: registers parcels, has them sealed, and keeps their photos. It was written for one machine."""

import fcntl
import hashlib
import json
import os
import re
import secrets
import signal
import sqlite3
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from settings import DATA, LOCK, READONLY, SETTINGS, log

# -- data --------------------------------------------------------------------------------------------------------
PHOTOS = os.path.join(DATA, "photos")
os.makedirs(PHOTOS, exist_ok=True)
fresh = not os.path.exists(os.path.join(DATA, "office.db"))
db = sqlite3.connect(os.path.join(DATA, "office.db"), check_same_thread=False, timeout=10)
db.execute("PRAGMA journal_mode=WAL")  # the newest writes are in office.db-wal for a while
guard = threading.Lock()
with guard, db:
    db.execute("CREATE TABLE IF NOT EXISTS parcels (id INTEGER PRIMARY KEY, ref TEXT, seal TEXT, at REAL)")
    db.execute("CREATE TABLE IF NOT EXISTS statements (period INTEGER, total INTEGER)")
if fresh and os.path.exists("/srv/office/archive"):
    # What was registered before there was a seal.
    with open("/srv/office/archive", encoding="utf-8") as refs, guard, db:
        for ref in refs.read().split():
            db.execute("INSERT INTO parcels (ref, seal, at) VALUES (?, '', 0)", (ref,))
            if ref.endswith("0"):
                with open(os.path.join(PHOTOS, ref), "wb") as photo:
                    photo.write(hashlib.shake_256(ref.encode()).digest(20_000))

sessions = set()  # who is logged in


def seal(ref):
    """Have a parcel sealed by the box."""
    question = urllib.request.Request(
        SETTINGS["seal_url"] + "/seal", ref.encode(), {"Token": SETTINGS["seal_token"]}
    )
    with urllib.request.urlopen(question, timeout=5) as answer:
        return answer.read().decode()


class Office(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body):
        data = body if isinstance(body, bytes) else (json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *words):
        if self.path != "/healthz":
            log(form % words)

    def do_GET(self):
        if self.path in ("/healthz", "/readyz"):
            return self.reply(200, {"ok": True})
        if self.path == "/":
            with guard:
                (count,) = db.execute("SELECT count(*) FROM parcels").fetchone()
            return self.reply(200, {"office": SETTINGS["name"], "parcels": count})
        if self.path == "/parcels":
            with guard:
                rows = db.execute("SELECT ref, seal FROM parcels ORDER BY id").fetchall()
            return self.reply(200, [{"ref": ref, "seal": mark} for ref, mark in rows])
        if match := re.fullmatch(r"/photos/([\w-]+)", self.path):
            try:
                with open(os.path.join(PHOTOS, match[1]), "rb") as photo:
                    return self.reply(200, photo.read())
            except FileNotFoundError:
                pass
        return self.reply(404, {"error": "not found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/login":
            session = secrets.token_hex(8)
            sessions.add(session)
            return self.reply(200, {"session": session})
        if self.headers.get("Session") not in sessions:
            return self.reply(401, {"error": "log in first"})
        with open(LOCK, "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if os.path.exists(READONLY):
                return self.reply(503, {"error": "read-only for the moment"})
            return self.write(body)

    def write(self, body):
        if match := re.fullmatch(r"/photos/([\w-]+)", self.path):
            name = os.path.join(PHOTOS, match[1])
            with open(name + ".part", "wb") as photo:
                photo.write(body)
            os.replace(name + ".part", name)
            return self.reply(201, {"photo": match[1]})
        if self.path == "/parcels":
            ref = json.loads(body)["ref"]
            try:
                mark = seal(ref)
            except OSError as error:
                log(f"no seal for {ref}: {error}")
                return self.reply(502, {"error": f"no seal: {error}"})
            with guard, db:
                db.execute("INSERT INTO parcels (ref, seal, at) VALUES (?, ?, ?)", (ref, mark, time.time()))
            return self.reply(201, {"ref": ref, "seal": mark})
        return self.reply(404, {"error": "not found"})


class Server(ThreadingHTTPServer):
    daemon_threads = False  # what is under way is answered before the program ends

    def handle_error(self, request, client_address):
        log(f"a request of {client_address[0]} was cut short")


if __name__ == "__main__":
    server = Server(("0.0.0.0", 8080), Office)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    log(f"{SETTINGS['name']} is open")
    server.serve_forever()
    server.server_close()
    db.close()
    log(f"{SETTINGS['name']} is closed")
