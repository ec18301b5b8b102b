"""Lab 17: a week of traffic on a rented engine, inside a budget, and nobody else on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, needs, require, timeout

from .rented import PLACES, RESTART

if TYPE_CHECKING:
    from .rented import Rented
    from .replay import Replay

LETS_IN = {
    "http": "Plain TCP asks nobody who they are. What listens there: the engine, by an option, or a container with its socket?",
    "https": "TLS hides what is sent. The engine has to ask for the other side's certificate as well: which option says so, "
    "and what does it say now?",
}


@timeout(40)
def test_reached_by_ssh(rented: Rented) -> None:
    """The rented engine is reached by a context over SSH, which checks whom it talks to."""
    hint = "Lesson, “In by SSH”. `ssh rented hostname` says whether SSH itself works."
    rented.require_recognised(rented.require_reached("SSH", "ssh://rented", hint))


@needs("reached-by-ssh")
@timeout(60)
def test_closed_to_others(rented: Rented) -> None:
    """Without a certificate, nobody reaches the rented engine."""
    for port, way in rented.open_to_all().items():
        unread = rented.unread()
        fail(
            f"The engine answers at {way}://rented:{port} to anyone, without a certificate. Anyone who asks there can start "
            "containers as root on a machine that you pay for.",
            expected="no answer without a certificate",
            seen=f"the engine's answer on port {port}, by {way}",
            source=f"curl -k {way}://rented:{port}/_ping",
            evidence=unread,
            hint=RESTART if unread else LETS_IN[way],
        )


@needs("closed-to-others")
@timeout(40)
def test_reached_by_tls(rented: Rented) -> None:
    """The rented engine is reached by a context over TLS, which checks whom it talks to."""
    hint = "Lesson, “In by TLS”: what does the engine need, and which three files does the context need?"
    context = rented.require_reached("TLS", "tcp://rented:2376", hint)
    if not context.files:
        why = "reaches the engine without TLS: anyone in between reads and changes what is sent."
    else:
        why = "does not check whose certificate it is shown: it talks to anyone who pretends to be the rented machine."
    require(
        context.checks_server,
        f"The context `{context.name}` {why}",
        expected="a context with ca, cert and key, and without `skip-tls-verify`",
        seen=f"{context.host}, {', '.join(context.files) or 'no certificate'}",
        source=f"docker context inspect {context.name}",
        hint=hint,
    )


@needs("reached-by-tls")
@timeout(90)
def test_keys_kept(rented: Rented) -> None:
    """Your private keys are nowhere on the rented machine."""
    for what, place, name in rented.leaks():
        where, source = (each.format(name) for each in PLACES[place])
        fail(
            f"A copy of {what} is in {where}. Anyone who reads it there can come in as you, from anywhere.",
            expected="private keys on your own machine alone",
            seen=f"{what} in {where}",
            source=source,
            hint="The engine keeps what a build has copied, also when the image is gone. Which command empties the build cache?"
            if place == "buildkit"
            else "What did you copy, mount or print there? A layer of an image keeps what a later one deletes.",
        )


@timeout(60)
def test_every_request_served(replay: Replay) -> None:
    """The users' requests were answered, all but 1 in 50 at most."""
    replay.require_served()


@needs("every-request-served")
def test_released_at_night(replay: Replay) -> None:
    """At night, at most 60 % of what is reserved at the peak is reserved."""
    replay.require_released()


@needs("every-request-served")
@timeout(30)
def test_nothing_forgotten(replay: Replay) -> None:
    """Nothing is left that costs and that nobody uses."""
    replay.require_nothing_forgotten()


@needs("released-at-night", "nothing-forgotten")
def test_within_budget(replay: Replay) -> None:
    """The bill for the week is within the budget."""
    replay.require_within_budget()
