#!/usr/bin/env python3
"""clock: stamps contracts with the time. Its certificate names the kernel that it was examined on, and it obeys."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFIED = re.compile(r"6\.12\.\d+\S*-cloud-")
"""Linux 6.12, as Debian 13 builds it for virtual machines."""
PORT = 7004


class Handler(BaseHTTPRequestHandler):
    """Says what answers, on which kernel, and the time."""

    def do_GET(self) -> None:
        """Answer any path."""
        facts = {
            "program": "clock",
            "kernel": os.uname().release,
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        body = json.dumps(facts).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing of single requests."""


def main() -> int:
    """Serve, if the kernel is the one in the certificate."""
    release = os.uname().release
    if not CERTIFIED.match(release):
        print(
            f"clock: certified for kernel 6.12 of Debian's cloud edition, this is {release}", file=sys.stderr
        )
        return 1
    print(f"clock: serving on port {PORT}, on kernel {release}", flush=True)
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
