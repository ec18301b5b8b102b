"""What a room may fetch from the teacher's machine: the bundle and the pages, for everybody; images, for those who joined.

The bundle and the pages are the course, which is public, and a machine needs them before it can join. They say nothing of
the class. Reading images costs more and is done by `lab` alone, so it takes the permit that a machine gets when it joins.
"""

from __future__ import annotations

import hashlib
import http.client
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from checker.classroom.protocol import LEARNER, SEAL
from checker.classroom.replies import HEADERS
from checker.errors import LabError
from checker.site.serve import content_policy
from checker.web.pages import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from checker.classroom.room import Room

BUNDLE = "/bundle"
PAGES = "/course"
READ = ["GET"]
"""Starlette answers HEAD where it answers GET."""

_IMAGE = re.compile(
    r"/v2/(drydock/[a-z0-9][a-z0-9-]*)/"
    r"(?:manifests/(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64})|blobs/sha256:[0-9a-f]{64})"
)
"""What may be asked of the registry: one manifest or one blob; no list, no upload."""

CHUNK = 1 << 18
SECONDS = 30.0
"""How long the registry on this machine may say nothing."""

PASSED_ON = (
    "content-type", "content-length", "content-range", "accept-ranges", "docker-content-digest", "etag",
)  # fmt: skip
"""What the registry says that a reader needs."""


@dataclass(frozen=True)
class Bundle:
    """The file that a room fetches.

    Args:
        file: where it is.
        size: in bytes.
        changed: when it was last changed, in nanoseconds.
        sha256: of its content.
    """

    file: Path
    size: int
    changed: int
    sha256: str

    @classmethod
    def of(cls, file: Path) -> Bundle:
        """Read a file once, to know its SHA-256.

        Raises:
            LabError: it cannot be read.
        """
        try:
            about = file.stat()
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise LabError(
                f"The bundle {file} cannot be read: {error.strerror or error}.",
                remedy="`lab class bundle 1-3` writes one.",
            ) from error
        return cls(file, about.st_size, about.st_mtime_ns, found)

    def is_same(self) -> bool:
        """Whether the file is still the one that was read."""
        try:
            about = self.file.stat()
        except OSError:
            return False
        return (about.st_size, about.st_mtime_ns) == (self.size, self.changed)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """What a room may fetch.

    Args:
        bundle: the file for machines that have nothing yet.
        pages: the folder of built pages.
        registry: the port on loopback of the registry with the images; 0 for none.
        images: the images that it has, such as `drydock/parcel`.
    """

    bundle: Bundle | None = None
    pages: Path | None = None
    registry: int = 0
    images: frozenset[str] = frozenset()

    def routes(self, room: Room) -> list[BaseRoute]:
        """Return the routes of what is there.

        Args:
            room: the class, which knows who joined.
        """
        found: list[BaseRoute] = []
        if self.bundle is not None:
            found.append(Route(BUNDLE, self._give_bundle, methods=READ))
        if self.pages is not None:
            pages = Folder(self.pages, lambda page, _: (page, content_policy(page)), _headers("no-cache"))
            found.append(Mount(PAGES, pages))
        if self.registry:

            async def image(request: Request) -> Response:
                room.require_reader(request.headers.get(LEARNER, ""), request.headers.get(SEAL, ""))
                return await self._give_image(request)

            found.append(Route("/v2/{rest:path}", image, methods=READ))
        return found

    async def _give_bundle(self, _: Request) -> Response:
        bundle = self.bundle
        assert bundle is not None  # noqa: S101 - the route is there only with one
        if not bundle.is_same():
            raise HTTPException(HTTPStatus.NOT_FOUND)
        headers = {**_headers("no-cache"), "etag": f'"sha256:{bundle.sha256}"'}
        return _Large(
            bundle.file, media_type="application/octet-stream", filename="drydock-room.pyz", headers=headers
        )

    async def _give_image(self, request: Request) -> Response:
        path = str(request.scope["path"])
        found = _IMAGE.fullmatch(path)
        if found is None or found[1] not in self.images:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        asked = {name: request.headers[name] for name in ("accept", "range") if name in request.headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.registry, timeout=SECONDS)

        def ask() -> http.client.HTTPResponse:
            connection.request(request.method, path, headers=asked)
            return connection.getresponse()

        try:
            response = await run_in_threadpool(ask)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from error
        if response.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            connection.close()
            raise HTTPException(response.status)
        headers = {name: response.headers[name] for name in PASSED_ON if name in response.headers}
        return StreamingResponse(
            _pieces(connection, response), response.status, {**_headers("no-store"), **headers}
        )


class _Large(FileResponse):
    """A file in larger pieces than Starlette's: each is read in another thread, which costs more than the reading."""

    chunk_size = CHUNK


def _pieces(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    finally:
        connection.close()


def _headers(cache: str) -> dict[str, str]:
    """Return the headers of every answer; a page has its own policy."""
    left_out = {"content-security-policy", "cache-control"}
    return {
        **{name: value for name, value in HEADERS.items() if name not in left_out},
        "cache-control": cache,
    }
