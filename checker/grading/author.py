"""What a lab's checks import: verdicts, marks, and the fixtures' types.

from checker.grading.author import Lab, Outside, fail, guard, needs, require
"""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from checker.course import places
from checker.engine.api import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    IMAGE,
    IMAGE_VERSION,
    LABEL,
    ROLE,
    VARIANT,
    Engine,
    NotFoundError,
)
from checker.engine.clock import moment
from checker.errors import EngineError
from checker.grading import edits, own_values, reaching, running
from checker.grading.archives import packed_files
from checker.grading.builds import Build, Step, build
from checker.grading.busy import too_busy
from checker.grading.container import Container, Shells
from checker.grading.door import Blocked, Door
from checker.grading.forms import PLAIN, form_in, forms
from checker.grading.history import (
    STEADY_SECONDS,
    Ending,
    Event,
    EventLog,
    age,
    commands_run,
    endings,
    killed_by_kernel,
    past_events,
)
from checker.grading.http import Outside, Prober, Reply, fields_of
from checker.grading.inside import Inner, Inside
from checker.grading.pausing import pause
from checker.grading.programs import Process, Processes, command_of, read_processes, runs
from checker.grading.proof_cache import Remembered, digest_of
from checker.grading.reaching import insides, listening
from checker.grading.repeating import repeating
from checker.grading.rights import extra_rights, folder_behind, mounted_folders
from checker.grading.running import MISPLACED, last_lines, misplaced_option
from checker.grading.scripts import Run, Script, remark_on_line_ends
from checker.grading.sheet import Sheet, read
from checker.grading.starting import wait_for_service
from checker.grading.verdicts import (
    Reasons,
    Waits,
    could_not_run,
    fail,
    guard,
    needs,
    not_judged,
    require,
    timeout,
)
from checker.grading.wanted import Reason, Wanted
from checker.parallel import in_parallel
from checker.results import Measurement
from checker.scene.ownership import owned_containers, scene_containers
from checker.timeline.model import Timeline
from checker.timeline.record import Failure, Mark, Request
from checker.timeline.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from checker.course.catalogue import Lab as CourseLab

__all__ = [
    "MISPLACED",
    "PLAIN",
    "STEADY_SECONDS",
    "Blocked",
    "Build",
    "Container",
    "Door",
    "Ending",
    "Engine",
    "Event",
    "EventLog",
    "Failure",
    "Inner",
    "Inside",
    "Lab",
    "Mark",
    "Outside",
    "Prober",
    "Process",
    "Processes",
    "Reason",
    "Reasons",
    "Reply",
    "Request",
    "Run",
    "Script",
    "Sheet",
    "Step",
    "Timeline",
    "Traffic",
    "Wanted",
    "age",
    "command_of",
    "commands_run",
    "could_not_run",
    "digest_of",
    "endings",
    "extra_rights",
    "fail",
    "fields_of",
    "folder_behind",
    "form_in",
    "forms",
    "guard",
    "in_parallel",
    "insides",
    "killed_by_kernel",
    "last_lines",
    "listening",
    "misplaced_option",
    "moment",
    "mounted_folders",
    "needs",
    "not_judged",
    "packed_files",
    "past_events",
    "read_processes",
    "remark_on_line_ends",
    "repeating",
    "require",
    "runs",
    "timeout",
    "wait_for_service",
    "wait_until",
]


def wait_until(condition: Callable[[], object], seconds: float, every: float = 0.05) -> bool:
    """Wait until a condition is true, and return whether it came true in time.

    Args:
        condition: called at once, then again and again.
        seconds: how long to wait at most.
        every: seconds between two calls.
    """
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= give_up:
            return False
        pause(every)
    return True


