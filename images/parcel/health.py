"""Parcel's health check: ends with 0 when /healthz, or the path it is given, answers 200 within a second and a half.

It speaks to the socket itself, because importing an HTTP client would cost more than the question.
"""

import os
import socket
import sys


def is_healthy(path: str) -> bool:
    """Ask once."""
    bind = os.environ.get("PARCEL_BIND", "")
    host = "127.0.0.1" if bind in {"", "0.0.0.0", "::"} else bind  # noqa: S104 - compared with, not bound to
    port = os.environ.get("PARCEL_PORT") or "8080"
    # Kubernetes tells pods of a service named parcel by a variable of this name: tcp://10.43.0.7:80.
    if port.startswith(("tcp://", "udp://")):
        port = "8080"
    try:
        with socket.create_connection((host, int(port)), 1.5) as service:
            service.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return b" 200 " in service.recv(64)
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(0 if is_healthy((*sys.argv[1:], "/healthz")[0]) else 1)
