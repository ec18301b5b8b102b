"""What is required of a pipeline's runs, and what a learner reads if it is not so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import could_not_run, fail, require

from .commits import LEFT_OUT
from .delivery import SHORT

if TYPE_CHECKING:
    from .delivery import Delivery, Outcome, Run

TIMELINE = "lab timeline 15"
LIVE_SECONDS = 60.0
"""How long a good commit may take from its push to the first user who gets it; the solution took 8 to 17 s on two cores."""

BACK_SECONDS = 30.0
"""How long a rollback may take; the solution took 6 to 9 s on two cores."""

NEARLY_SECONDS = 110.0
"""A run that took longer and was ended was ended by the runner, after 120 s."""

BUSY_LOAD = 4.0
"""Up to how many programs that run or wait for each processor what takes long is not the machine's fault."""

BUSY_SECONDS = 2.0
"""For how long the users may have sent nothing until failures may be the machine's fault."""

CUT_OFF = {124, 137}
"""The exit codes of a run that the runner ended because it took too long."""

RESULTS = {
    "refused build",
    "refused tests",
    "refused start",
    "refused answer",
    "failed registry",
    "failed production",
}
"""What the lesson's task lists for commits that are not delivered."""


def short(digest: str) -> str:
    """Return as much of a digest as is worth reading."""
    return digest[:SHORT]


def require_program(run: Run) -> None:
    """Require that there was a program to run."""
    missing = [re.match(r"runner: there is no program (\w+)", line) for line in run.said]
    name = next((found[1] for found in missing if found), "")
    require(
        not name,
        f"The runner was to run your program `{name}`, and there was none in the work folder.",
        expected=f"a file `{name}` in the work folder",
        seen=f"no file `{name}` when the commit was pushed",
        source=run.source,
        evidence=run.evidence,
        hint="`ls ~+` in the work folder shows what is there. A commit that was pushed before your program was there must be pushed "
        "again: `git commit --allow-empty`, then `git push`.",
    )


def require_delivered(outcome: Outcome, what: str) -> None:
    """Require that the pipeline says that it delivered a commit, unless a machine that was very busy took it the time."""
    excuse_cut_off(outcome)
    require_live(outcome.run, what)


def require_live(run: Run, what: str, hint: str = "") -> None:
    """Require that the pipeline says that it delivered a commit."""
    require_program(run)
    require(
        run.exit_code is not None,
        f"The pipeline was called with {what} and has not come to an end.",
        expected="`result: live sha256:…`, exit code 0",
        seen=run.said[-1] if run.said else "no output",
        source=run.source,
        hint="If it is still under way, check again when `git push` has ended. The runner ends a pipeline after 120 s.",
    )
    require(
        run.is_live,
        f"The pipeline did not deliver {what}.",
        expected="`result: live sha256:…`, exit code 0",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint=hint
        or "The log of the commit has everything that your pipeline printed; the last lines say where it stopped.",
    )


def where_to_look(delivery: Delivery) -> str:
    """Return where to look if the pipeline did not deliver the learner's newest commit."""
    if delivery.pulled:
        base, newest = (each[:10] for each in delivery.pulled)
        return (
            "Below your newest commit there are commits that `lab check` pushed and you pulled; most are wrong on purpose. In `parcel`, "
            f"`git rebase --onto {base} {newest}` leaves them out; then `git push --force`. The last lines of the log say where your "
            "pipeline stopped."
        )
    hint = (
        "The last lines of the log say where it stopped. If you have changed your pipeline since then, let the runner call it again: "
        "`git commit --allow-empty`, then `git push`."
    )
    if delivery.learners_run.result in {"refused tests", "refused start", "refused answer"}:
        hint += " If the pipeline is right and a commit is wrong, `git revert --no-edit COMMIT` takes it back; then `git push`."
    return hint


