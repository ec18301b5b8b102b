"""The interface: what a check may ask of a cluster, and do to it. One class for each orchestrator implements it."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from checker.grading.verdicts import could_not_run
from checker.scene import faults
from checker.scene.ownership import scene_containers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from checker.grading.author import Lab
    from checker.timeline.model import Timeline
    from checker.timeline.record import Mark


ENDED_SECONDS, ENDED_MOST = 120.0, 2
"""A copy that has ended so many times, and lately ran no longer than this, does not stay."""


class Lasting:
    """Whether something stays so: what is true for a moment after a loss may be about to change.

    Args:
        seconds: how long it must have been so, without a break.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def holds(self, now: object) -> bool:
        """Take note of whether it is so now, and return whether it has been so for long enough."""
        if not now:
            self._since = None
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since >= self._seconds


def count_of(number: int) -> str:
    """Return a number of copies in words."""
    return f"{number} {'copy' if number == 1 else 'copies'}"


def repository_of(image: str) -> str:
    """Return an image's name without the name of the public registry, the tag and the digest: `drydock/parcel`."""
    name = image.partition("@")[0]
    head, _, tail = name.rpartition("/")
    name = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    return name.removeprefix("index.").removeprefix("docker.io/")


def tag_of(image: str) -> str:
    """Return the tag of an image's name; empty when it has none."""
    last = image.rpartition("/")[2].partition("@")[0]
    return last.partition(":")[2]


@dataclass(frozen=True)
class Instance:
    """One copy of the service that should run now."""

    id: str
    """The orchestrator's id for it: of a container, a task, a pod or an allocation."""
    node: str
    """Where it runs; empty while it is not placed."""
    version: str
    """Its image's tag, such as `1.0`."""
    ready: bool
    """Whether the orchestrator counts it as able to serve."""
    image: str = ""
    """The image that it should run."""


@dataclass(frozen=True)
class Order:
    """What an orchestrator was told about a copy's container, now or before."""

    version: str
    """The tag of the image in it."""
    text: str
    """All that it says about the container: variables and command among it."""
    source: str
    """The command that shows it to the learner."""


class Cluster(Protocol):
    """A running cluster with the service of the task on it."""

    @property
    def title(self) -> str:
        """Its name as the learner reads it: `Swarm`."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The scene's services that may run instances, including those that are down."""

    def instances(self) -> list[Instance]:
        """Return the copies of the task's service that should run now."""

    def shows(self) -> str:
        """Return the command that shows the learner the same thing."""

    def unsteady(self) -> str:
        """Return which copy ends again and again, and how often it has; empty when all stay."""

    def orders(self) -> list[list[Order]]:
        """Return what was ordered of the copies, the newest first, as far back as it is known; a list for each workload."""

    def ailing(self) -> str:
        """Return what is already wrong with its nodes, and how to fix it; empty when nothing is."""

    def crash(self, instance: Instance) -> None:
        """Kill the main process of one copy."""

    def lose(self, node: str) -> None:
        """Kill a node, as a power cut would; see `lose_node`."""

    def bring_back(self, node: str) -> None:
        """Start a lost node, and wait until it is a member again; see `start_node`."""


class Marks(Protocol):
    """The record of what was done to the cluster, and of its effect: a lab's traffic."""

    def mark(self, text: str) -> Mark:
        """Leave a mark, now."""

    def between(self, begin: float | Mark, end: float | Mark) -> Timeline:
        """Return the requests sent between two moments, once all of them have ended."""

    def now(self) -> float:
        """Return the time by the record's clock."""


def lose_node(lab: Lab, node: str) -> None:
    """Kill the container that stands for a node, with everything in it."""
    lab.disturb(f"kills {node}")
    faults.lose(lab.engine, faults.Node(node, lab.node(node).id, running=True))


def start_node(lab: Lab, node: str, seconds: float = faults.BACK_SECONDS) -> None:
    """Start a lost node, wait until it is healthy, and give it the images that it should have.

    Raises:
        LabError: it does not become healthy; then the check could not run, which is never the learner's fault.
    """
    found = scene_containers(lab.engine, lab.course_lab, node)
    if not found:
        could_not_run(f"The node {node} is missing; `lab start {int(lab.number)}` brings it back.")
    lost = faults.Node(node, found[0]["Id"], running=False)
    faults.bring_back(lab.engine, lab.course_lab, lost, lambda _: None, seconds)


def lost_nodes(lab: Lab, among: Collection[str]) -> list[str]:
    """Return the names of a scene's nodes that do not run now."""
    lost = [node.name for node in faults.find_nodes(lab.engine, lab.course_lab) if not node.running]
    return [name for name in lost if name in among]


def tell_of_lost(lab: Lab, among: Collection[str]) -> str:
    """Return which of a scene's nodes are lost, and how to bring them back, as a sentence; empty when none is."""
    lost = lost_nodes(lab, among)
    if not lost:
        return ""
    number = int(lab.number)
    one = len(lost) == 1
    return (
        f"{' and '.join(lost)} {'is' if one else 'are'} lost: `lab lose {number} --back` brings "
        f"{'it' if one else 'them'} back."
    )


def require_whole(cluster: Cluster) -> None:
    """End the check without a verdict when part of the cluster is already broken.

    A check breaks something only in a cluster that works: the task does not ask what happens after two losses at
    once, and the learner would be blamed for the result.
    """
    if ailing := cluster.ailing():
        could_not_run(f"{ailing} Until then this check breaks nothing more.")


@contextlib.contextmanager
def without(cluster: Cluster, node: str, traffic: Marks) -> Iterator[Mark]:
    """Lose a node while the block runs, bring it back whatever happens, and leave a mark for both.

    Yields:
        The mark of the loss.

    Raises:
        CouldNotRun: part of the cluster is already broken.
    """
    require_whole(cluster)
    mark = traffic.mark(f"{node} lost")
    try:
        cluster.lose(node)
        yield mark
    finally:
        run_uninterrupted(lambda: _put_back(cluster, node, traffic))


def _put_back(cluster: Cluster, node: str, traffic: Marks) -> None:
    cluster.bring_back(node)
    traffic.mark(f"{node} back")


def run_uninterrupted(action: Callable[[], None]) -> None:
    """Run an action to its end, even if a time limit or Ctrl-C interrupts; the interruption is raised afterwards.

    The action runs in its own thread, because a check's time limit is raised in the main thread, again every second.
    """
    raised: list[BaseException] = []
    claimed = threading.Lock()
    # Not the thread's own end: an interrupted join can report that a thread has ended while it still runs
    # (CPython's bpo-45274, fixed in 3.13).
    ended = threading.Event()

    def run() -> None:
        if not claimed.acquire(blocking=False):
            return
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            raised.append(error)
        finally:
            ended.set()

    interruption: BaseException | None = None
    started = False
    while not ended.is_set():
        try:
            if not started:
                # Starting it may be interrupted too, before or after it has begun. If it is started twice, it runs once.
                threading.Thread(target=run).start()
                started = True
            ended.wait()
        except RuntimeError:
            # No other thread can be started, so the action runs in this one, although it may be interrupted.
            run()
        except BaseException as error:  # noqa: BLE001 - raised below, once the action has ended
            interruption = error
    if interruption is not None:
        raise interruption
    if raised:
        raise raised[0]
