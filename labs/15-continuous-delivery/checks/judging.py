"""What is required of a pipeline's runs, and what a learner reads if it is not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, require

from .delivery import SHORT

if TYPE_CHECKING:
    from .delivery import Delivery, Outcome, Run

TIMELINE = "lab timeline 15"
LIVE_SECONDS = 60.0
"""How long a good commit may take from its push to the first user who gets it; the solution took 8 to 17 s on two cores."""

BACK_SECONDS = 30.0
"""How long a rollback may take; the solution took 6 to 9 s on two cores."""


def short(digest: str) -> str:
    """Return as much of a digest as is worth reading."""
    return digest[:SHORT]


def require_live(run: Run, what: str) -> None:
    """Require that the pipeline says that it delivered a commit."""
    require(
        run.exit_code is not None,
        f"The pipeline was called with {what} and did not come to an end.",
        expected="`result: live sha256:…`, exit code 0",
        seen=run.said[-1] if run.said else "no output",
        source=run.source,
        hint="The runner ends a pipeline after 120 s. What does yours wait for?",
    )
    require(
        run.result.startswith("live") and run.exit_code == 0,
        f"The pipeline did not deliver {what}.",
        expected="`result: live sha256:…`, exit code 0",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint="The log of the commit has everything that your pipeline printed; the last lines say where it stopped.",
    )


def require_unnoticed(outcome: Outcome, what: str, hint: str) -> None:
    """Require that no user's request failed in the meantime."""
    seen = outcome.seen
    if seen.failures:
        fail(
            f"{what} cost users their answer: {len(seen.failures)} of {len(seen.requests)} requests failed.",
            expected="no failed request",
            seen=seen.summary,
            source=TIMELINE,
            evidence=f"the first: {seen.failures[0].outcome}, {seen.failures[0].at - outcome.mark.at:.1f} s after the push",
            hint=hint,
        )


def require_same_image(delivery: Delivery, outcome: Outcome) -> None:
    """Require that users have the image in which the unit tests ran, and that it was started before they got it."""
    served = {each["id"] for each in outcome.live}
    (now,) = served if len(served) == 1 else ("",)
    require(
        now,
        "The pipeline says that a good commit is live, and the copies in production do not have the same image.",
        expected="one image in production",
        seen=", ".join(short(each) for each in sorted(served)) or "no copy runs",
        source="docker --host $PRODUCTION service ps SERVICE",
        hint="What does your deployment wait for before it says that the commit is live?",
    )
    require(
        now not in outcome.before,
        "The pipeline says that a good commit is live, and production still has the image from before.",
        expected="the image of the commit in production when the pipeline says so",
        seen=f"production runs {short(now)}, as before the push",
        source="docker --host $PRODUCTION service ps SERVICE",
        hint="An order to a swarm returns before it is carried out. What does your deployment wait for?",
    )
    tried = outcome.tried(delivery.service)
    command = "docker --host $TEST events --since 5m --until 0s --filter event=start --filter type=container"
    hint = "Lesson, “Which image is it?”: compare the digest in the log with the one that production runs."
    require(
        tried,
        "Users have an image that nobody ever started before: the pipeline did not start a container of it to test it.",
        expected=f"a container of the image {short(now)}, before production has it",
        seen="no container was started",
        source=command,
        hint=hint,
    )
    require(
        now in {each["id"] for each in tried},
        "Users do not have the image that was tested: it was built again, or another image was deployed. Two builds of one "
        "commit are two images.",
        expected=f"the tested image in production, {short(tried[-1]['id'])}",
        seen=f"production runs {short(now)}",
        source=command,
        evidence=f"tested as {tried[-1]['image']}",
        hint=hint,
    )
    names = {each["container"][:12]: each["id"] for each in tried}
    places = [names.get(name, name) for name in outcome.heard]
    if places and now not in places:
        where = {
            "runner": "on the source, in the runner's checkout",
            "buildkitsandbox": "in a step of the build, before the image was finished",
        }.get(
            places[0],
            f"in another image, {short(places[0])}" if places[0].startswith("sha256") else "somewhere else",
        )
        fail(
            f"The unit tests ran {where}. What they found out is not about the image that users have.",
            expected=f"the unit tests in a container of {short(now)}",
            seen=f"the unit tests ran in {places[0]}",
            source=command,
            hint="A container of the image can run another command than the image's own. What has the image that your tests "
            "ran in, and what has the one that users get?",
        )


def require_refused(delivery: Delivery, outcome: Outcome, *, what: str, expected: str, hint: str) -> None:
    """Require that a commit reached nobody, and that the pipeline says why.

    Args:
        delivery: the pipeline.
        outcome: what came of pushing it.
        what: what is wrong with the commit, as a noun with its article.
        expected: the result that the pipeline must print.
        hint: where to look if it went through.
    """
    run = outcome.run
    reached = [each for each in outcome.in_production(delivery.service) if each not in outcome.before]
    if reached or {each["id"] for each in outcome.live} != outcome.before:
        fail(
            f"{what[0].upper()}{what[1:]} reached production.",
            expected=f"`result: {expected}`, and production as it was",
            seen=f"{_said(run)}; copies of {short((reached or ['another image'])[0])} were started in production",
            source=run.source,
            evidence=run.evidence,
            hint=hint,
        )
    require_unnoticed(outcome, f"{what[0].upper()}{what[1:]} did not reach production, and yet it", hint)
    require(
        run.exit_code,
        f"The pipeline stopped {what}, and ended with exit code 0, which means success to its caller."
        if run.exit_code == 0
        else f"The pipeline did not come to an end with {what}.",
        expected=f"`result: {expected}`, an exit code other than 0",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint="Which command decides the exit code of your pipeline?",
    )
    require(
        run.result == expected,
        f"The pipeline stopped {what}, and does not say what stopped it.",
        expected=f"`result: {expected}`",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint="The table in the lesson's task has a result for each thing that can be wrong. Which step of your pipeline stopped "
        "it, and what does it print then?",
    )


