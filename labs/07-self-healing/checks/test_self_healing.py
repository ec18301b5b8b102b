"""Lab 07: what the service on the server must survive without a human, and what must be visible of it afterwards."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import listening, needs, timeout, wait_until

from .causes import tell_why
from .healing import (
    MARK,
    SHORT_SECONDS,
    Fault,
    require_calm,
    require_healed,
    require_healed_whole,
    require_patient,
)
from .server import LONG_SECONDS, PORT, SERVICE, WHY, number_in, number_of, stray_of

if TYPE_CHECKING:
    from checker.grading.author import Inner, Lab, Reply, Timeline, Traffic
    from checker.timeline.outages import Outage

    from .server import Server

LEAST_HUNG, WAITED_MS = 8, 500
"""How many requests fail in a hang at least after they have waited so long; some of a restart are cut as well, and of a crash."""

LEAK_MIB, MOST_MIB = 16, 256
"""How much each request makes Parcel take, and the memory that the service may take at most."""

WATCH_SECONDS = 5.0
"""How long a store that cannot be restored is left alone, and how long the tries to start on it are counted after that."""

MOST_TRIES = 4
"""In WATCH_SECONDS. A restart policy that doubles its pause makes one or two by then, a swarm two; a loop makes more."""

COUNT_SECONDS = 3.0
"""How long a number that must not grow is watched: a clock's grows within that time."""

EVENTS = 300
"""More than an engine remembers, which is 256; a health check makes three each time."""

MOST_COUNTED = 10
"""By how much one fault may make the number of healed.sh grow: some healers start a program twice."""


def test_by_hand(lab: Lab, timeline: Traffic) -> None:
    """You ended a hang by hand, and know how long the users waited."""
    rule = "a number stands alone behind its `=`, without a unit."
    sheet = lab.sheet("by-hand.toml", rule=rule, like="seconds = 34.5")
    seconds, shown = sheet.number("hung", "seconds"), sheet.shown("hung", "seconds")
    record = timeline.everything()
    # The record forgets what is older than two and a half hours, but never when it began.
    proof = ("by hand", str(record.first_good), str(seconds))
    took, lost = lab.measure_once(*proof, test=lambda: _hang(lab, timeline, record.served, seconds, shown))
    lab.record("healed after a hang", took, "s", "by a human")
    lab.record("requests lost in a hang", int(lost), "requests", "by a human")


def _hang(lab: Lab, timeline: Traffic, record: Timeline, seconds: float, shown: str) -> tuple[float, int]:
    """Require that the users met a hang which a human ended after that many seconds, and return what it cost."""
    hangs = [each for each in record.outages() if _is_human_hang(record, each)]
    if not hangs and (stray := stray_of(lab)):
        seen = f"{stray.name}, {stray.status}, on your own machine"
        WHY.fail("no-hang.on-your-machine", parcel=stray.name, seen=seen)
    WHY.require(hangs, "no-hang", seen="no such time in the record")
    WHY.require(seconds, "not-measured", seen=shown)
    human = next((each for each in hangs if seconds > 0 and _fits(each, seconds)), None)
    if human is None:
        reason = "not-measured.another-number"
        if record.longest_outage() not in hangs:
            reason = "not-measured.another-number.of-another-time"
        WHY.fail(reason, seen=shown)
    told = f"{MARK}hang, healed by a human after {human.seconds:.1f} s, {human.lost} requests lost"
    lab.prove_once("by hand", f"{human.begin:.3f}", test=lambda: timeline.mark(told))
    return round(human.seconds, 1), human.lost


def _is_human_hang(record: Timeline, outage: Outage) -> bool:
    ours = [mark.at for mark in record.marks if mark.text.startswith(MARK) and "healed" not in mark.text]
    by_check = any(outage.begin - 2 <= at <= outage.end for at in ours)
    # Where nothing listens, a request fails at once; where a program hangs, it waits until it gives up, or the program ends.
    failed = record.between(outage.begin, outage.end).failures
    waited = [each for each in failed if each.ms >= WAITED_MS]
    return outage.over and not by_check and len(waited) >= LEAST_HUNG


