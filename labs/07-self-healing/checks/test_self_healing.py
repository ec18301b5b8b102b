"""Lab 07: what the service on the server must survive without a human, and what must be seen of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from checker.grading.author import Failure, fail, needs, require, timeout, wait_until

from .causes import tell_why
from .server import ADDRESS, MARK, PROGRAM, Healing

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Lab, Traffic
    from checker.timeline.outages import Outage

    from .server import Server

LEAST_HUNG = 8
"""Requests that wait in a hang at least; some of a restart are cut as well, and of a crash."""

SHORT_SECONDS = 20.0
"""How long a fault that ends the program may last."""

LEAK_MIB = 16
MOST_MIB = 256
"""The memory that the service may take at most."""

HANG_SECONDS = 30.0
"""How long a hang may last: with the image's own health check, which asks every five seconds, about 25."""

WATCH_SECONDS = 10.0
"""How long the tries to start on a store that cannot be restored are counted; those in the second half have to be few."""

MOST_TRIES = 4
"""In five seconds. A restart policy that doubles its pause makes one or two by then, a swarm one; a loop makes ten or more."""


MOST_BUSY = 0.8
"""Of a core, in the same time: a loop that says nothing of its tries is seen by what it uses."""


def test_by_hand(lab: Lab, timeline: Traffic) -> None:
    """You healed a hang by hand, and know how long the users waited."""
    said = lab.sheet(
        "by-hand.toml",
        rule="a number stands alone behind its `=`, without a unit.",
        like="seconds = 34.5",
    )
    seconds = said.number("hung", "seconds")
    record = timeline.everything().served
    faults = [mark.at for mark in record.marks if mark.text.startswith(MARK) and "healed" not in mark.text]
    found = [
        outage
        for outage in record.outages()
        if outage.over and not any(outage.begin - 2 <= at <= outage.end for at in faults)
    ]

    def is_hang(outage: Outage) -> bool:
        # Where nobody listens, requests are refused; where a program hangs, they wait, until they give up or it is ended.
        kinds = record.between(outage.begin, outage.end).kinds
        return outage.lost - kinds.get(Failure.REFUSED, 0) >= LEAST_HUNG

    hangs = [each for each in found if is_hang(each)]
    require(
        hangs,
        "The users have met no hang yet that a human ended.",
        expected="a time in which Parcel took requests and answered none, and after it an answer",
        seen="no such time on record",
        source="lab timeline 7",
        hint="The lesson's section “A human heals it” makes Parcel hang, and restarts it.",
    )

    def is_near(outage: Outage) -> bool:
        # Seconds in which the users' own machine stood still are in the one number and not in the other.
        give = max(2.0, outage.seconds * 0.15)
        return outage.seconds - give <= seconds <= outage.end - outage.begin + give

    human = next((each for each in hangs if is_near(each)), hangs[-1])
    require(
        seconds > 0 and is_near(human),
        "by-hand.toml does not say what the users met."
        if seconds
        else "by-hand.toml does not say yet how long the users waited.",
        expected="the seconds in which nobody was answered while Parcel hung, by the users' own record",
        seen=said.shown("hung", "seconds"),
        source="lab timeline 7",
        hint="Look at the line `Longest time without an answer`.",
    )
    if lab.recall(key := "by hand", f"{human.begin:.3f}") is None:
        timeline.mark(
            f"{MARK}hang, healed by a human after {human.seconds:.1f} s, {human.lost} requests lost"
        )
        lab.remember(key, f"{human.begin:.3f}")
    lab.record("healed after a hang", round(human.seconds, 1), "s", "by a human")
    lab.record("requests lost in a hang", human.lost, "requests", "by a human")


