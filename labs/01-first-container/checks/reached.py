"""Whether a port of this machine leads to a copy, and the image's own Parcel answers there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.grading.author import Process, Processes, fail, insides, read_processes, runs

from .copies import PROGRAM

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Outside

    from .copies import Copy


def require_answer(lab: Lab, outside: Outside, copy: Copy, container: Container) -> dict[str, Any]:
    """Return what Parcel says on the copy's port; fail unless it is this container that says it."""
    reply = lab.require_reply(outside, container, copy.door)
    said = reply.json()
    if not isinstance(said, dict) or said.get("service") != "parcel":
        fail(
            f"Something in `{copy.name}` answers on port {copy.port}, but it is not Parcel.",
            expected='HTTP 200 with "service": "parcel"',
            seen=reply.summary,
            source=copy.asked,
            hint=f"What does the container run? See the COMMAND column of `docker ps`, and `docker logs {copy.name}`.",
        )
    require_program(copy, container)
    return said


def require_program(copy: Copy, container: Container) -> None:
    """Fail when what answers is another program than the image's Parcel."""
    seen = read_processes(container)
    if seen is None:
        return  # without a shell nobody can look; what it answers was right
    other = _another(seen, insides(container, copy.port))
    if other is None:
        return
    fail(
        f"What answers for `{copy.name}` is not the Parcel of the image: the container was started with a program of its "
        "own, which gives the same answer. The image's software is in there, and runs for nobody.",
        expected=f"python3 {PROGRAM} answers, no matter who starts it",
        seen=f"process {other.number} answers: {other.told}",
        source=f"docker top {copy.name}",
        evidence=other.told,
        hint="What stands behind the image's name in your command? It takes the place of the program that the image names.",
    )


def _another(seen: Processes, ports: set[int]) -> Process | None:
    """Return the process that answers in Parcel's place, None when Parcel does."""
    for port in ports:
        if listener := seen.on(port):
            return None if runs(listener, PROGRAM) else listener
    # Who listens may not be looked at: one of another user. Then Parcel has to be among the processes at least.
    if any(runs(process, PROGRAM) for process in seen.by_number.values()):
        return None
    return seen.by_number.get(1)
