"""The learner's services as their users see them: what they answer, how they are broken and repaired."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from checker.cluster.interface import run_uninterrupted
from checker.cluster.named import OnNetwork, leading
from checker.grading.author import fail, fields_of, moment, require, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checker.cluster.named import Copy, Named
    from checker.grading.author import Lab, Prober, Reply, Timeline, Traffic

NETWORK = "parcel-net"
FRONT = "http://front:8080"
ACCEPTS = f"""curl -d '{{"to": "Mill Lane 1"}}' {FRONT}/parcels"""
DRAWN = "lab timeline 13"
PATIENCE_MS = 1000
"""How long a user waits for the front page, by the task; a time-out of half a second leaves room for a busy machine."""
UP_SECONDS = 20.0
GATEWAY = "gateway"
RECENT_LINES = 200
"""How many lines of a log are searched for what just happened."""
ERROR = '"error"'
REFUSED = range(400, 500)
STOPPED = "stopped"
KILLED = "killed"
FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"mode": "slow", "seconds": 5},
    "wrong": {"mode": "wrong"},
}
NO_FAULT = {"mode": "none"}
REPAIR_SECONDS = 10.0
NOT_SLOW_MS = 1000
"""A service that answers in less does not have the delay of five seconds that it was given."""
FELT_MS = 300
"""From when on an answer of a service that nothing delays is late, on a busy machine too."""
ASKS = {"tracking": "/scans?parcels=1", GATEWAY: "/messages"}
"""What a service answers by a function of its own, and so only as its fault lets it; the others do that on `/`."""
BROKEN = {STOPPED: "was stopped", "slow": "answered after 5 s", "wrong": "answered with errors (500)"}
"""What each fault is called in a sentence, after the name of the service."""


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


def places_on(page: Reply) -> dict[int, Any]:
    """Return the places that a front page shows, by the number of the parcel; empty if it is none."""
    latest = page.fields.get("latest")
    shown = [each for each in latest if isinstance(each, dict)] if isinstance(latest, list) else []
    return {each["parcel"]: each.get("place") for each in shown if isinstance(each.get("parcel"), int)}


class Parcel(NamedTuple):
    """A parcel that the front has accepted, and that was scanned."""

    number: int
    place: str
    receiver: str
    request: str
    """The id of the request in which it was accepted."""

    @property
    def shown(self) -> str:
        """The command that shows it to the learner."""
        return f"curl {FRONT}/parcels/{self.number}"


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
        self._tracked: dict[tuple[str, ...], Parcel] = {}
        self.accepted: Counter[str] = Counter()
        """For whom parcels were accepted, and how many."""
        self.accepted_while: dict[str, str] = {}
        """In which situation the parcels for a receiver were accepted."""
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
            self._fail_without(name)
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

    def _fail_without(self, name: str) -> NoReturn:
        """End the check: no running copy has a name."""
        aside, running = self.on.aside(name), ", ".join(each.name for each in self.copies)
        fail(
            f"The name `{name}` leads to no service" + (f" on {NETWORK}: {aside}." if aside else "."),
            expected=f"one running service with the name `{name}`",
            seen=aside
            or (f"running: {running}" if running else "nothing of yours runs that others can reach"),
            source=self.on.lists,
            evidence=self.on.ended(name),
            hint="Which command of Compose starts a service under its own name, as in the lesson?"
            if "compose run" in aside
            else f"Which lines of the front's part in the lesson's compose.yaml, and at the end of that file, put it on {NETWORK}?"
            if aside
            else f"`{self.on.lists}` shows what runs, and `{self.on.shows_logs(name)}` why something does not.",
        )

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

    def prove_once(self, what: str, prove: Callable[[], object]) -> None:
        """Run a slow test, unless it has passed before in this scene with the same programs and settings."""
        made_of = sorted(each.revision for each in self.copies)
        # An image does not show a change of programs that are mounted from the work folder.
        mounted = any(store.is_folder for each in self.copies for store in each.stores)
        programs = self.digest_of({".py"}) if mounted else ""
        self.lab.prove_once(what, self.scene, self.on.title, *made_of, programs, test=prove)

    def digest_of(self, kinds: set[str]) -> str:
        """Return a digest of the files in the work folder that have these endings or names."""
        digest = hashlib.sha256()
        for each in sorted(self.lab.work.rglob("*")):
            # A service may keep its data in the work folder, for itself alone.
            if {each.suffix, each.name} & kinds and each.is_file() and os.access(each, os.R_OK):
                digest.update(each.read_bytes())
        return digest.hexdigest()

    def record(self, what: str, value: float, unit: str) -> None:
        """Store a measured number of these services with the attempt."""
        self.lab.record(what, value, unit, self.on.title)

    # -- what they answer ----------------------------------------------------------------------------------

    def parcel(self, number: int) -> dict[str, Any]:
        """Return what the front says of a parcel; empty without a good answer."""
        return self.prober.get(f"{FRONT}/parcels/{number}").fields

    def await_parcel(self, number: int, seconds: float) -> dict[str, Any]:
        """Return what the front says of a parcel as soon as it says that tracking is there; its last answer if it never does.

        Args:
            number: the parcel's.
            seconds: how long to wait at most.
        """
        said: dict[str, Any] = {}

        def is_there() -> bool:
            nonlocal said
            # What was seen counts: on a busy machine, the next answer may be late.
            said = self.parcel(number)
            return said.get("tracking") == "ok"

        wait_until(is_there, seconds, every=0.2)
        return said

    def listed(self) -> dict[int, Any]:
        """Return the places on the front page, by the number of the parcel; empty without a good answer."""
        return places_on(self.prober.get(f"{FRONT}/"))

    def version(self, name: str) -> str:
        """Return the version of a service; empty without a good answer."""
        return str(self.prober.get(f"http://{name}:8080/healthz").fields.get("version", ""))

    def accept(self, receiver: str) -> Reply:
        """Have a parcel accepted for somebody."""
        return self.prober.post(f"{FRONT}/parcels", json.dumps({"to": receiver}), timeout=6)

    def accept_several(self, count: int, when: str, to: str = "") -> list[str]:
        """Have parcels accepted, require that the front accepts them in time, and return for whom they are.

        Args:
            count: how many. Of several, the last is for the receiver of the first: a message belongs to a parcel.
            when: in which situation this is.
            to: for whom they are; for somebody new each, when left out.
        """
        receivers = [to or f"Canal Street {number} {secrets.token_hex(3)}" for number in range(1, count + 1)]
        receivers[-1] = receivers[0]
        late = 0
        for receiver in receivers:
            reply = self.accept(receiver)
            if reply.ms > PATIENCE_MS:
                # What even a request takes that waits for nobody is due to a busy machine.
                late += reply.ms > PATIENCE_MS + self.prober.get(f"{FRONT}/healthz").ms
            # One that is late may be due to a busy machine; a front that waits for another service is late each time.
            require(
                reply.status == 201 and late <= 1,
                f"While {when}, the front did not accept a parcel in time. The sender has to wait only for the front's own data.",
                expected=f"201 within {PATIENCE_MS} ms",
                seen=f"{reply.summary}, after {reply.ms:.0f} ms",
                source=ACCEPTS,
                hint="Lesson, “Accept now, tell later”: which part of accepting a parcel has to be done before the answer?",
            )
        self.accepted.update(receivers)
        self.accepted_while.update(dict.fromkeys(receivers, when))
        return receivers

    def scan(self, number: int, place: str) -> Reply:
        """Tell tracking where a parcel is."""
        return self.prober.post("http://tracking:8080/scans", json.dumps({"parcel": number, "place": place}))

    @property
    def tracked(self) -> Parcel:
        """A parcel that tracking knows; another one after a copy was replaced, whose log is gone."""
        now = tuple(sorted(each.id for each in self.copies))
        if now not in self._tracked:
            self._tracked = {now: self._track()}
        return self._tracked[now]

    def _track(self) -> Parcel:
        receiver, place = f"Mill Lane {secrets.token_hex(3)}", f"Depot {secrets.token_hex(2)}"
        reply = self.accept(receiver)
        said = str(reply.fields.get("parcel") or "")
        number = int(said) if said.isdecimal() else 0
        if not number:
            self.require_repaired("front", "tracking", GATEWAY)
        require(
            reply.status == 201 and number,
            "The front accepts no parcel.",
            expected='201 and {"parcel": a number}',
            seen=reply.summary,
            source=ACCEPTS,
            evidence="" if number else self.why("front", reply),
            hint=f"`{self.on.shows_logs('front')}` says what happened to the request.",
        )
        self.scan(number, place)
        return Parcel(number, place, receiver, str(reply.fields.get("request") or ""))

    def sent(self) -> dict[str, int]:
        """Return how often the gateway has written to each receiver."""
        return dict(self.prober.get("http://gateway:8080/messages").fields.get("messages") or {})

    def log(self, name: str, tail: int = 20000) -> str:
        """Return the last lines of a service's log, or of the gateway's."""
        if name == GATEWAY:
            return self.lab.node(name).logs(tail)
        return self.on.logs(self.get_one(name), tail)

    def why(self, name: str, reply: Reply) -> str:
        """Return the line of a service's log that says what it ran into with a request; else the last line that it wrote."""
        number = str(fields_of(reply.body).get("request") or "")
        lines = self.log(name, RECENT_LINES).splitlines()
        told = [each for each in lines if number and number in each and ERROR in each]
        return (told or lines or [""])[-1]

    def errors(self, name: str, since: float) -> list[str]:
        """Return the lines of a service's log since a moment, in seconds since 1970, that tell of an error; of the gateway's, of a refusal."""
        lines = [
            (fields_of(line[line.find("{") :]), line) for line in self.log(name, RECENT_LINES).splitlines()
        ]
        return [
            line
            for fields, line in lines
            if moment(str(fields.get("time") or "")) >= since
            and ("error" in fields or (name == GATEWAY and fields.get("status") in REFUSED))
        ]

    def lines(self, name: str, number: str) -> list[str]:
        """Return the lines of a service's log with a request id."""
        return [each for each in self.log(name).splitlines() if number in each]

    # -- faults --------------------------------------------------------------------------------------------

    @contextmanager
    def broken(self, name: str, fault: str) -> Iterator[None]:
        """Break a service, and repair it in the end.

        Args:
            name: the service, or `gateway`.
            fault: `stopped`, `killed`, `slow` or `wrong`.
        """
        self.lab.disturb(f"breaks {name} for a moment")
        if fault not in {STOPPED, KILLED}:
            self._give(name, FAULTS[fault])
            try:
                yield
            finally:
                # On a busy machine one request may be lost; a fault that is left would disturb all that follows.
                if not wait_until(lambda: self._tell(name, NO_FAULT).ok, REPAIR_SECONDS, every=0.2):
                    self._give(name, NO_FAULT)
            return
        copy = self.get_one(name)
        self.on.stop(copy, at_once=fault == KILLED)
        try:
            yield
        finally:
            run_uninterrupted(lambda: self._start(copy))
            url = f"http://{name}:8080/healthz"
            wait_until(lambda: self.prober.get(url).ok, UP_SECONDS, every=0.1)
            self.look_again()

    def _start(self, copy: Copy) -> None:
        self.moved = self.on.start(copy)

    def _tell(self, name: str, fault: dict[str, Any]) -> Reply:
        return self.prober.post(f"http://{name}:8080/fault", json.dumps(fault))

    def _give(self, name: str, fault: dict[str, Any]) -> None:
        """Give a service a fault, and require that it takes it."""
        url = f"http://{name}:8080"
        reply = self._tell(name, fault)
        taken, expected = reply.ok, "200 from POST /fault"
        if taken and fault["mode"] == "wrong":
            # A program without the course's library has to fail when it is told to, or the check would test nothing.
            reply, expected = self.prober.get(f"{url}/", timeout=3), "500 from GET /, after this POST /fault"
            # Told once more, it begins to count again.
            taken = reply.status >= 500 and self._tell(name, fault).ok
        self._require_taken(name, fault, reply, taken=taken, expected=expected)

    def require_slow(self, name: str) -> None:
        """Require that a service that was given a delay has it, before others are blamed for what they show."""
        expected = f"no answer from GET {ASKS[name]} within {NOT_SLOW_MS} ms, after this POST /fault"
        reply = self.prober.get(f"http://{name}:8080{ASKS[name]}", timeout=2)
        taken = not (reply.ok and reply.ms < NOT_SLOW_MS)
        self._require_taken(name, FAULTS["slow"], reply, taken=taken, expected=expected)

    @staticmethod
    def _require_taken(name: str, fault: dict[str, Any], reply: Reply, *, taken: bool, expected: str) -> None:
        require(
            taken,
            f"`{name}` does not take the fault that the check gives it, so nothing can be tested with it. Every program on the "
            "course's library does.",
            expected=expected,
            seen=reply.summary,
            source=f"curl -d '{json.dumps(fault)}' http://{name}:8080/fault",
            hint="Lesson, “The whole, on your own”, says what a program answers on /fault. Which program answers there now?",
        )

    def require_repaired(self, *names: str) -> None:
        """Require that no service still has a fault of the learner's own; a check that failed asks, to name the cause.

        A fault for one request id, which the lesson leaves behind, disturbs nobody else: only one that is felt counts.
        """
        for name in names:
            url = f"http://{name}:8080"
            mode = str(self.prober.get(f"{url}/fault").fields.get("mode") or "")
            if mode not in FAULTS:
                continue
            reply = self.prober.get(f"{url}{ASKS.get(name, '/')}")
            require(
                0 < reply.status < 500 and reply.ms < FELT_MS,
                f"`{name}` still has the fault `{mode}`, which somebody gave it with POST /fault and did not take back.",
                expected='"mode": "none"',
                seen=f'"mode": "{mode}"',
                source=f"curl {url}/fault",
                hint="Lesson, “What goes wrong”: how does a service lose its fault? Then check again.",
            )

    def require_calm(self, name: str, fault: str, met: int, most: int, what: str) -> None:
        """Require that a broken service has met at most so many requests; the learner reads for what they were sent."""
        require(
            met <= most,
            f"`{name}` {BROKEN[fault]}, and got {met} requests {what}: a retry storm. Retries without a pause keep a service that "
            "has too much to do from coming up again.",
            expected=f"at most {most} requests",
            seen=f"{met} requests",
            source=f"curl http://{name}:8080/fault",
            hint="How many requests may each of them cost, and how long does its sender wait after a try that failed?",
        )

    def met(self, name: str) -> int:
        """Return how many requests a service has met since it was broken."""
        return int(self.prober.get(f"http://{name}:8080/fault").fields.get("requests") or 0)

    def watch(self, since: float, seconds: float) -> Timeline:
        """Wait until that many seconds have passed since a moment, and return what the users met in them."""
        wait_until(lambda: self.traffic.now() >= since + seconds, seconds + 5, every=0.1)
        return self.traffic.between(since, since + seconds)