def _said(run: Run) -> str:
    result = f"`result: {run.result}`" if run.result else "no line that begins with `result:`"
    return f"{result}, {f'exit code {run.exit_code}' if run.exit_code is not None else 'no end'}"


def require_tag_ignored(delivery: Delivery, outcome: Outcome) -> None:
    """Require that production has what was tested, although the checker gave its tags to another image in between."""
    old = {each["id"] for each in delivery.first["live"]}
    tested = {each["id"] for each in outcome.tried(delivery.service)}
    served = {each["id"] for each in outcome.live}
    by_tag = [each["image"] for each in outcome.live if "@sha256:" not in each["image"]]
    require(
        not outcome.moved or (served <= tested and not by_tag),
        f"A tag was moved between the test and the deployment, and production got what the tag meant then: {outcome.moved[0] if outcome.moved else ''} "
        "was given to another image.",
        expected="the image that was tested, whatever its tags say later",
        seen=f"production runs {short(min(served or old))}, tested was {', '.join(sorted(map(short, tested))) or 'nothing'}",
        source=outcome.run.source,
        evidence=outcome.run.result and f"result: {outcome.run.result}",
        hint="Lesson, “Which image is it?”: which name of the image does your deployment use, and who can change what it means?",
    )


def require_in_order(outcome: Outcome) -> None:
    """Require that the newer of two commits is what users have in the end, and that each run says its result."""
    older, newer = outcome.runs
    require(
        newer.exit_code == 0 and newer.result.startswith("live"),
        "Two commits were pushed one right after the other, and the run of the newer one failed, although nothing is wrong with it.",
        expected="`result: live sha256:…`, exit code 0",
        seen=_said(newer),
        source=newer.source,
        evidence=newer.evidence,
        hint="What do both runs use or change: a name of a container, a port, a tag, a file, the service in production?",
    )
    said = newer.result.split()[-1]
    require(
        all(each["image"].endswith(said) for each in outcome.live),
        "Two commits were pushed one right after the other, and production ended with the older one: its run overtook the newer.",
        expected=f"production runs {short(said)}, of the newer commit",
        seen=f"production runs {', '.join(sorted({short(each['image'].rpartition('@')[2]) for each in outcome.live}))}",
        source=older.source,
        evidence=f"the older ended {older.ended:.1f} s after the first push with `{older.result}`, the newer after {newer.ended:.1f} s",
        hint="The runner calls the pipeline for each push, also while another run is under way. What keeps two of yours apart?",
    )
    require(
        older.exit_code == 0 and older.result.split()[:1] in (["live"], ["superseded"]),
        "Two commits were pushed one right after the other, and the run of the older one failed, although nothing is wrong with it.",
        expected="`result: live sha256:…` or `result: superseded`, exit code 0",
        seen=_said(older),
        source=older.source,
        evidence=older.evidence,
        hint="What do both runs use: a name of a container, a port, a tag, a file?",
    )
    require_unnoticed(
        outcome, "Two commits pushed at once", "Did both runs change production at the same time?"
    )


def require_rolled_back(delivery: Delivery, outcome: Outcome) -> None:
    """Require that users have exactly the image that they had with the learner's commit."""
    run = outcome.run
    require(
        run.exit_code == 0 and run.result.startswith("live"),
        "The rollback to your newest commit did not work.",
        expected="`result: live sha256:…`, exit code 0",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint="How does `rollback` learn which digest belongs to the commit? The build's cache and its images are not on the test "
        "machine any more.",
    )
    wanted, served = {each["id"] for each in delivery.first["live"]}, {each["id"] for each in outcome.live}
    require(
        served == wanted,
        "The rollback gave users another image than the one that they had with this commit: it was built again, and nobody tested "
        "that build.",
        expected=f"production runs {', '.join(map(short, wanted))}",
        seen=f"production runs {', '.join(map(short, served))}",
        source=run.source,
        evidence=run.evidence,
        hint="The image is still in the registry. Which name does it have there that cannot change its meaning?",
    )
    took = run.ended - run.began
    require(
        took <= BACK_SECONDS,
        "The rollback took too long: for all that time users have what you want to take from them.",
        expected=f"at most {BACK_SECONDS:g} s",
        seen=f"{took:.1f} s",
        source=run.source,
        hint="What does `rollback` do before it changes production?",
    )
    require_unnoticed(outcome, "The rollback", "How many copies does it stop at once?")


def require_kept(leak: dict[str, str]) -> None:
    """Require that the password was found nowhere."""
    require(
        not leak,
        f"The registry's password is in {leak.get('where')}, {leak.get('form')}: anyone who reads it can replace every image.",
        expected="the password in no log and in no image",
        seen=f"the password in {leak.get('where')}, {leak.get('form')}",
        source=leak.get("source", ""),
        hint="What does the pipeline do with the password, and what is in the folder that `docker build` copies from?",
    )
