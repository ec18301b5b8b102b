"""The learner's proxy and the copies of Parcel behind it: what there is, and what happened to it in a release."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.cluster import causes, outcomes
from checker.errors import LabError
from checker.grading.author import EventLog, Reasons, Wanted, moment, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Prober, Timeline, Traffic
    from checker.timeline.model import Rollout

ADDRESS = "http://proxy:8080/"
NETWORK = "parcel"
PROXY = "proxy"
PROGRAM = "parcel.py"
WARM_UP, WARM_UP_MS = "PARCEL_WARM_UP_MS", 3000
WHY = Reasons(Path(__file__).with_name("reasons.toml"))

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
        self.begun = moment(lab.node("toolbox").created)
        # Now, because a busy engine forgets within seconds what it did in a release.
        self.log = EventLog(lab.engine, self.begun, lab.number)

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
        return self.traffic.await_settled(self.begun)

    def answer(self) -> dict[str, Any]:
        """Return what the users get now; empty without a good answer."""
        return self.prober.get(ADDRESS).fields

    def version(self) -> str:
        """Return the version that the users have now; empty without a good answer."""
        return str(self.answer().get("version", ""))

    def require_proxy(self) -> Container:
        """Return the proxy; unless it is one that the users find by its name, say what they find."""
        holders = self.holders()
        seen = ", ".join(f"{each.name}: {each.image}" for each in holders)
        if any(is_parcel(each) for each in holders):
            WHY.require(len(holders) == 1, "two-behind-the-name", number=len(holders), seen=seen)
            WHY.fail("no-proxy", seen=seen)
        if not holders:
            purpose = "the users, who ask http://proxy:8080, find nobody"
            proxy = self.lab.require_container(Wanted(PROXY, purpose=purpose, service=True))
            where = ", ".join(proxy.networks) or "no network"
            WHY.fail("proxy-elsewhere", proxy=proxy.name, seen=f"on {where}")
        return holders[0]

    def require_parcel(self, proxy: Container) -> None:
        """Require that the proxy answers for a copy of Parcel that warms up."""
        wait_until(self.answer, ARRIVE_SECONDS, every=0.2)
        reply, copies, evidence = self.prober.get(ADDRESS), self.copies(), self.lab.logs(proxy, tail=2)
        seen = reply.summary if copies else f"{reply.summary}; no copy of Parcel runs"
        WHY.require(reply.status, "proxy-does-not-answer", seen=seen, evidence=evidence)
        WHY.require(reply.ok, "no-good-answer", seen=seen, evidence=evidence)
        said = reply.fields
        WHY.require(
            said.get("service") == "parcel" and said.get("instance") in map(answers_as, copies),
            "not-parcel",
            copies=" or ".join(each.name for each in copies) or "a copy",
            seen=f"service {said.get('service')}, instance {said.get('instance')}" if said else reply.summary,
            evidence=evidence,
        )
        self.require_warm_up()

    def require_warm_up(self) -> None:
        """Require that each copy needs its three seconds until it can serve."""
        for each in self.copies():
            value = each.env.get(WARM_UP, "")
            warms_up = value.isdecimal() and int(value) >= WARM_UP_MS
            WHY.require(
                warms_up, "no-warm-up", copy=each.name, seen=f"{WARM_UP}={value}" if value else "not set"
            )

    def require_alone(self) -> None:
        """Require that only the version which the users have is running."""
        version = self.version()

        def others() -> list[Container]:
            return [each for each in self.copies() if version_of(each) != version]

        wait_until(lambda: not others(), GONE_SECONDS, every=0.2)
        if left := others():
            seen = ", ".join(f"{each.name}: {version_of(each)}, {each.status}" for each in self.copies())
            WHY.fail("not-alone", version=version, left=left[0].name, seen=seen)

    def require_own_image(self) -> None:
        """Require that what the users have runs from the image of that version which the lab has."""
        version = self.version()
        digest = (self.lab.image(f"drydock/parcel:{version}") or {"Id": "sha256:?"})["Id"]
        for each in self.copies():
            WHY.require(
                each.image_id == digest,
                "another-image",
                version=version,
                digest=digest[7:19],
                copy=each.name,
                seen=f"{each.image}, {each.image_id[7:19]}",
            )

    def require_release(self, record: Timeline, before: str, after: str, hint: str) -> None:
        """Require that a record has a release from one version to another that cost no user anything."""

        def because(move: Rollout) -> str:
            names = [each.name for each in self.holders()] or [PROXY]
            return causes.because(self.log, move, proxy=names[0], warm_up=WARM_UP_MS / 1000)

        outcomes.rollout(
            record,
            before=before,
            after=after,
            because=because,
            busy=lambda move: self.lab.too_busy(self.traffic.everything(), move.begin, move.end),
            source="lab timeline 8",
            hint=hint,
            unfinished="Which version does the proxy still use? Its file, or its runtime, says so.",
        )


def is_parcel(container: Container) -> bool:
    """Whether Parcel runs in a container; a proxy, or a helper, can be a program of the learner's in an image of Parcel."""
    if container.labels.get("io.drydock.image") != "parcel":
        return False
    own = " ".join((container.attrs["Path"], *(container.attrs["Args"] or ())))
    if PROGRAM in own or not container.running:
        return True
    with contextlib.suppress(LabError):  # it may end meanwhile
        return any(PROGRAM in command for _, command in container.processes())
    return False


def version_of(container: Container) -> str:
    """Return the version of Parcel that a container answers with."""
    return container.env.get("PARCEL_VERSION", "")


def answers_as(container: Container) -> str:
    """Return the instance that a copy of Parcel calls itself."""
    return container.env.get("PARCEL_INSTANCE") or str(container.attrs["Config"].get("Hostname", ""))
