"""The seal box, which stays: where it hangs, who asks it, and whether the seals of the new place are its own."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from checker.grading.author import require

from . import record
from .place import HOST, URL

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

    from .move import Move

SEALED = "/var/lib/seal/sealed"
SHOWN = f"docker exec drydock-16-seal-1 cat {SEALED}"
"""The command that shows the learner what the box has sealed."""


class Box:
    """The box.

    Args:
        lab: the lab.
        move: the move, whose parcels it sealed.
    """

    def __init__(self, lab: Lab, move: Move) -> None:
        self.lab = lab
        self.move = move
        self.office = f"{lab.course_lab.project}_office"
        """The office's own network."""

    def require_sealed(self) -> None:
        """Require that what was registered since the move has the box's own seal, and that the box hangs where it hung."""
        box = self.lab.node("seal")
        networks = sorted(box.networks)
        require(
            networks == [self.office],
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
        since = {
            each["ref"] for each in self.move.record().acknowledged("parcel") if each["end"] >= self.move.at
        }
        rows = self.move.rows()
        for row in rows:
            right = hmac.new(key, row["ref"].encode(), hashlib.sha256).hexdigest()[:16]
            require(
                row["ref"] not in since or row.get("seal") == right,
                f"The parcel {row['ref']} was registered in the new place, and has no seal of the box.",
                expected="a seal that the box has given",
                seen=f"seal: {row.get('seal') or 'none'}",
                source=f"curl {URL}/parcels",
                hint="The key of the seal box is in the box alone. How does a container on the rented machine get to the office's network?",
            )
        # After the list of parcels, so that the box's own list has each of them.
        every = record.read_lines(box, SEALED)
        sealed = {each["ref"]: each["from"] for each in every if each["ref"] in since}
        # A box of an earlier version of this lab keeps no list, and one that took its place began its list later.
        if every:
            begun = min(sealed, default="")
            kept = [row["ref"] for row in rows if row["ref"] in since and row["ref"] >= begun]
            self._require_own_seals(kept, sealed)
            self._require_own_way(list(sealed.values())[-1:])

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
        rented = self.lab.node(HOST)
        require(
            self.office not in rented.networks,
            "The rented machine was connected to the office's own network. It stands in another place, where no cable of the office ends. "
            "Now everything that runs on it reaches all that the office has.",
            expected="a container in the office, in both networks",
            seen=f"{rented.name} is on {', '.join(sorted(rented.networks))}",
            source=f"docker inspect {rented.name}",
            hint="`docker network disconnect` undoes it. In the lesson, which container was in both networks?",
        )

    def _require_own_seals(self, refs: list[str], sealed: dict[str, str]) -> None:
        """Require that the box itself made each seal of these parcels."""
        others = [ref for ref in refs if ref not in sealed]
        require(
            not others,
            f"The parcel {others[0] if others else ''} has a right seal, and the box was not asked for it: something else has its key. The "
            "key belongs to this box alone, by its licence.",
            expected="a seal that the box has given",
            seen=f"{len(others)} of {len(refs)} seals that the box knows nothing of",
            source=SHOWN,
            hint="Where did you copy the key to? Lesson, “What cannot be moved”: what did the container `way` do with the requests?",
        )

    def _require_own_way(self, newest: list[str]) -> None:
        """Require that who asked the box for the newest seal is no container of the scene, and no program of the machine itself."""
        network = self.lab.engine.get(f"/networks/{self.office}")
        scene = f"{self.lab.course_lab.project}-"
        there = {
            address: f"the address of `{name}`, which is there for something else"
            for each in (network.get("Containers") or {}).values()
            for name, address in [(str(each["Name"]), str(each["IPv4Address"]).partition("/")[0])]
            # What Compose makes in the toolbox is named after the scene as well.
            if name.startswith(scene) and not name.startswith(f"{scene}work-")
        }
        for each in (network.get("IPAM") or {}).get("Config") or ():
            there[str(each.get("Gateway"))] = (
                "your own machine: by a program, or by a container with the machine's network"
            )
        who = next((there[each] for each in newest if each in there), "")
        require(
            not who,
            f"The way to the seal box is no container of its own in the office: the box is asked from {who}.",
            expected="a container of its own, on the office's network",
            seen=f"the newest seal was asked for from {', '.join(newest)}",
            source=f"{SHOWN} | tail -n 1",
            hint="Lesson, “What cannot be moved”: with which options was `way` started, and on which networks is it?",
        )
