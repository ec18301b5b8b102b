"""Lab 15: what the learner's pipeline makes of good commits, of bad ones, and of two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import needs, require, timeout

from . import judging
from .judging import require_live, require_refused, require_same_image, require_unnoticed

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Lab, Outside

    from .delivery import Delivery, Outcome

ADDRESS = "http://127.0.0.1:8115/"
RUN_SECONDS = 300
RELEASES = 2
"""How many releases are between the learner's commit and the rollback to it."""


@timeout(20)
def test_released(delivery: Delivery, outside: Outside) -> None:
    """The newest commit of main is live, by its digest."""
    require(
        delivery.main,
        "Nobody has pushed anything to main, so the pipeline was never called.",
        expected="a commit on main of git://runner/parcel.git",
        seen="an empty repository",
        source="git ls-remote git://runner/parcel.git",
        hint="Lesson, “A repository and a runner”: how does a commit get to the runner?",
    )
    require_live(delivery.learners_run, "your newest commit", judging.where_to_look(delivery))
    live = delivery.first["live"]
    require(
        live,
        "The pipeline says that your newest commit is live, and no running service of the swarm publishes port 8080 in production.",
        expected="a service of the swarm with copies that run, on port 8080",
        seen="no such copy",
        source="docker --host $PRODUCTION service ls",
        hint="`service ls` shows REPLICAS and PORTS, and `service ps --no-trunc SERVICE` says why a copy does not run.",
    )
    reply = outside.get(ADDRESS, patience=3)
    require(
        reply.ok and reply.json().get("service") == "parcel",
        "The pipeline says that your newest commit is live, and users get no answer from Parcel.",
        expected='HTTP 200 with "service": "parcel"',
        seen=reply.summary,
        source="curl http://front:8080/",
        hint="`docker --host $PRODUCTION service ls` and `service ps SERVICE` say what runs, and what does not.",
    )
    by_tag = [each["image"] for each in live if "@sha256:" not in each["image"]]
    require(
        not by_tag,
        "Production runs a tag, not a digest: each machine looks up what the tag means when it pulls, and the answer can change.",
        expected="REGISTRY/NAME@sha256:…",
        seen=by_tag[0] if by_tag else "",
        source="docker --host $PRODUCTION service ps --no-trunc SERVICE",
        hint="Lesson, “Which image is it?”: which name of an image cannot change its meaning?",
    )
    said = delivery.learners_run.digest
    require(
        said,
        "The pipeline says that your newest commit is live, and not in which image.",
        expected="`result: live sha256:…`",
        seen=f"`result: {delivery.learners_run.result}`",
        source=delivery.learners_run.source,
        hint="What comes after the `@` in the name that you deploy?",
    )
    require(
        all(each["image"].endswith(said) for each in live),
        "The digest that the pipeline printed for your newest commit is not the one that production runs.",
        expected=f"production runs {judging.short(said)}",
        seen=f"production runs {judging.short(live[0]['image'].rpartition('@')[2])}",
        source="docker --host $PRODUCTION service ps --no-trunc SERVICE",
        hint="`result: live` is followed by the digest of the registry, as `service ps` shows it. If you have rolled back to an earlier "
        "commit, or a check was ended in the middle, push a new commit.",
    )


@needs("released")
@timeout(RUN_SECONDS)
def test_delivered(delivery: Delivery, lab: Lab) -> None:
    """A good commit is live within a minute, in the image that was tested, and no request fails."""
    proof = ("delivered", delivery.fingerprint)
    if lab.recall(*proof) is not None:
        return
    outcome = delivery.push(delivery.source.telling(delivery.first["address"]), what="a good commit")
    judging.require_delivered(outcome, "a good commit")
    require_same_image(outcome)
    require_unnoticed(
        outcome,
        "The deployment of a good commit",
        "How many copies does your deployment stop at once? And before it stops the next one, has the front had time to find the new "
        "copy? It looks twice a second.",
    )
    judging.require_this_commit(outcome)
    first = next((each.at for each in outcome.seen.good if each.version in outcome.versions), None)
    took = first - outcome.mark.at if first is not None else None
    if took is not None and took > judging.LIVE_SECONDS:
        judging.excuse_slow(outcome, f"A good commit was live after {took:.0f} s")
    require(
        took is not None and took <= judging.LIVE_SECONDS,
        "A good commit was not live within a minute.",
        expected=f"its first user within {judging.LIVE_SECONDS:g} s",
        seen="no user got it" if took is None else f"its first user after {took:.1f} s",
        source=judging.TIMELINE,
        hint="The log of the commit and its time stamps say which step takes how long.",
    )
    lab.record("from push to the first user", round(took or 0, 1), "s")
    lab.remember(*proof)


