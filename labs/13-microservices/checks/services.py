"""The learner's services as their users see them: what they answer, how they are broken and repaired."""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from checker.cluster.named import OnNetwork, leading
from checker.grading.author import fail, require, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checker.cluster.named import Copy, Named
    from checker.grading.author import Lab, Prober, Reply, Timeline, Traffic

NETWORK = "parcel-net"
FRONT = "http://front:8080"
DRAWN = "lab timeline 13"
PATIENCE_MS = 1000
"""How long a user waits for the front page, by the task; a time-out of half a second leaves room for a busy machine."""

BACK_SECONDS = 20.0
"""How long it may take, by the task, until what was missed is sent."""

UP_SECONDS = 20.0
GATEWAY = "gateway"
STOPPED = "stopped"
FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"mode": "slow", "seconds": 5},
    "wrong": {"mode": "wrong"},
}
TOLD = {STOPPED: "was stopped", "slow": "answered after 5 s", "wrong": "answered with errors (500)"}


def runs_on(lab: Lab) -> Named:
    """Return what runs the services: what the learner has chosen with `--with`."""
    (way,) = lab.course_lab.chosen
    if way == "swarm":
        from checker.cluster.named_swarm import NamedOnSwarm  # noqa: PLC0415 - only who chose it waits for the import
        from checker.cluster.swarm import Swarm  # noqa: PLC0415

        return NamedOnSwarm(Swarm(lab))
    if way == "kubernetes":
        from checker.cluster.kubernetes_api import Api  # noqa: PLC0415
        from checker.cluster.named_kubernetes import NamedOnKubernetes  # noqa: PLC0415

        return NamedOnKubernetes(Api(lab))
    return OnNetwork(lab, NETWORK)