def excuse_busy(outcome: Outcome, what: str) -> None:
    """End a check that is about to fail without a verdict, if this machine was so busy that it may be its fault.

    Args:
        outcome: what came of the push.
        what: what is wrong, as a clause.
    """
    pause = outcome.seen.pause
    if pause > BUSY_SECONDS or outcome.late:
        what_happened = outcome.late or f"the users could send nothing for {pause:.1f} s"
        could_not_run(
            f"{what}. The reason may be this machine, which was very busy: {what_happened}. Check again when less runs beside the lab."
        )


def excuse_slow(outcome: Outcome, what: str) -> None:
    """End a check of a time without a verdict, if this machine was so busy that it may be its fault.

    Args:
        outcome: what came of the push.
        what: what took long, as a clause.
    """
    excuse_busy(outcome, what)
    if outcome.load > BUSY_LOAD:
        could_not_run(
            f"{what}. The reason may be this machine, which was very busy: on average, {outcome.load:.0f} programs ran or waited for each "
            "processor. Check again when less runs beside the lab."
        )


def excuse_cut_off(outcome: Outcome, which: str = "the run") -> None:
    """End a check without a verdict if the runner ended a run because it took too long, and this machine was very busy.

    Args:
        outcome: what came of the push.
        which: which run it ended, as a noun.
    """
    if any(map(was_cut_off, outcome.runs)):
        excuse_slow(outcome, f"The runner ended {which} after 120 s")


def require_unnoticed(outcome: Outcome, what: str, hint: str) -> None:
    """Require that no user's request failed in the meantime."""
    seen = outcome.seen
    if seen.failures:
        excuse_busy(outcome, "Requests failed")
        fail(
            f"{what} cost users their answer: {len(seen.failures)} of {len(seen.requests)} requests failed.",
            expected="no failed request",
            seen=seen.summary,
            source=TIMELINE,
            evidence=f"the first: {seen.failures[0].outcome}, {seen.failures[0].at - outcome.mark.at:.1f} s after the push",
            hint=hint,
        )


def require_new_image(outcome: Outcome) -> str:
    """Require that all copies in production have one image, and not the one from before; return its id."""
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
    says_so = all(each["image"].endswith(outcome.run.digest) for each in outcome.live)
    if now in outcome.before and says_so and {each["id"] for each in outcome.tried} <= outcome.before:
        _fail_other_source(
            outcome, "an image of the commit", f"the same image as before the push, {short(now)}"
        )
    require(
        now not in outcome.before,
        "The pipeline says that a good commit is live, and production still has the image from before.",
        expected="the image of the commit in production when the pipeline says so",
        seen=f"production runs {short(now)}, as before the push",
        source="docker --host $PRODUCTION service ps SERVICE",
        hint="An order to a swarm returns before it is carried out. What does your deployment wait for?",
    )
    return now


def require_this_commit(outcome: Outcome) -> None:
    """Require that what users get now answers as the last of the commits does."""
    if outcome.seen.latest != outcome.versions[-1]:
        _fail_other_source(
            outcome, f"users get version {outcome.versions[-1]}", f"users get version {outcome.seen.latest}"
        )


def _fail_other_source(outcome: Outcome, expected: str, seen: str) -> NoReturn:
    fail(
        "The pipeline says that a good commit is live, and what your pipeline built was not this commit.",
        expected=expected,
        seen=seen,
        source=outcome.run.source,
        hint="From which folder does your pipeline build? The checkout of the commit is the folder in which the runner calls it; "
        "the folder `parcel` in the work folder has your own files.",
    )


