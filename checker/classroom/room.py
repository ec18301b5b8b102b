"""A class that is being held: what may join, what is taken from a learner's machine, and what the teacher does."""

from __future__ import annotations

import datetime as dt
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

import msgspec

from checker.classroom import names, roster
from checker.classroom.picture import Picture
from checker.classroom.protocol import (
    READING,
    Acknowledged,
    Batch,
    Item,
    Joined,
    Joining,
    Me,
    is_sealed,
    same_code,
)
from checker.classroom.roster import Learner, NotThisClassError
from checker.errors import LabError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping

    from checker.classroom.known import Known
    from checker.classroom.protocol import Message
    from checker.classroom.register import Register

GUESSES = 5
"""How many wrong codes an address may try in `GUESS_SECONDS`."""

GUESS_SECONDS = 60.0

MOST_ADDRESSES = 4096

POST_SECONDS = 1.0
"""How often a learner's machine may post."""

MOST_MESSAGE = 500

EXPORTED_TOGETHER = 200
"""How many events of a file are in memory at a time."""


class TooManyError(NotThisClassError):
    """A request that comes too soon; `after` says in how many seconds it may come again."""

    def __init__(self, what: str, after: float) -> None:
        super().__init__(429, what)
        self.after = after


class Guesses:
    """Counts the wrong codes of each address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._found: OrderedDict[str, deque[float]] = OrderedDict()

    def require_few(self, address: str) -> None:
        """Refuse an address that guesses.

        Raises:
            TooManyError: it had too many wrong codes.
        """
        times = self._found.get(address, deque())
        while times and self._clock() - times[0] >= GUESS_SECONDS:
            times.popleft()
        if len(times) >= GUESSES:
            raise TooManyError(
                "Too many wrong codes. Wait a minute.", GUESS_SECONDS - (self._clock() - times[0])
            )

    def wrong(self, address: str) -> None:
        """Note a wrong code."""
        self._found.setdefault(address, deque(maxlen=GUESSES)).append(self._clock())
        self._found.move_to_end(address)
        while len(self._found) > MOST_ADDRESSES:
            self._found.popitem(last=False)


class Room:
    """A class on disk and in memory. Every method runs in the event loop.

    Args:
        kept: the class on disk.
        labs: what is known of the labs.
        clock: the teacher's clock, in seconds.
    """

    def __init__(
        self, kept: Register, labs: Mapping[str, Known], clock: Callable[[], float] = time.time
    ) -> None:
        self.register = kept
        self.about = kept.about
        self.picture = Picture(labs, clock)
        self._clock = clock
        self._guesses = Guesses(clock)
        self._learners: dict[str, Learner] = {}
        self._last_post: dict[str, float] = {}
        self.pending: list[tuple[str, str, str]] = []

    def open(self) -> None:
        """Read what is on disk: a teacher's machine that was restarted continues where it stopped."""

        def read(db: sqlite3.Connection) -> None:
            for each in roster.learners(db):
                self._learners[each.id] = each
                # Nobody was heard of by this server yet.
                self.picture.joins(each.id, each.name)
            self.pending = roster.pending(db)
            # One by one: a day of 500 learners does not fit into memory.
            for who, _, at, item in roster.events(db):
                self.picture.add(
                    who, msgspec.json.decode(item, type=Item), dt.datetime.fromisoformat(at).timestamp()
                )

        self.register.at_once(read)

    # -- what learners' machines ask -----------------------------------------------------------------------

    async def join(self, asked: Joining, address: str) -> Joined:
        """Let a learner in who has the code.

        Args:
            asked: the request.
            address: where it comes from.

        Raises:
            NotThisClassError: the code is wrong or the teacher said no (403), there were too many wrong ones (429), or
                the name is empty (422).
        """
        self._guesses.require_few(address)
        if not same_code(asked.code, self.about.code):
            self._guesses.wrong(address)
            raise NotThisClassError(403, "That is not this class's code.")
        try:
            name = names.learner(asked.name)
        except LabError as error:
            raise NotThisClassError(422, f"{error.what} {error.remedy}") from error

        def job(db: sqlite3.Connection) -> tuple[Learner, bool, str, list[tuple[str, str, str]]]:
            learner, theirs = roster.join(db, name, asked.machine)
            return learner, theirs, roster.seed(db, learner.id), roster.pending(db)

        learner, theirs, seed, self.pending = await self.register.do(job)
        self.picture.version += 1
        if not theirs:
            return Joined(learner=learner.id, name=learner.name, class_name=self.about.name)
        self._learners[learner.id] = learner
        self.picture.joins(learner.id, learner.name)
        return Joined(
            learner=learner.id,
            name=learner.name,
            secret=learner.secret,
            nonce=self.about.nonce,
            class_name=self.about.name,
            seq=learner.seq,
            values=seed,
        )

    async def take(self, batch: Batch, body: bytes, found_seal: str, heard: int = 0) -> Acknowledged:
        """Take a batch from a learner's machine; what the answer acknowledges is on disk.

        Args:
            batch: the batch.
            body: its bytes, as they were sealed.
            found_seal: the seal.
            heard: the number of the last message that the machine has.

        Raises:
            NotThisClassError: the seal is wrong (403), it comes too soon (429), it names what this course does not have
                (422), or the disk is full (503).
        """
        self._require_sealed(batch.learner, body, found_seal)
        since = self._clock() - self._last_post.get(batch.learner, 0.0)
        if 0 <= since < POST_SECONDS:
            raise TooManyError("Once a second is enough.", POST_SECONDS)
        try:
            for item in batch.items:
                self.picture.require_known(item)
        except NotThisClassError as error:
            self.picture.refuses(batch.learner, error.what)
            raise
        self._last_post[batch.learner] = self._clock()

        def job(db: sqlite3.Connection) -> tuple[int, list[tuple[int, str, Item]], tuple[Message, ...]]:
            last, new = roster.add(db, batch.learner, batch.seq_from, batch.items)
            return last, new, roster.messages(db, batch.learner, heard)

        last, new, messages = await self.register.do(job)
        self.picture.hears(batch.learner)
        for _, _, item in new:
            self.picture.add(batch.learner, item)
        return Acknowledged(seq_acked=last, messages=messages)

    async def me(self, who: str, path: bytes, found_seal: str) -> Me:
        """Return what the class knows of the learner who asks.

        Raises:
            NotThisClassError: the seal is not that learner's (403).
        """
        learner = self._require_sealed(who, path, found_seal)

        def job(db: sqlite3.Connection) -> tuple[Learner | None, tuple[int, str]]:
            return roster.learner(db, who), roster.last_message(db, who)

        known, (number, text) = await self.register.do(job)
        self.picture.hears(who)
        seq = known.seq if known else 0
        return Me(
            name=learner.name, seq_acked=seq, labs=self.picture.of(who), message=text, message_id=number
        )

    def require_reader(self, who: str, found_seal: str) -> None:
        """Refuse a machine that has not joined.

        Args:
            who: the learner's id.
            found_seal: the permit that a machine made when it joined.

        Raises:
            NotThisClassError: the permit is not that learner's (403).
        """
        self._require_sealed(who, READING, found_seal)

    def _require_sealed(self, who: str, body: bytes, found_seal: str) -> Learner:
        learner = self._learners.get(who)
        # An unknown learner takes as long to refuse as a wrong seal.
        secret = learner.secret if learner else "0" * 64
        if not is_sealed(found_seal, secret, self.about.nonce, body) or learner is None:
            raise NotThisClassError(403, "This is not from a learner of this class.")
        return learner

    # -- what the teacher does -----------------------------------------------------------------------------

    async def admit(self, machine: str) -> bool:
        """Give a learner's place to a machine that waits."""

        def job(db: sqlite3.Connection) -> tuple[Learner | None, list[tuple[str, str, str]]]:
            return roster.admit(db, machine), roster.pending(db)

        learner, self.pending = await self.register.do(job)
        self.picture.version += 1
        if learner is None:
            return False
        self._learners[learner.id] = learner
        return True

    async def turn_away(self, machine: str) -> None:
        """Refuse a machine that waits for a learner's place."""

        def job(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
            roster.turn_away(db, machine)
            return roster.pending(db)

        self.pending = await self.register.do(job)
        self.picture.version += 1

    async def say(self, to: str, text: str) -> int:
        """Send a message to one learner, or to all; their machines get it with the next answer.

        Raises:
            NotThisClassError: it is empty, or to nobody (422).
        """
        shown = names.plain(text, MOST_MESSAGE)
        if not shown or (to and to not in self._learners):
            raise NotThisClassError(422, "A message needs a text, and a learner of this class or all.")
        return await self.register.do(lambda db: roster.say(db, to, shown))

    def export(self) -> Iterator[bytes]:
        """Yield everything that happened, as pieces of one JSON document for a file."""
        people = {each.id: each.name for each in self._learners.values()}
        before = b"["
        for many in self.register.read(roster.events, EXPORTED_TOGETHER):
            rows = [
                {
                    "learner": people.get(who, ""),
                    "seq": seq,
                    "at": at,
                    "evidence": "claimed",
                    "item": msgspec.Raw(item),
                }
                for who, seq, at, item in many
            ]
            yield before + msgspec.json.encode(rows)[1:-1]
            before = b","
        yield b"]" if before == b"," else b"[]"
