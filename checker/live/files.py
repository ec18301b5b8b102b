"""The built pages, read from their folder, each with the policy of what it may load."""

from __future__ import annotations

import mimetypes
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from checker.site.serve import content_policy, inline_scripts

if TYPE_CHECKING:
    from pathlib import Path

    from checker.live.guard import Receive, Scope, Send

MARK = b'<meta name="drydock-live" content="1">'
"""What tells the page's script that a service is behind it; the same page on any other server does not have it."""

ANNOUNCER = b'<div id="dock-announcer" class="dock-unseen" role="status" aria-live="polite"></div>'
"""Where the page says what happened, to those who listen to it. It has to be there, empty, from the start."""

KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""What a machine's own table may have wrong; with a wrong kind, a browser refuses a module."""


_SCOPE = re.compile(rb'new URL\("[./]*"')
"""Where the theme's script says how deep its page is."""


def _alike(script: bytes) -> bytes:
    """Return a script without what differs from page to page."""
    return _SCOPE.sub(b"new URL(", script)


class Pages:
    """One folder of pages.

    Args:
        folder: the built pages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a page or a file of it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 4404})
            return
        answer = await run_in_threadpool(self._answer, str(scope["path"]))
        await answer(scope, receive, send)

    def _answer(self, path: str) -> Response:
        file = self._find(path)
        if file is None:
            return self._page(self._folder / "404.html", HTTPStatus.NOT_FOUND)
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
            return self._page(self._folder / "404.html", HTTPStatus.NOT_FOUND)
        kind = KINDS.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return FileResponse(file, media_type=kind)

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
            page = file.read_bytes()
        except OSError:
            return Response(b"There is no such page.\n", HTTPStatus.NOT_FOUND, media_type="text/plain")
        page = page.replace(b"<head>", b"<head>" + MARK, 1).replace(b"</body>", ANNOUNCER + b"</body>", 1)
        policy = content_policy(page, self._is_of_the_theme)
        return Response(page, status, {"Content-Security-Policy": policy}, media_type="text/html")

    def _is_of_the_theme(self, script: bytes) -> bool:
        """Whether a script is one that the page for what is missing has too: nobody wrote a lesson into that one."""
        try:
            lost = (self._folder / "404.html").read_bytes()
        except OSError:
            return False
        return _alike(script) in {_alike(each) for each in inline_scripts(lost)}
