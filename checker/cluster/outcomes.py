"""What every orchestration is to achieve, checked in one way: spread, replaced after a loss, a rollout that nobody notices.

Each function is a check's body: it returns what it found, or ends the check with a reason that the learner can act on.
The words are the same whoever orchestrates; the hint is the lab's own.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster.model import require_whole, surely, without
from checker.grading.author import wait_until
from checker.grading.verdicts import could_not_run, fail, require

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from checker.cluster.model import Cluster, Instance, Marks
    from checker.timeline.model import Rollout, Timeline

ARRIVE_SECONDS = 30.0
"""How long a release may take until it reaches a copy."""

SETTLE_SECONDS = 6.0
"""How long a copy that is not ready may take to get so: a check may come just after a change."""


@dataclass(frozen=True)
class Replaced:
    """What a node's loss came to."""

    node: str
    seconds: float
    """Until the wanted number of copies was ready again, on other nodes."""
    lost: int
    """Requests of the lab's traffic that failed in that time."""


# -- how many, and where ---------------------------------------------------------------------------------------


def copies(
    cluster: Cluster,
    wanted: int,
    *,
    hint: str,
    version: str = "",
    elsewhere: Collection[str] = (),
    patience: float = SETTLE_SECONDS,
) -> list[Instance]:
    """Require that exactly so many copies are ready, and return them.

    Args:
        cluster: where they run.
        wanted: how many.
        hint: where to look.
        version: the version that all must have; any, when left out.
        elsewhere: nodes whose copies do not count.
        patience: seconds to wait for copies that are not ready.
    """
    found: list[Instance] = []

    def is_settled() -> bool:
        nonlocal found
        found = [each for each in cluster.instances() if each.node not in elsewhere]
        return all(each.ready for each in found)

    wait_until(is_settled, patience, every=0.1)
    why = _miscounted(found, wanted, version)
    require(
        not why,
        why,
        expected=f"{_count(wanted)}, all ready{f', of version {version}' if version else ''}",
        seen=_shown(found),
        source=cluster.shows(),
        hint=hint,
    )
    return found


def _miscounted(found: Sequence[Instance], wanted: int, version: str) -> str:
    """Say what is wrong with the copies there are; empty when nothing is."""
    late = sum(not each.ready for each in found)
    others = [each for each in found if version not in {"", each.version}]
    if not found:
        return "No copy of the service runs."
    if len(found) > wanted:
        return f"{_count(len(found))} are meant to run, more than the task asks for."
    if late:
        return f"Of {_count(len(found))}, {late} did not get ready, and so cannot serve."
    if others:
        return (
            f"{_count(len(others))} run{'s' * (len(others) == 1)} version {others[0].version}, not {version}."
        )
    if len(found) < wanted:
        return f"Only {_count(len(found))} run{'s' * (len(found) == 1)}."
    return ""


def spread(
    cluster: Cluster,
    found: Sequence[Instance],
    *,
    hint: str,
    over: Collection[str] = (),
    noun: str = "node",
) -> None:
    """Require that copies are spread over the nodes as evenly as it can be.

    Args:
        cluster: where they run.
        found: the copies.
        hint: where to look.
        over: the nodes to be used; all of the cluster's, when left out.
        noun: what the lesson calls a node.
    """
    nodes = [node for node in cluster.nodes if not over or node in over]
    per = Counter(dict.fromkeys(nodes, 0))
    per.update(each.node for each in found if each.node in per)
    (fullest, most), fewest = per.most_common(1)[0], min(per.values())
    require(
        most - fewest <= 1,
        f"{most} of {_count(len(found))} run on {fullest}: when that {noun} is lost, they are lost together.",
        expected=f"on each of the {len(nodes)} {noun}s {_evenly(len(found), len(nodes))}",
        seen=", ".join(f"{node}: {number}" for node, number in per.items()),
        source=cluster.shows(),
        hint=hint,
    )


# -- a node lost -----------------------------------------------------------------------------------------------


def replaced(
    cluster: Cluster,
    traffic: Marks,
    wanted: int,
    *,
    within: float,
    hint: str,
    node: str = "",
    hopeless: Callable[[], str] = str,
) -> Replaced:
    """Lose a node that carries copies, require that they are replaced on others in time, and bring the node back.

    Args:
        cluster: where they run.
        traffic: the lab's traffic, which gets marks and tells what was lost.
        wanted: how many copies there must be again.
        within: seconds they may take; the check's own `@timeout` must leave room for this and for the return.
        hint: where to look.
        node: which node; otherwise the one with the most copies.
        hopeless: says why nothing more is to be waited for, as the orchestrator does; empty as long as it tries.
    """
    before = Counter(each.node for each in cluster.instances() if each.ready)
    require(
        before,
        "No copy of the service is ready, so none could be replaced.",
        hint=hint,
        source=cluster.shows(),
    )
    victim = node or before.most_common(1)[0][0]
    left: list[Instance] = []
    why = ""

    def is_replaced() -> bool:
        nonlocal left, why
        why = hopeless()
        left = [each for each in cluster.instances() if each.node not in {victim, ""} and each.ready]
        return len(left) >= wanted

    with without(cluster, victim, traffic) as mark:
        begun = time.monotonic()
        done = wait_until(lambda: is_replaced() or why, within, every=0.1) and not why
        seconds = time.monotonic() - begun
        until = traffic.now()
    lost = len(traffic.between(mark, until).failures)
    require(
        done,
        why
        or f"{victim} was lost with {_count(before[victim])}, and {within:g} s later not all of them run elsewhere.",
        expected=f"{_count(wanted)} ready on the other nodes",
        seen=_shown(left),
        source=cluster.shows(),
        hint=hint,
    )
    return Replaced(victim, round(seconds, 1), lost)


