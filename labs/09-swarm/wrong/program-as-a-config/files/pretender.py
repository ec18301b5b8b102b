"""Gives one answer to everybody, and does nothing else."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """The one answer."""

    def do_GET(self) -> None:
        """Give it."""
        body = json.dumps({"service": "parcel", "version": "1.0", "instance": "north", "counter": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("", 8080), Handler).serve_forever()
