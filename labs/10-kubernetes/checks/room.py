"""What each copy says that it needs, and how much it may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.kubernetes_records import quantity, resources_of

from .parcel import WHY

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
        WHY.require(
            not lacking,
            "no-requests",
            owner=owner.title,
            what=" and no ".join(each.removeprefix("a ") for each in lacking),
            space=pod.metadata.space,
            seen=f"lacking: {', '.join(lacking)}",
        )
        little = {
            name: given.requests[name]
            for name, least in LEAST.items()
            if quantity(given.requests[name]) < least
        }
        WHY.require(
            not little,
            "requests-of-nothing",
            owner=owner.title,
            what=[f"{amount} of {name}" for name, amount in little.items()],
            space=pod.metadata.space,
            seen=", ".join(f"{name}: {amount}" for name, amount in little.items()),
        )
        limit = given.limits["memory"]
        WHY.require(
            not largest or quantity(limit) <= largest,
            "limit-of-everything",
            owner=owner.title,
            limit=limit,
            space=pod.metadata.space,
            seen=f"limit {limit}; the largest node has {largest / 2**30:.0f}Gi",
        )
