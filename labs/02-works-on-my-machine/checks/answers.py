"""Whether a running copy of the service prints the labels that Ada's machine prints."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import listening, wait_for_service

from .truth import PORT, WHY, label, parcels

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Container, Prober, Reply

START_SECONDS = 60.0
"""How long a copy that goes on starting is waited for; it takes 0.3 s on two cores."""

PATIENCE_SECONDS = 10.0
"""How long a copy is waited for whose container is on another machine, where nobody sees what it does."""

UNWRITTEN = {
    r"urrency": "no-locale",
    r"Is a directory": "journal-is-a-folder",
    r"No such file or directory": "journal-without-a-folder",
    r"journal|Read-only file system|Permission denied": "no-journal",
}
"""What the service says with status 500, and the reason that it gives."""

LINES = {4: "another-price", 6: "another-seal"}
"""The lines of a label that tell by themselves what is wrong."""

ENDS = {
    r"(?m)^\S*sh: \d+: \[.*not found": "command-not-a-list",
    r"(?m)^exec \S+: exec format error": "script-without-a-first-line",
    r"(?m)^exec \S+: no such file or directory": "script-of-a-missing-program",
    r"No module named 'parcelcode'": "library-missing",
    r"(?s)(?=.*parcels\.csv)(?=.*Errno 2\b)": "parcels-missing",
    # Python says the same of a program that it may not read, with another number behind it.
    r"can't open file .*Errno 2\b": "program-missing",
    r"(?m)Could not install packages|Installing collected packages|Defaulting to user installation"
    r"|^Processing .*parcelcode": "installed-at-its-start",
    r"ermission denied": "not-allowed",
    r"Read-only file system": "writes-to-its-image",
    r"unsupported locale": "locale-missing",
    r"LABELS_KEY is not set": "key-taken-away",
}
"""What a log has, most telling first, and the reason that it gives."""


def ask(prober: Prober, base: str, number: str, container: Container | None = None) -> Reply:
    """Ask for a label, with patience while the copy starts: as long as it makes progress, and no longer than it lives.

    Args:
        prober: asks from the lab's network.
        base: the address of the copy.
        number: the parcel asked for.
        container: the copy; without it, any answer is waited for, for a few seconds.
    """
    url = f"{base}/labels/{number}"
    reply = prober.get(url, patience=0.5 if container else PATIENCE_SECONDS)
    if reply.error and container is not None:

        def answers() -> bool:
            nonlocal reply
            reply = prober.get(url)
            return not reply.error

        wait_for_service(container, answers, most=START_SECONDS)
    return reply


def some_numbers() -> list[str]:
    """Return the parcels asked for in this run: the one the lesson shows, and one that differs each time."""
    first, *others = parcels()
    return [first, random.choice(others)]  # noqa: S311 - nothing is kept secret by it


def require_label(
    reply: Reply,
    number: str,
    key: str,
    *,
    where: str,
    seal_hint: str,
    whose: str = "Ada's",
    source: str = "",
    settings: str = "docker image inspect --format '{{.Config.Env}}' labels:1.0",
) -> None:
    """Fail unless the reply is the label that Ada's machine prints with this key.

    Args:
        reply: what came back.
        number: the parcel asked for.
        key: the key that the copy was given.
        where: what was asked, for the learner: `a container of labels:1.0 …`.
        seal_hint: where to look when only the seal is wrong.
        whose: whose key that is, for the learner.
        source: the command that shows it; the request when there is none.
        settings: the command that shows its variables.
    """
    reason, right, have = _difference(reply, number, label(number, key))
    WHY.require(
        not reason,
        reason,
        where=where,
        number=number,
        whose=whose,
        right=right,
        have=have,
        seal_hint=seal_hint,
        settings=settings,
        source=source or f"curl {reply.url}",
        seen=have,
    )


def _difference(reply: Reply, number: str, wanted: list[str]) -> tuple[str, str, str]:
    """Return why a reply is not the wanted label, what is right, and what there is; empty texts if it is."""
    if reply.status == 500:
        reason = _first(UNWRITTEN, reply.text)
        if reason:
            return reason, wanted[4] if reason == "no-locale" else f"a label for {number}", reply.summary
    if not reply.ok:
        return "no-label", "HTTP 200 and the label", reply.summary
    got = reply.text.rstrip("\n").split("\n")
    for line, (right, have) in enumerate(zip(wanted, got, strict=False)):
        if right != have:
            return LINES.get(line, "another-label"), right, have
    if len(got) != len(wanted):
        return "more-or-fewer-lines", f"{len(wanted)} lines", f"{len(got)} lines"
    return "", "", ""


def _first(reasons: dict[str, str], text: str) -> str:
    """Return the reason for the first pattern that a text has; empty if it has none."""
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, text)), "")


def fail_silent(
    container: Container, reply: Reply, *, where: str, run: str, find_library: Callable[[], str] = lambda: ""
) -> NoReturn:
    """Explain why nothing answers: it ended, or it listens where nobody outside can reach it.

    Args:
        container: what was asked.
        reply: what came back.
        where: what was asked, for the learner.
        run: the command that shows it.
        find_library: called if the library was not found, for where it is in the image; empty if it is not.
    """
    log = container.logs(tail=20).strip()
    last, command = log.rpartition("\n")[2], container.main_command[:80]
    if not container.running:
        reason = (_first(ENDS, log) or "ended") if log else "ended-without-a-word"
        place = find_library() if reason == "library-missing" else ""
        WHY.fail(
            "library-not-found" if place else reason,
            place=place,
            home=" A `.local` folder counts for the user alone whose home it is in."
            if "/.local/" in place
            else "",
            where=where,
            command=command,
            run=run,
            seen=f"it ended with exit code {container.exit_code}",
            evidence=last,
        )
    heard = listening(container)
    at = {address for address, port in heard if port == PORT}
    if at and all(address.startswith("127.") or address == "::1" for address in at):
        seen = f"it listens on 127.0.0.1:{PORT} inside; from outside: {reply.error}"
        WHY.fail("loopback-alone", where=where, run=run, seen=seen, evidence=last)
    others = ", ".join(map(str, sorted({port for _, port in heard} - {PORT})))
    seen = f"{reply.error or reply.summary}; it runs `{command}`" + (
        f"; listening: {others}" if others else ""
    )
    WHY.fail("nothing-answers", where=where, run=run, seen=seen, evidence=last)
