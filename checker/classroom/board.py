"""The board of a class: the teacher's page on loopback, what it asks, and what changes, once a second."""

from __future__ import annotations

import csv
import io
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from checker.classroom.names import cell
from checker.classroom.replies import HANDLERS, HEADERS, body_of, decoded, reply
from checker.web.guard import Guard, Rules
from checker.web.stream import BEAT_SECONDS, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from checker.classroom.room import Room
    from checker.web.stream import Reader

TICK_SECONDS = 1.0

PAGES = {
    "/": ("board.html", "text/html"),
    "/projector": ("projector.html", "text/html"),
    "/board.js": ("board.js", "text/javascript"),
    "/projector.js": ("projector.js", "text/javascript"),
    "/board.css": ("board.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""What the loopback door gives without a token: files of the course, which say nothing of the class."""


class Board:
    """The teacher's page, and what it asks.

    Args:
        room: the class.
        invitation: the join string.
    """

    def __init__(self, room: Room, invitation: str) -> None:
        self._room = room
        self._invitation = invitation

    def app(self, *, port: int, token: str) -> ASGIApp:
        """Return it as an application for loopback alone.

        Args:
            port: the port that it listens on.
            token: what the page has to send.
        """
        asked = {
            "/api/state": self.state,
            "/api/stream": self.stream,
            "/api/counts": self.counts,
            "/api/invitation": self.invite,
            "/api/qr": self.qr,
            "/api/events": self.events,
            "/api/board.csv": self.table,
        }
        done = {"/api/admit": self.admit, "/api/turn-away": self.turn_away, "/api/message": self.message}
        routes = [Route(path, _page(name, kind), methods=["GET"]) for path, (name, kind) in PAGES.items()]
        routes += [Route(path, method, methods=["GET"]) for path, method in asked.items()]
        routes += [Route(path, method, methods=["POST"]) for path, method in done.items()]
        rules = Rules(
            port=port,
            token=token,
            is_page=PAGES.__contains__,
            closed="This page is not open to the class. `lab class serve` prints its address.",
        )
        return Guard(Starlette(routes=routes, exception_handlers=HANDLERS), rules)

    async def state(self, _: Request) -> Response:
        """Return everything that the board shows."""
        return reply(state_of(self._room, 0))

    async def stream(self, _: Request) -> Response:
        """Return what changes, for as long as the page reads it."""
        return Stream(self._room)

    async def counts(self, _: Request) -> Response:
        """Return counts alone, for a page that everybody sees."""
        picture = self._room.picture
        return reply({"class": self._room.about.name, "summary": picture.summary(), "pace": picture.pace()})

    async def invite(self, _: Request) -> Response:
        """Return the join string."""
        return reply({"invitation": self._invitation, "code": self._room.about.code})

    async def qr(self, _: Request) -> Response:
        """Return the join string as a QR code."""
        return Response(qr_svg(self._invitation), media_type="image/svg+xml", headers=HEADERS)

    async def events(self, _: Request) -> Response:
        """Return everything that happened."""
        return StreamingResponse(self._room.export(), media_type="application/json", headers={**HEADERS})

    async def table(self, _: Request) -> Response:
        """Return the learners as CSV."""
        return Response(table_of(self._room), media_type="text/csv; charset=utf-8", headers=HEADERS)

    async def admit(self, request: Request) -> Response:
        """Give a learner's place to a machine that waits."""
        return reply({"admitted": await self._room.admit(decoded(await body_of(request), _Machine).machine)})

    async def turn_away(self, request: Request) -> Response:
        """Refuse a machine that waits for a learner's place."""
        await self._room.turn_away(decoded(await body_of(request), _Machine).machine)
        return reply({})

    async def message(self, request: Request) -> Response:
        """Send a message."""
        asked = decoded(await body_of(request), _Message)
        return reply({"id": await self._room.say(asked.to, asked.text)})


class _Machine(msgspec.Struct, forbid_unknown_fields=True):
    machine: str


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    to: str = ""


def _page(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        text = resources.files("checker.classroom").joinpath("page", name).read_text("utf-8")
        return Response(text, media_type=f"{kind}; charset=utf-8", headers=HEADERS)

    return page


def state_of(room: Room, since: int) -> dict[str, Any]:
    """Return what changed after a version; with 0, everything."""
    people = {row.id: row.name for row in room.picture.rows()} if room.pending else {}
    return {
        "version": room.picture.version,
        "class": room.about.name,
        "summary": room.picture.summary(),
        "stuck": room.picture.stuck(),
        "causes": room.picture.causes(),
        "pace": room.picture.pace(),
        "pending": [
            {"machine": machine, "name": people.get(who, ""), "since": at}
            for machine, who, at in room.pending
        ],
        "rows": room.picture.rows(since),
    }


def table_of(room: Room) -> str:
    """Return the learners as CSV, without formulas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        [
            "Learner",
            "Lab",
            "Step",
            "Passed",
            "Checks",
            "Tries",
            "Hints",
            "Evidence",
            "Stuck",
            "Check",
            "Reason",
        ]
    )
    for row in room.picture.rows():
        values = (row.name, row.lab, row.step, row.passed, row.checks, row.tries, row.hints, row.evidence)
        writer.writerow([cell(str(each)) for each in (*values, row.why, row.check, row.said)])
    return text.getvalue()


class Stream(Response):
    """Server-sent events: at most one a second, with what changed; never a queue."""

    def __init__(self, room: Room) -> None:
        super().__init__(headers=HEADERS)
        self._room = room

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send what changes until the page has gone."""
        headers = [(key, value) for key, value in self.raw_headers if key != b"content-length"]
        await stream(receive, send, self._changes, headers)

    async def _changes(self, page: Reader) -> AsyncGenerator[bytes]:
        # A class that nobody has joined has version 0, and its page is told so at once.
        version, quiet = -1, 0.0
        while True:
            current = self._room.picture.version
            if current != version or quiet >= BEAT_SECONDS:
                data = msgspec.json.encode(state_of(self._room, version))
                yield b"id: %d\nevent: state\ndata: %s\n\n" % (current, data)
                version, quiet = current, 0.0
            if not await page.is_there(TICK_SECONDS):
                return
            quiet += TICK_SECONDS


def qr_svg(text: str) -> bytes:
    """Return a QR code of a text as SVG."""
    import segno  # noqa: PLC0415 - only a teacher's machine has it

    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", scale=6, border=3, xmldecl=False)
    return out.getvalue()