def _fits(outage: Outage, seconds: float) -> bool:
    # Seconds in which the users' own machine stood still are in the one number and not in the other.
    give = max(2.0, outage.seconds * 0.15)
    return outage.seconds - give <= seconds <= outage.end - outage.begin + give


@timeout(60)
def test_answers(server: Server) -> None:
    """Parcel 1.1 serves at http://localhost:8070, from a single container on the server."""
    server.serves(15 if server.parcels() else 0)
    found = server.parcels()
    if not found and (stray := stray_of(server.lab)):
        seen = f"{stray.name}, {stray.status}, on your own machine"
        WHY.fail("no-parcel.on-your-machine", parcel=stray.name, seen=seen)
    names = [f"{each.name} ({each.image})" for each in server.inside.containers()]
    WHY.require(found, "no-parcel", seen=", ".join(names) or "no container")
    parcel, running = found[0], [each.name for each in found if number_of(each)]
    WHY.require(len(running) <= 1, "several", number=len(running), seen=", ".join(running))
    if running and (late := server.not_started(parcel)):
        error = str(late.attrs["State"]["Error"])
        seen = f"{parcel.name} runs; {late.name}: created"
        WHY.fail("not-started", parcel=late.name, running=parcel.name, seen=seen, evidence=error)
    reply = server.get("/")
    said = reply.json()
    if not (reply.ok and isinstance(said, dict) and said.get("version") == "1.1"):
        if not running:
            since = server.traffic.now() - SHORT_SECONDS
            tell_why(server, "does not answer the users", seen=reply.summary, since=since, ours=False)
        _tell_of_silence(server, parcel, reply)
    kept = server.get("/parcels")
    WHY.require(kept.ok and running, "another-program", parcel=parcel.name, seen=kept.summary)

    def require_own_code() -> None:
        other = server.other_code(parcel)
        WHY.require(not other, "another-program.other-code", parcel=parcel.name, file=other, seen=other)

    server.lab.prove_once("program", parcel.id, parcel.started_at, test=require_own_code)


def _tell_of_silence(server: Server, parcel: Inner, reply: Reply) -> NoReturn:
    """End the check: Parcel runs in a container, and its users get no answer of version 1.1."""
    seen = reply.summary
    WHY.require(parcel.status != "paused", "is-paused", parcel=parcel.name, seen=seen)
    if reply.status:
        WHY.fail("another-answer", seen=f"{seen}: {reply.text[:120]}")
    # The start script may have given the program another port than the container has.
    given = {name: server.environ.get(name, "") for name in ("PARCEL_BIND", "PARCEL_PORT")}
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in given.items())
    healthy = parcel.exec(f"{words} python3 -I -S /app/health.py").rc == 0
    WHY.require(healthy, "hangs", parcel=parcel.name, seen=seen)
    _tell_of_ports(parcel, seen)


def _tell_of_ports(parcel: Inner, seen: str) -> NoReturn:
    """End the check: Parcel answers inside its container, and no request of the users gets there."""
    ways = [(at, port, inside) for inside, pairs in parcel.ports.items() for at, port in pairs]
    here = [(at, inside) for at, port, inside in ways if port == PORT]
    there = {port for _, port in listening(parcel)}
    shown = ", ".join(f"{at}:{port}->{inside}" for at, port, inside in ways) or "no port is published"
    reason, inside = "not-reached", here[0][1] if here else 0
    # A service's ports can be the swarm's, and a container can have the network of the server or of another container.
    mode = str(parcel.host_config.get("NetworkMode"))
    shared = mode == "host" or mode.startswith("container:")
    if not ways and SERVICE not in parcel.labels and not shared:
        reason = "not-reached.unpublished"
    elif ways and not here:
        reason = "not-reached.on-another-port"
    elif here and all(at.startswith("127.") or at == "::1" for at, _ in here):
        reason = "not-reached.by-the-server-alone"
    elif here and there and inside not in there:
        reason = "not-reached.nobody-inside"
    seen = f"{seen}; {shown}"
    evidence = f"listening in {parcel.name}: {', '.join(map(str, sorted(there))) or 'nothing'}"
    WHY.fail(reason, parcel=parcel.name, inside=inside, seen=seen, evidence=evidence)