def require_same_image(outcome: Outcome) -> None:
    """Require that users have the image in which the unit tests ran, and that it was started before they got it."""
    now = require_new_image(outcome)
    tried = outcome.tried
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
    places = [_place(said, tried) for said in outcome.heard]
    if places and now not in places:
        first = places[0]
        fail(
            f"The unit tests ran {first if not first.startswith('sha256') else f'in another image, {short(first)}'}. What they found "
            "out is not about the image that users have.",
            expected=f"the unit tests in a container of {short(now)}",
            seen=f"the unit tests ran in a container of {short(first)}"
            if first.startswith("sha256")
            else f"the unit tests ran on {outcome.heard[0].split()[0]}",
            source=command,
            hint="A container of the image can run another command than the image's own. What has the image that your tests "
            "ran in, and what has the one that users get?",
        )


def _place(said: str, tried: list[dict[str, Any]]) -> str:
    """Return the id of the image whose container told where the unit tests ran; in words, if it was no such container."""
    host, *name = said.split()
    # A container may have been given the name of another host.
    found = next((each["id"] for each in tried if each["container"] in name), "")
    return found or {
        "runner": "on the source, in the runner's checkout",
        "buildkitsandbox": "in a step of a build, not in a container of the image",
    }.get(host, "somewhere else")


def require_seen(outcome: Outcome) -> None:
    """Require that the unit tests of a commit that was refused for them ran in a container that somebody saw."""
    require(
        outcome.heard,
        "The pipeline says that the unit tests failed, and no container of an image ran them: what it goes by is not about the image "
        "that users would get.",
        expected="the unit tests in a container of the image",
        seen=f"{len(outcome.tried)} containers were started, none for the unit tests",
        source="docker --host $TEST events --since 5m --until 0s --filter event=start --filter type=container",
        hint="Lesson, “Test the image, not the files”: where did the greeter's unit tests run?",
    )


def require_refused(outcome: Outcome, *, what: str, expected: str, hint: str) -> None:
    """Require that a commit reached nobody, and that the pipeline says why.

    Args:
        outcome: what came of pushing it.
        what: what is wrong with the commit, as a noun with its article.
        expected: the result that the pipeline must print.
        hint: where to look if it went through.
    """
    run = outcome.run
    reached = [each for each in outcome.in_production if each not in outcome.before]
    left = {each["id"] for each in outcome.live}
    if reached or left - outcome.before:
        fail(
            f"{what[0].upper()}{what[1:]} reached production.",
            expected=f"`result: {expected}`, and production as it was",
            seen=f"{_said(run)}; copies of {short((reached or sorted(left - outcome.before))[0])} were started in production",
            source=run.source,
            evidence=run.evidence,
            hint=hint,
        )
    require(
        left == outcome.before,
        f"{what[0].upper()}{what[1:]} did not reach production, and what was there before was stopped.",
        expected="production as it was",
        seen=f"{_said(run)}; {len(outcome.live)} copies run in production",
        source=run.source,
        evidence=run.evidence,
        hint="What does your pipeline do to production before it knows that a commit is good, or after it was refused?",
    )
    excuse_cut_off(outcome)
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
    require_unnoticed(outcome, f"{what[0].upper()}{what[1:]} did not reach production, and yet it", hint)
    require(
        run.result == expected,
        f"The pipeline stopped {what}, and "
        + (
            "says that something else stopped it."
            if run.result in RESULTS
            else "does not say what stopped it."
        ),
        expected=f"`result: {expected}`",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint="The table in the lesson's task has a result for each thing that can be wrong. Which step of your pipeline stopped "
        "it, and what does it print then?",
    )
    require_silent(outcome)


def require_left_out(delivery: Delivery, outcome: Outcome) -> None:
    """Require that the build leaves out what the commit's `.dockerignore` names, if production has it."""
    require(
        not outcome.in_production or not delivery.has_left_out(outcome),
        f"The image has a file that the commit's `.dockerignore` leaves out, {LEFT_OUT}: your build does not go by that file, and what "
        "must stay out of an image, such as a key, gets into it.",
        expected=f"an image without {LEFT_OUT}, whose unit tests fail",
        seen=f"{LEFT_OUT} in a copy in production",
        source=outcome.run.source,
        hint="What does `docker build` get from your pipeline: a folder, or an archive? Only of a folder does it leave out what "
        "`.dockerignore` names.",
    )