@timeout(30)
def test_answers(server: Server) -> None:
    """Parcel 1.1 serves at http://localhost:8070, from a single container on the server."""
    reply = server.get("/")
    wait_until(lambda: server.get("/").ok, 15 if server.parcels() else 0, every=0.2)
    found = server.parcels()
    where = "docker ps --all, in the toolbox"
    require(
        found,
        "No container of Parcel 1.1 is on the server.",
        expected="one container of drydock/parcel:1.1, or of an image that is based on it",
        seen=", ".join(
            f"{each['Name'].lstrip('/')} ({each['Config']['Image']})" for each in server.containers()
        )
        or "no container",
        source=where,
        hint="Parcel 1.0 has no store. Which image does the task name?",
    )
    running = [each for each in found if each["State"]["Running"]]
    require(
        len(running) <= 1,
        f"{len(running)} containers run Parcel on the server. Two programs that write to one store damage it themselves.",
        expected="one container",
        seen=", ".join(each["Name"].lstrip("/") for each in running),
        source=where,
        hint="Is a trial of the lesson left? `docker rm -f NAME` removes it.",
    )
    reply = server.get("/")
    said = reply.json() if reply.ok else {}
    served = isinstance(said, dict) and said.get("version") == "1.1"
    if not served and not running:
        tell_why(server, "does not answer the users", seen=reply.summary)
    require(
        served,
        "Parcel runs on the server, and its users do not reach it: they ask port 8080 of the server.",
        expected="Parcel's answer from http://server:8080/",
        seen=reply.summary,
        source=where,
        hint="The column PORTS says which port of the server leads where. The users' port stands before the arrow.",
    )
    kept = server.get("/parcels")
    proof = ("program", found[0]["Id"], str(found[0]["State"]["StartedAt"]))
    require(
        kept.ok
        and PROGRAM in server.top(found[0])
        and (server.lab.recall(*proof) is not None or server.has_the_images_program(found[0])),
        "What answers on port 8080 is not the Parcel of the image: its program was left out or changed.",
        expected=f"{PROGRAM} of drydock/parcel:1.1, which keeps its parcels in a store",
        seen=kept.summary,
        source=f"docker top {found[0]['Name'].lstrip('/')}",
        hint="What you add starts Parcel, and looks after it. It does not take its place.",
    )
    server.lab.remember(*proof)


@needs("answers")
def test_outlives(server: Server) -> None:
    """Its store and the second copy outlive the container."""
    name = server.parcels()[0]["Name"].lstrip("/")
    store, copy = server.folders
    for folder, variable, what in (
        (store, "PARCEL_DATA", "store"),
        (copy, "PARCEL_COPY", "second copy of the store"),
    ):
        require(
            folder,
            f"The {what} lies in the container's own layer: when the container is replaced, the parcels are lost.",
            expected=f"a volume on the folder that {variable} names",
            seen="no volume there",
            source=f"docker inspect --format '{{{{json .Mounts}}}}' {name}",
            hint="The lesson's section “The store” names both folders.",
        )
    require(
        store != copy,
        "The store and its second copy are the same file: what damages one damages the other.",
        expected="two folders",
        seen=f"both in {store}",
        source=f"docker inspect --format '{{{{json .Mounts}}}}' {name}",
        hint="Give each of the two folders a volume of its own.",
    )
    if len(server.kept()) > 3:
        return
    for number in range(1, 4):
        require(
            server.accept(f"Canal Street {number}"),
            "Parcel accepts no parcels: it cannot write its store, or the second copy.",
            expected="HTTP 201 from POST /parcels",
            seen=server.prober.post(f"{ADDRESS}/parcels", b"Canal Street").summary,
            source="curl -d 'Canal Street' http://server:8080/parcels",
            hint=f"`docker logs {name}` says which file cannot be written. Parcel is no root in its container.",
        )


@needs("outlives")
@timeout(50)
def test_crash_healed(server: Server) -> None:
    """It crashes, and serves again by itself."""
    _heals(server, "crash", lambda: server.get("/crash"), "has crashed, and nobody has started it again")


