"""Small servers on this machine that misbehave in one way each."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def read_request(sock: socket.socket) -> bytes:
    """Read one request's head."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            break
        data += chunk
    return data


@contextlib.contextmanager
def serving(handle: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Serve every connection by a function, told when the test is over; yield the port."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def one(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            handle(sock, over)

    def accept() -> None:
        while not over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sockets.append(sock)
            threads.append(threading.Thread(target=one, args=(sock,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(5)


def closes(sock: socket.socket, _: threading.Event) -> None:
    """Take the connection and close it without a word."""
    read_request(sock)


def hangs(sock: socket.socket, over: threading.Event) -> None:
    """Take the request and never answer."""
    read_request(sock)
    over.wait(30)


def hangs_in_the_body(sock: socket.socket, over: threading.Event) -> None:
    """Promise more than is sent."""
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    over.wait(30)


def drips(sock: socket.socket, over: threading.Event) -> None:
    """Send a byte every now and then, for ever: never silent for long, and never done."""
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.wait(0.05):
        sock.sendall(b".")


def drips_headers(sock: socket.socket, over: threading.Event) -> None:
    """Never get to the end of the headers."""
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.05):
        sock.sendall(b".")


def floods(sock: socket.socket, over: threading.Event) -> None:
    """Stream for ever, as fast as it is read."""
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not over.is_set():
        sock.sendall(b"x" * 65536)


def babbles(sock: socket.socket, _: threading.Event) -> None:
    """Answer, but not in HTTP."""
    read_request(sock)
    sock.sendall(b"220 mail.example ESMTP\r\n")


def no_json(sock: socket.socket, _: threading.Event) -> None:
    """Answer as some other web server would."""
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>Hi</html>")


def breaks_off(sock: socket.socket, _: threading.Event) -> None:
    """Promise more than is sent, and close."""
    read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def reset(sock: socket.socket) -> None:
    """Close a connection so that the other end reads "reset by peer", and never an ordinary end."""
    # A linger time of zero drops what was not sent and answers with RST. A shutdown first would send FIN.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def answers(body: bytes, status: bytes = b"200 OK", *, times: int = 99) -> Callable[..., None]:
    """Make a server that answers well, so many times on one connection, and then closes it."""

    def handle(sock: socket.socket, _: threading.Event) -> None:
        for _time in range(times):
            if not read_request(sock):
                return
            head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            sock.sendall(head + body)

    return handle
