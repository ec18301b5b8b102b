"""Lab 03: two versions that cannot share a box, and a neighbour that must harm neither."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from checker.grading.author import guard, needs, timeout

from . import contained, given, pace
from .rounds import KILL_SECONDS, ROOM_SECONDS
from .service import require_answer, require_own_port, require_said
from .three import CRUNCHER, LEDGER, START_SECONDS, V1, V2, VERSIONS, WHY, find, image_of, of_each, present
from .up import require_running
from .walls import reaches_into_host, require_nothing_shared

if TYPE_CHECKING:
    from checker.grading.author import Engine, Lab, Outside

    from .three import Asked

SLOW_SECONDS = 40.0
"""How long a look inside may take: in a container that gets a hundredth of a core, a command takes a second."""


# -- the walls that were there before anybody typed anything ---------------------------------------------------


@guard
def test_host_kept_out(lab: Lab) -> None:
    """None of the three reaches into the machine itself."""
    for asked, container in present(lab).items():
        option, opened = reaches_into_host(lab, container)
        seen = f"{asked.name}: {option}"
        WHY.require(not option, "host-reached", who=asked.name, option=option, opened=opened, seen=seen)


@guard
def test_neighbour_unchanged(lab: Lab) -> None:
    """The neighbour is the program that came with the lab."""
    container, image = find(lab, CRUNCHER), image_of(lab, CRUNCHER.image)
    if container and image:
        given.require_neighbour(lab, container, image)


@guard
def test_versions_unchanged(lab: Lab) -> None:
    """What is in the images of both versions is as it came, in their containers too."""
    for asked in VERSIONS:
        container, image = find(lab, asked), image_of(lab, asked.image)
        if container and image:
            given.require_version(lab, asked, container, image)


# -- two versions side by side ---------------------------------------------------------------------------------


@timeout(START_SECONDS + 30)
def test_v1_answers(lab: Lab, outside: Outside) -> None:
    """Version 1 answers on port 8091, with library 1."""
    container = require_running(lab, V1)
    # One box for both is told where the second is missed.
    if find(lab, V2):
        given.require_image(lab, V1, container)
    _require_version(V1, require_answer(lab, outside, V1, container))


@timeout(START_SECONDS + 30)
def test_v2_answers(lab: Lab, outside: Outside) -> None:
    """Version 2 answers on port 8092 at the same time, with library 2."""
    container = require_running(lab, V2)
    given.require_image(lab, V2, container)
    _require_version(V2, require_answer(lab, outside, V2, container))


def _require_version(asked: Asked, said: dict[str, Any]) -> None:
    """Fail unless the answer comes from this version, computing with its own library."""
    WHY.require(
        said.get("version") == asked.version and str(said.get("library")).startswith(asked.library),
        "wrong-version",
        who=asked.name,
        port=asked.port,
        version=asked.version,
        library=asked.library,
        url=asked.url,
        seen=f"version {said.get('version')} with {said.get('library')}",
    )


@needs("v1-answers", "v2-answers")
@timeout(SLOW_SECONDS)
def test_own_ledger(lab: Lab, outside: Outside) -> None:
    """What one version writes, the other never sees."""
    mark = f"check-{secrets.token_hex(4)}"
    boxes = {asked: require_running(lab, asked) for asked in VERSIONS}
    ledger = str(require_said(lab, outside, V1, boxes[V1]).get("ledger") or LEDGER)
    files = {asked: container.host().file(ledger) for asked, container in boxes.items()}
    for writer, reader in ((V1, V2), (V2, V1)):
        reply = outside.post(f"{writer.url}/orders", mark, timeout=5.0)
        try:
            found = of_each(lambda asked: files[asked].contains(mark))
            WHY.require(
                reply.ok and found[writer],
                "order-lost",
                writer=writer.name,
                mark=mark,
                ledger=ledger,
                seen=reply.summary,
            )
            WHY.require(
                not found[reader],
                "one-ledger",
                writer=writer.name,
                reader=reader.name,
                mark=mark,
                ledger=ledger,
                seen=f"{mark} in both",
            )
        finally:
            outside.send("DELETE", f"{writer.url}/orders", body=mark, timeout=5.0)


# -- the neighbour, contained ----------------------------------------------------------------------------------


@timeout(START_SECONDS + 30)
def test_neighbour_in_service(lab: Lab, outside: Outside) -> None:
    """The neighbour is in service, on port 8093."""
    neighbour = CRUNCHER.of(lab)
    container = require_running(lab, neighbour)
    require_own_port(lab, neighbour, container)
    # Where the kernel may not kill, a container at its limit freezes; the next check says so better than a time-out.
    if not container.host_config.get("OomKillDisable"):
        require_answer(lab, outside, neighbour, container)


@needs("neighbour-in-service")
@timeout(KILL_SECONDS + ROOM_SECONDS + 10)
def test_neighbour_memory(lab: Lab, outside: Outside) -> None:
    """The neighbour was stopped by a memory limit of its own, 256 MB at most."""
    contained.require_stopped(lab, outside, require_running(lab, CRUNCHER))


@needs("neighbour-in-service")
def test_neighbour_cpu(lab: Lab) -> None:
    """The neighbour may fill one core at most."""
    contained.require_bounded(lab, require_running(lab, CRUNCHER))


# -- nobody harmed ---------------------------------------------------------------------------------------------


@needs("v1-answers", "v2-answers", "neighbour-memory", "neighbour-cpu")
@timeout(KILL_SECONDS + 15)
def test_others_hold(lab: Lab, outside: Outside) -> None:
    """While the neighbour was being killed, both versions kept answering in good time."""
    boxes = {asked: require_running(lab, asked) for asked in VERSIONS}
    killed, records = pace.around_last_kill(lab, outside)
    for asked, container in boxes.items():
        pace.require_unharmed(asked, container.reload(), killed)
    replies = of_each(lambda asked: outside.get(f"{asked.url}/quote?grams=500", timeout=5.0))
    for asked, record in records.items():
        if not pace.is_good(record, replies[asked]):
            pace.fail_slow(asked, require_running(lab, asked), record, replies[asked])


@needs("v1-answers", "v2-answers", "neighbour-memory")
@timeout(SLOW_SECONDS)
def test_nothing_shared(lab: Lab, engine: Engine) -> None:
    """No two of the three share a network that somebody made, a volume or a folder."""
    require_nothing_shared(lab, engine)
