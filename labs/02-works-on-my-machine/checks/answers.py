"""Whether a running copy of the service prints the labels that Ada's machine prints."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import fail, listening, require, wait_for_service

from .truth import PORT, label, parcels

if TYPE_CHECKING:
    from checker.grading.author import Container, Prober, Reply

START_SECONDS = 60.0
"""How long a copy that goes on starting is waited for; it takes 0.3 s on two cores."""

PATIENCE_SECONDS = 10.0
"""How long a copy is waited for whose container is on another machine, where nobody sees what it does."""


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
    source = source or f"curl {reply.url}"
    wanted = label(number, key)
    if reply.status == 500 and "urrency" in reply.text:
        fail(
            f"{where} cannot write an amount of money: no language and country (locale) is chosen in there, so it does not "
            "know what money looks like. A locale is part of a machine's set-up, and did not travel with the code.",
            expected=wanted[4],
            seen=reply.summary,
            source=source,
            hint="Ada's README.md says in its table which variable chooses the locale on her machine. "
            "`docker run --rm drydock/python:1.0 locale -a` lists what the runtime has.",
        )
    if reply.status == 500 and re.search(r"journal|Read-only file system|Permission denied", reply.text):
        fail(
            f"{where} cannot write its journal, and so prints no label: it may not write where the journal is to be.",
            expected=f"a label for {number}",
            seen=reply.summary,
            source=source,
            hint="Ada's README.md says where the journal goes when nobody chooses. Which places may this user write to?",
        )
    require(
        reply.ok,
        f"{where} does not print the label of {number}.",
        expected="HTTP 200 and the label",
        seen=reply.summary,
        source=source,
        hint=f"Its log says why: `docker logs`. The lesson's table “What goes wrong” starts from what you see for {number}.",
    )
    got = reply.text.rstrip("\n").split("\n")
    for line, (right, have) in enumerate(zip(wanted, got, strict=False)):
        if right == have:
            continue
        if line == len(wanted) - 1:
            fail(
                f"{where} seals with another key than {whose}: the depot would take its labels for forgeries.",
                expected=right,
                seen=have,
                source=source,
                hint=seal_hint,
            )
        if line == 4:
            fail(
                f"{where} writes the postage in another country's way. The same number read in another locale is another "
                "price on the parcel.",
                expected=right,
                seen=have,
                source=source,
                hint=f"Compare the value of LANG in Ada's README.md with the one there: `{settings}`.",
            )
        fail(
            f"{where} prints another label than Ada's machine does.",
            expected=right,
            seen=have,
            source=source,
            hint="Compare with `curl http://ada:8080/labels/"
            + number
            + "`: which line differs, and where does it come from?",
        )
    require(
        len(got) == len(wanted),
        f"{where} prints another label than Ada's machine does: it has {len(got)} lines.",
        expected=f"{len(wanted)} lines",
        seen=f"{len(got)} lines",
        source=source,
        hint=f"Compare with `curl http://ada:8080/labels/{number}`.",
    )


def fail_silent(container: Container, reply: Reply, *, where: str, run: str) -> NoReturn:
    """Explain why nothing answers: it ended, or it listens where nobody outside can reach it."""
    log = container.logs(tail=20).strip()
    last = log.rpartition("\n")[2]
    if not container.running:
        code = container.exit_code
        seen = f"it ended with exit code {code}"
        reason, hint = _why_ended(container, log)
        fail(
            f"{where} ended instead of answering: {reason}",
            expected="the service runs and answers",
            seen=seen,
            source=run,
            evidence=last,
            hint=hint,
        )
    if _listens_on_loopback_only(container):
        fail(
            f"{where} listens on 127.0.0.1, which in a container is the container itself: nobody outside it gets in, "
            "not even by a published port.",
            expected=f"something listens on 0.0.0.0:{PORT} inside",
            seen=f"it listens on 127.0.0.1:{PORT} inside; from outside: {reply.error}",
            source=run,
            evidence=last,
            hint="The service's first log line says where it listens. Ada's README.md says what decides it.",
        )
    ports = sorted({port for _, port in listening(container)} - {PORT})
    told = f"; listening: {', '.join(map(str, ports))}" if ports else ""
    fail(
        f"{where} runs, but nothing answers on port {PORT} of it.",
        expected=f"the label service answers on port {PORT} inside the container",
        seen=f"{reply.error or reply.summary}; it runs `{container.main_command[:80]}`{told}",
        source=run,
        evidence=last,
        hint="Which program does your image start? `docker image inspect --format '{{.Config.Entrypoint}} {{.Config.Cmd}}' labels:1.0`",
    )


_ENDS: tuple[tuple[str, str, str], ...] = (
    (
        r"(?m)^\S*sh: \d+: \[.*not found",
        "a shell took the opening bracket for the name of a program: the builder did not read what CMD or ENTRYPOINT has as a list.",
        "Compare the last line of stamp's Dockerfile with yours, character by character, its quotation marks too.",
    ),
    (
        r"(?m)^exec \S+: exec format error",
        "the engine cannot run the script that the image starts: its first line does not name the program that reads it.",
        "A script begins with a line of `#!` and a path. `head -n 1 FILE` shows the first line of yours.",
    ),
    (
        r"(?m)^exec \S+: no such file or directory",
        "the engine cannot run the script that the image starts: the program that its first line names is not in the image.",
        "`head -n 1 FILE | od -c` shows the first line of a script, with characters that nobody sees, such as `\\r`.",
    ),
    (
        r"No module named 'parcelcode'",
        "the library parcelcode is not in the image. On Ada's machine it was installed once, long ago.",
        "Lesson, “Install the library first”: which two lines brought the library into the stamp image?",
    ),
    (
        r"(?s)(?=.*parcels\.csv)(?=.*Errno 2\b)",
        (
            "it looks for parcels.csv where it is on Ada's machine, or the file is not in the image. "
            "What the image does not hold, the next machine does not have."
        ),
        (
            "Ada's README.md says which variable moves the place, and `docker image inspect --format '{{.Config.Env}}' labels:1.0` whether "
            "your image sets it: what `RUN export` sets is gone when that step ends. `docker run --rm labels:1.0 ls -l` lists what it holds."
        ),
    ),
    (
        # Python says the same of a program that it may not read, with another number behind it.
        r"can't open file .*Errno 2\b",
        "the program that it should start is not where it looks for it.",
        (
            "The last line of its log has the whole path. Which folder do your `COPY` lines fill, and in which one does the program start "
            "(`WORKDIR`)? Lesson, “Read the recipe”."
        ),
    ),
    (
        r"(?m)Could not install packages|Installing collected packages|Defaulting to user installation|^Processing .*parcelcode",
        (
            "it installs the library when it starts, and cannot: an ordinary user may not write where libraries lie, and the "
            "next machine may have no network either. What every container needs is done once, while the image is built."
        ),
        "Lesson, “Read the recipe”: which instruction there runs `pip install`, and when is that one done?",
    ),
    (
        r"ermission denied",
        "it may not read or run one of its own files as the user it runs as.",
        "The last line of its log names the file. `docker run --rm labels:1.0 ls -ln` shows who may read what.",
    ),
    (
        r"Read-only file system",
        "it writes to a place of its own image when it starts, and nothing but /tmp can be written to.",
        "The last lines of its log name the place. Who writes there, your start script or the program?",
    ),
    (
        r"unsupported locale",
        "the locale that your image asks for is not installed in it.",
        "`docker run --rm drydock/python:1.0 locale -a` lists the locales there are. Spell it as Ada does.",
    ),
    (
        r"LABELS_KEY is not set",
        "it did not get the key that it was given in its environment.",
        "Something in your image takes LABELS_KEY out of the environment before the service starts.",
    ),
)
"""What a log has, most telling first, with the reason that it gives and where to look."""


def _why_ended(container: Container, log: str) -> tuple[str, str]:
    if not log:
        return (
            f"it started `{container.main_command[:80]}`, which ended at once without a message. That is not the service.",
            (
                "`docker image inspect --format '{{.Config.Entrypoint}} {{.Config.Cmd}}' labels:1.0` shows what the image starts. Lesson, “Read the "
                "recipe”: which line of stamp's Dockerfile says what a container starts? Without it, the base's own command runs."
            ),
        )
    for pattern, reason, hint in _ENDS:
        if re.search(pattern, log):
            return reason, hint
    return "see the last lines of its log.", "The last line of its log names what it missed."


def _listens_on_loopback_only(container: Container) -> bool:
    at = {address for address, port in listening(container) if port == PORT}
    return bool(at) and all(address.startswith("127.") or address == "::1" for address in at)
