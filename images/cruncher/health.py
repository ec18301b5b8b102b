"""Asks the service in this container whether it serves; the image's health check."""

import socket

with socket.create_connection(("127.0.0.1", 7070), timeout=2) as connection:
    connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    raise SystemExit(b" 200 " not in connection.recv(64))