# -- a new version ---------------------------------------------------------------------------------------------


def rollout(
    timeline: Timeline,
    *,
    before: str,
    after: str,
    hint: str,
    allowed: int = 0,
    source: str = "",
    unfinished: str = "",
) -> Rollout:
    """Require that the service moved from one version to another without a failed request, and return the move.

    The last move between the two counts; one that failed before it is forgiven.

    Args:
        timeline: what the lab's traffic recorded.
        before: the old version.
        after: the new one.
        hint: where to look.
        allowed: how many requests may fail in it.
        source: the command that shows it, such as `lab timeline 9`.
        unfinished: where to look when the old version still answers; otherwise the same place.
    """
    moves = [each for each in timeline.rollouts() if (each.before, each.after) == (before, after)]
    if not moves:
        fail(
            f"The service did not move from version {before} to {after}: the requests sent all the time saw no such change.",
            expected=f"answers of version {before}, then of {after}",
            seen=f"answers of version {' and '.join(timeline.versions)}"
            if timeline.versions
            else "no good answer",
            source=source,
            hint=hint,
        )
    move = moves[-1]
    if move.withdrawn:
        fail(
            f"Version {after} answered for a while and went away again.",
            expected=f"version {after} alone, at the end",
            seen=f"version {timeline.latest} answers now",
            source=source,
            hint=hint,
        )
    require(
        move.completed,
        f"Version {before} still answers, beside {after}: the rollout is not finished.",
        expected=f"version {after} alone, at the end",
        seen=f"the last answer of {before} came {max(timeline.end - move.last, 0):.0f} s ago",
        source=source,
        hint=unfinished or hint,
    )
    if len(move.failures) > allowed:
        worst = move.outage
        away = f" For {worst.seconds:.1f} s nobody was served at all." if worst and worst.seconds >= 1 else ""
        fail(
            f"In the rollout from {before} to {after}, {len(move.failures)} of {len(move.requests)} requests failed.{away}",
            expected="no failed request" if not allowed else f"at most {allowed} failed requests",
            seen=f"first failure: {move.failures[0].outcome}, {_when(move)}",
            source=source,
            hint=hint,
        )
    return move


def contained(
    cluster: Cluster,
    traffic: Marks,
    *,
    release: Callable[[], None],
    withdraw: Callable[[], None],
    serving: str,
    seconds: float,
    hint: str,
    arrived: Callable[[], object] = lambda: True,
    kept_away: Callable[[], str] = str,
) -> None:
    """Release something that cannot work, and require that the version that serves goes on serving.

    A release that reaches no copy proves nothing: the check could not run then.

    Args:
        cluster: where it runs.
        traffic: the lab's traffic.
        release: starts the bad release.
        withdraw: takes it back; called whatever happens.
        serving: the version that must go on.
        seconds: how long to watch, from the moment in which the release has reached a copy.
        hint: where to look.
        arrived: whether it has.
        kept_away: says why it has not.
    """
    require_whole(cluster)
    mark = traffic.mark("bad release")
    why = ""
    try:
        release()
        there = wait_until(arrived, ARRIVE_SECONDS, every=0.25)
        why = "" if there else kept_away()

        def is_hurt() -> bool:
            return not any(each.ready and each.version == serving for each in cluster.instances())

        hurt = wait_until(is_hurt, seconds if there else 0.0, every=0.25)
        found = cluster.instances()
        until = traffic.now()
    finally:
        surely(withdraw)
    if not there and not hurt:
        could_not_run(
            f"The bad release was told to the cluster and reached no copy within {ARRIVE_SECONDS:g} s, which proves nothing"
            f"{f': {why}' if why else ''}."
        )
    require(
        not hurt,
        f"A release that cannot work took the whole service down: no copy of version {serving} is left.",
        expected=f"copies of version {serving} that go on serving",
        seen=_shown(found),
        source=cluster.shows(),
        hint=hint,
    )
    # Only now: a request that waited for its answer when the watch ended has got it, or was given up.
    seen = traffic.between(mark, until)
    require(
        not seen.failures,
        f"While a release that cannot work was tried, {len(seen.failures)} of {len(seen.requests)} requests failed.",
        expected="every request answered by the version that works",
        seen=seen.summary,
        source=cluster.shows(),
        hint=hint,
    )


def _when(move: Rollout) -> str:
    """Return when the first request of a move failed, against the new version's first answer."""
    apart = move.failures[0].at - move.first
    where = "before" if apart < 0 else "after"
    return f"{abs(apart):.1f} s {where} the first answer of {move.after}"


# -- words -----------------------------------------------------------------------------------------------------


def _count(number: int) -> str:
    return f"{number} {'copy' if number == 1 else 'copies'}"


def _evenly(number: int, nodes: int) -> str:
    low, rest = divmod(number, nodes)
    return f"{low} or {low + 1}" if rest else str(low)


def _shown(found: Sequence[Instance]) -> str:
    if not found:
        return "no copy"
    per = Counter(each.node or "nowhere yet" for each in found)
    where = ", ".join(f"{node}: {number}" for node, number in sorted(per.items()))
    waiting = sum(not each.ready for each in found)
    return f"{_count(len(found))} ({where})" + (f", {waiting} of them not ready" if waiting else "")
