"""Whether five copies run that can serve, and why not; and whether the image's Parcel answers in each."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.cluster.interface import ENDED_MOST, ENDED_SECONDS
from checker.grading.author import STEADY_SECONDS, wait_until

from .world import HOSTS, WANTED, WHY

if TYPE_CHECKING:
    from checker.cluster.manual import Copy
    from checker.cluster.remote import Remote

    from .world import World

IMAGE, PROGRAM = "drydock/parcel:1.0", "/app/parcel.py"
"""What each copy runs, and where the image keeps it."""


@functools.cache
def require_hosts(world: World) -> None:
    """Require that no host was removed, frozen or unplugged: none of these is a machine that died."""
    found = {host: world.cluster.host(host) for host in HOSTS}
    status = {host: container.status if container else "removed" for host, container in found.items()}
    for host in HOSTS:
        WHY.require(status[host] != "removed", "host-removed", host=host, seen=f"no container for {host}")
    for host in HOSTS:
        WHY.require(status[host] != "paused", "host-paused", host=host, seen=f"{host}: paused")
    for host in world.cluster.unplugged():
        seen = f"drydock-06-{host}-1 without the network drydock-06_lab"
        WHY.fail("host-unplugged", host=host, seen=seen)


# -- five that can serve ---------------------------------------------------------------------------------------


def require_none_besides(world: World) -> None:
    """Require that no more copies run than the task asks for, and none on the host that was lost in place of another."""
    counted = world.counted
    seen = ", ".join(f"{copy.name} on {copy.node}" for copy in counted)
    WHY.require(len(counted) <= WANTED, "one-too-many", number=len(counted), left=world.others, seen=seen)
    stray = [copy for copy in world.copies if copy.node in world.lost_hosts]
    if world.loss and stray and len(counted) < WANTED:
        seen = f"{len(counted)} there, and {len(stray)} on {stray[0].node}, which somebody started again"
        WHY.fail("on-the-lost-host", copy=stray[0], left=world.others, seen=seen)


def require_ready(world: World) -> None:
    """Require that each copy becomes able to serve."""

    def late() -> list[Copy]:
        return [copy for copy in world.counted if not copy.ready]

    def is_settled() -> bool:
        world.look_again()
        return not late()

    if not late() or wait_until(is_settled, outcomes.SETTLE_SECONDS, every=0.2):
        return
    copy = late()[0]
    reason = "late.unhealthy"
    if "(Paused)" in copy.status:
        reason = "late.paused"
    elif copy.status.startswith("Restarting") or _keeps_ending(*world.cluster.history(copy)):
        reason = "late.restarting"
    WHY.fail(reason, copy=copy, seen=f"{copy.name} on {copy.node}: {copy.status}")


def require_none_missing(world: World) -> None:
    """Require five copies; when there are fewer, say where the others are, or what happened to them."""
    number, left, loss = len(world.counted), world.others, world.loss
    if number >= WANTED:
        return
    for host, name, status in world.cluster.ended():
        if host not in world.lost_hosts:
            seen, error = f"{number} that run; {name}: {status}", world.cluster.error(host, name)
            reason = _why_ended(world, host, status, error)
            WHY.fail(reason, name=name, host=host, seen=seen, evidence=error)
    # One that has ended is left from an earlier try, and says nothing about this one.
    mine = [each for each in world.lab.containers() if each.running]
    if own := [each for each in mine if each.labels.get("io.drydock.image") == "parcel"]:
        seen = f"{number} there, and {len(own)} on your own engine"
        WHY.fail("on-your-own-engine", copy=own[0].name, left=left, seen=seen)
    if theirs := world.cluster.of_a_swarm():
        seen = ", ".join(f"{name} on {host}" for host, name in theirs)
        WHY.fail("by-a-swarm", number=len(theirs), host=theirs[0][0], seen=seen)
    if loss and number:
        per = sorted(Counter(copy.node for copy in world.counted).items())
        WHY.fail(
            "not-replaced" if world.is_full(loss) else "not-replaced.before-five-served",
            loss=loss,
            number=number,
            left=left,
            first=world.left[0],
            seen=f"{number} ({', '.join(f'{host}: {copies}' for host, copies in per)})",
        )


def _why_ended(world: World, host: str, status: str, error: str) -> str:
    """Return the name of the reason why a copy does not run any more, by its status and by why its engine could not start it."""
    if status.startswith("Created"):
        return "ended.not-started" if error else "ended.only-made"
    # 137 is what a kill leaves, and 255 what an engine writes that finds a copy dead when it begins again.
    if not status.startswith(("Exited (137)", "Exited (255)")):
        return "ended"
    return "ended.with-its-host" if any(loss.host == host for loss in world.deaths) else "ended.killed"


# -- what answers in each --------------------------------------------------------------------------------------


def require_published(copy: Copy) -> None:
    """Require that other machines reach a copy."""
    closed = next(iter(copy.closed), "")
    why = "none of its ports is published."
    if closed.endswith("/udp"):
        why = "its port is published for UDP, and HTTP uses TCP."
    elif closed:
        why = f"its port is published on {closed}, for that host alone."
    WHY.require(copy.address, "closed", copy=copy, why=why, seen=closed or "no published port")


def require_steady(world: World, copy: Copy) -> None:
    """Require that a copy which runs at this moment does not die again and again, and has not died a moment ago."""
    restarts, seconds = world.cluster.history(copy)
    steady = not restarts or seconds >= STEADY_SECONDS
    seen = f"restarted {'once' if restarts == 1 else f'{restarts} times'}, the last time {seconds:.0f} s ago"
    reason = "died-a-moment-ago" if restarts == 1 else "dies-again-and-again"
    WHY.require(steady, reason, copy=copy, seconds=STEADY_SECONDS, seen=seen)


def _keeps_ending(restarts: int, seconds: float) -> bool:
    """Whether a container has ended more than once, and lately ran for a short time only."""
    return restarts >= ENDED_MOST and seconds < ENDED_SECONDS


def require_program(world: World, copy: Copy) -> None:
    """Require that the image's Parcel answers in a copy, and nothing else."""
    remote = world.cluster.remote(copy)
    other = remote.in_place_of(PROGRAM, copy.inside)
    WHY.require(not other, "another-program", copy=copy, seen=other)
    # Looked at once for each start: an engine may have to walk through all files of the image for it.
    proof = ("unchanged", copy.id, world.cluster.started(copy))
    world.lab.prove_once(*proof, test=lambda: _require_unchanged(world, copy, remote))


def _require_unchanged(world: World, copy: Copy, remote: Remote) -> None:
    """Require that a copy has the layers and the files of the lab's image."""
    layers = remote.image_layers()
    own = ((world.lab.image(IMAGE) or {}).get("RootFS") or {}).get("Layers") or layers
    seen = f"{copy.image}, {len(layers)} layers; {IMAGE} has {len(own)}"
    WHY.require(layers == own, "another-image", copy=copy, seen=seen)
    changed = remote.changed_files()
    WHY.require(not changed, "changed-files", copy=copy, seen="".join(changed[:1]))
