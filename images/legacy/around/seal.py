"""The seal box: has a key that never leaves it, and seals what it is given by those who know its token.

GET /readyz says that it is on. POST /seal with a parcel's number as the body and the header Token answers with the seal.
What it has sealed is in /var/lib/seal/sealed, a line of JSON for each: {"ref": a number, "from": who asked}.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from answers import Answers

TOKEN = os.environ["SEAL_TOKEN"]
KEY = Path("/var/lib/seal/key")
"""Made when the box is first switched on. Only the checker of the lab looks at it."""


SEALED = Path("/var/lib/seal/sealed")
writing = threading.Lock()


class Box(Answers):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Say that the box is on."""
        self.reply(200, "on\n")

    def do_POST(self) -> None:
        """Seal a number."""
        number = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not hmac.compare_digest(self.headers.get("Token", ""), TOKEN):
            self.reply(403, "The seal box does not know this token.\n")
            return
        line = json.dumps({"ref": number.decode(errors="replace"), "from": self.client_address[0]}) + "\n"
        with writing, SEALED.open("a", encoding="utf-8") as sealed:
            sealed.write(line)
        self.reply(200, hmac.new(KEY.read_bytes(), number, hashlib.sha256).hexdigest()[:16])


if __name__ == "__main__":
    if not KEY.exists():
        KEY.write_text(secrets.token_hex(16))
    SEALED.touch()
    ThreadingHTTPServer(("", 7000), Box).serve_forever()
