"""Asks the service of the live page for a verdict, where one runs: it has everything imported that a verdict needs.

It uses the standard library alone, and as little of that as possible: `lab` calls it before anything else is imported,
and each of `json`, `socket` and `hashlib` takes longer to import than all the rest takes together.
If anything is not as expected, there is no answer, and `lab` gives the verdict itself.

A request is lines of `name=value`, and an empty line at its end. The answer is the line `no`; or it is `ok`, any number of
`trying …`, and `verdict CODE BYTES`, with that many bytes behind it: what to print.
"""
# ruff: noqa: PTH118, PTH123 - pathlib would take longer to import than all of this takes

from __future__ import annotations

import _socket
import os
import sys

try:
    from _blake2 import blake2b  # without OpenSSL, which `hashlib` loads
except ImportError:
    from hashlib import blake2b

ANSWER_SECONDS = 0.5
"""How long the service may take to say that it will answer; one that is stopped does not."""

SILENCE_SECONDS = 15.0
"""How long it may say nothing while it judges; it says something each second."""

SOON_SECONDS = 0.7
"""A verdict that takes longer than this says on a terminal which check is running."""

COULD_NOT_RUN, INTERRUPTED = 3, 130
_VARIABLES = (
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
    "DRYDOCK_COURSE", "DRYDOCK_WORK", "HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip
"""What decides which engine is asked, and about whose work."""

_COLUMNS = 100
"""How wide a terminal is that does not say so."""

_SHOWN_BY = ("NO_COLOR", "FORCE_COLOR", "TERM")
"""What decides in which colours a verdict is shown."""


def code_of(root: str) -> str:
    """Return what tells one version of the checker from another: the sizes and times of its files.

    Args:
        root: the folder that contains `checker`.
    """
    facts = [sys.version, root]
    folders = [os.path.join(root, "checker")]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(".py"):
                    status = entry.stat()
                    facts.append(f"{name} {status.st_size} {status.st_mtime_ns}")
                elif "." not in name and not name.startswith("_") and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return _digest(sorted(facts))


def environment() -> str:
    """Return what tells one environment from another, as far as a verdict depends on it."""
    return _digest([f"{name}={os.environ.get(name)}" for name in _VARIABLES])


def _digest(facts: list[str]) -> str:
    return blake2b("\n".join(facts).encode(errors="surrogateescape"), digest_size=32).hexdigest()


def socket_file(state: str) -> str:
    """Return the file in which a service says where its socket is."""
    return os.path.join(state, "live", "socket")


def is_simple(words: list[str]) -> bool:
    """Whether a command line is one that the service can answer: a check, with nothing but what changes how it is shown."""
    return (
        len(words) > 1
        and words[0] == "check"
        and words[1][:1] != "-"
        and "\n" not in words[1]
        and {*words[2:]} <= {"--all", "--json"}
    )


def verdict(root: str, state: str, words: list[str]) -> int | None:
    """Print the verdict, and return the exit code; None if no service of this very course answers.

    Args:
        root: the checkout, or the folder that contains `checker`.
        state: the folder that `lab` keeps between runs.
        words: the command line after `lab`; `is_simple` is true of it.
    """
    if not hasattr(_socket, "AF_UNIX"):
        return None
    try:
        with open(socket_file(state), "rb") as file:
            connection = _connect(os.fsdecode(file.read()))
    except (OSError, ValueError):
        return None
    if connection is None:
        return None
    try:
        asked = {
            "lab": words[1],
            "options": " ".join(words[2:]),
            "code": code_of(root),
            "environment": environment(),
            **_facts(),
        }
        connection.sendall(request(asked))
        return _answer(connection)
    except (OSError, ValueError):
        return None
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED
    finally:
        connection.close()


def _connect(path: str) -> _socket.socket | None:
    """Return a connection to the service's socket, if it is this very user who listens there."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(path)
        if peer(connection) == os.getuid():
            return connection
    except OSError:
        pass
    connection.close()
    return None


def peer(connection: _socket.socket) -> int:
    """Return the id of the user at the other end of a Unix socket; -1 where the system does not tell."""
    if hasattr(_socket, "SO_PEERCRED"):
        # A struct ucred: the process, the user and the group, four bytes each (unix(7)).
        found = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int.from_bytes(found[4:8], sys.byteorder)
    if sys.platform == "darwin":
        # LOCAL_PEERCRED gives a struct xucred, which begins with its version and the user (unix(4)).
        return int.from_bytes(connection.getsockopt(0, 1, 76)[4:8], sys.byteorder)
    return -1


def _columns() -> int:
    """Return how wide the terminal is."""
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        try:
            return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or _COLUMNS
        except (OSError, ValueError):
            return _COLUMNS


def _facts() -> dict[str, str]:
    """Return what the service has to know about the terminal, to write for it."""
    return {
        "columns": str(_columns()),
        "terminal": "yes" if sys.stdout.isatty() else "",
        "encoding": sys.stdout.encoding,
        **{name: os.environ.get(name, "") for name in _SHOWN_BY},
    }


def request(asked: dict[str, str]) -> bytes:
    """Return a request as it is sent."""
    # A line break in a variable would begin another line of the request.
    lines = [f"{name}={value.replace(chr(10), ' ')}\n" for name, value in asked.items()]
    return "".join([*lines, "\n"]).encode(errors="surrogateescape")


def read_request(data: bytes) -> dict[str, str]:
    """Return what stands in a request."""
    lines = (line.partition("=") for line in data.decode(errors="surrogateescape").split("\n"))
    return {name: value for name, _, value in lines if name}


def _answer(connection: _socket.socket) -> int | None:
    shown = False
    received = b""
    while True:
        while b"\n" not in received:
            if not (data := connection.recv(65536)):
                return None
            received += data
            # The first word says that it will answer; from then on it says something each second.
            connection.settimeout(SILENCE_SECONDS)
        line, _, received = received.partition(b"\n")
        kind, _, rest = line.decode().partition(" ")
        if kind == "no":
            return None
        if kind == "trying" and sys.stderr.isatty():
            shown = True
            sys.stderr.write(f"\r\033[K{rest}")
            sys.stderr.flush()
        if kind == "verdict":
            code, _, size = rest.partition(" ")
            while len(received) < int(size):
                if not (data := connection.recv(65536)):
                    return None
                received += data
            if shown:
                sys.stderr.write("\r\033[K")
            sys.stdout.write(received.decode(errors="surrogatepass"))
            sys.stdout.flush()
            return int(code)
