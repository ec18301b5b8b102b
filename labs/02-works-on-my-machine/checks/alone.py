"""The learner's image run by the checker: as it comes, and locked down."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from checker.engine.api import RefusedError
from checker.grading.author import Prober as ShellProber
from checker.grading.author import Reply, fail

from .answers import ask, fail_silent, require_label, some_numbers
from .truth import BASE, IMAGE, PORT, seal

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Prober

STRANGER = "54321:54321"
"""A user and group that nobody has heard of."""

GIVEN = "the one it was given at its start"
KEY_HINT = "The key reaches the service as LABELS_KEY in the environment of `docker run`. What in your image sets or replaces it?"


class Alone:
    """Containers of labels:1.0 that have nothing but the image and a key.

    Args:
        lab: the lab.
        prober: asks from the lab's network.
        key: the key that they are given, made up for this run.
        rebuilt: the image that the checker built from a copy of the folder, in place of labels:1.0.
    """

    def __init__(self, lab: Lab, prober: Prober, key: str, rebuilt: str = "") -> None:
        self._lab = lab
        self._prober = prober
        self.key = key
        self._image = rebuilt or IMAGE
        self._name = "THE-IMAGE-BUILT-FROM-THE-COPY" if rebuilt else IMAGE
        self._made_from = "A container of it" if rebuilt else f"A container made from {IMAGE} alone"
        self.foreword = (
            "The image that the checker built from a copy of your folder is not the one you have. "
            if rebuilt
            else ""
        )
        self._network = f"drydock-{lab.number}_lab"

    def _start(self, run: str, **options: Any) -> Container:
        try:
            return self._lab.run(self._image, env={"LABELS_KEY": self.key}, **options)
        except RefusedError as error:
            user = re.search(r"unable to find (user|group) (\S+?):? ", f"{error.what} ", re.IGNORECASE)
            if user:
                fail(
                    f"{self.foreword}The engine cannot start {self._name}: it is to run as the {user[1]} `{user[2]}`, and the image has no {user[1]} of that name. "
                    "Names of users come from the image's own file /etc/passwd, not from the machine.",
                    expected="the service starts",
                    seen=error.what,
                    source=run,
                    hint="Lesson, “Read the recipe”: which line names the user there, and does it need an account?",
                )
            fail(
                f"{self.foreword}The engine cannot start {self._name}: the program that it names is not in the image, or may not be run.",
                expected="the service starts",
                seen=error.what,
                source=run,
                hint="`docker image inspect --format '{{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.WorkingDir}}' "
                f"{IMAGE}` shows what is started, and where. In a list, each word has its own quotation marks.",
            )

    @cached_property
    def container(self) -> Container:
        """A container as it comes: on the lab's network, with a key."""
        return self._start(f"docker run -e LABELS_KEY=… {self._name}", network=self._network)

    @cached_property
    def ready(self) -> Container:
        """The same container, once it has answered; one that is asked too early has not begun to listen."""
        self.require_labels()
        return self.container

    def require_labels(self) -> None:
        """Fail unless it prints what Ada's machine prints, sealed with the key it was given."""
        where = f"{self.foreword}{self._made_from}, with a key and nothing else,"
        run = f"docker run -e LABELS_KEY=… {self._name}"
        for number in some_numbers():
            reply = ask(self._prober, f"http://{self.container.id[:12]}:{PORT}", number, self.container)
            if not reply.status:
                fail_silent(self.container.reload(), reply, where=where, run=run)
            require_label(reply, number, self.key, where=where, seal_hint=KEY_HINT, whose=GIVEN, source=run)

    def require_silent_without_key(self, key: str) -> None:
        """Fail when a container that is given no key seals labels: with this one, which is inside in whatever form, or another."""
        try:
            container = self._lab.run(IMAGE, network=self._network)
        except RefusedError:
            return  # what does not start seals nothing; the check that starts it with a key says why
        number = some_numbers()[1]
        reply = ask(self._prober, f"http://{container.id[:12]}:{PORT}", number, container)
        sealed = seal(number, key)
        if reply.ok and sealed in reply.text:
            fail(
                "The image has Ada's key: a container of it that was given none seals labels as Ada does. However the key is hidden in there, "
                "everyone who gets the image can forge her seals.",
                expected="without LABELS_KEY it refuses to start",
                seen=f"Seal {sealed}, from a container that was given no key",
                source=f"docker run {IMAGE}",
                evidence=reply.text.rstrip().rpartition("\n")[2],
                hint="Where does the program take its key from, when nobody hands it one? `docker history --no-trunc` and the files that you copied tell.",
            )
        made = re.search(r"^Seal [0-9a-f]{12}$", reply.text, re.MULTILINE)
        if reply.ok and made:
            fail(
                "A container of the image that was given no key seals labels all the same, with a key that the image or the program brings along. "
                "If somebody forgets the real key on another machine, nobody notices before the depot refuses the parcels.",
                expected="without LABELS_KEY it seals nothing",
                seen=f"{made[0]}, from a container that was given no key",
                source=f"docker run {IMAGE}",
                evidence=made[0],
                hint="`docker image inspect --format '{{.Config.Env}}' labels:1.0`: is LABELS_KEY among them? If not, what does the program do if it is missing?",
            )

    def prompt(self) -> Container:
        """Return a container whose program ends as soon as it is asked to, to compare with."""
        return self._lab.run(BASE, command=["sleep", "600"], Init=True)

    def processes(self) -> list[tuple[str, str]]:
        """Return the user and the command line of each process in it."""
        return self.ready.processes()

    def require_locked_down(self) -> None:
        """Fail unless it works with no network, no mounts, another user and a read-only file system."""
        run = f"docker run --network none --read-only --tmpfs /tmp --user {STRANGER} -e LABELS_KEY=… {self._name}"
        where = f"{self.foreword}Locked down (no network, no mounts, user {STRANGER}, nothing writable but /tmp), a container of {self._name}"
        locked = self._start(
            run,
            network="none",
            user=STRANGER,
            ReadonlyRootfs=True,
            Tmpfs={"/tmp": ""},  # noqa: S108 - inside the container
        )
        tools = self._lab.node("prober").image_id
        # Without a network nobody can reach it but who shares its loopback.
        try:
            probe = self._lab.run(tools, command=["sleep", "60"], network=f"container:{locked.id}", Init=True)
        except RefusedError:
            fail_silent(locked.reload(), Reply(""), where=where, run=run)  # it has ended already
        inside = ShellProber(self._lab.shells.of(probe.id))
        for number in some_numbers():
            reply = ask(inside, f"http://127.0.0.1:{PORT}", number, locked)
            if not reply.status:
                fail_silent(locked.reload(), reply, where=where, run=run)
            require_label(reply, number, self.key, where=where, seal_hint=KEY_HINT, whose=GIVEN, source=run)
        if locked.mounts:
            places = ", ".join(mount["Destination"] for mount in locked.mounts)
            fail(
                f"The image brings a volume along: every container of it writes to a disk of its own at {places}, also where "
                "nobody mounts anything. What is written there stays behind on each machine, and nobody knows of it.",
                expected="no mounts",
                seen=f"a volume at {places}",
                source=run,
                hint="Which instruction of your Dockerfile names that place? What is written there, and who reads it?",
            )
