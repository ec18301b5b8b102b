"""What the servers around the office have in common: an answer with its length, and no log."""

from http.server import BaseHTTPRequestHandler


class Answers(BaseHTTPRequestHandler):
    """Answers one connection."""

    def reply(self, status: int, text: str) -> None:
        """Send an answer."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
