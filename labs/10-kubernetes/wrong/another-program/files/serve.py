"""Gives one answer to everybody, and does nothing else."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """The one answer."""

    def do_GET(self) -> None:
        """Give it."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"service": "parcel", "version": "1.0", "instance": "own"}).encode())


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
