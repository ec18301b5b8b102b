"""The learner's proxy and the copies of Parcel behind it: what there is, and what happened to it in a release."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from checker.grading.author import Container, Wanted, fail, moment, require, wait_until
from checker.grading.history import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.author import Lab, Prober, Timeline, Traffic
    from checker.grading.history import Event
    from checker.timeline.model import Rollout

ADDRESS = "http://proxy:8080/"
NETWORK = "parcel"
PROXY = "proxy"
WARM_UP_MS = 3000
WARM_UP = "PARCEL_WARM_UP_MS"
ARRIVE_SECONDS = 8.0
"""How long the proxy may take until it answers: a check may come right after a start, and a copy warms up for 3 s."""

GONE_SECONDS = 10.0
"""How long an old version may take to go that was told to: as long as the engine waits for it."""

NEAR_SECONDS = 12.0
"""How long before and after a move what happened to a container may be its cause: longer than a download takes."""

KILL = {"9", "KILL", "SIGKILL"}
KILLED = 137
"""The exit code of a process that a SIGKILL ended."""


class Service:
    """What users reach under the name `proxy`, and the copies of Parcel on their network.

    Args:
        lab: the lab.
        prober: asks from where the users ask.
        traffic: the users.
    """

    def __init__(self, lab: Lab, prober: Prober, traffic: Traffic) -> None:
        self.lab = lab
        self.prober = prober
        self.traffic = traffic

    # -- what there is -------------------------------------------------------------------------------------

    def on_network(self) -> list[Container]:
        """Return the running containers on the users' network, but for the scene's own."""
        scene = {self.lab.node(name).id for name in ("toolbox", "traffic", "prober")}
        there = self.lab.engine.get(f"/networks/{NETWORK}").get("Containers") or {}
        found = [Container(self.lab.engine, self.lab.shells, self.lab.engine.inspect(each)) for each in there]
        return [each for each in found if each.id not in scene and each.running]

    def copies(self) -> list[Container]:
        """Return the running containers of Parcel, oldest first: on the users' network, or the learner's anywhere else."""
        found = {each.id: each for each in (*self.on_network(), *self.lab.containers()) if is_parcel(each)}
        return sorted((each for each in found.values() if each.running), key=lambda each: each.created)

    def holders(self) -> list[Container]:
        """Return the running containers to which the name `proxy` leads."""
        return [each for each in self.on_network() if PROXY in _names(each)]

    @property
    def proxy(self) -> Container:
        """The learner's proxy."""
        return self.holders()[0]

    @property
    def begun(self) -> float:
        """When this scene was started."""
        return moment(self.lab.node("toolbox").attrs["Created"])

    @functools.cached_property
    def record(self) -> Timeline:
        """What the users met since the scene was started, once the last move has ended."""
        return self.traffic.await_settled(self.begun)

    def answer(self) -> dict[str, Any]:
        """Return what the users are answered now; empty without a good answer."""
        reply = self.prober.get(ADDRESS)
        return reply.json() if reply.ok else {}

    def version(self) -> str:
        """Return the version that the users have now; empty if none answers."""
        return str(self.answer().get("version", ""))

    # -- what it must be -----------------------------------------------------------------------------------

    def require_proxy(self) -> None:
        """Require one proxy that answers for a Parcel behind it."""
        holders = self.holders()
        direct = [each for each in holders if is_parcel(each)]
        if len(direct) > 1:
            fail(
                f"The name `proxy` leads to {len(direct)} containers of Parcel, and to no proxy. The engine's name server gives "
                "their addresses in turn and asks none of them how it is: also that of a copy that is starting or ending.",
                expected="one proxy under that name, which decides who is asked",
                seen=", ".join(f"{each.name}: {each.image}" for each in direct),
                source=f"docker network inspect {NETWORK}",
                hint="Lesson, “A door that stays”: who decides which copy gets a request, and when is that decided?",
            )
        if direct:
            fail(
                "The name `proxy` leads to Parcel itself. Who asks it stays with this copy: the next version cannot take over "
                "without the address going away in between.",
                expected="a proxy under that name, with Parcel behind it",
                seen=f"{direct[0].name}: {direct[0].image}",
                source=f"docker network inspect {NETWORK}",
                hint="Lesson, “A door that stays”.",
            )
        if not holders:
            self._fail_without_proxy()
        if not wait_until(self.answer, ARRIVE_SECONDS, every=0.2):
            self._fail_unanswered(holders[0])
        self._require_behind(holders[0])

    def _fail_without_proxy(self) -> None:
        proxy = self.lab.require_container(
            Wanted(PROXY, purpose="the users, who ask http://proxy:8080, find nobody", service=True)
        )
        fail(
            f"`{proxy.name}` runs, but not on the users' network, where nobody can find it by its name.",
            expected=f"`proxy` on the network `{NETWORK}`",
            seen=f"on {', '.join(proxy.networks) or 'no network'}",
            source=f"docker network inspect {NETWORK}",
            hint="Which option of `docker run` and `docker create` names the network?",
        )

    def _fail_unanswered(self, proxy: Container) -> None:
        reply = self.prober.get(ADDRESS)
        fail(
            "The proxy runs, and the users get no good answer from it."
            + ("" if self.copies() else " No copy of Parcel runs that it could ask."),
            expected=f"HTTP 200 from {ADDRESS}",
            seen=reply.summary,
            source=f"curl -i {ADDRESS}",
            evidence=self.lab.logs(proxy, tail=2),
            hint="`docker logs proxy` says whom it asked without an answer; `docker ps` and the proxy's file say who is there, and "
            "whom it is to ask.",
        )

    def _require_behind(self, proxy: Container) -> None:
        said = self.answer()
        copies = self.copies()
        behind = [each for each in copies if answers_as(each) == said.get("instance")]
        require(
            said.get("service") == "parcel" and behind,
            "What answers under the name `proxy` is no copy of Parcel that runs in this lab.",
            expected=f"an answer of one of {', '.join(each.name for each in copies) or 'the copies'}",
            seen=f"service {said.get('service')}, instance {said.get('instance')}",
            source=f"curl {ADDRESS}",
            evidence=self.lab.logs(proxy, tail=1),
            hint="`docker ps` lists what runs, and the answer says which container it is from.",
        )
        self.require_warm_up()

    def require_warm_up(self) -> None:
        """Require that each copy needs its three seconds until it can serve."""
        for each in self.copies():
            value = each.env.get(WARM_UP, "")
            require(
                value.isdecimal() and int(value) >= WARM_UP_MS,
                f"`{each.name}` does not warm up. The real Parcel needs three seconds from its start until it can serve, and a "
                "release that is tried without them proves nothing.",
                expected=f"{WARM_UP}={WARM_UP_MS} in the environment of each copy",
                seen=f"{WARM_UP}={value}" if value else f"{WARM_UP} is not set",
                source=f"docker inspect {each.name}",
                hint="`parcel.env` in your work folder has the setting; which option of `docker run` takes such a file?",
            )

    def require_alone(self) -> None:
        """Require that only the version which the users have is running, and from the course's own image."""
        version = self.version()

        def others() -> list[Container]:
            return [each for each in self.copies() if each.env.get("PARCEL_VERSION") != version]

        wait_until(lambda: not others(), GONE_SECONDS, every=0.2)
        left = others()
        require(
            not left,
            f"The users have {version}, and `{left[0].name if left else ''}` still runs beside it: nobody asks it, it costs "
            "memory all the same, and at the next release nobody knows which of the two is the old one.",
            expected=f"only version {version} running",
            seen=", ".join(f"{each.name} ({each.env.get('PARCEL_VERSION')})" for each in self.copies()),
            source="docker ps",
            hint="The third part of a release: when may the old version go, and who sends it away?",
        )

    def require_own_image(self) -> None:
        """Require that what the users have runs from the image that came with the lab."""
        version = self.version()
        image = self.lab.image(f"drydock/parcel:{version}")
        for each in self.copies():
            require(
                image and each.image_id == image["Id"],
                f"Version {version}, which the users have, runs from another image than the one that came with the lab. What is "
                "built again is a new release that nobody has tried, whatever it calls itself; to go back is to run the image "
                "that has served before.",
                expected=f"drydock/parcel:{version}, {str((image or {}).get('Id', 'sha256:?'))[7:19]}",
                seen=f"{each.image}, {each.image_id[7:19]}",
                source=f"docker inspect {each.name}",
                hint="Lesson, “The way back”: what had to be made for it?",
            )

    # -- what happened in a move ---------------------------------------------------------------------------

    def because(self, move: Rollout) -> str:
        """Say what in a release cost the users something, from what the engine remembers of it; empty if it cannot be told."""
        events = self._events(move.begin - NEAR_SECONDS, move.end + NEAR_SECONDS)
        proxy = [each for each in events if each.name == PROXY and each.event.action in {"die", "start"}]
        deaths = [each for each in events if each.is_version(move.before) and each.event.action == "die"]
        starts = [each for each in events if each.is_version(move.after) and each.event.action == "start"]
        if any(
            move.begin - 2 <= each.event.at <= move.end + 2 for each in proxy if each.event.action == "die"
        ):
            return (
                "The proxy itself was stopped in it, with every connection that went through it. A proxy can be told of a "
                "new server while it runs."
            )
        if move.failures:
            return self._because_failed(move, deaths, starts)
        return self._because_cut(move, deaths, events)

    def _because_failed(self, move: Rollout, deaths: Sequence[_Happened], starts: Sequence[_Happened]) -> str:
        first = move.failures[0].at
        if deaths and deaths[-1].event.at < move.first - 0.5 and deaths[-1].event.at < first + 3:
            return (
                f"{move.before} had ended {move.first - deaths[-1].event.at:.1f} s before {move.after} first answered: stopped "
                "first, and the new one started, or warmed up, in its absence."
            )
        if starts and first - starts[-1].event.at < WARM_UP_MS / 1000 + 0.5:
            return (
                f"The users were sent to {move.after} {max(first - starts[-1].event.at, 0):.1f} s after its start, and it needs "
                f"{WARM_UP_MS / 1000:g} s until it is ready: it runs, and cannot serve yet."
            )
        return ""

    def _because_cut(self, move: Rollout, deaths: Sequence[_Happened], events: Sequence[_Happened]) -> str:
        moment_of_cut = min(each.end for each in move.cut)
        near = [each for each in deaths if abs(each.event.at - moment_of_cut) < 2.0]
        asked = [
            each.event
            for each in events
            if near and each.event.container == near[0].event.container and each.event.action == "kill"
        ]
        # Who was asked to stop only after the cut has not made it. The engine writes a signal down a moment after it was sent.
        first = min((event.at for event in asked), default=moment_of_cut)
        by_force = near and near[0].event.exit_code == KILLED
        if not near or (first > moment_of_cut + 0.05 and not by_force):
            return (
                "Both versions ran on at that moment: the proxy dropped the connections that it had open when it was told of "
                "the change. How long may its old workers go on?"
            )
        death = near[0]
        killed = [event for event in asked if event.signal in KILL]
        told = [event for event in asked if event.signal not in KILL]
        if killed and told:
            return (
                f"`{death.name}` was asked to stop, and killed {killed[0].at - told[0].at:.1f} s later in the middle of them: a "
                "download takes 8 s, and nobody waits longer than the stop's time-out."
            )
        if killed or by_force:
            return f"`{death.name}` was killed (SIGKILL) in the middle of them: it could finish nothing."
        took = death.event.at - told[0].at if told else 0.0
        return (
            f"`{death.name}` was asked to stop while they were under way, and ended by itself {took:.1f} s later: Parcel waits "
            "for what it has begun as long as PARCEL_DRAIN_MS says, one second if nothing is said."
        )

    def _events(self, begin: float, end: float) -> list[_Happened]:
        filters = {"type": ["container"], "event": ["start", "die", "kill", "create"]}
        found = []
        for record in self.lab.engine.events(since=begin, until=min(end, time.time()), filters=filters):
            words = record.get("Actor", {}).get("Attributes", {})
            found.append(
                _Happened(read(record), str(words.get("name", "")), str(words.get("image", "")), words)
            )
        return found

    def was_tried(self, version: str, since: float) -> bool:
        """Whether a container of a version was started since a moment, as far as the engine remembers."""
        until = self.lab.engine.clock.now()
        return any(
            each.is_version(version) and each.event.action == "start" for each in self._events(since, until)
        )


class _Happened:
    """An event of a container, with what is known of it."""

    def __init__(self, event: Event, name: str, image: str, words: dict[str, Any]) -> None:
        self.event, self.name, self.image = event, name, image
        self._version = str(words.get("org.opencontainers.image.version", ""))

    def is_version(self, version: str) -> bool:
        """Whether it is a container of this version of Parcel."""
        return version in {self._version, self.image.rpartition(":")[2]} and "proxy" not in self.image


def is_parcel(container: Container) -> bool:
    """Whether a container is made from an image of Parcel, or one built on it."""
    return container.labels.get("io.drydock.image") == "parcel"


def answers_as(container: Container) -> str:
    """Return the instance that a copy of Parcel calls itself."""
    return container.env.get("PARCEL_INSTANCE") or str(container.attrs["Config"].get("Hostname", ""))


def _names(container: Container) -> set[str]:
    network = container.networks.get(NETWORK)
    attached = container.attrs["NetworkSettings"]["Networks"].get(NETWORK, {}) if network is not None else {}
    return {container.name, *(attached.get("Aliases") or ()), *(attached.get("DNSNames") or ())}
