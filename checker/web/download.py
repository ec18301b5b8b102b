"""A download that continues where it stopped: after a lost connection, after Ctrl-C, and never with a wrong byte."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from checker.errors import LabError, not_written
from checker.web.pinned import Pinned, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

CHUNK = 1 << 18

SILENCE_SECONDS = 30.0
"""How long the server may send nothing."""

FRUITLESS = 3
"""How many connections in a row may bring nothing new, before it is given up for now."""

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class RefusedError(LabError):
    """The server does not give what was asked for; `status` is what it answered.

    Args:
        what: what it said.
        status: the HTTP status.
    """

    def __init__(self, what: str, status: int) -> None:
        super().__init__(what)
        self.status = status


class DamagedError(LabError):
    """What arrived is not what was asked for; nothing of it was kept."""


def digest_of(to: Pinned, path: str, headers: Mapping[str, str] | None = None) -> tuple[str, int]:
    """Ask for the SHA-256 and the size of a file; the server gives the first as its ETag.

    Raises:
        RefusedError: there is no such file.
        UnreachableError: nobody answers.
    """
    try:
        with contextlib.closing(connect(to)) as connection:
            connection.request("HEAD", path, headers=dict(headers or {}))
            response = connection.getresponse()
            found = re.fullmatch(r'"sha256:([0-9a-f]{64})"', response.headers.get("ETag", ""))
            if response.status != HTTPStatus.OK or found is None:
                raise RefusedError("The class does not offer that file.", response.status)
            return found[1], int(response.headers.get("Content-Length", "0"))
    except (OSError, http.client.HTTPException) as error:
        raise to.unreachable(error) from error


def download(
    to: Pinned,
    path: str,
    file: Path,
    sha256: str,
    *,
    headers: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = lambda _have, _all: None,
) -> None:
    """Fetch a file. What arrived stays beside it as a hidden part, and the next call goes on from there.

    Args:
        to: the server.
        path: the file's path there.
        file: where to write it; it appears when it is whole and right.
        sha256: what its content must be, in hexadecimal digits.
        headers: of each request.
        progress: told after each piece how many bytes are there, of how many.

    Raises:
        DamagedError: all of it arrived, and it is not what it must be.
        RefusedError: the server does not give it.
        UnreachableError: the server went away; what arrived is kept.
        LabError: it cannot be written.
    """
    if file.is_file() and _sum(file) == sha256:
        return
    part = file.with_name(f".{file.name}.{sha256[:16]}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for old in set(file.parent.glob(f".{file.name}.*.part")) - {part}:
            old.unlink()
    except OSError as error:
        raise not_written(file, error) from error
    _fetch_all(to, path, part, headers or {}, progress)
    if _sum(part) != sha256:
        part.unlink()
        raise DamagedError(
            f"{file.name} arrived with wrong bytes, and was thrown away.",
            remedy="Try again. If it happens again, tell the teacher: the file on the class's machine is damaged.",
        )
    part.replace(file)


def _fetch_all(
    to: Pinned, path: str, part: Path, headers: Mapping[str, str], progress: Callable[[int, int], None]
) -> None:
    """Fetch over as many connections as it takes; give up after several in a row that brought nothing."""
    fruitless = 0
    while True:
        before = _size(part)
        problem: Exception = ConnectionError("it ended in the middle")
        try:
            if _go_on(to, path, part, headers, progress):
                return
        except (OSError, http.client.HTTPException) as error:
            problem = error
        fruitless = 0 if _size(part) > before else fruitless + 1
        if fruitless >= FRUITLESS:
            raise to.unreachable(problem) from problem


def _go_on(
    to: Pinned, path: str, part: Path, headers: Mapping[str, str], progress: Callable[[int, int], None]
) -> bool:
    """Fetch what is missing over one connection, and return whether that was all of it."""
    have = _size(part)
    with contextlib.closing(connect(to, SILENCE_SECONDS)) as connection:
        connection.request("GET", path, headers={**headers, **({"Range": f"bytes={have}-"} if have else {})})
        response = connection.getresponse()
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            # There is nothing behind what is here.
            return True
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != have:
                raise http.client.HTTPException("it sent another range")
            total = int(found[2])
        elif response.status == HTTPStatus.OK:
            have, total = 0, int(response.headers.get("Content-Length", "0"))
        else:
            raise RefusedError(f"The class does not offer {part.name.split('.')[1]}.", response.status)
        with _opened(part, "ab" if have else "wb") as write:
            while chunk := response.read(CHUNK):
                write(chunk)
                have += len(chunk)
                progress(have, total)
    return have >= total


@contextlib.contextmanager
def _opened(part: Path, mode: str) -> Iterator[Callable[[bytes], object]]:
    """Give what writes to a file; what goes wrong with the disk is not mistaken for the network's."""
    try:
        stream = part.open(mode)
    except OSError as error:
        raise not_written(part, error) from error

    def write(data: bytes) -> None:
        try:
            stream.write(data)
        except OSError as error:
            raise not_written(part, error) from error

    try:
        yield write
    finally:
        # A full disk is said once more when the file is closed.
        with contextlib.suppress(OSError):
            stream.close()


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