class Lab:
    """The lab being judged, as the `lab` fixture gives it.

    Args:
        course_lab: the lab's entry in the catalogue.
        engine: where its containers run.
        work: the learner's work folder.
        shells: where the shells in its containers are kept; the caller closes them.
        looking: whether nobody asked for this verdict, so that checks may look and not disturb anything.
    """

    def __init__(
        self, course_lab: CourseLab, engine: Engine, work: Path, shells: Shells, *, looking: bool = False
    ) -> None:
        self.course_lab = course_lab
        self.number = course_lab.number
        self.engine = engine
        self.work = work
        self.shells = shells
        self.looking = looking
        self.measurements: list[Measurement] = []
        self._made: list[str] = []
        self._variants: list[str] = []

    def value(self, name: str) -> str:
        """Return the learner's value of something that lab.toml lists under `values`; outside of a class, the lesson's."""
        return self.course_lab.values[name]

    def require_value(
        self, name: str, found: str, *, says: str, source: str, known_only: bool = False
    ) -> None:
        """Fail if the learner has a value of their own and the answer has another; outside of such a class, any is right.

        The failure says whose value was found: the lesson's, another learner's, or the learner's own for something else.

        Args:
            name: the value, as lab.toml names it.
            found: what the answer has.
            says: the beginning of a sentence that `found` completes, such as "`parcel` answers with".
            source: the command or address that shows it.
            known_only: fail only if it is the lesson's value or another learner's; the check itself says what is wrong
                with any other.
        """
        own_values.require_value(
            self.course_lab, name, found, says=says, source=source, known_only=known_only
        )

    def container(self, name: str) -> Container | None:
        """Return the container of exactly this name, or None. It need not be the learner's."""
        try:
            attrs = self.engine.inspect(name)
        except NotFoundError:
            return None
        return Container(self.engine, self.shells, attrs) if attrs["Name"] == f"/{name}" else None

    def containers(self) -> list[Container]:
        """Return the containers that the learner made in this lab, oldest first, without those of the scene."""
        found = []
        for item in owned_containers(self.engine, self.course_lab):
            if not item.get("Labels", {}).get(ROLE):
                try:
                    found.append(Container(self.engine, self.shells, self.engine.inspect(item["Id"])))
                except NotFoundError:
                    continue
        return sorted(found, key=lambda container: container.created)

    def unowned(
        self,
        image: str = "",
        *,
        service: str = "",
        since: float = 0.0,
        or_named: Callable[[str], bool] | None = None,
    ) -> list[Container]:
        """Return the containers that belong to no lab, oldest first: the learner started them outside of the toolbox.

        Args:
            image: only those of this image; of any if left out.
            service: only those that Compose made for a service of this name.
            since: only those created at that moment or later, in seconds since 1970.
            or_named: those whose name fulfils this count too, whatever their image is; others of no image then do not.
        """
        wanted = str((self.image(image) or {}).get("Id")) if image else ""
        labelled = {COMPOSE_SERVICE: service} if service else None

        def is_wanted(item: dict[str, Any]) -> bool:
            # A list of containers has whole seconds.
            if since and item["Created"] < int(since):
                return False
            if image and item.get("ImageID") == wanted:
                return True
            if or_named:
                return any(or_named(name.removeprefix("/")) for name in item.get("Names") or ())
            return not image

        return self._outside(is_wanted, labelled)

    def on_own_engine(self, kind: str, *, since: float = 0.0) -> list[Container]:
        """Return the learner's containers of one of the course's images on this machine's own engine, oldest first.

        Where the toolbox talks to another engine, they are in the wrong place: with another DOCKER_HOST, or started outside of
        the toolbox.

        Args:
            kind: the image's name without its tag, such as `parcel`; an image that is based on it counts too.
            since: only those created at that moment or later, in seconds since 1970.
        """
        ours = [
            each
            for each in self.containers()
            if each.labels.get(IMAGE) == kind and moment(each.created) >= since
        ]
        outside = self._outside(
            lambda item: (
                item["Labels"].get(IMAGE) == kind
                and not item["Labels"].get(ROLE)
                and (not since or item["Created"] >= int(since))
            )
        )
        # One that was started outside of the toolbox can be the lab's by its name.
        found = {each.id: each for each in (*ours, *outside)}
        return sorted(found.values(), key=lambda container: container.created)

    def _outside(
        self, wanted: Callable[[dict[str, Any]], bool], labelled: dict[str, str] | None = None
    ) -> list[Container]:
        """Return those of the containers of no lab that are wanted, by the engine's list, oldest first.

        Args:
            wanted: what to ask of a container as it is listed.
            labelled: the labels that it has to have.
        """
        found = []
        for item in self.engine.list_all("containers", labels=labelled):
            labels = item.get("Labels") or {}
            scene = str(labels.get(COMPOSE_PROJECT, "")).startswith("drydock-")
            if LABEL not in labels and not scene and wanted({**item, "Labels": labels}):
                with contextlib.suppress(NotFoundError):
                    found.append(Container(self.engine, self.shells, self.engine.inspect(item["Id"])))
        return sorted(found, key=lambda container: container.created)

    def on_network(self, network: str) -> list[Container]:
        """Return the running containers on a network, oldest first, without those of the scene."""
        found = []
        for item in self.engine.get(f"/networks/{network}").get("Containers") or ():
            with contextlib.suppress(NotFoundError):
                found.append(Container(self.engine, self.shells, self.engine.inspect(item)))
        theirs = [each for each in found if each.running and not each.labels.get(ROLE)]
        return sorted(theirs, key=lambda container: container.created)

    def find_container(self, wanted: Wanted) -> Container | None:
        """Return the container that the task asks for, running or not, or None; it may be that of a Compose service."""
        return running.find(self, wanted)

    def require_container(
        self,
        wanted: Wanted,
        ended: Callable[[Container], None] | None = None,
        absent: Callable[[], None] | None = None,
    ) -> Container:
        """Return the container that the task asks for; unless it runs and stays up, fail and say what happened to it.

        The failure says which it is: the container was never created, its name is misspelt or another one, it was
        removed, never started, or could not start, it is paused, keeps dying even if it runs right now, was stopped
        or killed, or it ended.

        Args:
            wanted: its name, image and purpose, and the lesson's own hints by `Reason`.
            ended: called with a container that does not run or stay up, to give a more exact message; it may return.
            absent: called if there is no such container, to give a more exact message; it may return.
        """
        return running.require_container(self, wanted, ended, absent)

    def require_steady(self, container: Container, hint: str = "") -> None:
        """Fail if a container, even if it runs right now, keeps dying and being restarted."""
        running.require_steady(self, container, hint)

    def require_reply(
        self,
        outside: Outside,
        container: Container,
        door: Door,
        silent: Callable[[Container, Reply], None] | None = None,
    ) -> Reply:
        """Return what a container answers on a port of the learner's machine; if it does not answer, fail and say why.

        The failure says which it is. The container uses the machine's network, another container's or none. The port
        is published on another address, for UDP, on an internal network, swapped with another port, already in use,
        or it is another port or not published. Or inside the container, the service listens on another port, only on
        127.0.0.1, or has not started yet. While a service makes progress, this waits for it.

        Args:
            outside: the learner's machine.
            container: a running container.
            door: the port, and the lesson's own hints by `Blocked`.
            silent: called if no good answer comes, to give a more exact message; it may return.
        """
        return reaching.require_reply(self, outside, container, door, silent)

    def changed_files(self, container: Container) -> list[str]:
        """Return what in a container differs from the programs and settings of its image, one line for each difference.

        These are edited, added or removed files as `docker diff` prints them, what is mounted over the image's files,
        and variables that make a program load other code.
        """
        image = self._image_of(container) or {"Config": {}}
        return [
            *edits.mounted_over(container),
            *edits.at_home(self.engine, container),
            *self.shells.ahead.answer(f"changed {container.id}", lambda: self._changed(container)),
            *edits.loads_other_code(container, image["Config"].get("Env") or ()),
        ]

    def look_ahead(self, container: Container) -> None:
        """Start to find out what `changed_files` will return for a container; for `early`.

        The engine reads all files of the image, which takes 0.2 s for each container.
        """
        self.shells.ahead.begin(f"changed {container.id}", lambda: self._changed(container))

    def _changed(self, container: Container) -> list[str]:
        image = self._image_of(container)
        if image and self.shells.untouched.holds(container, image):
            return []
        return self.shells.untouched.compare(container, lambda: edits.changed(self.engine, container))

    def _image_of(self, container: Container) -> dict[str, Any] | None:
        """Return the engine's record of the image that a container runs; a digest always names the same image."""
        known = self.shells.images
        if container.image_id not in known and (image := self.image(container.image_id)):
            known[container.image_id] = image
        return known.get(container.image_id)

    def node(self, service: str) -> Container:
        """Return the container of one of the scene's services.

        If the scene lacks it, that is not the learner's answer: the check then could not run.
        """
        found = scene_containers(self.engine, self.course_lab, service)
        if not found:
            could_not_run(f"The scene's {service} is missing; `lab start {int(self.number)}` brings it back.")
        container = Container(self.engine, self.shells, self.engine.inspect(found[0]["Id"]))
        if not container.running:
            could_not_run(
                f"{service} is not running ({container.status}): `lab start {int(self.number)}` starts it again."
            )
        return container

    def inside(self, service: str) -> Inside:
        """Return the engine that runs in one of the scene's nodes."""
        return Inside(self.node(service))

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return the engine's record of an image, or None."""
        return self.engine.image(reference)

    def replaced(self, reference: str, image: dict[str, Any] | None = None) -> str:
        """Return what a name of the course was given to: an image that was built or committed in this lab, or another of the course.

        Empty if it is the image that was there before, or if there is none of this name.

        Args:
            reference: the image, by a name of the course, `drydock/NAME:TAG`.
            image: the engine's record of it, if the check has looked at it already.
        """
        image = image or self.image(reference)
        if image is None:
            return ""
        labels = image["Config"].get("Labels") or {}
        # The toolbox puts the lab's label on what is built there; a build can write any time into its image.
        built = labels.get(LABEL) == self.number or not labels.get(IMAGE)
        if built or moment(image["Created"]) >= self._started:
            return f"an image made {image['Created'][:19]}"
        name, _, tag = reference.rpartition("/")[2].partition("@")[0].partition(":")
        version = str(labels.get(IMAGE_VERSION) or tag)
        # Tags that are no versions name what an image is for.
        if labels[IMAGE] != name or (tag[:1].isdigit() and version != tag):
            return f"the image of {labels[IMAGE]} {version}"
        return ""

    @functools.cached_property
    def _started(self) -> float:
        """When the lab was started, in seconds since 1970; a verdict asks once."""
        return moment(self.node("toolbox").created)

    def variant(self, reference: str, tag: str, env: Mapping[str, str]) -> str:
        """Make an image that is like another but for its tag and some variables, and return its name.

        It is removed when the run ends. While a container of it runs the engine keeps it, and `lab stop` removes it.

        Args:
            reference: the image that it is like.
            tag: its tag, under the same name as the other.
            env: the variables that differ.
        """
        name = reference.partition(":")[0]
        body = {"Image": reference, "Labels": {LABEL: self.number, ROLE: "checker"}}
        made = str(self.engine.post("/containers/create", body)["Id"])
        changes = [f"ENV {key}={value}" for key, value in env.items()]
        changes += [f"LABEL {IMAGE_VERSION}={tag} {VARIANT}=true {ROLE}="]
        try:
            self.engine.post("/commit", {}, container=made, repo=name, tag=tag, changes="\n".join(changes))
        finally:
            self.engine.delete(f"/containers/{made}", force=True, v=True)
        self._variants.append(f"{name}:{tag}")
        return f"{name}:{tag}"

    def build(self, folder: Path, seconds: float = 60.0) -> Build:
        """Build the image of a folder as `docker build` does, and return it with what its log says of each step.

        The image is removed when the run ends.

        Args:
            folder: the folder with the Dockerfile.
            seconds: how long it may take.
        """
        tag = f"drydock-check-{self.number}:{secrets.token_hex(6)}"
        self._variants.append(tag)
        return build(self.engine, folder, tag, {LABEL: self.number, ROLE: "checker"}, seconds)

    def image_files(self, reference: str, folder: str) -> dict[str, bytes]:
        """Return the files below a folder of an image, by their path in that folder; empty if there is no such folder.

        They are read from a container that is created for this and never started, so no program of the image runs.
        """
        body = {"Image": reference, "Labels": {LABEL: self.number, ROLE: "checker"}, "Cmd": ["true"]}
        made = str(self.engine.post("/containers/create", body)["Id"])
        try:
            return self.engine.files_below(made, folder)
        finally:
            self.engine.delete(f"/containers/{made}", force=True, v=True)

    def run(
        self,
        image: str,
        *,
        command: list[str] | None = None,
        env: Mapping[str, str] | None = None,
        network: str | None = None,
        user: str | None = None,
        watched: bool = True,
        **host_config: Any,
    ) -> Container:
        """Start a container for the checker itself; it is removed when the run ends.

        Args:
            image: what to run, a reference or digest.
            command: used instead of the image's command.
            env: variables to add to those of the image.
            network: a network's name, or `none` for no network; the engine's default bridge if left out.
            user: used instead of the image's user.
            watched: whether the image's health check runs in it; while it runs, it takes memory and time.
            host_config: the engine's HostConfig fields, such as `ReadonlyRootfs=True`.

        Raises:
            RefusedError: the engine could not create or start it, for instance because the command is missing.
        """
        body: dict[str, Any] = {
            "Image": image,
            "Labels": {LABEL: self.number, ROLE: "checker"},
            "HostConfig": {**({"NetworkMode": network} if network else {}), **host_config},
        }
        if command is not None:
            body["Cmd"] = command
        if env:
            body["Env"] = [f"{key}={value}" for key, value in env.items()]
        if user is not None:
            body["User"] = user
        if not watched:
            body["Healthcheck"] = {"Test": ["NONE"]}
        made = str(self.engine.post("/containers/create", body)["Id"])
        self._made.append(made)
        self.engine.post(f"/containers/{made}/start")
        return Container(self.engine, self.shells, self.engine.inspect(made))

    def record(self, name: str, value: float, unit: str, subject: str = "") -> None:
        """Store a measured number with the attempt in the learner's record; a second measurement replaces the first.

        Args:
            name: what was measured, such as `first answer`.
            value: the number.
            unit: its unit, such as `s` or `MB`.
            subject: what it belongs to, such as `vm`.
        """
        kept = [each for each in self.measurements if (each.name, each.subject) != (name, subject)]
        self.measurements = [
            *kept,
            Measurement(name=name, value=round(float(value), 6), unit=unit, subject=subject),
        ]

    @functools.cached_property
    def _remembered(self) -> Remembered:
        folder = places.find().state / "cache" / self.number
        return Remembered(folder, self.course_lab.folder / "checks")

    def recall(self, *what: str) -> str | None:
        """Return the text that was stored with an earlier pass, or None if there was no such pass.

        Args:
            what: the check and what it depends on, such as a digest or an id. A pass is valid while all of these are
                the same.
        """
        return self._remembered.recall(*what)

    def remember(self, *what: str, text: str = "") -> None:
        """Store a pass, so that a slow test need not be repeated; `recall` finds it."""
        self._remembered.remember(*what, text=text)

    def disturb(self, what: str) -> None:
        """Say that the check disturbs the lab from here on; if nobody asked for this verdict, the check ends and waits.

        The live page judges by itself, after each change. A learner in the middle of a rollout must not lose a node to that.

        Args:
            what: what the check does, as a clause that follows "it": `kills a node`.
        """
        if self.looking:
            raise Waits(f"runs only when you ask for a check: it {what}")

    def too_busy(self, record: Timeline, begin: float, end: float) -> str:
        """Say how this machine was too busy for requests to be answered in time; empty if it was not, or by the lab's own work.

        Args:
            record: what the lab's users recorded, from a minute before `begin` on.
            begin: when that began which may have suffered, in seconds since 1970.
            end: when it ended.
        """
        return too_busy(self.engine, self.course_lab, record, begin, end)

    def prove_once(self, *what: str, test: Callable[[], object]) -> None:
        """Run a slow test, unless it passed before.

        Args:
            what: the check and what it depends on, as for `recall`.
            test: fails or returns.
        """
        if self.recall(*what) is None:
            test()
            self.remember(*what)

    def measure_once(self, *what: str, test: Callable[[], Sequence[float]]) -> list[float]:
        """Run a slow test that measures, unless it passed before; return its figures, of now or of then.

        Args:
            what: the check and what it depends on, as for `recall`.
            test: fails, or returns the figures.
        """
        kept = self.recall(*what)
        if kept is None:
            kept = json.dumps(list(test()))
            self.remember(*what, text=kept)
        return [float(each) for each in json.loads(kept)]

    def open_shells(self, *services: str) -> None:
        """Open the shells of several services of the scene at once; for `early`."""
        in_parallel(lambda service: self.node(service).open_shell(), services)

    def sheet(self, file: str, *, rule: str, like: str, hint: str = "") -> Sheet:
        """Read a TOML file in the work folder that the learner fills in; if it cannot be read, the check ends.

        Args:
            file: its name.
            rule: how to write in it, as a sentence; the learner reads it if the file is not valid TOML.
            like: correct lines, for `expected` in that case.
            hint: where to look in that case, in addition to the faulty line.
        """
        return read(self.work / file, int(self.number), rule=rule, like=like, hint=hint)

    def script(self, file: str) -> Script:
        """Return a script in the work folder, which a check runs as the learner does."""
        return Script(self.work / file, lambda: self.node("toolbox"))

    def logs(self, container: Container, tail: int = 5) -> str:
        """Return the last lines that a container wrote."""
        return container.logs(tail)

    def close(self) -> None:
        """Remove the containers that the checker started, and the images that it made.

        If the engine is gone by now, the verdicts so far are still reported. Containers that remain carry the lab's
        label, so `lab stop` removes them.
        """
        while self._made:
            with contextlib.suppress(EngineError):
                self.engine.delete(f"/containers/{self._made.pop()}", force=True, v=True)
        while self._variants:
            # One that a container still runs stays.
            with contextlib.suppress(EngineError):
                self.engine.delete(f"/images/{self._variants.pop()}")
