"""Lab 06: five copies on five hosts, one address, and a host that dies."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.cluster.manual import recovery
from checker.grading.author import STEADY_SECONDS, fail, needs, require, timeout

from .world import WANTED

if TYPE_CHECKING:
    from checker.cluster.manual import Copy
    from checker.grading.author import Lab, Outside, Prober, Reply, Traffic

    from .world import World

ADDRESS = "http://127.0.0.1:8060/"
SHOWN = "http://localhost:8060/"

ROUNDS = 12
"""How often each copy's turn comes at most while the front is tried."""

SLOW_MS = 800.0
"""A request that met a dead host waits a second for it; one that did not takes a few milliseconds."""

RESTORED_SECONDS = 3.0
"""How long no user's request may fail until the service counts as restored."""

PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""


def test_five_copies(world: World) -> None:
    """Five copies of Parcel run."""
    _require_hosts(world)
    loss = world.loss
    where = "`docker -H tcp://HOST:2375 ps --all` lists a host's containers, also those that have ended."
    stray = [copy for copy in world.copies if copy.node in world.lost_hosts]
    if loss and stray and len(world.counted) < WANTED:
        fail(
            f"{stray[0].name} runs on {loss.host}, the host that was lost. "
            "What a machine that died had to do has to be done by those that are left; nobody knows when it comes back.",
            expected=f"{WANTED} copies on {', '.join(world.left)}",
            seen=f"{len(world.counted)} there, and {len(stray)} on {loss.host}, which somebody started again",
            source=f"docker -H tcp://{loss.host}:2375 ps",
            hint="Which hosts have room? More than one copy may run on a host when there are fewer hosts than copies.",
        )
    if len(world.counted) < WANTED:
        _tell_of_ended(world)
        _tell_of_own(world)
        _tell_of_swarm(world)
    if loss and world.counted and len(world.counted) < WANTED:
        fail(
            f"{loss.host} was lost, and {len(world.counted)} copies are left: nobody has replaced what died with it.",
            expected=f"{WANTED} copies on {', '.join(world.left)}",
            seen=f"{len(world.counted)} ({_per_host(world.counted)})",
            source=f"docker -H tcp://{world.left[0]}:2375 ps, and so on for each host",
            hint="One of the hosts that are left has to run two. Within a host, a port can be published once.",
        )
    outcomes.copies(world.cluster, WANTED, version="1.0", elsewhere=world.lost_hosts, hint=where)


def _require_hosts(world: World) -> None:
    """Fail when a host was removed or frozen: neither is a machine that died."""
    if gone := world.removed:
        fail(
            f"{gone[0]} was removed altogether; a machine that died is still there, dead.",
            expected="five hosts, one of which may be dead",
            seen=f"no container for {gone[0]}",
            source="docker ps --all",
            hint="`lab start 6` makes it again; `lab lose 6` takes a host away.",
        )
    if frozen := world.paused:
        fail(
            f"{frozen[0]} is paused: frozen with all that runs on it, it is neither alive nor dead. Nobody is served by its "
            "copies, and they go on when it does.",
            expected="five hosts that run, one of which may be dead",
            seen=f"{frozen[0]}: paused",
            source="docker ps --all",
            hint="`docker --help` lists what undoes a pause; `lab lose 6` takes a host away.",
        )
    if loose := world.unplugged:
        name = f"drydock-06-{loose[0]}-1"
        fail(
            f"{loose[0]} is off the network: it runs, and nobody reaches it, neither users nor you. A machine that died is dead.",
            expected="five hosts on the lab's network, one of which may be dead",
            seen=f"{name} without the network drydock-06_lab",
            source=f"docker inspect --format '{{{{json .NetworkSettings.Networks}}}}' {name}",
            hint=f"`docker network connect --alias {loose[0]} drydock-06_lab {name}` puts it back; `lab lose 6` takes a host away.",
        )


