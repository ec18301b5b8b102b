"""Lab 06: five copies on five hosts, one address, and a host that dies."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.cluster.manual import recovery
from checker.grading.author import STEADY_SECONDS, fail, needs, require, timeout, wait_until

from . import front
from .world import IMAGE, WANTED

if TYPE_CHECKING:
    from checker.cluster.manual import Copy
    from checker.grading.author import Lab, Outside, Prober, Reply, Traffic

    from .world import World

ADDRESS = "http://127.0.0.1:8060/"

ROUNDS = 12
"""How often each copy's turn comes at most while the front is tried."""

SLOW_PART = 0.25
"""A larger part of the requests is not slow by chance: the machine may be busy with something else for a moment."""

RESTORED_SECONDS = 3.0
"""How long no user's request may fail until the service counts as restored."""

PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""


@timeout(40)
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
    _tell_of_more(world)
    _tell_of_unready(world)
    if len(world.counted) < WANTED:
        _tell_of_ended(world)
        _tell_of_own(world)
        _tell_of_swarm(world)
    if loss and world.counted and len(world.counted) < WANTED:
        fail(
            f"{loss.host} was lost, and {_several(len(world.counted))} {'is' if len(world.counted) == 1 else 'are'} left: "
            "nobody has replaced what died with it.",
            expected=f"{WANTED} copies on {', '.join(world.left)}",
            seen=f"{len(world.counted)} ({_per_host(world.counted)})",
            source=f"docker -H tcp://{world.left[0]}:2375 ps, and so on for each host",
            hint="One of the hosts that are left has to run two. Within a host, a port can be published once."
            if loss.serving >= WANTED
            else f"{loss.host} died before {_several(WANTED)} served, so this loss does not count yet. `lab lose 6 --back` brings it "
            "back; then run a copy on each of the five hosts.",
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


def _tell_of_more(world: World) -> None:
    """End the check when more copies run than the task asks for."""
    if len(world.counted) > WANTED:
        fail(
            f"{_several(len(world.counted))} run, and the task asks for {WANTED}.",
            expected=f"{_several(WANTED)} on {', '.join(world.left)}",
            seen=", ".join(f"{copy.name} on {copy.node}" for copy in world.counted),
            source=world.cluster.shows(),
            hint="Is one of them left from the lesson, or from an earlier try? `docker -H tcp://HOST:2375 rm -f NAME` removes it; "
            "then front.cfg needs no line for it.",
        )


def _tell_of_unready(world: World) -> None:
    """End the check when a copy does not become able to serve, and name it."""
    if all(copy.ready for copy in world.counted):
        return

    def is_settled() -> bool:
        world.look_again()
        return all(copy.ready for copy in world.counted)

    if wait_until(is_settled, outcomes.SETTLE_SECONDS, every=0.2):
        return
    copy = next(copy for copy in world.counted if not copy.ready)
    engine = f"docker -H tcp://{copy.node}:2375"
    facts = {
        "expected": f"{_several(WANTED)} that can serve",
        "seen": f"{copy.name} on {copy.node}: {copy.status}",
        "source": f"{engine} ps --all",
    }
    if "(Paused)" in copy.status:
        fail(
            f"{copy.name} on {copy.node} is paused: its processes are frozen, so it answers nobody.",
            **facts,
            hint="`docker --help` lists the command that undoes a pause.",
        )
    if copy.status.startswith("Restarting") or world.cluster.history(copy)[0]:
        fail(
            f"{copy.name} on {copy.node} does not stay up: its program ends again and again, and a restart policy starts it.",
            **facts,
            hint=f"`{engine} logs {copy.name}` says why it ends.",
        )
    fail(
        f"{copy.name} on {copy.node} runs, and does not become healthy, so it cannot serve.",
        **facts,
        hint=f"`{engine} logs {copy.name}` shows what it does. Its health check asks Parcel, in the container, whether it is ready.",
    )


def _tell_of_ended(world: World) -> None:
    for host, name, status in world.cluster.ended():
        if status.startswith(("Exited", "Dead")) and host not in world.lost_hosts:
            fail(
                f"{name} on {host} has ended.",
                expected=f"{WANTED} copies that run",
                seen=f"{len(world.counted)} that run; {name}: {status}",
                source=f"docker -H tcp://{host}:2375 ps --all",
                hint=_why_ended(world, host, name, status),
            )
        if status.startswith("Created") and host not in world.lost_hosts:
            fail(
                f"{name} on {host} was made, but could not be started.",
                expected=f"{WANTED} copies that run",
                seen=f"{len(world.counted)} that run; {name}: {status}",
                source=f"docker -H tcp://{host}:2375 ps --all",
                hint="The message of `docker run` said why. Two containers on one host cannot publish the same port.",
            )


def _why_ended(world: World, host: str, name: str, status: str) -> str:
    engine = f"docker -H tcp://{host}:2375"
    # 137 is what a kill leaves, and 255 what an engine writes that finds a copy dead when it begins again.
    if not status.startswith(("Exited (137)", "Exited (255)")):
        return f"`{engine} logs {name}` shows its last words. Was it run with `-d`?"
    if any(loss.host == host for loss in world.deaths):
        return (
            f"Was {host} lost and is back? What ran on it has to be started again: `{engine} start {name}`."
        )
    return (
        "137 means that it was killed: by a command, or by the kernel because it reached its memory limit. "
        f"`{engine} inspect --format '{{{{.State.OOMKilled}}}}' {name}` prints true for the limit."
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
                f"No other machine reaches {copy.name} on {copy.node}: {_why_closed(copy)}",
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
            hint=f"Parcel listens on port 8080 inside, or on the one that PARCEL_PORT gives it. `{engine} port {copy.name}` says where its "
            "host's port leads.",
        )
        _require_program(world, copy)
        called.setdefault(name, []).append(copy)
        world.names[name] = copy
    name, alike = max(called.items(), key=lambda each: len(each[1]))
    require(
        len(alike) == 1,
        f"{len(alike)} copies answer as {name}: {' and '.join(f'{each.name} on {each.node}' for each in alike)}. "
        "Who looks at an answer or at the log cannot tell which of them it was, nor which is missing.",
        expected=f"{WANTED} names",
        seen=f"{name} from {' and from '.join(each.address for each in alike)}",
        source=f"curl http://{alike[-1].address}/ in the toolbox",
        hint="What is the same image can be told apart by its environment; lab 01 named two copies so.",
    )


def _why_closed(copy: Copy) -> str:
    if not copy.closed:
        return "none of its ports is published."
    if copy.closed[0].endswith("/udp"):
        return "its port is published for UDP, and HTTP uses TCP."
    return f"its port is published on {copy.closed[0]}, for that host alone."


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
    _require_image(world, copy, remote.image_layers())
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


def _require_image(world: World, copy: Copy, layers: list[str]) -> None:
    """Fail when a copy runs an image that was made from Parcel's, by a commit or a build."""
    own = ((world.lab.image(IMAGE) or {}).get("RootFS") or {}).get("Layers")
    require(
        own is None or layers == own,
        f"{copy.name} on {copy.node} runs another image than {IMAGE}: one that was made from it, by a commit of a container or "
        "by a build. What was changed in there, no other copy has.",
        expected=f"a copy of {IMAGE}",
        seen=f"{copy.image}, {len(layers)} layers; {IMAGE} has {len(own or ())}",
        source=f"docker -H tcp://{copy.node}:2375 ps",
        hint="Compare the IMAGE column on each host. What a copy needs to know, its environment can tell it.",
    )


@needs("own-names")
@timeout(60)
def test_front_reaches_all(world: World, outside: Outside, prober: Prober) -> None:
    """http://localhost:8060 leads to all of them, and to nothing else."""
    before = _counters(world, prober)
    seen: Counter[str] = Counter()
    replies: list[Reply] = []
    # The front's log has the whole address.
    token = f"check-{secrets.token_hex(4)}"
    for number in range(1, ROUNDS * WANTED + 1):
        reply = outside.get(f"{ADDRESS}?{token}", timeout=5.0)
        said = reply.json() if reply.ok else {}
        if not reply.ok or not isinstance(said, dict) or "instance" not in said:
            front.tell_of_reply(world, reply, number)
        seen[str(said["instance"])] += 1
        replies.append(reply)
        if number >= 3 * WANTED and world.names.keys() <= seen.keys():
            break
    _require_quick(world, replies, token)
    if others := seen.keys() - world.names.keys():
        front.tell_of_others(world, prober, min(others), seen)
    if world.names.keys() - seen.keys():
        front.tell_of_missing(world, seen)
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


def _require_quick(world: World, replies: list[Reply], token: str) -> None:
    """Fail when requests wait: for a server that does not answer, or for another reason."""
    if max(reply.ms for reply in replies) >= front.DELAY_MS and (again := front.retried(world, token)):
        front.tell_of_delay(world, again, len(replies))
    slow = [reply for reply in replies if reply.ms > front.SLOW_MS]
    if len(slow) > SLOW_PART * len(replies):
        front.tell_of_slow(slow, len(replies))


def _counters(world: World, prober: Prober) -> dict[str, int]:
    """Return how many requests each copy has counted, asked at its own address."""
    found = {}
    for name, copy in world.names.items():
        said = prober.get(f"http://{copy.address}/", patience=2.0).json()
        counter = said.get("counter") if isinstance(said, dict) else None
        found[name] = counter if isinstance(counter, int) else 0
    return found


def test_host_lost(world: World) -> None:
    """A host was lost while five copies served."""
    loss = world.loss
    _require_hosts(world)
    if loss is None:
        early = world.deaths[-1] if world.deaths else None
        fail(
            f"{early.host} died and came back when {_several(early.serving)} served; that is no loss of a whole service."
            if early
            else "All five hosts run. The last step begins when you take one away.",
            expected="one host lost while five copies serve",
            seen="no host is lost",
            source="docker ps",
            hint="`lab lose 6`, on your own machine, kills one. First see that `lab check 6.2` passes.",
        )
    require(
        loss.serving >= WANTED,
        f"When {loss.host} died, only {_several(loss.serving)} served: there was no whole service that could lose one.",
        expected=f"{WANTED} copies serving at that moment",
        seen=f"{loss.serving}",
        source="lab timeline 6",
        hint="`lab lose 6 --back` brings the host back. Have five copies serve, then lose a host again.",
    )
    lost = {each.host for each in world.deaths if each.serving >= WANTED}
    if world.lab.value("lost_host") not in lost:
        world.lab.require_value(
            "lost_host",
            loss.host,
            says="The host that died while five copies served is",
            source="lab timeline 6",
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


def _several(number: int) -> str:
    return f"{number} {'copy' if number == 1 else 'copies'}"


def _per_host(copies: list[Copy]) -> str:
    per = Counter(copy.node for copy in copies)
    return ", ".join(f"{host}: {number}" for host, number in sorted(per.items()))