@needs("answers")
@timeout(30)
def test_outlives(server: Server) -> None:
    """Its store and the second copy outlive the container."""
    parcel = server.parcels()[0]
    volumes = []
    for folder, what, variable in zip(
        server.folders, ("store", "second copy"), ("PARCEL_DATA", "PARCEL_COPY"), strict=True
    ):
        WHY.require(
            folder,
            "not-on-a-volume",
            what=what,
            variable=variable,
            parcel=parcel.name,
            seen="no volume there",
        )
        above = [each for each in parcel.mounts if f"{folder}/".startswith(f"{each['Source']}/")]
        # The work folder may be mounted as well, and hold both.
        volume = max(above, key=lambda each: len(each["Source"]))
        name = str(volume.get("Name") or volume["Source"])
        named = not re.fullmatch("[0-9a-f]{64}", name)
        seen = f"{name[:12]}…, a name that the engine invented"
        WHY.require(named, "volume-without-a-name", what=what, parcel=parcel.name, seen=seen)
        volumes.append(name)
    WHY.require(len(set(volumes)) == 2, "one-volume", parcel=parcel.name, seen=f"both on {volumes[0]}")
    for number in range(1, max(2, 4 - len(server.kept()))):
        reply = server.accept(f"Canal Street {number}")
        WHY.require(reply.status == 201, "cannot-write", parcel=parcel.name, seen=reply.summary)


@needs("outlives")
@timeout(80)
def test_crash_healed(server: Server) -> None:
    """It crashes, and serves again by itself."""
    require_healed(server, Fault("crash", lambda: server.get("/crash"), "has crashed"))
    server.prove_once("so often", _require_no_last_start)


def _require_no_last_start(server: Server) -> None:
    """Require that Parcel is started again however often it has ended: by the engine, or by what runs beside it."""
    parcel = server.parcels()[0]
    most, seen = server.most_restarts(parcel), ""
    if most and SERVICE not in parcel.labels and server.has_company(parcel):
        # What the engine was told to end it does not start itself; this is what its last end will look like.
        server.lab.disturb("ends Parcel as the engine would not start it again")
        last = server.started()
        server.traffic.mark(f"{MARK}ended for good")
        parcel.kill()
        if wait_until(lambda: server.started() > last, SHORT_SECONDS, every=0.25):
            return
        server.repair()
        seen = f"; ended by docker kill, it was not started in {SHORT_SECONDS:g} s"
    seen = f"at most {most} restarts{seen}"
    WHY.require(not most, "so-often-and-no-more", most=most, seen=seen, parcel=parcel.name)


@needs("crash-healed")
@timeout(80)
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
            server.repair()
            seen = f"a limit of {limit} MiB" if limit else "no limit"
            WHY.fail("no-limit", taken=taken, most=MOST_MIB, seen=seen)
        by_another = not limit and server.started() != started
        seen = f"no limit, and a start after {taken} MiB"
        WHY.require(not by_another, "no-limit.ended-by-another", most=MOST_MIB, seen=seen)

    what = "was killed by the kernel at its memory limit"
    require_healed(server, Fault("leak", leak, what, judge=require_stopped))


@needs("leak-healed")
@timeout(90)
def test_hang_healed(server: Server) -> None:
    """It hangs, is noticed and ended, and serves again by itself."""
    ended: float | None = None

    def hang() -> None:
        nonlocal ended
        ended = server.hang()

    def require_hung() -> None:
        WHY.require(ended is None, "ended-at-once", seen=f"its program had ended after {ended or 0:.1f} s")

    what = "hangs: it runs, and answers nobody"
    require_healed(server, Fault("hang", hang, what, within=LONG_SECONDS, judge=require_hung))


