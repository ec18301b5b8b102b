"""Two pods of the checker's own, made after the learner's: one that says it is not ready yet, one that hangs.

What a probe asks shows in what happens to these two. They have the learner's probes, asked often, and none of the
learner's labels, so that no service sends them anything and nothing of the learner's is disturbed.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from checker.cluster import trial
from checker.cluster.kubernetes import NO_START, PROBE
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Pod
from checker.grading.author import could_not_run, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_copies import Copies
    from checker.cluster.kubernetes_records import ContainerStatus

START_SECONDS = 120.0
"""How long both may take until they listen; what is known to have failed is not waited for so long."""
STUCK_SECONDS = 10.0
"""How long something that keeps a pod from starting, or from being reached, has to stand until it counts."""
LATE, HUNG = "late", "hung"


@dataclass(frozen=True)
class App:
    """What has to be known of the application in both pods.

    Args:
        port: the port that it listens on.
        alive: a path that it answers with 200 as long as it lives, ready or not.
        ready: a path that it answers with 200 when it can serve.
        hang: a path that makes it hang.
        late: variables with which it says that it is not ready yet.
        hung: variables with which it is ready at once.
    """

    port: int
    alive: str
    ready: str
    hang: str
    late: Mapping[str, str]
    hung: Mapping[str, str]


class Rehearsal:
    """Both pods.

    Args:
        copies: the learner's copies.
        workload: what makes the pods that these are made after.
        app: the application in them.
    """

    def __init__(self, copies: Copies, workload: Workload, app: App) -> None:
        self._copies = copies
        self._api = copies.cluster.api
        self._template = copies.template(workload)
        self.app = app
        self._namespace = workload.namespace
        self._own_namespace = False
        self._made: dict[str, Pod] = {}
        self._bodies: dict[str, trial.Trial] = {}

    # -- making them -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make both pods."""
        try:
            self._make_both()
        except Refused as refused:
            if "exceeded quota" not in refused.message or self._own_namespace:
                could_not_run(f"A copy of your pod could not be made to try its probes on: {refused.message}")
            self._remove_pods()
            self._make_room(refused)
            self.start()

    def _make_both(self) -> None:
        for name, variables in {LATE: self.app.late, HUNG: self.app.hung}.items():
            body = trial.make(
                self._template,
                is_app=self._copies.cluster.is_parcel,
                port=self.app.port,
                labels={PROBE: name},
                prefix=f"drydock-rehearsal-{name}-",
                env=dict(variables),
                moved=self._own_namespace,
            )
            self._bodies[name] = body
            self._made[name] = msgspec.convert(
                self._api.send("POST", self._path(), body.pod), Pod, strict=False
            )

    def _make_room(self, refused: Refused) -> None:
        """Make a namespace of the checker's own, where the learner's has no room left, with what the pods take from that."""
        try:
            body = {"metadata": {"generateName": "drydock-rehearsal-", "labels": {PROBE: "room"}}}
            name = str(self._api.send("POST", "/api/v1/namespaces", body)["metadata"]["name"])
        except Refused:
            could_not_run(
                "Your namespace has no room for a copy of your pod to try its probes on, and no other can be made here: "
                f"{refused.message}"
            )
        for kind, thing in dict.fromkeys(trial.refers_to(self._template["spec"])):
            with contextlib.suppress(Refused):
                found = self._api.get(f"/api/v1/namespaces/{self._namespace}/{kind}/{thing}")[0]
                self._api.send(
                    "POST", f"/api/v1/namespaces/{name}/{kind}", {**found, "metadata": {"name": thing}}
                )
        self._namespace, self._own_namespace = name, True
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        # Without it, no pod is admitted; a controller makes it a moment after the namespace.
        wait_until(lambda: self._is_there(account), STUCK_SECONDS, every=0.1)

    def _is_there(self, path: str) -> bool:
        try:
            self._api.get(path)
        except Refused:
            return False
        return True

    def remove(self) -> None:
        """Remove them, and the namespace that was made for them."""
        self._remove_pods()
        if self._own_namespace:
            with contextlib.suppress(Refused):
                self._api.send("DELETE", f"/api/v1/namespaces/{self._namespace}")

    def _remove_pods(self) -> None:
        for pod in self._made.values():
            with contextlib.suppress(Refused):
                self._api.send("DELETE", self._path(f"/{pod.metadata.name}?gracePeriodSeconds=0"))
        self._made.clear()

    # -- what becomes of them --------------------------------------------------------------------------------

    @property
    def told(self) -> str:
        """What the pods have that the learner did not write."""
        return self._bodies[LATE].told

    def look(self, name: str) -> Pod:
        """Return one of them as it is now."""
        try:
            return self._api.read(self._path(f"/{self._made[name].metadata.name}"), Pod)
        except Refused as refused:
            could_not_run(f"A copy of your pod went away while its probes were tried ({refused}).")

    def status(self, name: str) -> ContainerStatus:
        """Return how the application's container in one of them is; other containers of the pod are not judged."""
        return self._copies.status(self.look(name))

    def is_ready(self, name: str) -> bool:
        """Whether one of them is counted as ready."""
        return self.status(name).ready

    def is_given_up(self, name: str) -> bool:
        """Whether one of them was started again, or is being stopped so that it can be."""
        return bool(self.status(name).restart_count) or bool(self.killing(name))

    def killing(self, name: str) -> str:
        """Return what the node said when it ended one of them for its health; empty as long as it has not."""
        return self._copies.event(self._made[name], "reason=Killing")

    def complaint(self, name: str, probe: str) -> str:
        """Return what the node said last of a probe of one of them.

        Args:
            name: which of them.
            probe: the probe, such as `Liveness`.
        """
        return self._copies.event(self._made[name], "type=Warning", f"{probe} probe")

    def probe(self, kind: str) -> dict[str, Any]:
        """Return a probe as the pods have it; empty when they have none.

        Args:
            kind: its field, such as `livenessProbe`.
        """
        spec = self._bodies[LATE].pod["spec"]
        name = self._copies.container(self._made[LATE]).name
        app = next(each for each in spec["containers"] if each["name"] == name)
        return dict(app.get(kind) or {})

    def answers(self, name: str, path: str = "") -> tuple[int, str]:
        """Ask one of them itself, through the API server: the answer's status, 0 for none, and what was said.

        Args:
            name: which of them.
            path: what to ask; whether it lives, when left out.
        """
        at = f"/{self._made[name].metadata.name}:{self.app.port}/proxy{path or self.app.alive}"
        return self._api.knock(self._path(at), 2.0)

    def hang(self) -> None:
        """Tell one of them to hang, and see that it does.

        Raises:
            CouldNotRun: it goes on answering, or could not be told.
        """
        before, said = self.answers(HUNG)
        if before != 200:
            could_not_run(f"A copy of your pod could not be told to hang: {_unreached(before, said)}")
        # It does not answer this either.
        self.answers(HUNG, self.app.hang)
        after, said = self.answers(HUNG)
        if after == 200:
            could_not_run("A copy of your pod was told to hang, and goes on answering.")

    def _path(self, rest: str = "") -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods{rest}"


