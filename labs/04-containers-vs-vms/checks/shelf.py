"""The two shelves of 512 MiB: which of the learner's boxes stand on them, whether they answer, and what they take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.grading.author import in_parallel, read_processes, runs, wait_until

from .own import CONTAINER, MIB, VM, memory_of

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

SHELF_MIB = 512.0

ASK_SECONDS = 30.0
"""How long all boxes of a network may take to answer, asked side by side; 1 s measured for 44."""

BREATH_SECONDS = 6.0
"""How long a box is watched that takes more than others; the images' health checks come every five seconds."""

PROGRAM = "/app/parcel.py"
"""Where both images keep Parcel."""

FACTORS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}
"""What qemu's units are in MiB."""

AT_LIMIT = 0.9
"""A box that takes this part of its memory limit may have reached it."""


MACHINE_SWAPS = "awk '/^SwapTotal/ { all = $2 } /^SwapFree/ && $2 < all { print all - $2 }' /proc/meminfo"
"""Prints how much swap this machine uses, in KiB; nothing if it uses none."""

SWAP_OF_BOX = """docker exec $box sh -c '
    cat /sys/fs/cgroup/memory.swap.current 2> /dev/null || sed -n "s/^total_swap //p" /sys/fs/cgroup/memory/memory.stat
' 2> /dev/null || echo none"""
"""Prints how many bytes of a box are in swap, by the second version of control groups, or by the first."""


