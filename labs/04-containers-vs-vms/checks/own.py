"""The checker's own measurements: a container and a VM, started, timed and weighed as the lesson does it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from checker.course import places
from checker.engine.capacity import working_set
from checker.grading.author import could_not_run, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.grading.author import Container, Lab

CONTAINER = "drydock/parcel:1.0"
VM = "drydock/vm:1.0"
TITLES = {CONTAINER: "container", VM: "VM"}

MIB = 1 << 20
MB = 1_000_000

ANSWER_SECONDS = 60.0
"""How long a first answer may take; 4 s measured for an emulated VM on a quiet machine, 17 s on a crowded one."""

KEPT_SECONDS = 3600.0
"""How long a measurement stands for this machine; what else it does changes by the hour."""

SAMPLES_MOST = 3
"""How often the checker measures the same before it stops doubting itself."""


@dataclass(frozen=True)
class Sample:
    """One box, measured once: seconds, MiB and MB."""

    returned_s: float
    """When the engine said that it runs."""
    first_answer_s: float
    memory_mib: float
    """The memory in use, without the part of the files' cache that can be dropped."""
    with_cache_mib: float
    disk_mb: float
    """What it adds."""
    virtual_mb: float
    """What it adds, and its image."""
    limit_mib: float
    """The most memory that it may take: without a limit, the machine's."""
    written_mib: float
    """The memory that its programs wrote; 0 if the engine does not tell."""


class Memory(NamedTuple):
    """What a box takes of this machine's memory, in MiB."""

    shown: float
    """What `docker stats` shows: without the part of the files' cache that can be dropped."""
    with_cache: float
    """With all of the files' cache."""
    written: float
    """What its programs wrote, in memory or in files that are memory: it never depends on who read a file first."""


def memory_of(container: Container) -> Memory:
    """Return what a box takes now."""
    memory = container.stats().get("memory_stats") or {}
    details = memory.get("stats") or {}
    # The kernel's lists of anonymous pages have files that are memory as well, such as those in /dev/shm.
    written = sum(
        float(details.get(f"total_{name}", details.get(name, 0))) for name in ("active_anon", "inactive_anon")
    )
    return Memory(working_set(memory) / MIB, float(memory.get("usage") or 0) / MIB, written / MIB)


def disk_of(container: Container) -> tuple[float, float]:
    """Return what a container adds on disk, and the same with its image; in MB."""
    record = container.engine.get(f"/containers/{container.id}/json", size=True)
    return float(record.get("SizeRw") or 0) / MB, float(record.get("SizeRootFs") or 0) / MB


class Own:
    """What the checker measured on this machine, kept for an hour.

    Args:
        lab: the lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._samples: dict[str, list[Sample]] = {}

    def samples(self, image: str) -> list[Sample]:
        """Return what was measured of an image, at least one sample."""
        if image not in self._samples:
            self._samples[image] = self._kept(image)
        return self._samples[image] or self.again(image)

    def again(self, image: str) -> list[Sample]:
        """Measure once more, unless that was done often enough."""
        samples = self._samples.setdefault(image, self._kept(image))
        if len(samples) < SAMPLES_MOST:
            samples.append(self._measure(image))
            self._keep(image, samples)
        return samples

    # -- measuring -----------------------------------------------------------------------------------------

    @cached_property
    def network(self) -> str:
        """The lab's network."""
        return f"{self.lab.course_lab.project}_lab"

    def _measure(self, image: str) -> Sample:
        toolbox = self.lab.node("toolbox")
        environment, devices = self.conditions if image == VM else ({}, {})
        toolbox.exec("true")
        began = time.monotonic()
        box = self.lab.run(image, network=self.network, env=environment, watched=False, **devices)
        returned = time.monotonic() - began
        try:
            url = f"http://{box.reload().networks.get(self.network)}:8080/"
            asked = toolbox.exec(
                f"until curl -s -m 2 -o /dev/null {url}; do sleep 0.05; done", ANSWER_SECONDS
            )
            answered = time.monotonic() - began
            if asked.rc:
                could_not_run(
                    f"The checker's own {TITLES[image]} did not answer; see `docker logs` of a box like it."
                )
            memory = self._settled(box)
            disk, virtual = disk_of(box)
            limit = float((box.stats().get("memory_stats") or {}).get("limit") or 0) / MIB
        finally:
            box.remove()
        return Sample(
            returned, answered, memory.shown, memory.with_cache, disk, virtual, limit, memory.written
        )

    def _settled(self, box: Container) -> Memory:
        """Return a box's memory once it has stopped growing, or after a few seconds."""
        read = [memory_of(box)]

        def still() -> bool:
            read.append(memory_of(box))
            return abs(read[-1].shown - read[-2].shown) < 0.02 * read[-1].shown

        wait_until(still, 3.0, every=0.5)
        return read[-1]

    @cached_property
    def conditions(self) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        """How the learner's VM was switched on, or how the lesson would do it: by KVM or emulated."""
        image = self.lab.image(VM) or {}
        # What was measured is `vm-1`, or the first of them; one that has ended says nothing.
        theirs = [box for box in self.lab.containers() if box.image_id == image.get("Id") and box.running]
        theirs.sort(key=lambda box: box.name != "vm-1")
        if theirs:
            accel = theirs[0].env.get("VM_ACCEL", "")
            config = theirs[0].host_config
            devices = {
                key: config[key] for key in ("Devices", "DeviceCgroupRules", "Privileged") if config.get(key)
            }
            return ({"VM_ACCEL": accel} if accel else {}), devices
        words = self.lab.node("toolbox").exec("cat /vm/options").stdout.split()
        kvm = "VM_ACCEL=kvm" in words
        device = {"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rwm"}
        return {"VM_ACCEL": "kvm" if kvm else "tcg"}, {"Devices": [device]} if kvm else {}

    # -- keeping -------------------------------------------------------------------------------------------

    def _file(self, image: str) -> Path:
        """Name the file for this image, under these conditions, on this boot of the machine, by this code."""
        digest = hashlib.sha256(Path(__file__).read_bytes())
        boot = self.lab.node("toolbox").exec("cat /proc/sys/kernel/random/boot_id").stdout
        conditions = self.conditions if image == VM else ({}, {})
        digest.update(json.dumps([boot, (self.lab.image(image) or {}).get("Id"), conditions]).encode())
        return places.find().state / "cache" / "04" / digest.hexdigest()[:32]

    def _kept(self, image: str) -> list[Sample]:
        file = self._file(image)
        try:
            if time.time() - file.stat().st_mtime > KEPT_SECONDS:
                return []
            return [Sample(**each) for each in json.loads(file.read_text("utf-8"))]
        except (OSError, ValueError, TypeError):
            return []

    def _keep(self, image: str, samples: list[Sample]) -> None:
        file = self._file(image)
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps([asdict(each) for each in samples]), "utf-8")
