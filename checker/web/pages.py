"""A folder of built pages as a part of a server: its files and nothing else, without lists of what is in it."""

from __future__ import annotations

import mimetypes
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from checker.web.guard import Receive, Scope, Send

KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""The types that a machine's own table may have wrong; a browser refuses a module of a wrong type."""

LOST = "404.html"

_OF_ITS_CONTENT = re.compile(r"\.[0-9a-f]{8}\.min\.(?:js|css)$")
"""The names that the theme gives to its own files: a digest of the content is in them."""

KEPT = "max-age=31536000, immutable"
"""What is said of a file whose name another content would change: a browser need not ask for it again."""


class Folder:
    """One folder of pages.

    Args:
        folder: the built pages.
        dressed: returns a page, given with its file, as it is sent, and its Content-Security-Policy.
        headers: of every answer.
    """

    def __init__(
        self,
        folder: Path,
        dressed: Callable[[bytes, Path], tuple[bytes, str]],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._dressed = dressed
        self._headers = dict(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a page or a file of it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 4404})
            return
        # A part of a server has its own beginning of the path (ASGI: root_path).
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        answer = await run_in_threadpool(self._answer, path, Headers(scope=scope))
        if scope["method"] not in {"GET", "HEAD"}:
            answer = Response(
                b"Pages are only read.\n", HTTPStatus.METHOD_NOT_ALLOWED, media_type="text/plain"
            )
        for key, value in self._headers.items():
            answer.headers.setdefault(key, value)
        await answer(scope, receive, send)

    def _answer(self, path: str, asked: Headers) -> Response:
        file = self._find(path)
        if file is None:
            return self._page(self._folder / LOST, HTTPStatus.NOT_FOUND)
        if file.is_dir():
            if not path.endswith("/"):
                # Relative, so that nothing of what was asked for becomes a part of where it leads.
                return Response(
                    status_code=HTTPStatus.MOVED_PERMANENTLY, headers={"location": f"{file.name}/"}
                )
            file /= "index.html"
        if file.suffix == ".html":
            return self._page(file, HTTPStatus.OK)
        if not file.is_file():
            return self._page(self._folder / LOST, HTTPStatus.NOT_FOUND)
        kind = KINDS.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        keep = {"Cache-Control": KEPT} if _OF_ITS_CONTENT.search(file.name) else None
        answer = FileResponse(file, headers=keep, media_type=kind, stat_result=file.stat())
        # Not by its time: that has whole seconds, and a file may change twice in one.
        known = [tag.strip() for tag in asked.get("if-none-match", "").split(",")]
        return NotModifiedResponse(answer.headers) if answer.headers["etag"] in known else answer

    def _find(self, path: str) -> Path | None:
        """Return the file or folder of an address, if it is in the folder of pages."""
        if "\0" in path or "\\" in path:
            return None
        parts = [part for part in path.split("/") if part]
        if any(part.startswith(".") or ":" in part for part in parts):
            return None
        found = self._folder.joinpath(*parts)
        try:
            return (
                found if found.exists() and found.resolve().is_relative_to(self._folder.resolve()) else None
            )
        except (OSError, ValueError):
            return None

    def _page(self, file: Path, status: HTTPStatus) -> Response:
        try:
            page, policy = self._dressed(file.read_bytes(), file)
        except OSError:
            return Response(b"There is no such page.\n", HTTPStatus.NOT_FOUND, media_type="text/plain")
        return Response(page, status, {"Content-Security-Policy": policy}, media_type="text/html")