@needs("delivered")
@timeout(90)
def test_password_kept(delivery: Delivery, lab: Lab) -> None:
    """The registry's password is in no log and in no image."""
    lab.prove_once("password kept", delivery.fingerprint, test=lambda: judging.require_kept(delivery.leaks()))


def _refuses(
    delivery: Delivery,
    lab: Lab,
    kind: str,
    *,
    what: str,
    expected: str,
    hint: str,
    first: Callable[[Outcome], None] = lambda _: None,
    then: Callable[[Outcome], None] = lambda _: None,
    **more: str,
) -> None:
    def push() -> None:
        outcome = delivery.push(getattr(delivery.source, kind)(**more), what=what)
        first(outcome)
        require_refused(outcome, what=what, expected=expected, hint=hint)
        then(outcome)

    lab.prove_once(kind, delivery.fingerprint, test=push)


@needs("password-kept")
@timeout(RUN_SECONDS)
def test_failing_test(delivery: Delivery, lab: Lab) -> None:
    """A commit with a failing unit test is refused."""
    _refuses(
        delivery,
        lab,
        "failing_test",
        what="a commit with a failing unit test",
        expected="refused tests",
        hint="Does your pipeline run the unit tests, and what does it do when the command that runs them fails?",
        then=judging.require_seen,
        address=delivery.first["address"],
    )


@needs("failing-test")
@timeout(RUN_SECONDS)
def test_broken_image(delivery: Delivery, lab: Lab) -> None:
    """A commit whose unit tests fail only in the image is refused."""
    _refuses(
        delivery,
        lab,
        "broken_image",
        what="a commit of which a module is in the repository and not in the image",
        expected="refused tests",
        hint="Where do your unit tests run: on the files of the repository, or in a container of the image?",
        first=lambda outcome: judging.require_left_out(delivery, outcome),
    )


@needs("broken-image")
@timeout(RUN_SECONDS)
def test_never_starts(delivery: Delivery, lab: Lab) -> None:
    """A commit that passes its unit tests and does not start is refused."""
    _refuses(
        delivery,
        lab,
        "never_starts",
        what="a commit that passes its unit tests and does not start",
        expected="refused start",
        hint="Unit tests import the program. Who starts it as production will, before production does?",
    )


@needs("never-starts")
@timeout(RUN_SECONDS)
def test_wrong_answer(delivery: Delivery, lab: Lab) -> None:
    """A commit that starts and answers wrong is refused."""
    _refuses(
        delivery,
        lab,
        "wrong_answer",
        what="a commit that starts, says that it is ready, and answers wrong",
        expected="refused answer",
        hint="Ready is what a program says of itself. Which question does your pipeline ask, and what must the answer be?",
    )


@needs("wrong-answer")
@timeout(RUN_SECONDS)
def test_registry_away(delivery: Delivery, lab: Lab) -> None:
    """Without the registry nothing is deployed, and the pipeline says so."""

    def push() -> None:
        require_refused(
            delivery.without_registry(delivery.source.good()),
            what="a commit that was pushed while the registry was away",
            expected="failed registry",
            hint="`lab check` stopped the registry and started it again. What did each of your commands that needs it do?",
        )

    lab.prove_once("registry away", delivery.fingerprint, test=push)


@needs("registry-away")
@timeout(RUN_SECONDS)
def test_tag_moved(delivery: Delivery, lab: Lab) -> None:
    """A tag that is moved after the test changes nothing."""
    if lab.recall("two at once", delivery.fingerprint) is None:
        judging.require_tag_ignored(delivery, delivery.two_at_once())


@needs("tag-moved")
@timeout(RUN_SECONDS)
def test_one_at_a_time(delivery: Delivery, lab: Lab) -> None:
    """Of two commits pushed at once, production ends with the newer."""
    lab.prove_once(
        "two at once", delivery.fingerprint, test=lambda: judging.require_in_order(delivery.two_at_once())
    )


@needs("one-at-a-time")
@timeout(RUN_SECONDS)
def test_rolled_back(delivery: Delivery, lab: Lab) -> None:
    """A rollback gives users the earlier image in seconds, and builds nothing."""
    proof = ("rolled back", delivery.fingerprint)
    if lab.recall(*proof) is not None:
        return
    # With two releases since the learner's commit, the one before is not the one that is asked for.
    for _ in range(delivery.releases, RELEASES):
        pushed = delivery.push(delivery.source.good(), what="a commit to roll back")
        judging.require_delivered(pushed, "a good commit")
    delivery.forget_builds()
    outcome = delivery.roll_back(delivery.main)
    judging.require_rolled_back(delivery, outcome)
    lab.record("rollback", round(outcome.run.ended - outcome.run.began, 1), "s")
    lab.remember(*proof)