@needs("crash-healed")
@timeout(60)
def test_leak_healed(server: Server) -> None:
    """It takes memory without end, is stopped by its limit, and serves again by itself."""
    taken = 0

    def leak() -> None:
        nonlocal taken
        starts = server.starts()
        while taken <= MOST_MIB and server.starts() == starts:
            # An answer that does not come is what its end looks like from here.
            taken += LEAK_MIB
            if not server.get(f"/leak?mb={LEAK_MIB}").ok:
                wait_until(lambda: server.starts() > starts, 3, every=0.1)

    def why() -> None:
        limit = int(server.parcels()[0]["HostConfig"]["Memory"])
        if taken > MOST_MIB and server.get("/").ok:
            server.restore()
            fail(
                f"Parcel has taken {taken} MiB more and more memory, and nobody has stopped it. On a real server everything else "
                "gets slow first, and then the kernel ends whatever it likes.",
                expected=f"a limit of {MOST_MIB} MB or less, at which the kernel ends Parcel",
                seen=f"a limit of {limit >> 20} MiB" if limit else "no limit",
                source="docker stats --no-stream, in the toolbox",
                hint="Which option of lab 03 held the neighbour that ate memory?",
            )

    _heals(
        server,
        "leak",
        leak,
        "was ended by the kernel at its memory limit, and nobody has started it again",
        why,
    )


@needs("leak-healed")
@timeout(50)
def test_hang_healed(server: Server) -> None:
    """It hangs, is noticed and ended, and serves again by itself."""
    _heals(
        server,
        "hang",
        lambda: server.prober.get(f"{ADDRESS}/hang", timeout=0.3),
        "hangs: it runs, and answers nobody",
        within=HANG_SECONDS,
    )


@needs("hang-healed")
@timeout(60)
def test_store_healed(server: Server) -> None:
    """Its store is damaged, and it serves again by itself with every parcel."""
    if _has_healed(server, "damaged store"):
        return
    server.require_up()
    last = f"Station Road {server.starts()}"
    server.accept(last)
    before = server.kept()

    def damage() -> None:
        server.damage(server.folders[0])
        server.get("/crash")

    saved = server.read(f"{server.folders[0]}/parcels")

    def require_all() -> None:
        now = server.kept()
        if now[: len(before)] == before:
            return
        _put_back(server, saved)
        server.restore()
        fail(
            "Parcel serves again, and has forgotten parcels that it had accepted before its store was damaged. The "
            "people who sent them were told that they are on their way.",
            expected=f"{len(before)} parcels, the last one to {last}",
            seen=f"{len(now)} parcels" + (f", the last one to {now[-1]}" if now else ""),
            source="curl http://server:8080/parcels",
            hint="Parcel writes a second copy with every parcel. What took the place of the damaged store, and how old was it?",
        )

    _heals(
        server,
        "damaged store",
        damage,
        "cannot start on its store, which is damaged",
        lambda: _put_back(server, saved),
        then=require_all,
    )


@needs("store-healed")
@timeout(90)
def test_gives_up_slowly(server: Server) -> None:
    """When its store cannot be restored, it is tried again more and more rarely, or no more."""
    key = ("gives up", server.fingerprint)
    if server.lab.recall(*key) is not None:
        return
    server.require_up()
    before = server.kept()
    saved = {folder: server.read(f"{folder}/parcels") for folder in server.folders}
    server.traffic.mark(f"{MARK}store and copy damaged")
    server.damage(*server.folders)
    server.get("/crash")
    try:
        half = WATCH_SECONDS / 2
        served = wait_until(lambda: server.get("/parcels").ok, half, every=0.5)
        first, busy = server.tries(), server.busy()
        served = served or wait_until(lambda: server.get("/parcels").ok, half, every=0.5)
        tries, busy = server.tries() - first, server.busy() - busy
        now = server.kept()
    finally:
        for folder, content in saved.items():
            server.write(f"{folder}/parcels", content)
        server.restore()
    require(
        not served or now[: len(before)] == before,
        "With its store and the copy damaged, Parcel was started on an empty store: it serves, and every parcel is forgotten. A "
        "service that stands still is noticed and repaired; one that has forgotten everything looks healthy.",
        expected="no answer until a human has put a whole store there",
        seen=f"{len(now)} of {len(before)} parcels",
        source="curl http://server:8080/parcels",
        hint="What does your start do when the copy is damaged as well?",
    )
    require(
        tries <= MOST_TRIES and busy < MOST_BUSY * half,
        "On a store that nobody can restore, Parcel is started again and again at full speed. That heals nothing, keeps the server "
        "busy, and buries the reason in the log.",
        expected=f"at most {MOST_TRIES} tries in the last {half:g} of {WATCH_SECONDS:g} s",
        seen=f"{tries} tries, and {busy / half:.0%} of a core in use",
        source="docker logs, in the toolbox",
        hint="Who starts it, and how long does that one wait before the next try?",
    )
    server.lab.remember(*key)