def _tell_of_ended(world: World) -> None:
    for host, name, status in world.cluster.ended():
        if status.startswith(("Exited", "Dead")) and host not in world.lost_hosts:
            fail(
                f"{name} on {host} has ended.",
                expected=f"{WANTED} copies that run",
                seen=f"{len(world.counted)} that run; {name}: {status}",
                source=f"docker -H tcp://{host}:2375 ps --all",
                # 137 is what a kill leaves, and 255 what an engine writes that finds a copy dead when it begins again.
                hint=f"Was {host} lost and is back? What ran on it has to be started again: "
                f"`docker -H tcp://{host}:2375 start {name}`."
                if status.startswith(("Exited (137)", "Exited (255)"))
                else f"`docker -H tcp://{host}:2375 logs {name}` shows its last words. Was it run with `-d`?",
            )
        if status.startswith("Created") and host not in world.lost_hosts:
            fail(
                f"{name} on {host} was made, but could not be started.",
                expected=f"{WANTED} copies that run",
                seen=f"{len(world.counted)} that run; {name}: {status}",
                source=f"docker -H tcp://{host}:2375 ps --all",
                hint="The message of `docker run` said why. Two containers on one host cannot publish the same port.",
            )


def _tell_of_own(world: World) -> None:
    """End the check when copies run on the learner's own engine, beside the hosts instead of on them."""
    own = [each for each in world.lab.containers() if each.labels.get("io.drydock.image") == "parcel"]
    if own:
        fail(
            f"{own[0].name} runs on your own machine's engine, beside the five hosts and not on one of them.",
            expected=f"{WANTED} copies on {', '.join(world.left)}",
            seen=f"{len(world.counted)} there, and {len(own)} on your own engine",
            source="docker ps",
            hint="Which engine does a `docker` command speak to when it is not told? The lesson's commands on hosts begin with `docker -H`.",
        )


def _tell_of_swarm(world: World) -> None:
    """End the check when a swarm runs what a person is to run here."""
    found = world.cluster.of_a_swarm()
    if found:
        fail(
            f"{len(found)} copies on the hosts are a swarm's: it started them, and it would replace what dies. What that takes "
            "when nobody does it for you is what this lab is about; lesson 09 hands it to a swarm.",
            expected=f"{WANTED} copies that were started by hand, each on its host's own engine",
            seen=", ".join(f"{name} on {host}" for host, name in found),
            source=f"docker -H tcp://{found[0][0]}:2375 ps",
            hint="`docker service rm` takes a service away. Which command of the lesson ran a copy on one host?",
        )


@needs("five-copies")
def test_spread_over_hosts(world: World) -> None:
    """They are spread over the hosts as evenly as it can be."""
    outcomes.spread(
        world.cluster,
        world.counted,
        over=world.left,
        noun="host",
        hint="Count the copies on each host. Which host would you not like to lose?",
    )


@needs("five-copies")
@timeout(30)
def test_own_names(world: World, prober: Prober) -> None:
    """Each answers on a port of its host, under a name of its own."""
    called: dict[str, list[Copy]] = {}
    for copy in world.counted:
        engine = f"docker -H tcp://{copy.node}:2375"
        if not copy.address:
            fail(
                f"No other machine reaches {copy.name} on {copy.node}: "
                + (
                    f"its port is published on {copy.closed[0]}, for that host alone."
                    if copy.closed
                    else "none of its ports is published."
                ),
                expected="a port of the host that leads to port 8080 of the copy",
                seen=copy.closed[0] if copy.closed else "no published port",
                source=f"{engine} port {copy.name}",
                hint="The front is another machine. It reaches a host's published ports, and nothing behind them.",
            )
        _require_steady(world, copy)
        reply = prober.get(f"http://{copy.address}/", patience=2.0)
        said = reply.json() if reply.ok else {}
        name = str(said.get("instance", "")) if isinstance(said, dict) else ""
        require(
            name,
            f"{copy.name} on {copy.node} does not answer on the port that is published for it.",
            expected=f"Parcel's answer from http://{copy.address}/",
            seen=reply.summary,
            source=f"curl http://{copy.address}/ in the toolbox",
            hint=f"Parcel listens on port 8080 inside. `{engine} port {copy.name}` says where its host's port leads.",
        )
        _require_program(world, copy)
        called.setdefault(name, []).append(copy)
        world.names[name] = copy
    name, alike = max(called.items(), key=lambda each: len(each[1]))
    require(
        len(alike) == 1,
        f"{len(alike)} copies answer as {name}: on {' and on '.join(each.node for each in alike)}. "
        "Who looks at an answer or at the log cannot tell which of them it was, nor which is missing.",
        expected=f"{WANTED} names",
        seen=f"{name} from {' and from '.join(each.address for each in alike)}",
        source=f"curl http://{alike[-1].address}/ in the toolbox",
        hint="What is the same image can be told apart by its environment; lab 01 named two copies so.",
    )


