"""Who answers on a program's port: which box, which process, and on which kernel."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from .programs import PORTS

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

    from .programs import Listener, Programs


USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the engine looks for a program if the image does not say it."""


@dataclass(frozen=True)
class Answer:
    """What somebody said on a program's port."""

    program: str = ""
    kernel: str = ""
    boot: str = ""
    said: dict[str, Any] = field(default_factory=dict)


class Serving:
    """Who answers where.

    Args:
        lab: the lab.
        programs: what the checker knows of the programs.
    """

    def __init__(self, lab: Lab, programs: Programs) -> None:
        self.lab = lab
        self.programs = programs
        self._senders: dict[str, Container] = {}

    def in_vm(self, name: str) -> Answer | None:
        """Return what the virtual machine answers on a program's port."""
        return self._ask(self.programs.toolbox, "vm", PORTS[name])

    def in_containers(self, name: str) -> list[tuple[Container, Answer]]:
        """Return the learner's containers that answer on a program's port, with what they say."""
        found = []
        for box in self.lab.containers():
            if not box.running:
                continue
            answer = self._ask_box(box, PORTS[name])
            if answer is not None:
                found.append((box, answer))
        return found

    def _ask_box(self, box: Container, port: int) -> Answer | None:
        toolbox = self.programs.toolbox
        shared = str(box.host_config.get("NetworkMode") or "")
        if shared == "host" or shared.startswith("container:"):
            # It has no address of its own: it is asked from where it is.
            return self._ask(self._sent_to(shared), "127.0.0.1", port)
        for network, address in box.networks.items():
            if not address:
                continue
            sender = toolbox if network in toolbox.networks else self._sent_to(network)
            if answer := self._ask(sender, address, port):
                return answer
        return None

    def _sent_to(self, network: str) -> Container:
        if network not in self._senders:
            self._senders[network] = self.lab.run(
                "drydock/toolbox:1.0", command=["sleep", "120"], network=network
            )
        return self._senders[network]

    def _ask(self, sender: Container, host: str, port: int) -> Answer | None:
        said = sender.exec(f"curl -s -m 3 http://{host}:{port}/", 8.0)
        try:
            facts = json.loads(said.stdout)
        except ValueError:
            return None
        if not isinstance(facts, dict):
            return None
        return Answer(
            str(facts.get("program", "")), str(facts.get("kernel", "")), str(facts.get("boot", "")), facts
        )

    def boxes_of(self, name: str) -> list[Container]:
        """Return the learner's containers of a program's image, running or not."""
        wanted = self.programs.image_id(name)
        return [box for box in self.lab.containers() if box.image_id == wanted]

    def is_unchanged(self, box: Container, name: str) -> bool:
        """Whether a process of a container was started from a program's own file."""
        for _, command in box.processes():
            for place, word in enumerate(command.split()):
                # The library can be named before the program: it starts what follows.
                if place and "ld-musl" not in command.split()[place - 1]:
                    break
                digests = (self._digest_in(box, path) for path in _places(box, word))
                if self.programs.digest(name) in digests:
                    return True
        return False

    def _digest_in(self, box: Container, path: PurePosixPath) -> str:
        # A folder may be large, and is not what is looked for.
        said = self.programs.toolbox.exec(
            f"docker cp -qL {shlex.quote(f'{box.id}:{path}')} - 2>/dev/null | head -c 500000 | tar -xO 2>/dev/null | sha256sum",
            8.0,
        )
        return said.stdout.partition(" ")[0]

    def in_the_vm(self, name: str) -> Listener | None:
        """Return the process that listens on a program's port in the virtual machine."""
        return self.programs.report.listeners.get(PORTS[name])


def _places(box: Container, word: str) -> list[PurePosixPath]:
    """Return where a container finds a program that it is called with: a bare name, in the folders of its PATH."""
    folder = box.attrs["Config"].get("WorkingDir") or "/"
    if "/" in word:
        return [PurePosixPath(folder, word)]
    return [PurePosixPath(folder, each, word) for each in (box.env.get("PATH") or USUAL_PATH).split(":")]
