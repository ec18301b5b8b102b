"""Lab 07: what the service on the server must survive without a human, and what must be visible of it afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.grading.author import Failure, fail, needs, require, timeout, wait_until

from .causes import tell_why
from .healing import COUNT, heals, heals_whole, require_calm, require_counted, require_patient
from .server import ADDRESS, LONG_SECONDS, MARK, PROGRAM, SHORT_SECONDS, number_of

if TYPE_CHECKING:
    from checker.grading.author import Lab, Traffic
    from checker.timeline.outages import Outage

    from .server import Server

LEAST_HUNG = 8
"""Requests that wait in a hang at least; some of a restart are cut as well, and of a crash."""

LEAK_MIB, MOST_MIB = 16, 256
"""How much each request makes Parcel take, and the memory that the service may take at most."""

WATCH_SECONDS = 10.0
"""How long a store that cannot be restored is watched; the tries in the second half are counted."""

MOST_TRIES = 4
"""In five seconds. A restart policy that doubles its pause makes one or two by then, a swarm two; a loop makes more."""

COUNT_SECONDS = 3.0
"""How long a number that must not grow is watched: a clock's grows within that time."""

CONTAINERS = "docker ps --all, in the toolbox"


def test_by_hand(lab: Lab, timeline: Traffic) -> None:
    """You ended a hang by hand, and know how long the users waited."""
    rule = "a number stands alone behind its `=`, without a unit."
    sheet = lab.sheet("by-hand.toml", rule=rule, like="seconds = 34.5")
    seconds = sheet.number("hung", "seconds")
    record = timeline.everything().served
    ours = [mark.at for mark in record.marks if mark.text.startswith(MARK) and "healed" not in mark.text]

    def is_hang(outage: Outage) -> bool:
        # Where nothing listens, requests are refused; where a program hangs, they wait, until they give up or it is ended.
        refused = record.between(outage.begin, outage.end).kinds.get(Failure.REFUSED, 0)
        by_check = any(outage.begin - 2 <= at <= outage.end for at in ours)
        return outage.over and not by_check and outage.lost - refused >= LEAST_HUNG

    def is_near(outage: Outage) -> bool:
        # Seconds in which the users' own machine stood still are in the one number and not in the other.
        give = max(2.0, outage.seconds * 0.15)
        return outage.seconds - give <= seconds <= outage.end - outage.begin + give

    hangs = [each for each in record.outages() if is_hang(each)]
    require(
        hangs,
        "The users have not met a hang yet that a human ended.",
        expected="a time in which Parcel accepted requests and answered none, and after it an answer",
        seen="no such time in the record",
        source="lab timeline 7",
        hint="The lesson's section “A human heals it” makes Parcel hang, and restarts it.",
    )
    human = next((each for each in hangs if is_near(each)), hangs[-1])
    longest = record.longest_outage()
    require(
        seconds > 0 and is_near(human),
        "by-hand.toml does not say what the users met."
        if seconds
        else "by-hand.toml does not say yet how long the users waited.",
        expected="the seconds in which nobody got an answer while Parcel hung, from the users' own record",
        seen=sheet.shown("hung", "seconds"),
        source="lab timeline 7",
        hint="Look at the line `Longest time without an answer`."
        if longest in hangs
        else "The line `Longest time without an answer` is about another time, in which Parcel did not hang. Make it hang and restart "
        "it once more: `lab timeline 7 --since 2m` shows only the last two minutes.",
    )
    told = f"hang, healed by a human after {human.seconds:.1f} s, {human.lost} requests lost"
    if lab.recall("by hand", f"{human.begin:.3f}") is None:
        timeline.mark(MARK + told)
        lab.remember("by hand", f"{human.begin:.3f}")
    lab.record("healed after a hang", round(human.seconds, 1), "s", "by a human")
    lab.record("requests lost in a hang", human.lost, "requests", "by a human")


