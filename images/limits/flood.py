#!/usr/bin/env python3
"""flood: tests networks with packets that the kernel itself makes, by its module pktgen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONTROL = Path("/proc/net/pktgen/pgctrl")
PORT = 7003


class Handler(BaseHTTPRequestHandler):
    """Says what answers, and on which kernel."""

    def do_GET(self) -> None:
        """Answer any path."""
        facts = {
            "program": "flood",
            "kernel": os.uname().release,
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
            "module": CONTROL.read_text("ascii").strip().splitlines()[0],
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
    """Load the module where it is not there, and serve."""
    if not CONTROL.exists():
        loading = subprocess.run(["modprobe", "pktgen"], check=False)
        if loading.returncode or not CONTROL.exists():
            print("flood: needs the kernel's module pktgen, and it cannot be loaded here", file=sys.stderr)
            return 1
    print(f"flood: serving on port {PORT}, with pktgen, on kernel {os.uname().release}", flush=True)
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
