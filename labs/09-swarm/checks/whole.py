"""Whether the three nodes are one swarm, as the lab gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.swarm import NotAManagerError

from .words import WHY

if TYPE_CHECKING:
    from checker.cluster.swarm import Swarm

REMEMBERED = 5
"""How many ended tasks of each copy a swarm keeps by default; from them everybody reads what happened to copies."""

HEARTBEAT_SECONDS = 2.0
"""How often a node tells the manager that it is there, as the lab sets it."""


def require_whole(swarm: Swarm) -> None:
    """Require that the three nodes are one swarm, managed so that the loss of a worker costs nothing."""
    try:
        members = swarm.members()
    except NotAManagerError as error:
        WHY.fail("no-manager", seen=error.what)
    seen = ", ".join(
        f"{node.name} ({'manager' if node.manager else 'worker'}{', down' * (not node.ready)})"
        for node in members
    )
    there = {node.name for node in members}
    missing = [name for name in swarm.nodes if name not in there]
    # The manager lists one that has left as down, like one that is lost.
    missing += [node.name for node in members if not node.ready and _has_left(swarm, node.name)]
    WHY.require(not missing, "node-left", nodes=missing, seen=seen)
    managers = [node.name for node in members if node.manager]
    even = len(managers) % 2 == 0
    WHY.require(not even, "managers.even", number=len(managers), managers=managers, seen=seen)
    WHY.require(managers == [swarm.manager], "managers.others", managers=managers, seen=seen)
    settings = swarm.ask("/swarm")["Spec"]
    kept = settings["Orchestration"].get("TaskHistoryRetentionLimit", REMEMBERED)
    seen = f"Task History Retention Limit: {kept}"
    WHY.require(not 0 <= kept < REMEMBERED, "short-history", kept=kept, before=REMEMBERED, seen=seen)
    seconds = float((settings.get("Dispatcher") or {}).get("HeartbeatPeriod") or 0) / 1e9
    soon, seen = seconds <= HEARTBEAT_SECONDS, f"Heartbeat Period: {seconds:g} seconds"
    WHY.require(soon, "slow-heartbeat", seconds=seconds, before=HEARTBEAT_SECONDS, seen=seen)


def _has_left(swarm: Swarm, name: str) -> bool:
    """Whether a node's engine runs, and belongs to no swarm."""
    said = swarm.ask("/info", node=name, absent={})
    return (said.get("Swarm") or {}).get("LocalNodeState") == "inactive"