class Shelves:
    """The learner's boxes of both kinds.

    Args:
        lab: the lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        kinds = {str((lab.image(image) or {}).get("Id")): image for image in (CONTAINER, VM)}
        self.boxes: dict[str, list[Container]] = {CONTAINER: [], VM: []}
        for box in lab.containers():
            if box.image_id in kinds:
                self.boxes[kinds[box.image_id]].append(box)
        self._memory: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def running(self, image: str) -> list[Container]:
        """Return the boxes of a kind that run."""
        return [box for box in self.boxes[image] if box.running]

    def guest_mib(self, box: Container) -> int | None:
        """Return how much memory the virtual machine in a box has, in MiB; None when none runs in it."""
        for _, command in box.processes():
            # qemu takes the last of several.
            if found := re.search(r"qemu-system\S* .* -m (?:size=)?(\d+)([KMGT]?)", command):
                return int(int(found[1]) * FACTORS[found[2] or "M"])
        return None

    def imposter(self, image: str) -> tuple[Container, str] | None:
        """Return a running box in which something else answers than what its image starts, and what that is."""
        for box in self.running(image):
            if image == VM:
                if self.guest_mib(box) is None:
                    return box, next((command for _, command in box.processes()), "no process")[:160]
            elif other := self._other_program(box):
                return box, other
        return None

    def _other_program(self, box: Container) -> str:
        """Return what runs in Parcel's place in a container; empty when Parcel runs."""
        own = (self.lab.image(CONTAINER) or {}).get("Config") or {}
        config = box.attrs["Config"]
        told = [(each.get("Entrypoint") or [], each.get("Cmd") or []) for each in (own, config)]
        if told[0] == told[1] and not box.mounts:
            return ""
        if changed := self.lab.changed_files(box):
            return changed[0]
        seen = read_processes(box)
        if seen is None or any(runs(process, PROGRAM) for process in seen.by_number.values()):
            return ""
        return seen.by_number[1].told if 1 in seen.by_number else "no process"

    def at_limit(self, image: str) -> list[tuple[Container, float, float]]:
        """Return the running boxes that are at their memory limit, and with each its limit and what it takes, in MiB.

        To be called after `memory`.
        """
        boxes = [
            (box, float(box.host_config.get("Memory") or 0) / MIB, self._memory[box.id])
            for box in self.running(image)
        ]
        return [(box, limit, used) for box, limit, used in boxes if limit and used > AT_LIMIT * limit]

    def silent(self, image: str) -> list[Container]:
        """Return those of them that do not answer on port 8080."""
        boxes = self.running(image)
        toolbox = self.lab.node("toolbox")
        asked: dict[str, list[Container]] = {}
        for box in boxes:
            # Where the toolbox is, it asks itself; elsewhere somebody has to be sent.
            shared = str(box.host_config.get("NetworkMode") or "")
            if shared == "host" or shared.startswith("container:"):
                if image == VM or _listens(box):
                    asked.setdefault(shared, []).append(box)
                continue
            network = next((name for name in box.networks if name in toolbox.networks), "") or next(
                (name for name, address in box.networks.items() if address), ""
            )
            asked.setdefault(network, []).append(box)
        answering: set[str] = set()
        for network, group in asked.items():
            if not network:
                continue
            sender = toolbox if network in toolbox.networks else self._sent_to(network)
            # One that uses somebody else's network has no address there.
            places = {box.id: box.networks.get(network) or "127.0.0.1" for box in group}
            addresses = "\n".join(places.values())
            said = sender.exec(
                f"printf '%s\\n' '{addresses}' | xargs -P 8 -I @ curl -s -m 8 -o /dev/null "
                "-w '%{http_code} @\\n' http://@:8080/ || true",
                ASK_SECONDS,
            ).stdout
            good = {line.split()[1] for line in said.splitlines() if line.startswith("200 ")}
            answering |= {box.id for box in group if places[box.id] in good}
        return [box for box in boxes if box.id not in answering]

    def _sent_to(self, network: str) -> Container:
        return self.lab.run("drydock/toolbox:1.0", command=["sleep", "120"], network=network)

    def memory(self, image: str) -> float:
        """Return what the running boxes of a kind take together, in MiB, as `docker stats` shows it."""
        self._weigh([box for box in self.running(image) if box.id not in self._memory])
        return sum(self._memory[box.id] for box in self.running(image))

    def larger_than(self, image: str, mib: float) -> list[tuple[Container, float]]:
        """Return the running boxes whose programs wrote more memory than this, with how much, in MiB.

        To be called after `memory`. A health check in a box takes memory for a moment, so a box counts with the least
        that it is seen to take.
        """

        def found() -> list[Container]:
            return [box for box in self.running(image) if self._written.get(box.id, 0.0) > mib]

        def gone() -> bool:
            self._weigh(found())
            return not found()

        if found():
            wait_until(gone, BREATH_SECONDS, every=0.5)
        return [(box, self._written[box.id]) for box in found()]

    def smaller_than(self, image: str, mib: float) -> list[tuple[Container, float]]:
        """Return the running boxes whose programs wrote less memory than this, with how much; to be called after `memory`."""
        return [
            (box, self._written[box.id])
            for box in self.running(image)
            if 0 < self._written.get(box.id, 0.0) < mib
        ]

    def memory_of(self, box: Container) -> float:
        """Return what one of the boxes takes, in MiB; to be called after `memory`."""
        return self._memory[box.id]

    def swapped(self, boxes: list[Container]) -> dict[str, float]:
        """Return how much of each box's memory is on the machine's disk, in MiB, by the box's id; the engine does not tell it."""
        toolbox = self.lab.node("toolbox")
        if not toolbox.exec(MACHINE_SWAPS).stdout.strip():
            return dict.fromkeys((box.id for box in boxes), 0.0)
        # Not by a shell that stays: in a box, it would take memory too.
        said = toolbox.exec(
            f"for box in {' '.join(box.id for box in boxes)}; do {SWAP_OF_BOX}; done", ASK_SECONDS
        )
        return {
            box.id: int(line) / MIB if line.isdecimal() else 0.0
            for box, line in zip(boxes, said.stdout.splitlines(), strict=False)
        }

    def _weigh(self, boxes: list[Container]) -> None:
        """Weigh these boxes; one that was weighed before keeps the smaller numbers."""

        def weigh(box: Container) -> None:
            now = memory_of(box)
            self._memory[box.id] = min(now.shown, self._memory.get(box.id, now.shown))
            self._written[box.id] = min(now.written, self._written.get(box.id, now.written))

        for start in range(0, len(boxes), 8):
            in_parallel(weigh, boxes[start : start + 8])


def _listens(box: Container) -> bool:
    """Whether a program of the box listens on port 8080, as far as can be seen: in a shared network another one may answer there."""
    seen = read_processes(box)
    return seen is None or seen.on(8080) is not None
