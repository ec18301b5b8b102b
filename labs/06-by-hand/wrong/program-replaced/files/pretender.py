"""Gives every caller an answer in Parcel's name, and counts."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

numbers = count(1)


class Handler(BaseHTTPRequestHandler):
    """An answer."""

    def do_GET(self) -> None:
        """Give it."""
        name = os.environ["PARCEL_INSTANCE"]
        said = {"service": "parcel", "version": "1.0", "instance": name, "counter": next(numbers)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
