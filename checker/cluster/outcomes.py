"""What every orchestrator must achieve, checked in one way: copies spread, replaced after a loss, a rollout unnoticed.

Each function is a check's body: it returns what it found, or ends the check with a reason that the learner can act on.
The messages are the same for every orchestrator; the lab provides the hint.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster.interface import count_of, require_whole, run_uninterrupted, tag_of, without
from checker.grading.author import wait_until
from checker.grading.verdicts import could_not_run, fail, require
from checker.timeline.record import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from checker.cluster.interface import Cluster, Instance, Marks
    from checker.timeline.model import Rollout, Timeline
    from checker.timeline.record import Download, Request

ARRIVE_SECONDS = 30.0
"""How long a release may take until it reaches a copy."""

SETTLE_SECONDS = 6.0
"""How long a copy may take to become ready: a check may come just after a change."""

VERSION = "PARCEL_VERSION"
"""The variable with the version that Parcel answers with; its image sets it."""

UNSEEN_SECONDS = 2.0
"""How long the users may send nothing in a rollout; a longer pause can hide a failure."""


@dataclass(frozen=True)
class Replaced:
    """The effect of losing a node."""

    node: str
    seconds: float
    """Seconds until enough copies were ready again, on other nodes."""
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
    why_late: Callable[[], str] = str,
) -> list[Instance]:
    """Require that exactly this many copies are ready, and return them.

    Args:
        cluster: where they run.
        wanted: how many.
        hint: the hint for the learner.
        version: the version that all must have; any, when left out.
        elsewhere: nodes whose copies do not count.
        patience: seconds to wait for copies that are not ready.
        why_late: returns what the orchestrator says of copies that are not ready or missing. Asked only if some are.
    """
    found: list[Instance] = []

    def is_settled() -> bool:
        nonlocal found
        found = [each for each in cluster.instances() if each.node not in elsewhere]
        return all(each.ready for each in found)

    wait_until(is_settled, patience, every=0.1)
    if why := _miscounted(found, wanted, version):
        short = sum(each.ready for each in found) < max(wanted, len(found))
        fail(
            why,
            expected=f"{count_of(wanted)}, all ready{f', of version {version}' if version else ''}",
            seen=_shown(found),
            source=cluster.shows(),
            evidence=why_late() if short else "",
            hint=hint,
        )
    return found


def _miscounted(found: Sequence[Instance], wanted: int, version: str) -> str:
    """Return what is wrong with the copies that exist; empty when nothing is."""
    late = sum(not each.ready for each in found)
    others = [each for each in found if version not in {"", each.version}]
    if not found:
        return "No copy of the service runs."
    ready = len(found) - late
    if late and 0 < ready <= wanted < len(found):
        return (
            f"{count_of(ready)} {'is' if ready == 1 else 'are'} ready, and {late} more did not become ready: there is one too many, or "
            "a change of the service is stuck."
        )
    if ready > wanted:
        return f"There are {count_of(len(found))}, more than the task asks for."
    if late:
        return f"Of {count_of(len(found))}, {late} did not become ready, so {'it' if late == 1 else 'they'} cannot serve."
    if others:
        return f"{count_of(len(others))} run{'s' * (len(others) == 1)} version {others[0].version}, not {version}."
    if len(found) < wanted:
        return f"Only {count_of(len(found))} run{'s' * (len(found) == 1)}."
    return ""


def steady(cluster: Cluster, *, hint: str) -> None:
    """Require that no copy ends again and again, and is ready only in between.

    Args:
        cluster: where they run.
        hint: the hint for the learner.
    """
    seen = cluster.unsteady()
    require(
        not seen,
        f"{cluster.title}: the copies run at this moment, and do not stay: one ends again and again. Each time, users have one "
        "less.",
        expected="copies that run, and go on",
        seen=seen,
        source=cluster.shows(),
        hint=hint,
    )


def spread(
    cluster: Cluster,
    found: Sequence[Instance],
    *,
    hint: str,
    over: Collection[str] = (),
    noun: str = "node",
) -> None:
    """Require that copies are spread over the nodes as evenly as possible.

    Args:
        cluster: where they run.
        found: the copies.
        hint: the hint for the learner.
        over: the nodes to use; all of the cluster's, when left out.
        noun: the lesson's word for a node.
    """
    nodes = [node for node in cluster.nodes if not over or node in over]
    per = Counter(dict.fromkeys(nodes, 0))
    per.update(each.node for each in found if each.node in per)
    (fullest, most), fewest = per.most_common(1)[0], min(per.values())
    require(
        most - fewest <= 1,
        f"{most} of {count_of(len(found))} run on {fullest}: when that {noun} is lost, they are lost together.",
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
    gave_up: Callable[[], str] = str,
    busy: Callable[[float, float], str] = lambda _begin, _end: "",
) -> Replaced:
    """Lose a node that runs copies, require that they are replaced on others in time, and bring the node back.

    Args:
        cluster: where they run.
        traffic: the lab's traffic, which gets marks and records the failed requests.
        wanted: how many copies must be ready again.
        within: seconds that this may take; the check's own `@timeout` must leave room for it and for the node's return.
        hint: the hint for the learner.
        node: which node; the one with the most copies, when left out.
        gave_up: returns the orchestrator's reason for giving up, or "" while it is still trying.
        busy: says how this machine was too busy between two moments, as a clause; empty if it was not. See `Lab.too_busy`.
    """
    before = Counter(each.node for each in cluster.instances() if each.ready)
    require(
        before,
        "No copy of the service is ready, so the check has none to lose.",
        hint=hint,
        source=cluster.shows(),
    )
    victim = node or before.most_common(1)[0][0]
    left: list[Instance] = []
    why = ""

    def is_replaced() -> bool:
        nonlocal left, why
        why = gave_up()
        left = [each for each in cluster.instances() if each.node not in {victim, ""} and each.ready]
        return len(left) >= wanted

    with without(cluster, victim, traffic) as mark:
        begun = time.monotonic()
        done = wait_until(lambda: is_replaced() or why, within, every=0.1) and not why
        seconds = time.monotonic() - begun
        until = traffic.now()
    lost = len(traffic.between(mark, until).failures)
    if not done and not why and (said := busy(mark.at, until)):
        could_not_run(
            f"{victim} was lost, and {within:g} s later not all of its copies run elsewhere. The reason may be this machine, which was "
            f"very busy: {said}. Check again when less runs beside the lab."
        )
    require(
        done,
        why
        or f"{victim} was lost with {count_of(before[victim])}, and {within:g} s later not all of them run elsewhere.",
        expected=f"{count_of(wanted)} ready on the other nodes",
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
    standing: str = "",
    unmoved: str = "",
    because: Callable[[Rollout], str] = lambda _move: "",
    busy: Callable[[Rollout], str] = lambda _move: "",
) -> Rollout:
    """Require that the service moved from one version to another without a failed request, and return the rollout.

    In a lab whose users download, no download that is in progress may be cut off either.
    The last rollout between the two counts; failures in earlier ones do not matter.

    Args:
        timeline: what the lab's traffic recorded.
        before: the old version.
        after: the new version.
        hint: the hint for the learner.
        allowed: how many requests may fail during the rollout.
        source: the command that shows it, such as `lab timeline 9`.
        unfinished: the hint for a rollout in which the old version still answers; `hint`, when left out.
        standing: what keeps users at the old version, as sentences; empty if it is not known. Where it is, and the service did not
            move at all, `unfinished` is the hint.
        unmoved: the hint where only the old version answers, and it is not known why: there is nothing to go back to; `hint`, when
            left out.
        because: says what cost the users something, as a sentence; empty if it cannot be told.
        busy: says how this machine was too busy to answer in time, as a clause; empty if it was not. See `Lab.too_busy`.
    """
    unfinished = unfinished or hint
    known = unfinished if standing else hint
    move = _last_move(
        timeline,
        before,
        after,
        standing=f" {standing}" if standing else "",
        unfinished=unfinished,
        unmoved=known if standing or timeline.latest != before else unmoved or hint,
        source=source,
        hint=known,
    )
    lost = (*move.failures, *move.cut)
    if len(lost) > allowed:
        excuse_late(
            lost,
            len(move.requests) + len(move.downloads),
            lambda: busy(move),
            during=f"In the rollout from {move.before} to {move.after}",
            again=f"Go back to {move.before}, and roll out again",
        )
    _require_no_loss(move, allowed, because, source=source, hint=hint)
    unseen = max((gap.seconds for gap in timeline.between(move.begin, move.end).gaps), default=0.0)
    if unseen > UNSEEN_SECONDS:
        could_not_run(
            f"For {unseen:.0f} s of the rollout from {before} to {after} the lab's users sent no request, because their container "
            "or the whole machine stood still. Nobody knows whether a request would have failed: go back to "
            f"{before}, and roll out again."
        )
    return move


def excuse_late(
    lost: Sequence[Request | Download], sent: int, busy: Callable[[], str], *, during: str, again: str
) -> None:
    """End the check without a verdict if only the time was over for what failed, and this machine was too busy.

    Args:
        lost: the requests and downloads that failed.
        sent: how many there were in all.
        busy: says how this machine was too busy, as a clause; empty if it was not. Asked only if it matters.
        during: what was going on, as the beginning of a sentence.
        again: what the learner does next, as the beginning of a sentence.
    """
    if not lost or any(each.failure is not Failure.TIMED_OUT for each in lost):
        return
    if why := busy():
        could_not_run(
            f"{during}, {len(lost)} of {sent} requests got no whole answer in time. The reason may be this machine, which was very "
            f"busy: {why}. {again} when less runs beside the lab."
        )


def _last_move(
    timeline: Timeline,
    before: str,
    after: str,
    *,
    standing: str,
    unfinished: str,
    unmoved: str,
    source: str,
    hint: str,
) -> Rollout:
    """Require that the service moved from one version to another and stayed there; return the last such rollout."""
    moves = [each for each in timeline.rollouts() if (each.before, each.after) == (before, after)]
    if not moves:
        fail(
            f"The service did not move from version {before} to {after}: the answers to the users' requests show no such "
            f"change.{standing}",
            expected=f"answers of version {before}, then of {after}",
            seen=f"answers of version {' and '.join(timeline.versions)}"
            if timeline.versions
            else "no good answer",
            source=source,
            hint=unmoved,
        )
    move = moves[-1]
    if move.withdrawn:
        fail(
            f"Version {after} answered for a while, and then no longer.{standing}",
            expected=f"only version {after}, at the end",
            seen=f"version {timeline.latest} answers now",
            source=source,
            hint=hint,
        )
    require(
        move.completed,
        f"Version {before} still answers, beside {after}: the rollout is not finished.{standing}",
        expected=f"only version {after}, at the end",
        seen=f"the last answer of {before} came {max(timeline.end - move.last, 0):.0f} s ago",
        source=source,
        hint=unfinished,
    )
    return move


def _require_no_loss(
    move: Rollout, allowed: int, because: Callable[[Rollout], str], *, source: str, hint: str
) -> None:
    """Require that a rollout cost the users no request beyond those allowed, and no download."""
    between = f"In the rollout from {move.before} to {move.after}"
    if len(move.failures) > allowed:
        worst = move.outage
        away = f" For {worst.seconds:.1f} s no request was answered." if worst and worst.seconds >= 1 else ""
        fail(
            f"{between}, {len(move.failures)} of {len(move.requests)} requests failed.{away}"
            + _reason(because(move)),
            expected="no failed request" if not allowed else f"at most {allowed} failed requests",
            seen=f"first failure: {move.failures[0].outcome}, {_when(move)}",
            source=source,
            hint=hint,
        )
    if move.cut:
        fail(
            f"{between}, {len(move.cut)} of the {len(move.downloads)} downloads under way were "
            f"cut off, though every short request was answered.{_reason(because(move))}",
            expected="every download that was under way arrives whole",
            seen=f"the first was cut off after {move.cut[0].ms / 1000:.1f} s: {move.cut[0].outcome}",
            source=source,
            hint=hint,
        )
    if move.refused:
        fail(
            f"{between}, {len(move.refused)} of {len(move.downloads)} downloads got no good answer, "
            "though every short request was answered.",
            expected="every download is answered",
            seen=f"the first: {move.refused[0].outcome}",
            source=source,
            hint=hint,
        )


def told_otherwise(cluster: Cluster, version: str) -> str:
    """Return that what makes the copies was not told of a version, as a sentence; empty if all of it was.

    Args:
        cluster: where they run.
        version: the version that the copies should have.
    """
    newest = [history[0] for history in cluster.orders() if history]
    other = next((each for each in newest if each.version != version), None)
    if other is None:
        return ""
    runs = f"version {other.version}" if other.version else "another image"
    return f"What makes the copies says {runs} (`{other.source}`)."


def own_versions(cluster: Cluster, before: str) -> None:
    """Require that copies have answered with the version of their image, since one ran the version before.

    Args:
        cluster: where they run.
        before: the old version.
    """
    for history in cluster.orders():
        for order in history:
            require(
                VERSION not in order.text,
                f"A copy answers with the version that `{VERSION}` says, whatever its image is: so nobody can tell which version "
                "its users met.",
                expected="copies that answer with the version of their image",
                seen=f"{VERSION}, for the image of version {order.version}",
                source=order.source,
                hint=f"The image sets this variable. Without yours, go back to {before} and move again.",
            )
            if order.version == before:
                break


def versions_of_images(
    move: Rollout, images: Mapping[str, Collection[str]], *, source: str, hint: str
) -> None:
    """Require that in a rollout every copy answered with the version of an image of its own.

    Args:
        move: the rollout.
        images: the images of copies, by the names that they answer with; of another copy nothing is said.
        source: the command that shows the images.
        hint: the hint for the learner.
    """
    for request in move.requests:
        tags = {tag_of(each) for each in images.get(request.instance, ())}
        require(
            not (request.version and tags) or tags & {request.version, ""},
            f"{request.instance} answered as version {request.version}, and no image of it has this version: so nobody can tell "
            "which version its users met.",
            expected="copies that answer with the version of their image",
            seen=f"{request.instance}: {', '.join(sorted(images.get(request.instance, ())))}",
            source=source,
            hint=hint,
        )


def _reason(text: str) -> str:
    return f" {text}" if text else ""


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
    """Release a version that cannot work, and require that the version that serves keeps serving.

    A release that reaches no copy proves nothing: then the check could not run.

    Args:
        cluster: where it runs.
        traffic: the lab's traffic.
        release: starts the bad release.
        withdraw: rolls it back; called whatever happens.
        serving: the version that must keep serving.
        seconds: how long to watch after the release has reached a copy.
        hint: the hint for the learner.
        arrived: whether it has reached a copy.
        kept_away: returns why it has not.
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
        run_uninterrupted(withdraw)
    if not there and not hurt:
        could_not_run(
            f"The checker's bad release reached no copy within {ARRIVE_SECONDS:g} s, which proves nothing"
            f"{f': {why}' if why else ''}."
        )
    require(
        not hurt,
        f"A release that cannot work took the whole service down: no copy of version {serving} is left.",
        expected=f"copies of version {serving} that keep serving",
        seen=_shown(found),
        source=cluster.shows(),
        hint=hint,
    )
    # Only now: by this time, every request that was still open when the watch ended has its answer, or has timed out.
    seen = traffic.between(mark, until)
    require(
        not seen.failures,
        f"During a release that cannot work, {len(seen.failures)} of {len(seen.requests)} requests failed.",
        expected="every request answered by the version that works",
        seen=seen.summary,
        source=cluster.shows(),
        hint=hint,
    )


def _when(move: Rollout) -> str:
    """Return when the first request of a rollout failed, relative to the new version's first answer."""
    apart = move.failures[0].at - move.first
    where = "before" if apart < 0 else "after"
    return f"{abs(apart):.1f} s {where} the first answer of {move.after}"


# -- words -----------------------------------------------------------------------------------------------------


def _evenly(number: int, nodes: int) -> str:
    low, rest = divmod(number, nodes)
    return f"{low} or {low + 1}" if rest else str(low)


def _shown(found: Sequence[Instance]) -> str:
    if not found:
        return "no copy"
    per = Counter(each.node or "not placed yet" for each in found)
    where = ", ".join(f"{node}: {number}" for node, number in sorted(per.items()))
    waiting = sum(not each.ready for each in found)
    return f"{count_of(len(found))} ({where})" + (f", {waiting} of them not ready" if waiting else "")
