"""Whether the new place stays: its data when a container is replaced, and all of it when the engine is restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.grading.author import require, wait_until

from .move import ARCHIVE, WRITE_SECONDS
from .place import HOST, URL

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .move import Move
    from .place import Place

BACK_SECONDS = 60.0
"""How long the engine may take to restart; the office has half of it to come back."""
NAMELESS = 64
"""How long the name is that the engine gives to a volume without a name."""


class Staying:
    """The new place over time.

    Args:
        lab: the lab.
        place: the new place.
        move: the move there.
    """

    def __init__(self, lab: Lab, place: Place, move: Move) -> None:
        self.lab = lab
        self.place = place
        self.move = move
        self.restarted = 0.0
        """When the engine was last restarted by the check, in seconds since 1970."""
        self._known: tuple[str, ...] = ()

    # -- another container -------------------------------------------------------------------------------------------

    def require_outlives_container(self) -> None:
        """Require that the data is in a volume with a name, where another container finds it."""
        office, twin = self.place.office, self.place.twin
        facts = {
            "source": f"docker --context rented inspect -f '{{{{json .Mounts}}}}' {office.name}",
            "hint": "What of a container is removed with it? `docker --context rented diff` lists what its own layer has.",
        }
        newest = [each["ref"] for each in self.move.record().acknowledged("parcel") if each["end"] < twin.at]
        missing = [ref for ref in [*ARCHIVE, *newest] if ref not in twin.refs]
        require(
            not missing or twin.office is None,
            f"The data lies in the own layer of the container `{office.name}`. A second container with the same volumes knows "
            f"{len(twin.refs)} parcels; the next version of the office will know no more.",
            expected="every parcel, in another container with the same volumes",
            seen=f"missing: {', '.join(missing[:4])}",
            **facts,
        )
        mounts = self._mounts()
        nameless = [
            each["Destination"]
            for each in mounts
            if each["Type"] == "volume" and len(each["Name"]) == NAMELESS
        ]
        require(
            not nameless,
            "The data lies in a volume without a name: it belongs to this container alone, and the next one gets another.",
            expected="a volume with a name",
            seen=f"a volume without a name at {', '.join(nameless)}",
            **facts,
        )
        folders = [each["Source"] for each in mounts if each["Type"] == "bind"]
        require(
            not folders or any(each["Type"] == "volume" for each in mounts),
            "The data lies in a folder of the rented machine. The engine does not know of it: `docker volume ls` does not list it, "
            "and the next container has to be told where it is.",
            expected="a volume with a name",
            seen=f"the folder {', '.join(folders)}",
            source=facts["source"],
            hint="What is before the colon of `--volume`: a path, or a name?",
        )

    def _mounts(self) -> list[dict[str, Any]]:
        """Return what the data may lie in: the mount that has the database that is open, or all of them."""
        mounts, database = self.place.office.mounts, self.place.database
        above = [each for each in mounts if database.startswith(each["Destination"].rstrip("/") + "/")]
        return sorted(above, key=lambda each: len(each["Destination"]))[-1:] or mounts

    # -- a restart ---------------------------------------------------------------------------------------------------

    def require_survives_restart(self) -> None:
        """Restart the rented engine, and require that the office comes back with everything, unless that was seen before."""
        self._known = self._what()
        if (then := self.lab.recall(*self._known)) is not None:
            self.restarted = float(then)
            return
        self.lab.disturb("restarts the engine of the rented machine")
        before = self.place.now()
        self.place.engine.run("service docker restart", BACK_SECONDS)
        back = wait_until(lambda: self.place.prober.get(f"{URL}/", timeout=3).ok, BACK_SECONDS / 2, every=0.5)
        self.restarted = self.place.now()
        require(
            back,
            "The engine of the rented machine was restarted, as on every update, and the office did not come back.",
            expected="an answer at most half a minute later",
            seen=self.place.prober.get(f"{URL}/", timeout=3).summary,
            source="docker --context rented ps --all",
            hint="Which option of `docker run` starts a container again with its engine? Lab 07 has it.",
        )
        known = {row["ref"] for row in self.move.rows()}
        lost = [
            each["ref"]
            for each in self.move.record().acknowledged("parcel")
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
        require(
            wait_until(lambda: self.move.writes_since(self.restarted), WRITE_SECONDS, every=0.5),
            "The engine of the rented machine was restarted. The office came back, and acknowledges no write since.",
            expected="writes acknowledged, also after a restart",
            seen=self.move.summary(),
            source="curl http://users:9000/",
            hint="What does the office need to register a parcel, and did all of it come back?",
        )

    def remember(self) -> None:
        """Store that the restart was survived; called when the job, too, was seen to be back."""
        self.lab.remember(*self._known, text=str(self.restarted))

    def _what(self) -> tuple[str, ...]:
        """Return what the outcome of a restart depends on."""
        found = [
            f"{each.id} {each.host_config.get('RestartPolicy')}" for each in self.place.engine.containers()
        ]
        return ("survives-restart", self.lab.node(HOST).id, *sorted(found))
