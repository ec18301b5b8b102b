"""What each copy says that it needs, and how much it may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.kubernetes_records import quantity, resources_of
from checker.grading.author import require

from .parcel import space

if TYPE_CHECKING:
    from .parcel import Parcel

LEAST = {"cpu": 1e-6, "memory": 8 * 2.0**20}
"""What a request has to come to, in cores and bytes; Parcel has 11 MiB of memory while it does nothing."""


def judge(parcel: Parcel, largest: float) -> None:
    """Require of every copy requests that say something, and a limit of memory.

    Args:
        parcel: the learner's Parcel.
        largest: how many bytes of memory the largest node has; 0 if that is not known.
    """
    for pod in parcel.pods:
        given = resources_of(pod, parcel.container(pod))
        lacking = [f"a request of {each}" for each in LEAST if each not in given.requests]
        lacking += [] if "memory" in given.limits else ["a limit of memory"]
        owner = parcel.owner(pod)
        require(
            not lacking,
            f"The copies of {owner.title} have no {' and no '.join(each.removeprefix('a ') for each in lacking)}. Without requests the scheduler "
            "counts them as needing nothing and puts any number on a node; without a limit one that leaks takes what its neighbours need.",
            expected="requests of cpu and memory, and a limit of memory",
            seen=f"lacking: {', '.join(lacking)}",
            source=f"kubectl describe {owner.title}{space(pod)}",
            hint="Lesson, “Room”: `resources` has two halves. Which one does the scheduler read, and which one the kernel?",
        )
        little = {
            name: given.requests[name]
            for name, least in LEAST.items()
            if quantity(given.requests[name]) < least
        }
        require(
            not little,
            f"The copies of {owner.title} request {' and '.join(f'{amount} of {name}' for name, amount in little.items())}: that is as "
            "good as nothing, and much less than a copy uses, so the scheduler puts too many of them on a node.",
            expected="requests that say what a copy needs: Parcel uses 10 to 25 MB of memory",
            seen=", ".join(f"{name}: {amount}" for name, amount in little.items()),
            source=f"kubectl describe {owner.title}{space(pod)}",
            hint="`kubectl top pods` shows what a copy uses. `m` is a thousandth: of a core that is much, of a byte nothing.",
        )
        limit = given.limits["memory"]
        require(
            not largest or quantity(limit) <= largest,
            f"The copies of {owner.title} have a limit of {limit} of memory, more than a whole node has: it limits nothing.",
            expected="a limit that stops a copy which leaks before its node has no memory left",
            seen=f"limit {limit}; the largest node has {largest / 2**30:.0f}Gi",
            source=f"kubectl describe {owner.title}{space(pod)}",
            hint="How much should one copy be allowed to use? `kubectl top pods` shows what it uses.",
        )
