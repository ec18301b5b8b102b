"""Parcel: says what a parcel costs.

GET /price?grams=1500   {"cents": 549}
GET /                   who answers, in which version
GET /readyz             200 as long as it wants requests; not in its last second
"""

import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

VERSION = "1.0"

PRICES = [(1000, 399), (2000, 549), (5000, 699), (10000, 949)]


def price(grams):
    """Return what a parcel of this weight costs, in cents."""
    if grams <= 0:
        raise ValueError("a parcel weighs something")
    for limit, cents in PRICES:
        if grams <= limit:
            return cents
    raise ValueError("Parcel takes up to 10 kg")


def answer(path):
    """Return the status and the content of the answer to a request."""
    url = urlsplit(path)
    if url.path == "/":
        return 200, {}
    if url.path == "/readyz":
        return (503, {"ready": False}) if stopping.is_set() else (200, {"ready": True})
    if url.path == "/price":
        try:
            return 200, {"cents": price(int(parse_qs(url.query)["grams"][0]))}
        except (KeyError, ValueError) as error:
            return 400, {"error": str(error)}
    return 404, {"error": "nothing here"}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        status, content = answer(self.path)
        told = {"service": "parcel", "version": VERSION, "instance": socket.gethostname(), **content}
        body = json.dumps(told).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Write no line for each request."""


class Server(ThreadingHTTPServer):
    """A thread for each connection. On a busy machine, more than the usual five may wait to be taken in."""

    request_queue_size = 128


stopping = threading.Event()


def stop(*_):
    """Say for a second that no more requests are wanted, then end."""

    def end():
        time.sleep(1.2)
        os._exit(0)

    stopping.set()
    threading.Thread(target=end).start()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    server = Server(("", 8080), Handler)
    print(f"parcel {VERSION} listens on port 8080", flush=True)
    server.serve_forever()
