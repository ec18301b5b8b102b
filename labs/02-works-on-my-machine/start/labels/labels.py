"""Labels: prints the shipping label of a parcel, sealed so that the depot can tell it from a copy.

    GET /labels/PX-1042   the label, as text
    GET /healthz          "ok" once it can answer

Written by Ada, on Ada's machine. See README.md for its settings.
"""

import csv
import hashlib
import hmac
import locale
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from parcelcode import bars

HOME = os.environ.get("LABELS_HOME", "/home/ada/labels")
HOST = os.environ.get("LABELS_HOST", "127.0.0.1")
JOURNAL = os.environ.get("LABELS_JOURNAL", f"{HOME}/journal.txt")
PORT = 8080


def read_parcels() -> dict:
    """Return the parcels of parcels.csv by their number."""
    with Path(HOME, "parcels.csv").open(encoding="utf-8") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


def seal(number: str, key: str) -> str:
    """Return the seal of a parcel number: making or checking it takes the key."""
    return hmac.new(key.encode(), number.encode(), hashlib.sha256).hexdigest()[:12]


def label(parcel: dict, key: str) -> str:
    """Return the text of a parcel's label."""
    return "\n".join(
        [
            f"PARCEL {parcel['number']}",
            parcel["name"],
            parcel["street"],
            parcel["town"],
            f"Postage {locale.currency(float(parcel['postage']), grouping=True)}",
            bars(parcel["number"]),
            f"Seal {seal(parcel['number'], key)}",
            "",
        ]
    )


class Handler(BaseHTTPRequestHandler):
    """Answers the two addresses above."""

    def do_GET(self) -> None:
        """Answer with a label, or with what went wrong."""
        number = self.path.removeprefix("/labels/")
        try:
            if self.path == "/healthz":
                self.reply(200, "ok\n")
            elif number in self.server.parcels:
                text = label(self.server.parcels[number], self.server.key)
                with Path(JOURNAL).open("a", encoding="utf-8") as journal:
                    journal.write(f"printed {number}\n")
                self.reply(200, text)
            else:
                self.reply(404, f"There is no parcel {number}.\n")
        except (OSError, ValueError) as error:
            print(f"cannot print {number}: {error}", file=sys.stderr, flush=True)
            self.reply(500, f"cannot print {number}: {error}\n")

    def reply(self, status: int, text: str) -> None:
        """Send one text."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until told to stop."""
    key = os.environ.get("LABELS_KEY")
    if not key:
        sys.exit("labels: LABELS_KEY is not set, so no label can be sealed")
    locale.setlocale(locale.LC_ALL, "")
    server = ThreadingHTTPServer((HOST, PORT), Handler)
    server.parcels, server.key = read_parcels(), key

    def stop(*_: object) -> None:
        print("labels: asked to stop, closing", flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    print(f"labels: {len(server.parcels)} parcels, listening on {HOST}:{PORT}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