class Services:
    """The services that the learner runs, and their users.

    Args:
        lab: the lab.
        prober: sends requests from where the users send theirs.
        traffic: the users.
    """

    def __init__(self, lab: Lab, prober: Prober, traffic: Traffic) -> None:
        self.lab = lab
        self.prober = prober
        self.traffic = traffic
        self.on = runs_on(lab)
        self.scene = lab.node("prober").id
        self._seen: dict[str, Copy] = {}
        self._tracked: tuple[int, str] | None = None
        self._tracked_by: list[str] = []
        self._receiver = ""
        self.accepted_as = ""
        """The request id of the parcel that tracking knows."""
        self.moved = ""
        """What changed about the place of the service that was last stopped, as a sentence."""

    # -- who there is --------------------------------------------------------------------------------------

    @functools.cached_property
    def copies(self) -> Sequence[Copy]:
        """The copies that run, since somebody last looked; `look_again` after a change."""
        return self.on.copies()

    def look_again(self) -> None:
        """Ask once more which copies run."""
        self.__dict__.pop("copies", None)

    def require_one(self, name: str) -> Copy:
        """Return the copy that a name leads to; fail if there is none, or more than one."""
        found = leading(self.copies, name)
        if not found:
            fail(
                f"The name `{name}` leads to no service.",
                expected=f"one running service with the name `{name}`",
                seen=f"running: {', '.join(each.name for each in self.copies)}"
                if self.copies
                else "nothing of yours runs",
                source=self.on.lists,
                evidence=self.on.ended(name),
                hint=f"`{self.on.lists}` shows what runs, and `{self.on.shows_logs(name)}` why something does not.",
            )
        self._seen[name] = found[0]
        require(
            len(found) == 1,
            f"The name `{name}` leads to {len(found)} copies: a request reaches one of them, and the others do not know of it.",
            expected="one copy",
            seen=", ".join(each.name for each in found),
            source=self.on.lists,
            hint="How many copies did you ask for, and which of them have this name? A store of this kind is for one copy.",
        )
        return found[0]

    def await_one(self, name: str) -> Copy:
        """Return the copy that a name leads to after a change, as soon as the one before it is gone."""

        def is_alone() -> bool:
            self.look_again()
            return len(leading(self.copies, name)) == 1

        wait_until(is_alone, UP_SECONDS, every=0.2)
        return self.require_one(name)

    def get_one(self, name: str) -> Copy:
        """Return the copy that a name leads to; if none runs now, the one that was last seen."""
        found = leading(self.copies, name)
        return found[0] if found else self._seen.get(name) or self.require_one(name)

    def once(self, what: str, prove: Callable[[], object]) -> None:
        """Run a slow test, unless it has passed before in this scene with the same programs and settings."""
        proof = (
            what,
            self.scene,
            self.on.title,
            *sorted(each.revision for each in self.copies),
            self._mounted,
        )
        if self.lab.recall(*proof) is None:
            prove()
            self.lab.remember(*proof)

    def record(self, what: str, value: float, unit: str) -> None:
        """Store a measured number of these services with the attempt."""
        self.lab.record(what, value, unit, self.on.title)

    @property
    def _mounted(self) -> str:
        """The programs in the work folder, if a copy may have them mounted, where an image does not show a change."""
        if not any(store.is_folder for each in self.copies for store in each.stores):
            return ""
        files = sorted(each for each in self.lab.work.rglob("*.py") if each.is_file())
        return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()

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
        """Have parcels accepted, require that the front accepts them in time, and return for whom they are.

        Of several, the last is for the receiver of the first: a message belongs to a parcel.
        """
        receivers = [f"Canal Street {number} {secrets.token_hex(3)}" for number in range(1, count + 1)]
        receivers[-1] = receivers[0]
        late = []
        for receiver in receivers:
            reply = self.accept(receiver)
            late += [reply] if reply.ms > PATIENCE_MS else []
            # One that is late may be due to a busy machine; a front that waits for another service is late each time.
            if reply.status != 201 or len(late) > 1:
                fail(
                    f"While {when}, the front did not accept a parcel in time. The sender has to wait only for the front's own data.",
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

    @property
    def tracked(self) -> tuple[int, str]:
        """A parcel that tracking knows, and its place; another one after a copy was replaced, whose log is gone."""
        now = sorted(each.id for each in self.copies)
        if self._tracked is None or self._tracked_by != now:
            self._tracked, self._tracked_by = self._track(), now
        return self._tracked

    def _track(self) -> tuple[int, str]:
        self._receiver = f"Mill Lane {secrets.token_hex(3)}"
        reply = self.accept(self._receiver)
        self.accepted_as = str(_read(reply).get("request") or "")
        number, place = int(_read(reply).get("parcel") or 0), f"Depot {secrets.token_hex(2)}"
        require(
            reply.status == 201 and number,
            "The front accepts no parcel.",
            expected='201 and {"parcel": a number}',
            seen=reply.summary,
            source=f"""curl -d '{{"to": "Mill Lane 1"}}' {FRONT}/parcels""",
            hint=f"`{self.on.shows_logs('front')}` says what happened to the request.",
        )
        self.scan(number, place)
        return number, place

    @property
    def receiver(self) -> str:
        """Who gets the parcel that tracking knows."""
        _ = self.tracked
        return self._receiver

    def sent(self) -> dict[str, int]:
        """Return how often the gateway has written to each receiver."""
        found = _read(self.prober.get("http://gateway:8080/messages")).get("messages")
        return dict(found) if isinstance(found, dict) else {}

    def log(self, name: str, tail: int = 20000) -> str:
        """Return the last lines of a service's log, or of the gateway's."""
        if name == GATEWAY:
            return self.lab.node(name).logs(tail)
        return self.on.logs(self.get_one(name), tail)

    def lines(self, name: str, number: str) -> list[dict[str, Any]]:
        """Return the lines of a service's log with a request id, as far as they can be read."""
        return [_line(each) for each in self.log(name).splitlines() if number in each]

    # -- faults --------------------------------------------------------------------------------------------

    @contextmanager
    def broken(self, name: str, fault: str) -> Iterator[None]:
        """Break a service, and repair it in the end.

        Args:
            name: the service, or `gateway`.
            fault: `stopped`, `slow` or `wrong`.
        """
        self.lab.disturb(f"tries what happens while {name} {TOLD[fault]}")
        if fault == STOPPED:
            copy = self.get_one(name)
            self.on.stop(copy)
        else:
            self._tell(name, FAULTS[fault])
        try:
            yield
        finally:
            if fault == STOPPED:
                self.moved = self.on.start(copy)
                self.await_up(name)
            else:
                self._tell(name, {"mode": "none"})

    def await_up(self, *names: str) -> None:
        """Wait until services that were started answer, and look which copies run now."""
        wait_until(
            lambda: all(self.prober.get(f"http://{name}:8080/healthz").ok for name in names),
            UP_SECONDS,
            every=0.1,
        )
        self.look_again()

    def _tell(self, name: str, fault: dict[str, Any]) -> None:
        url = f"http://{name}:8080"
        body = json.dumps(fault).encode()
        reply = self.prober.post(f"{url}/fault", body)
        taken = reply.ok
        if taken and fault["mode"] == "wrong":
            # A program without the course's library has to fail when it is told to, or the check would test nothing.
            reply = self.prober.get(f"{url}/", timeout=3)
            # Told once more, it begins to count again.
            taken = reply.status >= 500 and self.prober.post(f"{url}/fault", body).ok
        require(
            taken,
            f"`{name}` does not take the fault that the check gives it, so nothing can be tested with it. Every program on the "
            "course's library does.",
            expected="500 from GET /, after this POST /fault"
            if fault["mode"] == "wrong"
            else "200 from POST /fault",
            seen=reply.summary,
            source=f"curl -d '{json.dumps(fault)}' {url}/fault",
            hint="Lesson, “The whole, on your own”, says what a program answers on /fault. Which program answers there now?",
        )

    def met(self, name: str) -> int:
        """Return how many requests a service has met since it was broken."""
        return int(_read(self.prober.get(f"http://{name}:8080/fault")).get("requests") or 0)

    def watch(self, since: float, seconds: float) -> Timeline:
        """Wait until that many seconds have passed since a moment, and return what the users met in them."""
        wait_until(lambda: self.traffic.now() >= since + seconds, seconds + 5, every=0.1)
        return self.traffic.between(since, since + seconds)


def _read(reply: Reply) -> dict[str, Any]:
    said = reply.json()
    return said if isinstance(said, dict) else {}


def _line(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text[text.index("{") :])
    except ValueError:
        return {"text": text}
    return said if isinstance(said, dict) else {"text": text}