def _require_steady(world: World, copy: Copy) -> None:
    """Fail when a copy runs at this moment, and dies again and again."""
    restarts, seconds = world.cluster.history(copy)
    require(
        not restarts or seconds >= STEADY_SECONDS,
        f"{copy.name} on {copy.node} does not stay up: its program ends again and again, and a restart policy starts it. Each time, "
        "users wait and get no answer.",
        expected="copies that run, and go on",
        seen=f"restarted {restarts} times, the last time {seconds:.0f} s ago",
        source=f"docker -H tcp://{copy.node}:2375 inspect --format '{{{{.RestartCount}}}}' {copy.name}",
        hint=f"`docker -H tcp://{copy.node}:2375 logs {copy.name}` says why it ends.",
    )


def _require_program(world: World, copy: Copy) -> None:
    """Fail when something else than the image's Parcel answers in a copy."""
    remote = world.cluster.remote(copy)
    engine = f"docker -H tcp://{copy.node}:2375"
    require(
        remote.find(PROGRAM),
        f"What answers in {copy.name} on {copy.node} is not the Parcel of the image: the container was started with a program of "
        "its own.",
        expected=f"python3 {PROGRAM}",
        seen=next((each.told for each in remote.processes()), "no process"),
        source=f"{engine} top {copy.name}",
        hint="What stands behind the image's name in your command takes the place of the program that the image names.",
    )
    # Looked at once for each start: an engine may have to walk through all files of the image for it.
    proof = ("unchanged", copy.id, world.cluster.started(copy))
    if world.lab.recall(*proof) is not None:
        return
    changed = remote.changed_files()
    require(
        not changed,
        f"What answers in {copy.name} on {copy.node} is not the Parcel of the image: its files were changed, and the next copy "
        "has nothing of that.",
        expected="the programs and settings of drydock/parcel:1.0",
        seen=changed[0] if changed else "",
        source=f"{engine} diff {copy.name}",
        hint="Remove this copy and run a new one: what it needs to be told, its environment can tell it.",
    )
    world.lab.remember(*proof)


@needs("own-names")
@timeout(60)
def test_front_reaches_all(world: World, outside: Outside, prober: Prober) -> None:
    """http://localhost:8060 leads to all of them, and to nothing else."""
    before = _counters(world, prober)
    seen: Counter[str] = Counter()
    slow: list[Reply] = []
    for number in range(1, ROUNDS * WANTED + 1):
        reply = outside.get(ADDRESS, timeout=5.0)
        said = reply.json() if reply.ok else {}
        if not reply.ok or not isinstance(said, dict) or "instance" not in said:
            _tell_of_front(world, reply, number)
        seen[str(said["instance"])] += 1
        if reply.ms > SLOW_MS:
            slow.append(reply)
        if number >= 3 * WANTED and world.names.keys() <= seen.keys():
            break
    dead = [server for server in world.servers if world.is_lost(server)]
    if slow and dead:
        _tell_of_dead(world, f"HTTP {slow[0].status}, after {slow[0].ms / 1000:.1f} s")
    if others := seen.keys() - world.names.keys():
        _tell_of_others(world, prober, min(others), seen)
    if world.names.keys() - seen.keys():
        _tell_of_missing(world, seen)
    after = _counters(world, prober)
    for name, copy in world.names.items():
        # Each copy counts what it answers; users ask all the time, so it may have counted more.
        if after[name] - before[name] < seen[name]:
            fail(
                f"The front gives answers in the name of {name} that {copy.name} on {copy.node} never gave: it answers by itself, and "
                "would go on when no copy is left.",
                expected=f"{name} has counted each of the {seen[name]} requests that were answered in its name",
                seen=f"it has counted {after[name] - before[name]}",
                source=f"curl http://{copy.address}/ in the toolbox, before and after",
                hint="What does front.cfg do besides passing requests on? Only servers may answer.",
            )


def _counters(world: World, prober: Prober) -> dict[str, int]:
    """Return how many requests each copy has counted, asked at its own address."""
    found = {}
    for name, copy in world.names.items():
        said = prober.get(f"http://{copy.address}/", patience=2.0).json()
        counter = said.get("counter") if isinstance(said, dict) else None
        found[name] = counter if isinstance(counter, int) else 0
    return found


