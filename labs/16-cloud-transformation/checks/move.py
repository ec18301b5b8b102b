"""The move as those saw it who wrote all the time: what the users were told, and what of it is in the new place."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run, fail, require, wait_until

from .place import HOST, PORT, URL

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .place import Place

NEW = f"{HOST}:{PORT}"
ARCHIVE = [f"A-{number:04}" for number in range(1, 201)]
"""What was registered before today; images/legacy has the same list."""
PHOTO_BYTES = 20_000
PERIOD = 10
RECORD = "docker exec drydock-16-users-1 cat /var/lib/users/record.jsonl"
WRITE_SECONDS = 15.0
BACK_SECONDS = 60.0
"""How long the office may take after the rented engine was restarted, on a busy machine."""
STATEMENT_SECONDS = 3.0 * PERIOD
"""The period has to end, the job may sleep for another, and the machine may be busy."""


class Move:
    """The move.

    Args:
        lab: the lab.
        place: the new place.
    """

    def __init__(self, lab: Lab, place: Place) -> None:
        self.lab = lab
        self.place = place
        self.restarted = 0.0

    # -- the record --------------------------------------------------------------------------------------------------

    def read(self) -> list[dict[str, Any]]:
        """Read the record of the users and the bookkeeper, oldest first."""
        said = self.lab.node("users").exec("cat /var/lib/users/record.jsonl").stdout
        # The last line may be half written.
        return [json.loads(line) for line in said.splitlines() if line.endswith("}")]

    def acknowledged(self, kind: str) -> list[dict[str, Any]]:
        """Return the writes of a kind that were acknowledged, `parcel` or `photo`."""
        return _acknowledged(self.read(), kind)

    @cached_property
    def moved_at(self) -> float:
        """When the new place first acknowledged a write; 0 if it never did, and then `users-switched` fails."""
        times: list[float] = []

        def came() -> bool:
            record = self.read()
            written = [*_acknowledged(record, "parcel"), *_acknowledged(record, "photo")]
            times.extend(each["end"] for each in written if each["to"] == NEW)
            return bool(times)

        wait_until(came, WRITE_SECONDS if self._address() == NEW else 0, every=0.5)
        return min(times, default=0.0)

    def require_switched(self) -> None:
        """Require that the new place has acknowledged a write."""
        if not self.moved_at:
            summary = self.lab.node("prober").exec("curl -s -m 5 http://users:9000/").stdout.strip()
            fail(
                f"No write of the users was acknowledged at {NEW}: they write to {self._address() or 'no address'}.",
                expected=f"writes acknowledged at {NEW}",
                seen=summary.replace("\n", "; "),
                source="curl http://users:9000/",
                hint="Before each try, users look up the address of the office in the file `address` of your work folder.",
            )

    def _address(self) -> str:
        try:
            return (self.lab.work / "address").read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    # -- nothing lost ------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, str]]:
        """Return the parcels that the new place knows."""
        try:
            return list(json.loads(self.place.ask("/parcels").text))
        except ValueError:
            could_not_run(f"{URL}/parcels does not answer with a list.")

    def require_nothing_lost(self) -> None:
        """Require that every parcel that was acknowledged is there, and none twice."""
        # The record first: what is acknowledged while the list is on its way is not missed.
        record = self.read()
        written = _acknowledged(record, "parcel")
        count = Counter(row["ref"] for row in self.rows())
        facts = {"source": f"curl {URL}/parcels, compared with {RECORD}"}
        old = [ref for ref in ARCHIVE if ref not in count]
        require(
            not old,
            f"{len(old)} of {len(ARCHIVE)} parcels from before today are not in the new place.",
            expected="every parcel that the old machine knew",
            seen=f"missing: {', '.join(old[:4])} …",
            hint="Which files of the old machine hold the parcels? `ssh old ls -l /srv/office/data` lists them.",
            **facts,
        )
        lost = [each for each in written if each["ref"] not in count]
        if lost:
            here = [each for each in lost if each["to"] == NEW]
            since = self.moved_at - lost[0]["end"]
            why = (
                f"The new place itself acknowledged {len(here)} of them, and has lost them since."
                if here
                else f"The old machine acknowledged them, the first {since:.0f} s before the users were switched over: they are not in what "
                "you copied."
            )
            fail(
                f"{len(lost)} parcels that users were told are registered are not in the new place. {why}",
                expected="every parcel that was acknowledged",
                seen=f"missing: {', '.join(each['ref'] for each in lost[:6])}",
                hint="What does the old machine do with a write that comes after its file was read? And which files does a database "
                "in use consist of?",
                **facts,
            )
        unsure = {each["ref"] for each in record if each.get("unsure")}
        doubled = [ref for ref, times in count.items() if times > 1 and ref not in unsure]
        require(
            not doubled,
            f"{len(doubled)} parcels are in the new place more than once.",
            expected="every parcel once",
            seen=f"{doubled[0] if doubled else ''}: {max(count.values())} times",
            hint="What did your second copy find in the new place already?",
            **facts,
        )
        given_up = [each for each in record if each.get("acknowledged") is False]
        require(
            not given_up,
            f"{len(given_up)} writes were given up: for a minute, nobody took them.",
            expected="every write acknowledged within a minute",
            seen=f"{given_up[0]['ref']}, last: {given_up[0]['last']}" if given_up else "",
            source=RECORD,
            hint="Which of your steps need the office to stand still, and which can be done before or after?",
        )
        waits = [each["end"] - each["begin"] for each in written]
        self.lab.record("longest wait of a user", round(max(waits), 1), "s")

    def require_photos(self) -> None:
        """Require that every photo is there, and the same byte for byte."""
        refs = [*ARCHIVE[9::10], *(each["ref"] for each in self.acknowledged("photo"))]
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

    def require_sealed(self) -> None:
        """Require that what was registered since the move has the box's own seal."""
        key = self.lab.node("seal").exec("cat /var/lib/seal/key").stdout.strip().encode()
        since = {each["ref"] for each in self.acknowledged("parcel") if each["end"] >= self.moved_at}
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

    # -- it stays ----------------------------------------------------------------------------------------------------

    def require_outlives_container(self) -> None:
        """Require that the data is where another container finds it."""
        office, twin = self.place.office, self.place.twin
        facts = {
            "source": f"docker --context rented inspect -f '{{{{json .Mounts}}}}' {office.name}",
            "hint": "What of a container is removed with it? `docker --context rented diff` lists what its own layer has.",
        }
        nameless = [
            each["Destination"]
            for each in office.attrs["Mounts"]
            if each["Type"] == "volume" and len(each.get("Name", "")) == 64
        ]
        newest = [each["ref"] for each in self.acknowledged("parcel") if each["end"] < twin.at]
        missing = [ref for ref in [*ARCHIVE, *newest] if ref not in twin.refs]
        require(
            not missing or twin.office is None,
            f"The data lies in the own layer of the container `{office.name}`. A second container with the same volumes knows "
            f"{len(twin.refs)} parcels; the next version of the office will know no more.",
            expected="every parcel, in another container with the same volumes",
            seen=f"missing: {', '.join(missing[:4])}",
            **facts,
        )
        require(
            not nameless,
            "The data lies in a volume without a name: it belongs to this container alone, and the next one gets another.",
            expected="a volume with a name",
            seen=f"a volume without a name at {', '.join(nameless)}",
            **facts,
        )

    def require_survives_restart(self) -> None:
        """Restart the rented engine, and require that the office comes back with everything, unless that was seen before."""
        ids = sorted(each.id for each in self.place.engine.containers())
        if self.lab.recall("survives-restart", self.lab.node(HOST).id, *ids) is not None:
            return
        before = time.time()
        self.place.engine.run("service docker restart", BACK_SECONDS)
        back = wait_until(lambda: self.place.prober.get(f"{URL}/", timeout=3).ok, BACK_SECONDS / 2, every=0.5)
        self.restarted = time.time()
        require(
            back,
            "The engine of the rented machine was restarted, as on every update, and the office did not come back.",
            expected="an answer at most half a minute later",
            seen=self.place.prober.get(f"{URL}/", timeout=3).summary,
            source="docker --context rented ps --all",
            hint="Which option of `docker run` starts a container again with its engine? Lab 07 has it.",
        )
        known = {row["ref"] for row in self.rows()}
        lost = [
            each["ref"]
            for each in self.acknowledged("parcel")
            if each["end"] < before and each["ref"] not in known
        ]
        require(
            not lost and ARCHIVE[0] in known,
            f"The engine of the rented machine was restarted, and {len(lost)} acknowledged parcels are gone.",
            expected="every parcel, also after a restart",
            seen=f"missing: {', '.join(lost[:4]) or ARCHIVE[0]}",
            source=f"curl {URL}/parcels",
            hint="What kind of mount has the data? `docker --context rented inspect` lists them.",
        )
        self.lab.remember("survives-restart", self.lab.node(HOST).id, *ids)

    # -- the job -----------------------------------------------------------------------------------------------------

    def statements(self) -> list[dict[str, Any]]:
        """Return the statements that the bookkeeper got."""
        return [each for each in self.read() if each["kind"] == "statement"]

    def require_statements_once(self) -> None:
        """Require one statement for each ten seconds, also for those of the move and those after the restart."""
        due = int(max(self.moved_at, self.restarted) // PERIOD)
        facts = {"expected": "one statement for each ten seconds", "source": RECORD + " | grep statement"}
        # Those before the move are the learner's practice, or the old machine's own business.
        first = int(self.moved_at // PERIOD) - 6
        found: list[dict[str, Any]] = []

        def is_decided() -> bool:
            found[:] = self.statements()
            return bool(_twice(found, first)) or _last(found) >= due

        wait_until(is_decided, STATEMENT_SECONDS, every=0.5)
        if twice := _twice(found, first):
            both = [each for each in found if each["period"] == twice]
            places = (
                "from two places" if len({each["from"] for each in both}) > 1 else "twice from the same place"
            )
            fail(
                f"The bookkeeper got two statements for the same ten seconds, {places}: the job ran in two places, or began with "
                "data that did not know what was sent.",
                seen=f"{_clock(twice)}: {len(both)} statements",
                evidence="; ".join(f"{each['total']} parcels, from {each['from']}" for each in both),
                hint="Until when did cron run the job on the old machine, and what did it write down after you had copied?",
                **facts,
            )
        last = _last(found)
        require(
            last >= due,
            f"The bookkeeper got no statement{f' since {_clock(last)}' if last else ''}: nobody runs the job"
            + (", since the rented engine was restarted." if self.restarted and last >= due - 4 else "."),
            seen=f"last statement: {_clock(last) if last else 'none'}",
            evidence="; ".join(f"{each.name}: {each.status}" for each in self.place.engine.containers()),
            hint="On the old machine cron ran tally.py. A container runs one program: which one runs the job, and what does its log say?",
            **facts,
        )
        periods = {each["period"] for each in found}
        gaps = [each for each in range(max(first, min(periods)), last) if each not in periods]
        require(
            not gaps,
            f"For {len(gaps)} times ten seconds, the bookkeeper got no statement.",
            seen=f"none for {', '.join(map(_clock, gaps[:3]))}",
            hint="The job sends what is due since its last statement, which it finds in the database. Which database did it have?",
            **facts,
        )
        newest = max(found, key=lambda each: each["period"])
        begin = newest["period"] * PERIOD - 5
        least = len(ARCHIVE) + sum(each["end"] < begin for each in self.acknowledged("parcel"))
        require(
            newest["total"] >= least,
            f"The newest statement counts {newest['total']} parcels, and {least} were registered by then: the job counts in another "
            "database than the office writes to.",
            seen=f"{_clock(newest['period'])}: {newest['total']} parcels",
            hint="Which volume does the container of the job have?",
            **facts,
        )


def _acknowledged(record: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the writes of a kind that were acknowledged, out of a record."""
    return [each for each in record if each["kind"] == kind and each["acknowledged"]]


def _last(statements: list[dict[str, Any]]) -> int:
    """Return the last period that has a statement; 0 if none has."""
    return max((each["period"] for each in statements), default=0)


def _twice(statements: list[dict[str, Any]], first: int) -> int:
    """Return the first period from a certain one on that has two statements; 0 if none has."""
    count = Counter(each["period"] for each in statements if each["period"] >= first)
    return min((period for period, times in count.items() if times > 1), default=0)


def _clock(period: int) -> str:
    """Return when a period began, as on a clock."""
    return time.strftime("%H:%M:%S", time.gmtime(period * PERIOD))