@timeout(30)
def test_answers(server: Server) -> None:
    """Parcel 1.1 serves at http://localhost:8070, from a single container on the server."""
    server.serves(15 if server.parcels() else 0)
    found = server.parcels()
    names = [f"{each.name} ({each.image})" for each in server.inside.containers()]
    require(
        found,
        "No container of Parcel 1.1 is on the server.",
        expected="one container of drydock/parcel:1.1, or of an image that is based on it",
        seen=", ".join(names) or "no container",
        source=CONTAINERS,
        hint="Parcel 1.0 has no store. Which image does the task name?",
    )
    running = [each.name for each in found if number_of(each)]
    require(
        len(running) <= 1,
        f"{len(running)} containers run Parcel on the server. Two programs that write to one store damage it.",
        expected="one container",
        seen=", ".join(running),
        source=CONTAINERS,
        hint="Is a `trial` of the lesson left? `docker rm -f NAME` removes it.",
    )
    reply = server.get("/")
    said = reply.json() if reply.ok else {}
    served = isinstance(said, dict) and said.get("version") == "1.1"
    if not served and not running:
        since = server.traffic.now() - SHORT_SECONDS
        tell_why(server, "does not answer the users", seen=reply.summary, since=since)
    require(
        served or found[0].exec("python3 -I -S /app/health.py").rc == 0,
        "Parcel runs on the server and answers nobody, not even inside its container: it hangs, and nothing has ended it.",
        expected=f"Parcel's answer from {ADDRESS}/",
        seen=reply.summary,
        source=f"docker exec {found[0].name} python3 -I -S /app/health.py; echo $?",
        hint="Did you send a request to /hang? Section “A human heals it” shows how to end a hang; then check again.",
    )
    require(
        served,
        "Parcel runs on the server, but its users do not reach it: they send their requests to port 8080 of the server.",
        expected=f"Parcel's answer from {ADDRESS}/",
        seen=reply.summary,
        source=CONTAINERS,
        hint="In the column PORTS, the port before the arrow is the server's. Which one do the users need?",
    )
    kept = server.get("/parcels")
    proof = ("program", found[0].id, found[0].started_at)
    require(
        kept.ok
        and number_of(found[0])
        and (server.lab.recall(*proof) is not None or server.has_the_images_program(found[0])),
        "What answers on port 8080 is not the Parcel of the image: its program was left out or changed.",
        expected=f"{PROGRAM} of drydock/parcel:1.1, which keeps its parcels in a store",
        seen=kept.summary,
        source=f"docker top {found[0].name}",
        hint="What you add starts Parcel and watches it. It does not take its place.",
    )
    server.lab.remember(*proof)


@needs("answers")
def test_outlives(server: Server) -> None:
    """Its store and the second copy outlive the container."""
    parcel = server.parcels()[0]
    mounts = f"docker inspect --format '{{{{json .Mounts}}}}' {parcel.name}"
    volumes = []
    for folder, variable, what in zip(
        server.folders, ("PARCEL_DATA", "PARCEL_COPY"), ("store", "second copy"), strict=True
    ):
        require(
            folder,
            f"The {what} is in the container's own files: when the container is replaced, the parcels are lost.",
            expected=f"a volume on the folder that {variable} names",
            seen="no volume there",
            source=mounts,
            hint="The lesson's section “The store” names both folders.",
        )
        volume = next(each for each in parcel.mounts if f"{folder}/".startswith(f"{each['Source']}/"))
        name = str(volume.get("Name") or volume["Source"])
        require(
            not re.fullmatch("[0-9a-f]{64}", name),
            f"The {what} is on a volume without a name of yours: when the container is replaced, the new one gets another volume, "
            "which is empty.",
            expected="a volume with a name, which the next container can be given too",
            seen=f"{name[:12]}…, a name that the engine invented",
            source=mounts,
            hint="In the lesson, `trial` got its volumes with `-v NAME:FOLDER`. What is before your colon?",
        )
        volumes.append(name)
    require(
        len(set(volumes)) == 2,
        "The store and its second copy are on one volume: what damages or removes one takes the other with it.",
        expected="two volumes",
        seen=f"both on {volumes[0]}",
        source=mounts,
        hint="Give each of the two folders a volume of its own.",
    )
    for number in range(1, max(2, 4 - len(server.kept()))):
        reply = server.accept(f"Canal Street {number}")
        require(
            reply.status == 201,
            "Parcel accepts no parcels: it cannot write its store, or the second copy.",
            expected="HTTP 201 from POST /parcels",
            seen=reply.summary,
            source=f"curl -d 'Canal Street' {ADDRESS}/parcels",
            hint=f"`docker logs {parcel.name}` says which file cannot be written. Parcel is not root in its container.",
        )


@needs("outlives")
@timeout(50)
def test_crash_healed(server: Server) -> None:
    """It crashes, and serves again by itself."""
    heals(server, "crash", lambda: server.get("/crash"), "has crashed")


