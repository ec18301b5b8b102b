"""The learner's services on the network: who there is, what they answer, how they are broken and repaired."""

from __future__ import annotations

import functools
import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from checker.grading.author import Container, fail, require, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.grading.author import Lab, Prober, Reply, Timeline, Traffic

NETWORK = "parcel-net"
SCENE = ("toolbox", "traffic", "prober", "gateway")
FRONT = "http://front:8080"
PATIENCE_MS = 1000
"""How long a user waits for the front page, by the task; a time-out of half a second leaves room for a busy machine."""

BACK_SECONDS = 20.0
"""How long what was missed may take to be made up for, by the task."""

STOPPED = "stopped"
FAULTS = {
    "slow": {"mode": "slow", "seconds": 5},
    "wrong": {"mode": "wrong"},
}
TOLD = {STOPPED: "was stopped", "slow": "answered after 5 s", "wrong": "answered with errors (500)"}


class Services:
    """The containers that the learner has put on the network.

    Args:
        lab: the lab.
        prober: asks from where the users ask.
        traffic: the users.
    """

    def __init__(self, lab: Lab, prober: Prober, traffic: Traffic) -> None:
        self.lab = lab
        self.prober = prober
        self.traffic = traffic
        self._known: dict[str, Container] = {}
        self.moved = ("", "")
        """The address of the service that was last stopped, before and after."""

    # -- who there is --------------------------------------------------------------------------------------

    def on_network(self) -> list[Container]:
        """Return the learner's running containers on the network, oldest first."""
        scene = {self.lab.node(name).id for name in SCENE}
        there = self.lab.engine.get(f"/networks/{NETWORK}").get("Containers") or {}
        found = [
            Container(self.lab.engine, self.lab.shells, self.lab.engine.inspect(each))
            for each in there
            if each not in scene
        ]
        return sorted((each for each in found if each.running), key=lambda each: each.created)

    def holders(self, name: str) -> list[Container]:
        """Return the running containers to which a name on the network leads."""
        return [each for each in self.on_network() if name in _names(each)]

    def get_one(self, name: str) -> Container:
        """Return the container of a service, running or not, once it was seen running."""
        if name not in self._known:
            self._known[name] = self.require_one(name)
        return self._known[name]

    def require_one(self, name: str) -> Container:
        """Return the container of a service; fail if there is none."""
        found = self.holders(name)
        if not found:
            here = self.on_network()
            fail(
                f"Nobody on the network is called `{name}`.",
                expected=f"a container that the name `{name}` leads to, on the network {NETWORK}",
                seen=", ".join(each.name for each in here) or "no container of yours runs there",
                source=f"docker network inspect {NETWORK}",
                evidence=self._ended(name),
                hint="`docker compose ps --all` lists what runs and what has ended, and `docker compose logs` says why.",
            )
        return found[0]

    def forget(self, name: str) -> None:
        """Look for the container of a service again, because it was replaced."""
        self._known.pop(name, None)

    def _ended(self, name: str) -> str:
        ended = [each for each in self.lab.containers() if name in each.name and not each.running]
        return self.lab.logs(ended[-1], tail=1) if ended else ""

    @property
    def fingerprint(self) -> str:
        """What decides how the services act: which containers there are."""
        return " ".join(sorted(each.id for each in self.on_network()))

    # -- what they answer ----------------------------------------------------------------------------------

    def page(self) -> dict[str, Any]:
        """Return the front page; empty without a good answer."""
        reply = self.prober.get(f"{FRONT}/")
        return _read(reply) if reply.ok else {}

    def parcel(self, number: int) -> dict[str, Any]:
        """Return what the front says of a parcel; empty without a good answer."""
        reply = self.prober.get(f"{FRONT}/parcels/{number}")
        return _read(reply) if reply.ok else {}

    def accept(self, receiver: str) -> Reply:
        """Have a parcel accepted for somebody."""
        return self.prober.post(f"{FRONT}/parcels", json.dumps({"to": receiver}).encode(), timeout=6)

    def accept_several(self, count: int, when: str) -> list[str]:
        """Have parcels accepted, require that the front accepts them in time, and return for whom they are."""
        receivers = [f"Canal Street {number} {secrets.token_hex(3)}" for number in range(1, count + 1)]
        for receiver in receivers:
            reply = self.accept(receiver)
            if reply.status != 201 or reply.ms > PATIENCE_MS:
                fail(
                    f"While {when}, the front did not accept a parcel in time. The person who brings one does not have to wait for "
                    "anything but the front's own data.",
                    expected=f"201 within {PATIENCE_MS} ms",
                    seen=f"{reply.summary}, after {reply.ms:.0f} ms",
                    source=f"""curl -d '{{"to": "Mill Lane 1"}}' {FRONT}/parcels""",
                    hint="Lesson, “Accept now, tell later”: which part of accepting a parcel has to be done before the answer?",
                )
        return receivers

    def scan(self, number: int, place: str) -> Reply:
        """Tell tracking where a parcel is."""
        body = json.dumps({"parcel": number, "place": place}).encode()
        return self.prober.post("http://tracking:8080/scans", body)

    @functools.cached_property
    def tracked(self) -> tuple[int, str]:
        """A parcel that tracking knows, and its place."""
        reply = self.accept(f"Mill Lane {secrets.token_hex(3)}")
        number, place = int(_read(reply).get("parcel") or 0), f"Depot {secrets.token_hex(2)}"
        require(
            reply.status == 201 and number,
            "The front accepts no parcel.",
            expected='201 and {"parcel": a number}',
            seen=reply.summary,
            source=f"""curl -d '{{"to": "Mill Lane 1"}}' {FRONT}/parcels""",
            hint="`docker compose logs front` says what happened to the request.",
        )
        self.scan(number, place)
        return number, place

    def sent(self) -> dict[str, int]:
        """Return how often the gateway has written to each receiver."""
        found = _read(self.prober.get("http://gateway:8080/messages")).get("messages")
        return dict(found) if isinstance(found, dict) else {}

    def lines(self, container: Container, number: str) -> list[dict[str, Any]]:
        """Return the lines of a container's log with a request id, as far as they can be read."""
        return [_line(each) for each in container.logs(20000).splitlines() if number in each]

    # -- faults --------------------------------------------------------------------------------------------

    @contextmanager
    def broken(self, name: str, fault: str) -> Iterator[None]:
        """Break a service, and repair it in the end.

        Args:
            name: the service.
            fault: `stopped`, `slow` or `wrong`.
        """
        container = self.lab.node(name) if name == "gateway" else self.get_one(name)
        if fault == STOPPED:
            container.stop(1)
        else:
            self._tell(name, FAULTS[fault])
        try:
            yield
        finally:
            if fault == STOPPED:
                # It comes back with another address, as it may after any restart.
                address = container.networks.get(NETWORK) or ""
                self.lab.run("drydock/toolbox:1.0", command=["sleep", "60"], network=NETWORK)
                container.start()
                container.reload()
                self.moved = (address, container.networks.get(NETWORK) or "")
                wait_until(lambda: self.prober.get(f"http://{name}:8080/healthz").ok, 10, every=0.1)
            else:
                self._tell(name, {"mode": "none"})

    def _tell(self, name: str, fault: dict[str, Any]) -> None:
        reply = self.prober.post(f"http://{name}:8080/fault", json.dumps(fault).encode())
        require(
            reply.ok,
            f"`{name}` does not take the fault that the check gives it. Every program on the course's library does.",
            expected="200 from POST /fault",
            seen=reply.summary,
            source=f"curl -d '{json.dumps(fault)}' http://{name}:8080/fault",
            hint="Which program answers there? Dockerfile, in your work folder, builds on the image that has the library.",
        )

    def met(self, name: str) -> int:
        """Return how many requests a service has met since it was broken."""
        return int(_read(self.prober.get(f"http://{name}:8080/fault")).get("requests") or 0)

    def watch(self, since: float, seconds: float) -> Timeline:
        """Wait until that many seconds have passed since a moment, and return what the users met in them."""
        wait_until(lambda: self.traffic.now() >= since + seconds, seconds + 5, every=0.1)
        return self.traffic.between(since, since + seconds)


def _names(container: Container) -> set[str]:
    attached = container.attrs["NetworkSettings"]["Networks"].get(NETWORK, {})
    return {container.name, *(attached.get("Aliases") or ()), *(attached.get("DNSNames") or ())}


def _read(reply: Reply) -> dict[str, Any]:
    said = reply.json()
    return said if isinstance(said, dict) else {}


def _line(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text[text.index("{") :])
    except ValueError:
        return {"text": text}
    return said if isinstance(said, dict) else {"text": text}