def _tell_of_others(world: World, prober: Prober, name: str, seen: Counter[str]) -> None:
    """End the check: users get answers of something that is none of the copies on the hosts that are left."""
    words = _answers(seen)
    for copy in world.copies:
        if copy.node not in world.lost_hosts or not copy.address:
            continue
        said = prober.get(f"http://{copy.address}/").json()
        if isinstance(said, dict) and said.get("instance") == name:
            fail(
                f"Users get to {copy.name} on {copy.node}, the host that was lost and is back. Nobody knows how long it stays: it does not "
                "count, and what depends on it fails a second time.",
                expected=f"answers of the copies on {', '.join(world.left)}, and of no other",
                seen=words,
                source=f"curl {SHOWN}, several times",
                hint="Which line of front.cfg leads there? Compare it with the copy that you started in its place.",
            )
    fail(
        f"Users get answers of {name}, and no copy on {', '.join(world.left)} has that name: something else answers behind the front.",
        expected=f"answers of {', '.join(sorted(world.names))}, and of no other",
        seen=words,
        source=f"curl {SHOWN}, several times",
        hint="Which server of front.cfg is on none of the hosts? A copy beside the hosts helps nobody when this machine goes.",
    )


def _answers(seen: Counter[str]) -> str:
    return f"answers of {', '.join(f'{name} ({times})' for name, times in seen.most_common())}"


def _tell_of_front(world: World, reply: Reply, number: int) -> None:
    """End the check: a request to the front was not answered by a copy."""
    seen = f"{reply.summary} (request {number})"
    _tell_if_refused(world, seen)
    if 300 <= reply.status < 400:
        to = next((value for name, value in reply.headers.items() if name.lower() == "location"), "")
        fail(
            f"The front sends users away, to {to or 'another address'}, in place of passing their requests on. It is the one address "
            "that users know; the hosts behind it they may not even reach.",
            expected=f"Parcel's answer from {SHOWN}",
            seen=seen,
            source=f"curl -i {SHOWN}",
            hint="What does front.cfg do besides passing requests on? A `server` line for each copy is all that it needs.",
        )
    served = {(copy.node, port) for copy in world.counted for port in copy.ports}
    if any(world.is_lost(server) for server in world.servers):
        _tell_of_dead(world, seen)
    require(
        world.servers,
        "The front has nobody to pass a request on to: front.cfg names no server.",
        expected=f"Parcel's answer from {SHOWN}",
        seen=seen,
        source=f"curl {SHOWN}",
        hint="The comment at the top of front.cfg shows the form of a line. The address is the host's, not the container's.",
    )
    for server in world.servers:
        if (server.host, server.port) not in served:
            there = [copy for copy in world.counted if copy.node == server.host]
            fail(
                f"The front passes requests to {server.host}:{server.port}, where no copy answers."
                + (
                    "" if ":" in server.written else f" The line names no port, so it asks for {server.port}."
                ),
                expected=f"{there[0].address}, where {there[0].name} is published"
                if there
                else "the address of a copy",
                seen=f"server {server.name} {server.written} in front.cfg; {seen}",
                source=f"curl {SHOWN}",
                hint="Compare each line of front.cfg with the PORTS column of `docker -H tcp://HOST:2375 ps`.",
            )
    fail(
        "A request to the front is not answered by a copy of Parcel.",
        expected=f"Parcel's answer from {SHOWN}, every time",
        seen=seen,
        source=f"curl {SHOWN}",
        evidence=world.lab.node("front").logs(1),
        hint="`docker logs drydock-06-front-1` has a line for each request that failed, with the server it went to.",
    )


def _tell_if_refused(world: World, seen: str) -> None:
    require(
        not world.refused,
        "The front cannot use front.cfg as it is now, and goes on with what it had before.",
        expected="a file in which HAProxy finds no mistake",
        seen=seen,
        source="docker logs drydock-06-front-1",
        evidence=world.refused,
        hint="The message names the line.",
    )


def _tell_of_dead(world: World, seen: str) -> None:
    dead = next(server for server in world.servers if world.is_lost(server))
    where = (
        f"{dead.host}, an address that no living host has"
        if dead.is_address
        else f"{dead.host}, which is dead"
        if any(loss.down and loss.host == dead.host for loss in world.deaths)
        else f"{dead.host}, which was lost"
    )
    fail(
        f"The front still passes requests to {where}: every time its turn comes, a user waits and gets no answer.",
        expected=f"only servers on {', '.join(world.left)}, or a front that finds out by itself who is gone",
        seen=f"server {dead.name} {dead.written} in front.cfg; {seen}",
        source="docker logs drydock-06-front-1",
        hint="Nobody tells the front that a machine is gone. Who knows it?",
    )