@needs("hang-healed")
@timeout(120)
def test_store_healed(server: Server) -> None:
    """Its store is damaged, and it serves again by itself with every parcel."""
    store, copy = server.folders
    what = "cannot start, because its store is damaged"
    require_healed_whole(server, "damaged store", lambda: server.damage(store), what)
    what = "had a whole store when its second copy was an older one, and does not serve any more"
    require_healed_whole(server, "stale copy", lambda: server.set_back(copy), what)
    what = "had a whole store when only its second copy was damaged, and cannot start any more"
    require_healed_whole(server, "damaged copy", lambda: server.damage(copy), what)


@needs("store-healed")
@timeout(90)
def test_gives_up_slowly(server: Server) -> None:
    """When its store cannot be restored, it is tried again less and less often, or not at all."""
    server.prove_once("gives up", _require_giving_up)


def _require_giving_up(server: Server) -> None:
    server.lab.disturb("damages the store and its second copy")
    server.require_up()
    server.traffic.mark(f"{MARK}store and second copy damaged")
    try:
        server.damage(*server.folders)
        forgot = wait_until(server.forgets, WATCH_SECONDS, every=0.5)
        tries = server.tries(WATCH_SECONDS)
        forgot, now = forgot or server.forgets(), server.kept()
    finally:
        server.repair()
    kind, which = ("older", "some parcels are") if now else ("empty", "every parcel is")
    seen = f"{len(now)} of {len(server.before)} parcels"
    WHY.require(not forgot, "started-on-another", kind=kind, which=which, seen=seen)
    seen = f"{tries} tries: that often the store was read"
    WHY.require(tries <= MOST_TRIES, "full-speed", most=MOST_TRIES, seconds=WATCH_SECONDS, seen=seen)


@needs("gives-up-slowly")
@timeout(120)
def test_visible(server: Server) -> None:
    """What was healed can be counted afterwards."""
    # Once more: some records remember the first few, and no more.
    require_healed(server, Fault("second crash", lambda: server.get("/crash"), "has crashed once more"))
    for fault, (_, _, before, after) in server.healings.items():
        grown = _require_counted(server, fault, before, after)
        seen = f"{before}, then {after}"
        WHY.require(grown <= MOST_COUNTED, "counts-more", fault=fault, grown=grown, seen=seen)
    server.prove_once("events", _require_remembering)
    first = _require_number(server)
    grows = wait_until(lambda: server.count() != first, COUNT_SECONDS, every=1.0)
    WHY.require(not grows, "counts-nothing", first=first, seen=str(server.count()))


def _require_remembering(server: Server) -> None:
    before = server.count()
    server.make_events(EVENTS)
    now = _require_number(server)
    if before is not None and now < before:
        WHY.fail("forgets", before=before, number=EVENTS, seen=str(now))


def _require_number(server: Server) -> int:
    """Return the number that healed.sh says; if it says none, the check fails."""
    run = server.healed()
    number = number_in(run)
    if number is None:
        reason = "no-number.in-time" if run.timed_out else "no-number"
        seen = run.last or "nothing"
        WHY.fail(reason, seconds=run.seconds, seen=seen, evidence=run.evidence)
    return number


def _require_counted(server: Server, fault: str, before: int | None, after: int | None) -> int:
    """Return by how much a healing has made the number of healed.sh grow; if it has not, say what is known of that."""
    if before is None or after is None:
        then = [("before", before), ("after", after), ("now", _require_number(server))]
        seen = ", ".join(f"{when}: {'no number' if said is None else said}" for when, said in then)
        WHY.fail("no-number.for-a-while", fault=fault, seen=seen)
    if after <= before:
        file = server.lab.script("healed.sh").file
        by_engine = file.is_file() and "RestartCount" in file.read_text(encoding="utf-8", errors="replace")
        reason = "not-counted.by-the-policy-alone" if by_engine else "not-counted"
        WHY.fail(reason, fault=fault, before=before, seen=str(after), evidence=server.healed().remark)
    return after - before


@needs("visible")
@timeout(90)
def test_left_alone(server: Server) -> None:
    """While nothing happens, it is left alone."""
    server.prove_once("calm", require_calm)
    server.prove_once("patient", require_patient)