@contextlib.contextmanager
def rehearsal(copies: Copies, workload: Workload, app: App) -> Iterator[Rehearsal]:
    """Give a rehearsal with both pods listening, and remove them whatever happens.

    Args:
        copies: the learner's copies.
        workload: what makes the pods that these are made after.
        app: the application in them.
    """
    made = Rehearsal(copies, workload, app)
    try:
        made.start()
        _wait_for_both(made)
        yield made
    finally:
        made.remove()


def _wait_for_both(made: Rehearsal) -> None:
    """Wait until both listen, as long as there is something to wait for."""
    since: dict[str, float] = {}
    why = ""

    def has_begun() -> bool:
        nonlocal why
        for name in (HUNG, LATE):
            if name == LATE and made.is_given_up(name):
                continue
            status, said = made.answers(name)
            if status != 200:
                why = _hindrance(made, name, status, said)
                if not why:
                    since.clear()
                    return False
                return time.monotonic() - since.setdefault(name, time.monotonic()) >= STUCK_SECONDS
        why = ""
        return True

    if not wait_until(has_begun, START_SECONDS, every=0.3):
        why = why or f"it did not listen on port {made.app.port} within {START_SECONDS:g} s"
    if why:
        could_not_run(f"A copy of your pod could not be used to try its probes on: {why}.")


def _hindrance(made: Rehearsal, name: str, status: int, said: str) -> str:
    """Return what keeps a pod from being asked and will not go away by itself; empty when it may only be starting."""
    pod = made.look(name)
    if pod.unschedulable:
        return f"no node takes it ({pod.unschedulable})"
    if pod.trouble in NO_START:
        return f"it does not start ({pod.trouble})"
    # Its own node reaches it by its probe; who does not is the control plane, where the checker asks.
    return _unreached(status, said) if made.is_ready(name) else ""


def _unreached(status: int, said: str) -> str:
    return f"the API server does not reach it ({said or status})"
