"""Asks the service of the live page for a verdict, where one runs: it has everything imported that a verdict needs.

It uses the standard library alone, and as little of that as possible: `lab` calls it before anything else is imported.
If anything is not as expected, there is no answer, and `lab` gives the verdict itself.
"""
# ruff: noqa: PTH118, PTH123 - pathlib would take longer to import than all of this takes

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys

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


def code_of(root: str) -> str:
    """Return what tells one version of the checker from another: the sizes and times of its files.

    Args:
        root: the folder that contains `checker`.
    """
    import hashlib  # noqa: PLC0415 - only where a service runs

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
    return hashlib.sha256("\n".join(sorted(facts)).encode(errors="surrogateescape")).hexdigest()


def environment() -> str:
    """Return what tells one environment from another, as far as a verdict depends on it."""
    import hashlib  # noqa: PLC0415

    said = "\n".join(f"{name}={os.environ.get(name)}" for name in _VARIABLES)
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()


def record_file(state: str) -> str:
    """Return the file in which a service says how it is reached."""
    return os.path.join(state, "live", "server.json")


def is_simple(words: list[str]) -> bool:
    """Whether a command line is one that the service can answer: a check, with nothing but what changes how it is shown."""
    return (
        len(words) > 1 and words[0] == "check" and words[1][:1] != "-" and {*words[2:]} <= {"--all", "--json"}
    )


def verdict(root: str, state: str, words: list[str]) -> int | None:
    """Print the verdict, and return the exit code; None if no service of this very course answers.

    Args:
        root: the checkout, or the folder that contains `checker`.
        state: the folder that `lab` keeps between runs.
        words: the command line after `lab`; `is_simple` is true of it.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    try:
        with open(record_file(state), encoding="utf-8") as file:
            record = json.load(file)
        if record["code"] != code_of(root) or record["environment"] != environment():
            return None
        connection = _connect(record["socket"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if connection is None:
        return None
    with connection:
        asked = {"verb": "check", "run": record["run"], "words": words, "facts": _facts()}
        try:
            connection.sendall(json.dumps(asked).encode() + b"\n")
            return _answer(connection)
        except (OSError, ValueError, KeyError):
            return None
        except KeyboardInterrupt:
            sys.stderr.write("\ninterrupted\n")
            return INTERRUPTED


def _connect(path: str) -> socket.socket | None:
    """Return a connection to the service's socket, if it is this very user who listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(path)
        if peer(connection) == os.getuid():
            return connection
    except OSError:
        pass
    connection.close()
    return None


def peer(connection: socket.socket) -> int:
    """Return the id of the user at the other end of a Unix socket; -1 where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", found)[1])
    if sys.platform == "darwin":
        # LOCAL_PEERCRED gives a struct xucred, which begins with its version and the user (unix(4)).
        return int(struct.unpack("2I", connection.getsockopt(0, 1, 76)[:8])[1])
    return -1


def _facts() -> dict[str, object]:
    """Return what the service has to know about the terminal, to write for it."""
    columns = 100
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            columns = (
                os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or columns
            )
    return {
        "columns": columns,
        "terminal": sys.stdout.isatty(),
        "encoding": sys.stdout.encoding,
        "NO_COLOR": os.environ.get("NO_COLOR"),
        "FORCE_COLOR": os.environ.get("FORCE_COLOR"),
        "TERM": os.environ.get("TERM"),
    }


def _answer(connection: socket.socket) -> int | None:
    shown = False
    received = b""
    while True:
        data = connection.recv(65536)
        if not data:
            return None
        # The first word says that it will answer; from then on it says something each second.
        connection.settimeout(SILENCE_SECONDS)
        received += data
        *lines, received = received.split(b"\n")
        for line in lines:
            said = json.loads(line)
            if said.get("no"):
                return None
            if "trying" in said and sys.stderr.isatty():
                shown = True
                sys.stderr.write(f"\r\033[K{said['trying']}")
                sys.stderr.flush()
            if "code" in said:
                if shown:
                    sys.stderr.write("\r\033[K")
                sys.stderr.write(said["notes"])
                sys.stdout.write(said["out"])
                sys.stdout.flush()
                return int(said["code"])