def require_silent(outcome: Outcome) -> None:
    """Require that no run printed the registry's password."""
    if outcome.leak:
        require_kept(
            {
                "where": f"the log of commit {outcome.run.commit[:7]}",
                "form": outcome.leak,
                "source": outcome.run.source,
            }
        )


def was_cut_off(run: Run) -> bool:
    """Whether the runner ended a run because it took too long; a program inside a run may end in the same way, and much sooner."""
    return run.exit_code in CUT_OFF and run.ended - run.began > NEARLY_SECONDS


def _said(run: Run) -> str:
    result = f"`result: {run.result}`" if run.result else "no line that begins with `result:`"
    end = f"exit code {run.exit_code}" if run.exit_code is not None else "no end"
    return f"{result}, {end}{': the runner ended it after 120 s' if was_cut_off(run) else ''}"


def require_tag_ignored(delivery: Delivery, outcome: Outcome) -> None:
    """Require that production has what was tested, although the checker gave its tags to another image in between."""
    if outcome.unmoved and not outcome.moved:
        could_not_run(f"The registry would not give {outcome.unmoved[0]} to another image. Check again.")
    old = {each["id"] for each in delivery.first["live"]}
    # What a tag was moved to may have been started as well, by who goes by the tag.
    tested = {each["id"] for each in outcome.tried} - set(outcome.given)
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
    excuse_cut_off(outcome, "one of two runs")
    require(
        newer.exit_code == 0 and newer.result.startswith("live"),
        "Two commits were pushed one right after the other, and the run of the newer one failed, although nothing is wrong with it.",
        expected="`result: live sha256:…`, exit code 0",
        seen=_said(newer),
        source=newer.source,
        evidence=newer.evidence,
        hint="What do both runs use or change: a name of a container, a port, a tag, a file, the service in production?",
    )
    has = sorted({each["image"].rpartition("@")[2] for each in outcome.live})
    require(
        has == [newer.digest],
        "Two commits were pushed one right after the other, and production ended with "
        + (
            "the older one: its run overtook the newer."
            if has == [older.digest]
            else "another image than the one that the newer run says is live."
        ),
        expected=f"production runs {short(newer.digest)}, of the newer commit",
        seen=f"production runs {', '.join(map(short, has)) or 'nothing'}",
        source=older.source,
        evidence=f"the older ended {older.ended:.1f} s after the first push with `{older.result}`, the newer after {newer.ended:.1f} s",
        hint="The runner calls the pipeline for each push, also while another run is under way. What keeps two of yours apart?",
    )
    answers = outcome.seen.latest
    require(
        answers == outcome.versions[-1],
        "Two commits were pushed one right after the other, and the image that the newer run delivered is not that of the newer commit.",
        expected=f"users get version {outcome.versions[-1]}, of the newer commit",
        seen=f"users get version {answers}"
        + (", of the older commit" if answers == outcome.versions[0] else ""),
        source=newer.source,
        evidence=newer.evidence,
        hint="What do both runs use: a folder, a tag, a file? The one may have put something there that the other took.",
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
    given = {each["image"].rpartition("@")[2] for each in outcome.started if each["for_users"]}
    require(
        older.result.split()[0] != "live" or older.digest in given,
        "Two commits were pushed one right after the other, and the run of the older one says that its image is live; no copy of it was "
        "ever started in production.",
        expected="`result: superseded`, exit code 0, of a commit that was left out",
        seen=_said(older),
        source=older.source,
        evidence=older.evidence,
        hint="What does your pipeline do when it finds a newer commit, and what does it print then?",
    )
    require_unnoticed(
        outcome, "Two commits pushed at once", "Did both runs change production at the same time?"
    )
    require_silent(outcome)


def require_rolled_back(delivery: Delivery, outcome: Outcome) -> None:
    """Require that users have exactly the image that they had with the learner's commit."""
    run = outcome.run
    require_program(run)
    excuse_cut_off(outcome)
    if not run.is_live:
        # A commit may be older than what the pipeline writes down for `rollback`.
        reached = (
            delivery.delivered and not was_cut_off(run) and delivery.roll_back(delivery.delivered).run.is_live
        )
        fail(
            "The rollback to your newest commit did not work. To a commit that your pipeline released in this check, it worked: what "
            "`rollback` looks for is there for a commit that is released now, and not for yours, which was released earlier."
            if reached
            else "The rollback to your newest commit did not work.",
            expected="`result: live sha256:…`, exit code 0",
            seen=_said(run),
            source=run.source,
            evidence=run.evidence,
            hint="If you have changed `pipeline` since your last push, release a commit with it: `git commit --allow-empty`, then "
            "`git push`. If not: does what it writes down for a commit stay there when later ones are released?"
            if reached
            else "How does `rollback` learn which digest belongs to the commit? The build's cache and its images are not on the test "
            "machine any more.",
        )
    wanted, served = {each["id"] for each in delivery.first["live"]}, {each["id"] for each in outcome.live}
    images = {
        "expected": f"production runs {', '.join(sorted(map(short, wanted)))}",
        "seen": f"production runs {', '.join(sorted(map(short, served))) or 'nothing'}",
        "source": run.source,
        "evidence": run.evidence,
    }
    require(
        served == wanted or not served & outcome.before,
        "The rollback says that the commit is live, and production still has the image that it should replace.",
        **images,
        hint="An order to a swarm returns before it is carried out. What does `rollback` wait for?",
    )
    require(
        served == wanted or not served <= outcome.known,
        "The rollback gave users another image than the one that they had with this commit: that of another commit.",
        **images,
        hint="The runner calls `rollback COMMIT`. How does yours get from this commit to its image?",
    )
    require(
        served == wanted,
        "The rollback gave users another image than the one that they had with this commit: it was built again, and nobody tested "
        "that build.",
        **images,
        hint="The image is still in the registry. Which name does it have there that cannot change its meaning?",
    )
    # An engine may list an image by its tag or its own id; the id was compared above.
    runs = {each["image"].rpartition("@")[2] for each in outcome.live if "@sha256:" in each["image"]}
    require(
        run.digest and runs <= {run.digest},
        "The rollback gave users the image that they had with this commit, and its result does not name it.",
        expected=f"`result: live {', '.join(sorted(map(short, runs))) or 'sha256:'}…`",
        seen=_said(run),
        source=run.source,
        evidence=run.evidence,
        hint="`result: live` is followed by the digest of the image, not by the commit. What comes after the `@` in its name?",
    )
    took = run.ended - run.began
    if took > BACK_SECONDS:
        excuse_slow(outcome, f"The rollback took {took:.0f} s")
    require(
        took <= BACK_SECONDS,
        "The rollback took too long: for all that time users have what you want to take from them.",
        expected=f"at most {BACK_SECONDS:g} s",
        seen=f"{took:.1f} s",
        source=run.source,
        hint="What does `rollback` do before it changes production?",
    )
    require_unnoticed(outcome, "The rollback", "How many copies does it stop at once?")
    require_silent(outcome)


def require_kept(leak: dict[str, str]) -> None:
    """Require that the password was found nowhere."""
    require(
        not leak,
        f"The registry's password is in {leak.get('where')}, {leak.get('form')}: anyone who reads it can replace every image.",
        expected="the password in no log and in no image",
        seen=f"the password in {leak.get('where')}, {leak.get('form')}",
        source=leak.get("source", ""),
        hint="What does your program do with the password, and what is in the folder that `docker build` copies from? What was "
        "written once stays written: when you have repaired that, `lab stop 15` and `lab start 15` make a new password and keep your files.",
    )
