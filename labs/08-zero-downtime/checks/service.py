"""The learner's proxy and the copies of Parcel behind it: what there is, and what happened to it in a release."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from checker.cluster.causes import because
from checker.grading.author import Wanted, fail, moment, require, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Prober, Timeline, Traffic
    from checker.timeline.model import Rollout

ADDRESS = "http://proxy:8080/"
NETWORK = "parcel"
PROXY = "proxy"
WARM_UP, WARM_UP_MS = "PARCEL_WARM_UP_MS", 3000
SHOWN = f"docker network inspect {NETWORK}"

ARRIVE_SECONDS = 8.0
"""How long the proxy may take until it answers: a check may come right after a start, and a copy warms up for 3 s."""

GONE_SECONDS = 10.0
"""How long an old version may take to end after it was told to: the engine kills it after that time."""


class Service:
    """What users reach under the name `proxy`, and the copies of Parcel on their network.

    Args:
        lab: the lab.
        prober: sends requests from where the users are.
        traffic: the users.
    """

    def __init__(self, lab: Lab, prober: Prober, traffic: Traffic) -> None:
        self.lab = lab
        self.prober = prober
        self.traffic = traffic

    # -- what there is -------------------------------------------------------------------------------------

    def copies(self) -> list[Container]:
        """Return the copies of Parcel, oldest first: on the users' network, or the learner's anywhere else.

        They run or are paused: a paused one has its memory and its name, as one that runs.
        """
        found = {each.id: each for each in (*self.lab.on_network(NETWORK), *self.lab.containers())}
        there = [each for each in found.values() if each.status in {"running", "paused"} and is_parcel(each)]
        return sorted(there, key=lambda each: each.created)

    def holders(self) -> list[Container]:
        """Return the running containers to which the name `proxy` leads."""
        return [each for each in self.lab.on_network(NETWORK) if PROXY in each.names_on(NETWORK)]

    @functools.cached_property
    def record(self) -> Timeline:
        """What the users met since the scene was started, once the last release has ended."""
        return self.traffic.await_settled(moment(self.lab.node("toolbox").attrs["Created"]))

    def answer(self) -> dict[str, Any]:
        """Return what the users get now; empty without a good answer."""
        reply = self.prober.get(ADDRESS)
        return reply.json() if reply.ok else {}

    def version(self) -> str:
        """Return the version that the users have now; empty without a good answer."""
        return str(self.answer().get("version", ""))

    # -- what it must be -----------------------------------------------------------------------------------

    def require_proxy(self) -> None:
        """Require one proxy that answers for a Parcel behind it."""
        holders = self.holders()
        direct = [each for each in holders if is_parcel(each)]
        if direct:
            fail(
                f"The name `proxy` leads to {len(holders)} containers, and Parcel is among them. The engine's name server gives "
                "their addresses in turn, also the address of a copy that is starting or ending."
                if len(holders) > 1
                else "The name `proxy` leads to Parcel itself. The next version cannot take over this name without a time in "
                "which nobody has it.",
                expected="one proxy with this name, and Parcel behind it",
                seen=", ".join(f"{each.name}: {each.image}" for each in holders),
                source=SHOWN,
                hint="Lesson, “A door that stays”: what decides which copy gets a request, and when?",
            )
        if not holders:
            proxy = self.lab.require_container(
                Wanted(PROXY, purpose="the users, who ask http://proxy:8080, find nobody", service=True)
            )
            fail(
                f"`{proxy.name}` runs, but not on the users' network, so nobody there can find it by its name.",
                expected=f"`proxy` on the network `{NETWORK}`",
                seen=f"on {', '.join(proxy.networks) or 'no network'}",
                source=SHOWN,
                hint="Which option of `docker run` and `docker create` names the network?",
            )
        if not wait_until(self.answer, ARRIVE_SECONDS, every=0.2):
            reply = self.prober.get(ADDRESS)
            fail(
                "The proxy runs, but the users get no good answer from it."
                + ("" if self.copies() else " No copy of Parcel runs that it could pass requests to."),
                expected=f"HTTP 200 from {ADDRESS}",
                seen=reply.summary,
                source=f"curl -i {ADDRESS}",
                evidence=self.lab.logs(holders[0], tail=2),
                hint="`docker logs proxy` shows which server did not answer; `docker ps` and the proxy's file show which servers "
                "exist, and which one it has to use."
                if reply.status
                else "The proxy itself did not answer. On which port does it listen, by its file, and which one do the users need?",
            )
        said, copies = self.answer(), self.copies()
        require(
            said.get("service") == "parcel" and said.get("instance") in [answers_as(each) for each in copies],
            "What answers under the name `proxy` is no copy of Parcel that runs in this lab.",
            expected=f"an answer of {' or '.join(each.name for each in copies) or 'a copy'}",
            seen=f"service {said.get('service')}, instance {said.get('instance')}",
            source=f"curl {ADDRESS}",
            evidence=self.lab.logs(holders[0], tail=1),
            hint="`docker ps` lists what runs, and the answer names the container that sent it.",
        )
        self.require_warm_up()

    def require_warm_up(self) -> None:
        """Require that each copy needs its three seconds until it can serve."""
        for each in self.copies():
            value = each.env.get(WARM_UP, "")
            require(
                value.isdecimal() and int(value) >= WARM_UP_MS,
                f"`{each.name}` does not warm up. The real Parcel needs three seconds from its start until it can serve, so a "
                "release without them proves nothing.",
                expected=f"{WARM_UP}={WARM_UP_MS} in the environment of each copy",
                seen=f"{WARM_UP}={value}" if value else f"{WARM_UP} is not set",
                source=f"docker inspect {each.name}",
                hint="`parcel.env` in your work folder has the setting; which option of `docker run` reads such a file?",
            )

    def require_alone(self) -> None:
        """Require that only the version which the users have is running."""
        version = self.version()

        def others() -> list[Container]:
            return [each for each in self.copies() if version_of(each) != version]

        wait_until(lambda: not others(), GONE_SECONDS, every=0.2)
        left = others()
        require(
            not left,
            f"The users have {version}, and `{left[0].name if left else ''}` is still there beside it: it uses memory, and at the "
            "next release nobody knows which of the two is the old one.",
            expected=f"only version {version} running",
            seen=", ".join(f"{each.name}: {version_of(each)}, {each.status}" for each in self.copies()),
            source="docker ps",
            hint="The last part of a release: when can the old version be stopped, and what stops it?",
        )

    def require_own_image(self) -> None:
        """Require that what the users have runs from the image of that version which the lab has."""
        version = self.version()
        image = self.lab.image(f"drydock/parcel:{version}") or {"Id": "sha256:?"}
        for each in self.copies():
            require(
                each.image_id == image["Id"],
                f"Version {version}, which the users have, runs from another image than the one that came with the lab. An image "
                "that is built again is a new release that nobody has tested, whatever version it states.",
                expected=f"drydock/parcel:{version}, {image['Id'][7:19]}",
                seen=f"{each.image}, {each.image_id[7:19]}",
                source=f"docker inspect {each.name}",
                hint="Lesson, “The way back”: what did you have to build for it?",
            )

    def because(self, move: Rollout) -> str:
        """Say what in a release cost the users something; empty if it cannot be told."""
        names = [each.name for each in self.holders()]
        return because(self.lab.engine, move, proxy=names[0] if names else PROXY, warm_up=WARM_UP_MS / 1000)


def is_parcel(container: Container) -> bool:
    """Whether Parcel runs in a container; a proxy can be a program of the learner's in an image of Parcel."""
    return container.labels.get("io.drydock.image") == "parcel" and (
        PROXY not in container.names_on(NETWORK)
        or any("parcel.py" in command for _, command in container.processes())
    )


def version_of(container: Container) -> str:
    """Return the version of Parcel that a container answers with."""
    return container.env.get("PARCEL_VERSION", "")


def answers_as(container: Container) -> str:
    """Return the instance that a copy of Parcel calls itself."""
    return container.env.get("PARCEL_INSTANCE") or str(container.attrs["Config"].get("Hostname", ""))
