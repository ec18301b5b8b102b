"""Why a container that the task asks for is not there: another name, removed, or never created."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NoReturn

from checker.engine.api import COMPOSE_ONE_OFF, COMPOSE_SERVICE
from checker.engine.clock import moment
from checker.grading.history import Removal, ago, past_events
from checker.grading.verdicts import fail
from checker.grading.wanted import Reason

if TYPE_CHECKING:
    from checker.grading.author import Lab
    from checker.grading.container import Container
    from checker.grading.wanted import Wanted

_INVENTED = re.compile(r"[a-z]+_[a-z]+\d*")
"""A name that an engine invented: an adjective and the name of a scientist."""

_CLOSE = 0.75


def fail_absent(lab: Lab, wanted: Wanted) -> NoReturn:
    """Fail because there is no such container, and say what there is instead, or what happened to it."""
    own = _others(lab.containers(), wanted)
    _require_no_other_spelling(wanted, own)
    begun = begun_at(lab)
    known = {found.id for found in own}
    # A `docker run` in a terminal outside of the toolbox puts no label of the lab on what it makes.
    unlabelled = [
        found
        for found in lab.unowned(wanted.image, since=begun, or_named=lambda name: is_close(name, wanted.name))
        if found.id not in known
    ]
    others = [*own, *_others(unlabelled, wanted)]
    _require_no_other_spelling(wanted, others)
    removal = Removal(past_events(lab.engine, wanted.name, since=begun))
    same = [found for found in others if wanted.image and _runs(lab, found, wanted.image)]
    # One that was made after the asked one had gone is the next try.
    if later := [found for found in same if removal.known and moment(found.created) > removal.at]:
        _fail_other_name(wanted, later)
    if removal.known:
        _fail_removed(wanted, removal, lab.engine.clock.now())
    if same:
        _fail_other_name(wanted, same)
    fail(
        f"There is no container named `{wanted.name}`{wanted.so}.",
        expected=wanted.expected,
        seen=f"no container named {wanted.name}, running or stopped"
        + (f"; there is {', '.join(found.name for found in own)}" if own else ""),
        source="docker ps --all",
        hint=wanted.hint(Reason.ABSENT),
    )


def _others(several: list[Container], wanted: Wanted) -> list[Container]:
    """Return those of several containers that may be meant for the wanted one: not those with a name of the task's or the lesson's."""
    names = {wanted.name, *wanted.known}
    return [found for found in several if found.name not in names and found.status != "removing"]


def _require_no_other_spelling(wanted: Wanted, others: list[Container]) -> None:
    close = next((found for found in others if is_close(found.name, wanted.name)), None)
    if close:
        fail(
            f"There is no container named `{wanted.name}`, but there is one named `{close.name}`: names are compared letter by "
            "letter, and everyone looks for this container by its name.",
            expected=wanted.expected,
            seen=f"a container named {close.name}, status: {close.status}",
            source="docker ps --all",
            hint=wanted.hint(Reason.SPELLING),
        )


def begun_at(lab: Lab) -> float:
    """Return when this start of the lab began: earlier events belong to another start."""
    return moment(lab.node("toolbox").created)


def _runs(lab: Lab, container: Container, image: str) -> bool:
    found = lab.image(image)
    return container.image == image or (found is not None and container.image_id == found["Id"])


def is_close(name: str, wanted: str) -> bool:
    """Whether a name is a misspelling of the wanted one: `parcel_b` for `parcel-b`, `tarif-v1` for `tariff-v1`."""
    plain, right = (re.sub(r"[^a-z0-9]", "", each.lower()) for each in (name, wanted))
    if plain == right:
        return True
    if re.findall(r"\d+", plain) != re.findall(r"\d+", right) or abs(len(plain) - len(right)) > 1:
        return False
    # A name that only continues the other, as `parcel-b` and `parcel`, is another name.
    if plain.startswith(right) or right.startswith(plain):
        return False
    return difflib.SequenceMatcher(None, plain, right).ratio() >= _CLOSE


def _fail_other_name(wanted: Wanted, same: list[Container]) -> NoReturn:
    names = ", ".join(found.name for found in same)
    services = {found.labels.get(COMPOSE_SERVICE): found for found in same}
    made = services.get(wanted.name, same[0])
    if made.labels.get(COMPOSE_SERVICE):
        reason = Reason.COMPOSED
        why = (
            "`docker compose run` starts a service for one task and makes up a name for that, whatever the file says, "
            if made.labels.get(COMPOSE_ONE_OFF) == "True"
            else "Compose makes a name from the project and the service, "
        ) + "and everyone looks for this container by its own name."
    elif _INVENTED.fullmatch(made.name):
        reason = Reason.UNNAMED
        why = (
            "if you give no name, the engine invents one, and everyone looks for this container by its name."
        )
    else:
        reason, why = Reason.OTHER_NAME, "everyone looks for this container by its name."
    fail(
        f"A container of {wanted.image} was created, but its name is `{made.name}`, not `{wanted.name}`: {why}",
        expected=wanted.expected,
        seen=f"containers of {wanted.image}: {names}",
        source="docker ps --all",
        hint=wanted.hint(reason),
    )


def _fail_removed(wanted: Wanted, removal: Removal, now: float) -> NoReturn:
    death = removal.death
    how = (
        f"ended with exit code {death.exit_code}, {ago(death.at, now)}, then removed" if death else "removed"
    )
    facts = {
        "expected": wanted.expected,
        "seen": how,
        "source": "docker events",
        "evidence": f"container die {wanted.name} (exitCode={death.exit_code})"
        if death
        else f"container destroy {wanted.name}",
    }
    if removal.by_hand:
        fail(
            f"There is no container named `{wanted.name}` any more: it was ended and removed from outside, by a command such as "
            f"`docker rm`, or `docker stop` if it was started with `--rm`. Everything in it is gone{wanted.so}.",
            **facts,
            hint=wanted.hint(Reason.REMOVED),
        )
    if removal.tied:
        fail(
            f"There is no container named `{wanted.name}` any more. One ran, ended and was removed with everything in it. A "
            "container lives as long as its main process, and this one ended together with the command that started it.",
            **facts,
            hint=wanted.hint(Reason.TIED),
        )
    fail(
        f"There is no container named `{wanted.name}` any more. One ran until its program ended. Then it was removed together "
        "with its log, as `--rm` requests.",
        **facts,
        hint=wanted.hint(Reason.VANISHED),
    )
