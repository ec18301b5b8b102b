"""Stamp: answers a day as a postmark has it.

    GET /2026-11-24   "* Drydock * 24.XI.2026 *"

Its settings, from the environment:
    STAMP_TOWN   the town on the postmark; without it the service refuses to start
    STAMP_HOST   the address to listen on; 127.0.0.1 when not set
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from romandate import roman

TOWN = os.environ.get("STAMP_TOWN") or sys.exit("stamp: STAMP_TOWN is not set")
HOST = os.environ.get("STAMP_HOST", "127.0.0.1")


class Handler(BaseHTTPRequestHandler):
    """Answers one day."""

    def do_GET(self) -> None:
        """Answer with the postmark, or say what a day looks like."""
        try:
            status, text = 200, f"* {TOWN} * {roman(self.path.strip('/'))} *\n"
        except ValueError:
            status, text = 404, "Ask for a day such as /2026-11-24.\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


def stop(*_: object) -> None:
    """End at once when asked to."""
    print("stamp: asked to stop, closing", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
print(f"stamp: listening on {HOST}:8080", flush=True)
ThreadingHTTPServer((HOST, 8080), Handler).serve_forever()
