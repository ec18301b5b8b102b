"""The move as the users saw it, who wrote all the time: what they were told, and what of it is in the new place."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run, fail, require, wait_until
from checker.grading.sheet import text_of

from . import record
from .place import URL
from .record import NEW, OLD, Record, clock

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .place import Place

ARCHIVE = [f"A-{number:04}" for number in range(1, 201)]
"""What was registered before today; images/legacy has the same list."""
PHOTO_BYTES = 20_000
PHOTOS = 400
"""About this many photos are asked for, if there are more."""
NEAR_SECONDS = 120.0
"""All photos that were sent this long before or after the switch are asked for."""
WRITE_SECONDS = 15.0
"""How long users who write twice a second may take for one write, on a busy machine."""
TIMED_OUT = 28
"""What `curl` ends with when there was no whole answer in time."""
FRESH_SECONDS = 5.0
WAIT_SECONDS = 95.0
"""Nobody waits longer than this: after a minute a user gives up, when a last try of at most 30 s has ended."""
RESET = "`lab reset 16` starts over, and moves your files to work/set-aside/."
AGAIN = f"This cannot be undone: {RESET}"
OVER = f"Since the switch, users write to the new place, and another copy over it loses what they wrote there. {RESET}"


class Move:
    """The move.

    Args:
        lab: the lab.
        place: the new place.
    """

    def __init__(self, lab: Lab, place: Place) -> None:
        self.lab = lab
        self.place = place

    def record(self) -> Record:
        """Read the record of the users and the bookkeeper."""
        return record.read(self.lab.node("users"))

    @cached_property
    def at(self) -> float:
        """When the new place first acknowledged a write."""
        return self.record().moved_at

    def summary(self) -> str:
        """Return how the users fare, in their own words."""
        said = self.lab.node("prober").exec("curl -s -m 5 http://users:9000/").stdout.strip()
        return said.replace("\n", "; ")

    # -- the users ---------------------------------------------------------------------------------------------------

    def writes_since(self, moment: float) -> bool:
        """Whether the newest acknowledged write is one at the new place, after a moment."""
        newest = self.record().acknowledged()[-1:]
        return any(each["to"] == NEW and each["end"] >= moment for each in newest)

    def require_switched(self) -> None:
        """Require that the users write to the new place now."""
        address, since = self._address(), self.place.now() - FRESH_SECONDS
        facts = {
            "expected": f"writes acknowledged at {NEW}",
            "source": "curl http://users:9000/",
        }
        if address != NEW:
            fail(
                f"The users are not at the new place: they write to {address or 'no address'}.",
                seen=self.summary(),
                hint="Before each try, users look up the address of the office in the file `address` of your work folder: "
                "a name, a colon and a port, and nothing else.",
                **facts,
            )
        if not wait_until(lambda: self.writes_since(since), WRITE_SECONDS, every=0.5):
            fail(
                f"The users try {NEW}, and no write is acknowledged there.",
                seen=self.summary(),
                evidence=self.place.office.logs(1),
                hint="“trying for …” says what came of the last try. The lesson's table “What goes wrong” has the usual causes.",
                **facts,
            )

    def _address(self) -> str:
        try:
            found = text_of(self.lab.work / "address").split()
        except (OSError, UnicodeDecodeError):
            found = []
        return found[0] if found else ""

    # -- nothing lost ------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, str]]:
        """Return the parcels that the new place knows."""
        # After a night, the list is longer than what a prober's answer may be.
        said = self.lab.node("prober").exec(f"curl -s -m 9 -w '\n%{{http_code}}' {URL}/parcels")
        if said.rc == TIMED_OUT:
            could_not_run(
                f"{URL}/parcels did not answer within 9 s. Check again when your machine has less to do."
            )
        text, _, status = said.stdout.rpartition("\n")
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(each, dict) and "ref" in each for each in found):
            fail(
                "The new place does not list its parcels as the old machine did.",
                expected='[{"ref": …, "seal": …}, …]',
                seen=f"HTTP {status}" if int(status) else "no answer",
                evidence=text[:200],
                source=f"curl {URL}/parcels",
                hint="The programs' answers stay as they are. Which program answers there, and what does its log say?",
            )
        return found

    def require_nothing_lost(self) -> None:
        """Require that every parcel that was acknowledged is there, none twice, and that no user gave up."""
        # The record first: what is acknowledged while the list is on its way is not missed.
        found = self.record()
        written = found.acknowledged("parcel")
        count = Counter(row["ref"] for row in self.rows())
        facts = {"source": f"curl {URL}/parcels, compared with {record.SHOWN}"}
        old = [ref for ref in ARCHIVE if ref not in count]
        require(
            not old,
            f"{len(old)} of {len(ARCHIVE)} parcels from before today are not in the new place.",
            expected="every parcel that the old machine knew",
            seen=f"missing: {', '.join(old[:4])} …; the new place knows {len(count)}",
            hint="Which files of the old machine hold the parcels, and where does the program look for them now? "
            f"`ssh old ls -l /srv/office/data`, and `docker --context rented exec {self.place.office.name} ls -l` with the folder there. {OVER}",
            **facts,
        )
        if lost := [each for each in written if each["ref"] not in count]:
            self._fail_lost(found, lost, facts)
        unsure = {each["ref"] for each in found.writes if each.get("unsure")}
        doubled = [ref for ref, times in count.items() if times > 1 and ref not in unsure]
        require(
            not doubled,
            f"{len(doubled)} parcels are in the new place more than once.",
            expected="every parcel once",
            seen=f"{doubled[0] if doubled else ''}: {max(count.values())} times",
            hint=f"What did your second copy find in the new place already? {OVER}",
            **facts,
        )
        self._require_patient(found)
        self.lab.record(
            "longest wait of a user", round(max(each["end"] - each["begin"] for each in written), 1), "s"
        )

    def _fail_lost(self, found: Record, lost: list[dict[str, Any]], facts: dict[str, str]) -> None:
        """Fail, and say who acknowledged what is lost, and when."""
        here = [each for each in lost if each["by"] == NEW or each["end"] >= found.moved_at]
        before, by = found.moved_at - lost[0]["end"], lost[0]["by"]
        why = (
            f"The new place itself acknowledged {len(here)} of them, and has lost them since."
            if here
            else f"{'The old machine' if by == OLD else f'The office at {by}'} acknowledged them, the first {before:.0f} s before the new "
            "place took over: the copy that the new place has is older than they are, or incomplete."
        )
        fail(
            f"{len(lost)} parcels that users were told are registered are not in the new place. {why}",
            expected="every parcel that was acknowledged",
            seen=f"missing: {', '.join(each['ref'] for each in lost[:6])}",
            hint="Did the new place have other data for a while? Which volume has its container, and which had the one before? "
            f"If no volume has those data any more, they are lost: {RESET}"
            if here
            else "What does the old machine do with a write that comes after its file was read? And which files does a database "
            f"in use consist of? {OVER}",
            **facts,
        )

    def _require_patient(self, found: Record) -> None:
        """Require that nobody gave up while the users were switched over, and that they did try all the time."""
        first, *others = found.switch
        span = f"{clock(first['end'])} to {clock(found.moved_at)}"
        # Who was paused reads an answer of the old machine only afterwards.
        still = sum(
            max(0.0, min(end, found.moved_at) - max(begin, first["begin"])) for begin, end in found.stills
        )
        idle = max((late["begin"] - early["end"] for early, late in pairwise(found.switch)), default=0.0)
        longest = max((each["end"] - each["begin"] for each in others), default=0.0)
        idle = max(idle, still, longest if longest > WAIT_SECONDS else 0.0)
        # Before what they gave up: who is paused does not try for a minute.
        require(
            idle < WRITE_SECONDS,
            f"For {idle:.0f} s of the move, the users tried nothing: they were stopped or paused, or this machine was asleep. Nobody "
            "knows what they would have seen.",
            expected="users who try all the time",
            seen=f"no try for {idle:.0f} s, from {clock(first['begin'])} to {clock(found.moved_at)}",
            source=record.SHOWN,
            hint=f"The users stay as they are, also during the move. {AGAIN}",
        )
        given_up = [each for each in found.switch if not each["acknowledged"]]
        require(
            not given_up,
            f"{len(given_up)} writes were given up during the move: for more than a minute, nobody took them.",
            expected="every write acknowledged within a minute",
            seen=f"{given_up[0]['ref']}, last try: {given_up[0]['last']}; closed from {span}"
            if given_up
            else "",
            source=record.SHOWN,
            hint=f"Which of your steps need the office to stand still, and which can be done before or after? {AGAIN}",
        )

    # -- photos ------------------------------------------------------------------------------------------------------

    def require_photos(self) -> None:
        """Require that every photo is there, and the same byte for byte."""
        sent = self.record().acknowledged("photo")
        near = [each for each in sent if abs(each["end"] - self.at) < NEAR_SECONDS]
        far = [each for each in sent if abs(each["end"] - self.at) >= NEAR_SECONDS]
        asked = [*far[:: len(far) // PHOTOS + 1], *near]
        refs = [*ARCHIVE[9::10], *(each["ref"] for each in asked)]
        said = self.lab.node("prober").exec(
            f"rm -rf /tmp/photos && mkdir /tmp/photos && cd /tmp/photos && curl -sf '{URL}/photos/{{{','.join(refs)}}}' -o '#1'; "
            "sha256sum * 2>/dev/null",
            WRITE_SECONDS,
        )
        found = {name: digest for digest, name in (line.split() for line in said.stdout.splitlines())}
        wrong = [
            ref
            for ref in refs
            if found.get(ref)
            != hashlib.sha256(hashlib.shake_256(ref.encode()).digest(PHOTO_BYTES)).hexdigest()
        ]
        require(
            not wrong,
            f"{len(wrong)} of {len(refs)} photos are not in the new place as they were sent.",
            expected=f"{len(refs)} photos, each the same",
            seen=", ".join(f"{ref}: {'another' if ref in found else 'none'}" for ref in wrong[:4]),
            source=f"curl {URL}/photos/{wrong[0] if wrong else ''} | sha256sum",
            hint="Photos are files beside the database. Which were sent while you copied?",
        )