@needs("crash-healed")
@timeout(60)
def test_leak_healed(server: Server) -> None:
    """It takes more and more memory, is stopped by its limit, and serves again by itself."""
    config = server.parcels()[0].host_config
    limit, swap = int(config["Memory"]) >> 20, int(config.get("MemorySwap") or 0) >> 20
    # Beside its memory, the kernel gives a container as much swap, unless somebody says otherwise.
    most = max(MOST_MIB, min(swap, 2 * MOST_MIB)) if 0 < limit <= MOST_MIB else MOST_MIB
    started, taken = server.started(), 0

    def leak() -> None:
        nonlocal taken
        while taken <= most and server.started() == started:
            reply = server.get(f"/leak?mb={LEAK_MIB}")
            # An answer that does not come is what its end looks like from here.
            if not reply.ok and not server.serves(1):
                return
            taken += LEAK_MIB

    def require_stopped() -> None:
        if server.started() == started and server.get("/").ok:
            server.restart()
            fail(
                f"Parcel has been told to take {taken} MiB of memory, and nothing has stopped it. On a real server everything else "
                "gets slow first, and then the kernel kills some other program.",
                expected=f"a limit of {MOST_MIB} MB or less, at which the kernel kills Parcel",
                seen=f"a limit of {limit} MiB" if limit else "no limit",
                source="docker stats --no-stream, in the toolbox",
                hint="Which option of lab 03 limited the neighbour that took memory?",
            )

    heals(server, "leak", leak, "was killed by the kernel at its memory limit", unless=require_stopped)


@needs("leak-healed")
@timeout(50)
def test_hang_healed(server: Server) -> None:
    """It hangs, is noticed and ended, and serves again by itself."""
    what = "hangs: it runs, and answers nobody"
    heals(server, "hang", lambda: server.get("/hang", timeout=0.3), what, within=LONG_SECONDS)


@needs("hang-healed")
@timeout(90)
def test_store_healed(server: Server) -> None:
    """Its store is damaged, and it serves again by itself with every parcel."""
    store, copy = server.folders
    heals_whole(
        server,
        "damaged store",
        store,
        "cannot start, because its store is damaged",
        hint="Parcel writes a second copy with every parcel. What replaced the damaged store, and how old was it?",
    )
    heals_whole(
        server,
        "damaged copy",
        copy,
        "had a whole store when only its second copy was damaged, and cannot start any more",
        hint="The store was whole. What does your start do with it when only the second copy is damaged?",
    )


@needs("store-healed")
@timeout(90)
def test_gives_up_slowly(server: Server) -> None:
    """When its store cannot be restored, it is tried again less and less often, or not at all."""
    proof = ("gives up", server.fingerprint)
    if server.lab.recall(*proof) is not None:
        return
    server.lab.disturb("damages the store and its second copy")
    server.require_up()
    kept = server.keep()
    before = kept.parcels
    server.traffic.mark(f"{MARK}store and second copy damaged")
    try:
        server.damage(*server.folders)
        half = WATCH_SECONDS / 2
        served = wait_until(lambda: server.get("/parcels").ok, half, every=0.5)
        tries = server.tries(half)
        served, now = served or server.get("/parcels").ok, server.kept()
    finally:
        server.put_back(kept)
        server.restart()
    require(
        not served or now[: len(before)] == before,
        f"With its store and the second copy damaged, Parcel was started with an {'older' if now else 'empty'} store: it serves, and "
        f"{'some parcels are' if now else 'every parcel is'} forgotten. A service that is down is noticed and repaired; one that has "
        "forgotten something looks healthy.",
        expected="no answer until a human has put a whole store there",
        seen=f"{len(now)} of {len(before)} parcels",
        source="curl http://server:8080/parcels",
        hint="What does your start do when the second copy is damaged too?",
    )
    require(
        tries <= MOST_TRIES,
        "With a store that nothing can restore, Parcel is tried again and again at full speed. That heals nothing, keeps the server "
        "busy, and fills the log.",
        expected=f"at most {MOST_TRIES} tries in the last {half:g} of {WATCH_SECONDS:g} s",
        seen=f"{tries} tries: that often the store was read",
        source="docker logs, in the toolbox",
        hint="What starts it, and how long does that wait before the next try?",
    )
    server.lab.remember(*proof)


@needs("gives-up-slowly")
@timeout(120)
def test_visible(server: Server) -> None:
    """What was healed can be counted afterwards."""
    # Once more: some records remember the first few, and no more.
    heals(server, "second crash", lambda: server.get("/crash"), "has crashed once more")
    for name, healing in server.healings.items():
        require_counted(server, name, healing)
    first = server.count()
    grown = wait_until(lambda: server.count() != first, COUNT_SECONDS, every=1.0)
    require(
        not grown,
        "The number of healed.sh grows although nothing was healed.",
        expected=f"{first}, as before",
        seen=f"{server.count()}",
        source=COUNT,
        hint="Run it twice when nothing happens. What does it count?",
    )


@needs("visible")
@timeout(60)
def test_left_alone(server: Server) -> None:
    """While nothing happens, it is left alone."""
    require_calm(server)
    require_patient(server)
