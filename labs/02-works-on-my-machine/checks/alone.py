"""The learner's image run by the checker: as it comes, and locked down."""

from __future__ import annotations

import re
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from checker.engine.api import RefusedError
from checker.grading.author import Prober as ShellProber
from checker.grading.author import Reply

from .answers import ask, fail_silent, require_label, some_numbers
from .inside import library_in, searched
from .truth import BASE, IMAGE, PORT, WHY, adas_key, seal

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Prober

STRANGER = "54321:54321"
"""A user and group that nobody has heard of."""

STOP_SECONDS = 2.0
"""How long it may take to stop, over what a program takes here that ends at once."""

STOP_GRACE = 10
"""Seconds until the engine kills what was asked to stop, as `docker stop` has them."""

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
        self._rebuilt = rebuilt
        self._name = "THE-IMAGE-BUILT-FROM-THE-COPY" if rebuilt else IMAGE
        self._made_from = "A container of it" if rebuilt else f"A container made from {IMAGE} alone"
        self.foreword = (
            "The image that the checker built from a copy of your folder is not the one you have. "
            if rebuilt
            else ""
        )
        self._network = f"drydock-{lab.number}_lab"

    @cached_property
    def image(self) -> str:
        """The id of the image: a verdict is on one, whatever is given its name meanwhile."""
        return self._rebuilt or str((self._lab.image(IMAGE) or {})["Id"])

    def _start(self, run: str, **options: Any) -> Container:
        try:
            return self._lab.run(self.image, env={"LABELS_KEY": self.key}, **options)
        except RefusedError as error:
            nobody = re.search(r"unable to find (user|group) (\S+?):? ", f"{error.what} ", re.IGNORECASE)
            kind, user = nobody.groups() if nobody else ("", "")
            WHY.fail(
                "nobody-of-that-name" if nobody else "cannot-start",
                foreword=self.foreword,
                name=self._name,
                kind=kind,
                user=user,
                run=run,
                seen=error.what,
            )

    # -- as it comes -------------------------------------------------------------------------------------------

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
        self._require_labels_of(self.container, self._prober, self.container.id[:12], where, run)

    def _require_labels_of(
        self, container: Container, prober: Prober, host: str, where: str, run: str
    ) -> None:
        for number in some_numbers():
            reply = ask(prober, f"http://{host}:{PORT}", number, container)
            if not reply.status:
                self._fail_silent(container, reply, where, run)
            require_label(reply, number, self.key, where=where, seal_hint=KEY_HINT, whose=GIVEN, source=run)

    def _fail_silent(self, container: Container, reply: Reply, where: str, run: str) -> NoReturn:
        def find_library() -> str:
            return library_in(searched(self._lab.engine, self.image, adas_key()))

        fail_silent(container.reload(), reply, where=where, run=run, find_library=find_library)

    def require_stays(self) -> None:
        """Fail unless it goes on running after it has answered."""
        WHY.require(self.ready.running, "ended-right-afterwards")

    def require_ordinary_user(self) -> None:
        """Fail if a container of the image has a process of root."""
        processes = self.ready.processes()
        roots = [command for user, command in processes if user in {"root", "0"}]
        WHY.require(
            not roots,
            "root",
            foreword=self.foreword,
            seen=f"root runs {roots[0] if roots else ''}",
            evidence="\n".join(f"{user}  {command}" for user, command in processes),
        )

    # -- asked to stop -----------------------------------------------------------------------------------------

    def require_stops(self) -> None:
        """Fail unless a container of the image ends soon after SIGTERM, by itself."""
        container = self.ready
        commands = [command for _, command in container.processes()]
        seconds = _stop(container)
        code = container.reload().exit_code
        signal = str(container.attrs["Config"].get("StopSignal") or "")
        if code == 137:
            at_once = signal.upper().removeprefix("SIG") in {"KILL", "9"}
            shell = commands and commands[0].split(" ")[0].rpartition("/")[2] in {"sh", "bash", "dash"}
            WHY.fail(
                "killed-at-once" if at_once else "killed-behind-a-shell" if shell else "killed",
                foreword=self.foreword,
                signal=signal or "SIGTERM",
                seen=f"killed after {seconds:.1f} s: exit code 137",
                evidence=signal if at_once else "\n".join(commands),
            )
        if seconds <= STOP_SECONDS:
            return
        # Stopping is the engine's work too: on a busy machine that takes long whatever the program does.
        here = _stop(self._lab.run(BASE, command=["sleep", "600"], Init=True))
        WHY.require(
            seconds - here <= STOP_SECONDS,
            "slow-to-stop",
            foreword=self.foreword,
            seconds=seconds,
            here=here,
            seen=f"it ended after {seconds:.1f} s with exit code {code}",
        )

    # -- locked down, and without a key ------------------------------------------------------------------------

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
            self._fail_silent(locked, Reply(""), where, run)  # it has ended already
        inside = ShellProber(self._lab.shells.of(probe.id))
        self._require_labels_of(locked, inside, "127.0.0.1", where, run)
        places = ", ".join(mount["Destination"] for mount in locked.mounts)
        WHY.require(
            not locked.mounts, "volume-brought-along", places=places, run=run, seen=f"a volume at {places}"
        )

    def require_silent_without_key(self, key: str) -> None:
        """Fail when a container that is given no key seals labels: with this one, which is inside in whatever form, or another."""
        try:
            container = self._lab.run(self.image, network=self._network)
        except RefusedError:
            return  # what does not start seals nothing; the check that starts it with a key says why
        number = some_numbers()[1]
        reply = ask(self._prober, f"http://{container.id[:12]}:{PORT}", number, container)
        seen = "{}, from a container that was given no key"
        evidence = reply.text.rstrip().rpartition("\n")[2]
        sealed = seal(number, key)
        WHY.require(
            not reply.ok or sealed not in reply.text,
            "seals-without-a-key-as-ada",
            foreword=self.foreword,
            name=self._name,
            seen=seen.format(f"Seal {sealed}"),
            evidence=evidence,
        )
        made = re.search(r"^Seal [0-9a-f]{12}$", reply.text, re.MULTILINE)
        line = made[0] if made else ""
        WHY.require(
            not reply.ok or not line,
            "seals-without-a-key",
            foreword=self.foreword,
            name=self._name,
            seen=seen.format(line),
            evidence=evidence,
        )


def _stop(container: Container) -> float:
    begin = time.monotonic()
    container.stop(STOP_GRACE)
    return time.monotonic() - begin
