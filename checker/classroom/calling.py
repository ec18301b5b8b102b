"""How a learner's machine reaches its class: over TLS, only to the server whose certificate the join string names."""

from __future__ import annotations

import contextlib
import http.client
import random
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from checker.classroom.protocol import (
    HEARD,
    SEAL,
    Acknowledged,
    Batch,
    Invitation,
    Joined,
    Joining,
    invitation,
    seal,
)
from checker.errors import LabError
from checker.web.pinned import UnreachableError, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from checker.classroom.outbox import Membership, Outbox
    from checker.classroom.protocol import Item

T = TypeVar("T")

MOST_ANSWER = 64 * 1024

EVERY_SECONDS = 5.0
JITTER_SECONDS = 2.0
"""How often a machine posts, and by how much this differs from one to the next: thirty do not come at once."""

MOST_PAUSE = 60.0


@dataclass(frozen=True)
class Answer:
    """A status, and the bytes behind it."""

    status: int
    body: bytes
    after: float = 0.0

    @property
    def why(self) -> str:
        """The sentence of a refusal."""
        try:
            found = msgspec.json.decode(self.body)
        except msgspec.MsgspecError:
            return f"The class answered with {self.status}."
        return str(found.get("error", "")) if isinstance(found, dict) else ""


class Line:
    """A connection to a class that stays open from one request to the next: opening one costs both sides the most.

    The server closes one that is quiet for long; then the next request opens another.
    """

    def __init__(self) -> None:
        self._to: Invitation | None = None
        self._connection: http.client.HTTPSConnection | None = None

    def ask(
        self,
        to: Invitation,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request to a class, after its certificate was compared.

        Raises:
            RogueError: the certificate is another one; no byte of the request was sent.
            UnreachableError: nobody answers.
        """
        send = {**({"Content-Type": "application/json"} if body else {}), **(headers or {})}
        again = self._connection is not None and self._to == to
        try:
            if not again:
                self._open(to)
            try:
                return self._exchange(method, path, body, send)
            except (ConnectionError, http.client.BadStatusLine):
                if not again:
                    raise
                # It was closed while nothing was said. A request that arrived twice counts once.
                self._open(to)
                return self._exchange(method, path, body, send)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise to.server.unreachable(error) from error

    def _open(self, to: Invitation) -> None:
        self.close()
        connection = connect(to.server)
        self._to, self._connection = to, connection

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert self._connection is not None  # noqa: S101 - it was opened before
        self._connection.request(method, path, body=body or None, headers=dict(headers))
        response = self._connection.getresponse()
        data = response.read(MOST_ANSWER)
        after = response.headers.get("Retry-After", "")
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(response.status, data, float(after) if after.isdecimal() else 0.0)

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
        self._connection = None


def ask(
    to: Invitation, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request to a class on a connection of its own, as `Line.ask` does.

    Raises:
        RogueError: the certificate is another one; no byte of the request was sent.
        UnreachableError: nobody answers.
    """
    with contextlib.closing(Line()) as line:
        return line.ask(to, method, path, body, headers)


def join(outbox: Outbox, text: str, name: str, machine: str) -> Joined:
    """Join a class, or ask again while the teacher has not said yes. Nothing changes here unless the class answers so.

    Args:
        outbox: where this machine keeps what it has to tell.
        text: the join string.
        name: the learner's name.
        machine: random text that stands for this machine.

    Raises:
        MisuseError: it is not a join string.
        LabError: the class refuses, is another one, or does not answer.
    """
    to = invitation(text)
    mine = outbox.machine_for(to, name) or machine
    outbox.require_readable()
    # Asked first: a join string with a slip in it must not cost the class that this machine is in.
    joined = _let_in(to, name, mine)
    outbox.joined(outbox.wants(to.text, name, mine), joined)
    return joined


def _let_in(to: Invitation, name: str, machine: str) -> Joined:
    asked = Joining(code=to.code, name=name, machine=machine)
    answer = ask(to, "POST", "/join", msgspec.json.encode(asked))
    if answer.status not in {200, 202}:
        raise LabError(f"The class did not let you in. {answer.why}", remedy="Ask the teacher.")
    return _decoded(answer, Joined)


def _decoded(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.MsgspecError as error:
        raise UnreachableError("The class's answer cannot be read.", remedy="Try again.") from error


def post(outbox: Outbox, line: Line | None = None) -> float:
    """Send one batch, if anything waits, and return after how many seconds to try again.

    Args:
        outbox: the queue.
        line: a connection that stays open; without it, this request has its own.

    Raises:
        LabError: the class refuses this machine, is another one, or does not answer; nothing is lost.
    """
    member = outbox.membership()
    if member is None:
        return EVERY_SECONDS
    if not member.admitted:
        outbox.joined(member, _let_in(invitation(member.invitation), member.name, member.machine))
        return EVERY_SECONDS
    seq, items = outbox.next()
    if not items:
        return EVERY_SECONDS
    answer = _send(outbox, member, seq, items, line.ask if line else ask)
    if answer.status == 200:
        return 1.0 if len(items) > 1 and outbox.next()[1] else EVERY_SECONDS
    if answer.status == 429:
        return max(1.0, answer.after)
    if answer.status == 422:
        # One item of the batch is not known there. Sent one by one, only that one is set aside.
        return _one_by_one(outbox, member)
    raise LabError(
        f"The class refused what this machine sent. {answer.why}",
        remedy="Join again, or ask the teacher.",
    )


def _one_by_one(outbox: Outbox, member: Membership) -> float:
    seq, items = outbox.next()
    answer = _send(outbox, member, seq, items[:1], ask)
    if answer.status == 422:
        outbox.set_aside(answer.why)
    return 1.0


def _send(
    outbox: Outbox, member: Membership, seq: int, items: Sequence[Item], by: Callable[..., Answer]
) -> Answer:
    """Send items, sealed, drop from the queue what the class then has, and return its answer.

    Args:
        outbox: the queue.
        member: the class.
        seq: the number of the first item.
        items: what to send.
        by: what asks: a connection that stays open, or one for this request.
    """
    body = msgspec.json.encode(Batch(learner=member.learner, seq_from=seq, items=tuple(items)))
    headers = {SEAL: seal(member.secret, member.nonce, body), HEARD: str(member.message)}
    answer = by(invitation(member.invitation), "POST", "/events", body, headers)
    if answer.status == 200:
        done = _decoded(answer, Acknowledged)
        outbox.acknowledged(done.seq_acked, done.messages)
    return answer


def keep_posting(
    outbox: Outbox,
    collect: Callable[[], object],
    wait: Callable[[float], bool],
) -> None:
    """Collect and post until `wait` says that it is over.

    Args:
        outbox: the queue.
        collect: queues what is new.
        wait: waits the given number of seconds; returns whether to end.
    """
    pause = 0.0
    line = Line()
    while not wait(pause + random.uniform(0, JITTER_SECONDS)):  # noqa: S311 - not a secret
        try:
            collect()
            pause = post(outbox, line)
        except (LabError, sqlite3.Error) as error:
            why = error.what if isinstance(error, LabError) else f"Progress cannot be read or kept: {error}."
            # A full disk does not take this either. It may have room again later.
            with contextlib.suppress(sqlite3.Error):
                outbox.trouble(why)
            # A class that is away is asked less often: 5, 10, 20, 40, 60 seconds.
            pause = min(MOST_PAUSE, max(EVERY_SECONDS, pause * 2))
    line.close()
