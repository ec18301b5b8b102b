"""Why a swarm does not replace a copy that was lost with its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.interface import Lasting, count_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.cluster.swarm import Service, Swarm

WAIT_SECONDS = 3.0
"""How long a lost copy must get no place until the swarm has given up: a port may be about to be given back."""

START_SECONDS = 15.0
"""What a swarm takes besides its restart delay until a lost copy serves elsewhere; 11 to 16 s, with its own delay of 5 s."""


def why_not_replaced(
    swarm: Swarm, service: Service, wanted: int, needed: int, within: float
) -> Callable[[], str]:
    """Return a function that says, after a node was lost, why waiting for new copies is useless.

    Args:
        swarm: the swarm.
        service: the service whose copies were lost.
        wanted: how many copies it runs when no node is lost.
        needed: how many of them must run while the node is lost.
        within: how long a lost copy may take to be replaced, in seconds.

    Returns:
        A function to be called repeatedly; it returns the reason, or "" while a copy may still be replaced.
    """
    policy = service.spec["TaskTemplate"].get("RestartPolicy") or {}
    delay, attempts = int(policy.get("Delay") or 0) / 1e9, int(policy.get("MaxAttempts") or 0)
    ends = attempts or policy.get("Condition") == "none"
    homeless, missing = Lasting(WAIT_SECONDS), Lasting(WAIT_SECONDS)

    def why() -> str:
        there = [task for task in swarm.tasks() if task.wanted]
        waiting = [task for task in there if not task.node and task.error]
        if homeless.holds(waiting):
            return (
                f"The swarm has no room for a lost copy: {waiting[0].error.strip()}. It waits, and fewer than {count_of(wanted)} run "
                "until the node comes back."
            )
        if missing.holds(ends and len(there) < needed):
            said = (
                f"it has used up its restarts, at most {attempts}"
                if attempts
                else "its restart condition is `none`"
            )
            return (
                f"A lost copy of `{service.name}` will not be started again: {said}. For a swarm, a copy that was lost with its node "
                f"has ended. Nothing replaces it, and {count_of(len(there))} run{'s' * (len(there) == 1)} from now on."
            )
        if delay >= within - START_SECONDS and any(task.state == "ready" for task in there):
            return (
                f"A lost copy of `{service.name}` has a new node and waits there: the restart delay of the service is {delay:g} s, "
                "and it applies to a copy that was lost with its node too."
            )
        return ""

    return why