def _tell_of_missing(world: World, seen: Counter[str]) -> None:
    words = _answers(seen)
    _tell_if_refused(world, words)
    named = {(server.host, server.port) for server in world.servers}
    for copy in world.counted:
        if not any((copy.node, port) in named for port in copy.ports):
            fail(
                f"Users never get to {copy.name} on {copy.node}: the front does not know of it.",
                expected=f"a line with {copy.address}",
                seen=words,
                source=f"curl {SHOWN}, several times",
                hint="Each copy needs a line of its own in front.cfg, with its host's name and port.",
            )
    if reserve := next((server for server in world.servers if server.reserve), None):
        fail(
            f"The front keeps {reserve.name} in reserve: the word `backup` in its line gives it no request as long as another server is "
            f"there. Of {WANTED} copies, {len(seen.keys() & world.names.keys())} serve.",
            expected=f"answers of {WANTED} copies in turn",
            seen=words,
            source=f"curl {SHOWN}, several times",
            hint=f"Compare the line of {reserve.name} with the others.",
        )
    fail(
        f"Of {WANTED} copies, only {len(seen.keys() & world.names.keys())} get requests through the front.",
        expected=f"answers of {WANTED} copies in turn",
        seen=words,
        source=f"curl {SHOWN}, several times",
        hint="How does the front choose whose turn it is? `balance roundrobin` is what it does when front.cfg says nothing.",
    )


def test_host_lost(world: World) -> None:
    """A host was lost while five copies served."""
    loss = world.loss
    _require_hosts(world)
    if loss is None:
        early = world.deaths[-1] if world.deaths else None
        fail(
            f"{early.host} died and came back when {early.serving} copies served; that is no loss of a whole service."
            if early
            else "All five hosts run. The last step begins when you take one away.",
            expected="one host lost while five copies serve",
            seen="no host is lost",
            source="docker ps",
            hint="`lab lose 6`, on your own machine, kills one. First see that `lab check 6.2` passes.",
        )
    require(
        loss.serving >= WANTED,
        f"When {loss.host} died, only {loss.serving} copies served: there was no whole service that could lose one.",
        expected=f"{WANTED} copies serving at that moment",
        seen=f"{loss.serving}",
        source="lab timeline 6",
        hint="`lab lose 6 --back` brings the host back. Have five copies serve, then lose a host again.",
    )


@needs("front-reaches-all", "host-lost")
@timeout(20)
def test_restored(world: World, timeline: Traffic) -> None:
    """The users are served by five copies again; what it cost them is recorded."""
    loss = world.loss
    if loss is None:
        return  # the check before has said so
    lab = world.lab
    key = ("restored", loss.container, f"{loss.at:.3f}")
    if (kept := lab.recall(*key)) is not None:
        _record(lab, *json.loads(kept))
        return
    found = recovery(loss, timeline, WANTED, RESTORED_SECONDS, world.names)
    after = found.after
    if found.well is None:
        recent = after.between(after.end - RESTORED_SECONDS, after.end)
        fail(
            f"Since {loss.host} was lost, users' requests fail again and again.",
            expected=f"{RESTORED_SECONDS:g} s without a failed request",
            seen=f"in the last {RESTORED_SECONDS:g} s: {recent.summary}",
            source="lab timeline 6",
            hint="`docker logs drydock-06-front-1` has a line for each request that failed, with the server it went to.",
        )
    require(
        found.whole,
        f"Since {loss.host} was lost, users were served by {len(found.answers)} of the copies that count.",
        expected=f"answers of {WANTED} copies",
        seen=", ".join(found.answers) or "no answer",
        source="lab timeline 6",
        hint="Try http://localhost:8060 several times: who answers?",
    )
    lab.remember(*key, text=json.dumps(found.cost))
    _record(lab, *found.cost)


def _record(lab: Lab, seconds: float, lost: int) -> None:
    lab.record("replaced after a node's loss", seconds, "s", "by hand")
    lab.record("requests lost with a node", lost, "requests", "by hand")


def _per_host(copies: list[Copy]) -> str:
    per = Counter(copy.node for copy in copies)
    return ", ".join(f"{host}: {number}" for host, number in sorted(per.items()))
