"""The move as the users saw it, who wrote all the time: what they were told, and what of it is in the new place."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run, fail, require, wait_until

from . import record
from .place import HOST, URL
from .record import NEW, Record, clock

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

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
FRESH_SECONDS = 5.0
WAIT_SECONDS = 95.0
"""Nobody waits longer than this: after a minute a user gives up, when a last try of at most 30 s has ended."""
AGAIN = "This cannot be undone: `lab reset 16` starts over, and moves your files to work/set-aside/."


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
            found = (self.lab.work / "address").read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError):
            found = []
        return found[0] if found else ""

    # -- nothing lost ------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, str]]:
        """Return the parcels that the new place knows."""
        # After a night, the list is longer than what a prober's answer may be.
        said = self.lab.node("prober").exec(f"curl -s -m 9 {URL}/parcels").stdout
        try:
            return list(json.loads(said))
        except ValueError:
            could_not_run(f"{URL}/parcels does not answer with a list.")

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
            f"`ssh old ls -l /srv/office/data`, and `docker --context rented exec {self.place.office.name} ls -l` with the folder there.",
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
            hint="What did your second copy find in the new place already?",
            **facts,
        )
        self._require_patient(found)
        self.lab.record(
            "longest wait of a user", round(max(each["end"] - each["begin"] for each in written), 1), "s"
        )

    def _fail_lost(self, found: Record, lost: list[dict[str, Any]], facts: dict[str, str]) -> None:
        """Fail, and say who acknowledged what is lost, and when."""
        here = [each for each in lost if each["to"] == NEW]
        before = found.moved_at - lost[0]["end"]
        why = (
            f"The new place itself acknowledged {len(here)} of them, and has lost them since."
            if here
            else f"The old machine acknowledged them, the first {before:.0f} s before the users were switched over: they are not in what "
            "you copied."
        )
        fail(
            f"{len(lost)} parcels that users were told are registered are not in the new place. {why}",
            expected="every parcel that was acknowledged",
            seen=f"missing: {', '.join(each['ref'] for each in lost[:6])}",
            hint="Did the new place have other data for a while? Which volume has its container, and which had the one before?"
            if here
            else "What does the old machine do with a write that comes after its file was read? And which files does a database "
            "in use consist of?",
            **facts,
        )

    def _require_patient(self, found: Record) -> None:
        """Require that nobody gave up while the users were switched over, and that they did try all the time."""
        first, *others = found.switch
        span = f"{clock(first['end'])} to {clock(found.moved_at)}"
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
        idle = max((late["begin"] - early["end"] for early, late in pairwise(found.switch)), default=0.0)
        longest = max((each["end"] - each["begin"] for each in others), default=0.0)
        require(
            idle < WRITE_SECONDS and longest < WAIT_SECONDS,
            f"For {max(idle, longest):.0f} s of the move, the users tried nothing: they were stopped or paused, or this machine was "
            "asleep. Nobody knows what they would have seen.",
            expected="users who try all the time",
            seen=f"no try for {max(idle, longest):.0f} s, from {span}",
            source=record.SHOWN,
            hint=f"The users stay as they are, also during the move. {AGAIN}",
        )

    # -- photos and seals --------------------------------------------------------------------------------------------

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

    def _require_one_box(self, box: Container) -> None:
        """Require that no other container has what the seal box keeps its key in."""
        store = f"{self.lab.course_lab.project}_seal"
        others = [
            each.name
            for each in self.lab.containers()
            if any(mount.get("Name") == store for mount in each.mounts)
        ]
        require(
            not others,
            f"`{others[0] if others else ''}` has the volume in which the seal box keeps its key. The key belongs to this box alone, by "
            "its licence: no other container may have it.",
            expected=f"a container that leads to `{box.name}`",
            seen=f"{', '.join(others)}, with the volume {store}",
            source="docker ps --all --filter volume=" + store,
            hint="Remove that container. Lesson, “What cannot be moved”: what did the container `way` do with the requests that it got?",
        )

    def _require_no_cable(self) -> None:
        """Require that the rented machine is not on the office's own network: it stands somewhere else."""
        rented, office = self.lab.node(HOST), f"{self.lab.course_lab.project}_office"
        require(
            office not in rented.networks,
            "The rented machine was connected to the office's own network. It stands in another place, where no cable of the office ends. "
            "Now everything that runs on it reaches all that the office has.",
            expected="a container in the office, in both networks",
            seen=f"{rented.name} is on {', '.join(sorted(rented.networks))}",
            source=f"docker inspect {rented.name}",
            hint="`docker network disconnect` undoes it. In the lesson, which container was in both networks?",
        )

    def require_sealed(self) -> None:
        """Require that what was registered since the move has the box's own seal, and that the box hangs where it hung."""
        box = self.lab.node("seal")
        networks = sorted(box.networks)
        require(
            networks == [f"{self.lab.course_lab.project}_office"],
            "The seal box itself was connected to another network. It hangs on the wall of the office: what leads to it has to be "
            "something beside it, and anyone on the other network reaches the box now.",
            expected="the box on the office's network alone",
            seen=f"it is on {', '.join(networks) or 'none'}",
            source=f"docker inspect {box.name}",
            hint="`docker network disconnect` undoes it. In the lesson, which container was in both networks?",
        )
        self._require_one_box(box)
        self._require_no_cable()
        key = box.exec("cat /var/lib/seal/key").stdout.strip().encode()
        since = {each["ref"] for each in self.record().acknowledged("parcel") if each["end"] >= self.at}
        for row in self.rows():
            right = hmac.new(key, row["ref"].encode(), hashlib.sha256).hexdigest()[:16]
            require(
                row["ref"] not in since or row.get("seal") == right,
                f"The parcel {row['ref']} was registered in the new place, and has no seal of the box.",
                expected="a seal that the box has given",
                seen=f"seal: {row.get('seal') or 'none'}",
                source=f"curl {URL}/parcels",
                hint="The key of the seal box is in the box alone. How does a container on the rented machine get to the office's network?",
            )
