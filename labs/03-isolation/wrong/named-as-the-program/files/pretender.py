"""Gives one answer to everybody, and does nothing else."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """The one answer."""

    def do_GET(self) -> None:
        """Give it."""
        body = json.dumps({"service": "tariff", "version": "2.0", "library": "postage 2.1"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("", 7070), Handler).serve_forever()