@needs("gives-up-slowly")
@timeout(60)
def test_visible(server: Server) -> None:
    """What was healed can be counted afterwards."""
    # Once more: some records remember the first few, and no more.
    _heals(
        server,
        "second crash",
        lambda: server.get("/crash"),
        "has crashed once more, and was not started again",
    )
    source = "sh healed.sh, in the toolbox"
    for name, healing in server.healings.items():
        before, after = healing.counted
        if before is None or after is None:
            done = server.lab.node("toolbox").exec("ls healed.sh; timeout 8 sh healed.sh", timeout=10)
            fail(
                "healed.sh does not say how often your service was healed. Nobody who was away can tell that it is dying.",
                expected="a script healed.sh in the work folder, whose last line is a number",
                seen=(
                    done.stdout.strip().splitlines()
                    or [done.stderr.strip().splitlines()[-1] if done.stderr else "nothing"]
                )[-1],
                source=source,
                hint="Where does what you built leave a trace of each healing: a log line, a count, a file?",
            )
        require(
            after > before,
            f"Parcel was healed after a {name}, and healed.sh does not know of it. A program that dies every night and is healed "
            "each time looks well, until it is not.",
            expected=f"more than {before}, which it said before",
            seen=f"{after}",
            source=source,
            hint="Does the trace belong to something that goes when it is healed? A container that is replaced takes its log and its "
            "count along.",
        )
        require(
            after - before <= 10,
            f"healed.sh counts something else than healings: a single {name} made its number grow by {after - before}.",
            expected="one more for each healing",
            seen=f"{before}, then {after}",
            source=source,
            hint="Run it twice when nothing happens. What does it count?",
        )
    first, second = server.count(), server.count()
    require(
        first == second,
        "The number of healed.sh grows although nothing was healed.",
        expected=f"{first} twice",
        seen=f"{first}, then {second}",
        source=source,
        hint="What does it count?",
    )


def _heals(
    server: Server,
    name: str,
    make: Callable[[], object],
    what: str,
    why: Callable[[], object] | None = None,
    within: float = SHORT_SECONDS,
    then: Callable[[], object] | None = None,
) -> None:
    """Make a fault, and fail unless the service heals in time; an earlier pass of the same service counts.

    Args:
        server: the server.
        name: what the fault is called.
        make: makes it.
        what: what is wrong when it is not healed, as a clause that follows "Parcel".
        why: looks for a cause of its own first, and puts back what the fault broke.
        within: how many seconds it may last.
        then: fails when it is healed at somebody's cost.
    """
    if _has_healed(server, name):
        return
    server.require_up()
    found = server.fault(name, make, within)
    if not found.healed:
        if why:
            why()
        tell_why(server, what, seen=server.traffic.since(found.at).summary)
    if then:
        then()
    # `lab timeline 7` lists the marks: a table of what was healed.
    server.traffic.mark(f"{MARK}{name}, healed after {found.seconds:.1f} s, {found.lost} requests lost")
    server.lab.remember(
        name, server.fingerprint, text=json.dumps([found.seconds, found.lost, *found.counted])
    )
    _keep(server, name, found)


def _has_healed(server: Server, name: str) -> bool:
    """Whether the same service has healed from this before."""
    kept = server.lab.recall(name, server.fingerprint)
    if kept is None:
        return False
    seconds, lost, before, after = json.loads(kept)
    _keep(server, name, Healing(healed=True, at=0.0, seconds=seconds, lost=lost, counted=(before, after)))
    return True


def _keep(server: Server, name: str, found: Healing) -> None:
    server.healings[name] = found
    server.lab.record(f"healed after a {name}", found.seconds, "s", "by itself")
    server.lab.record(f"requests lost in a {name}", found.lost, "requests", "by itself")


def _put_back(server: Server, content: str) -> None:
    server.write(f"{server.folders[0]}/parcels", content)
