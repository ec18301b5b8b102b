"""Nodes kept from one use of a scene to the next: cleaned, compared with their state when they were new, or replaced.

Creating a cluster takes longer than all the rest of its scene. A label of a node names the command that cleans it and
prints its state; the state of a new node is noted. Nodes are kept only if all of them print the same again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from checker import whole
from checker.engine.api import COMPOSE_PROJECT, COMPOSE_SERVICE
from checker.engine.shell import Shell
from checker.errors import LabError
from checker.parallel import in_parallel
from checker.scene.faults import BACK_SECONDS, becomes_healthy
from checker.scene.holder import PROOF, left_by_proof
from checker.scene.ownership import remove_owned, wake

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

RENEW = "io.drydock.renew"
"""The label of a node that can be kept, with a command in it: `COMMAND note` prints the node's state, `COMMAND again` first
removes what was not there when the state was noted."""

COMMAND_SECONDS = 90.0
"""How long one such command may take."""

SAME_SECONDS = 30.0
"""How long the cleaned nodes may take to be as they were: the parts of a cluster notice a change one after the other."""

AGAIN_SECONDS = 0.2
"""How long to wait before nodes that still differ are cleaned once more."""

_TEMPORARY = ("/run/", "/tmp/", "/var/run/", "/var/tmp/", "/var/log/", "/var/lib/cni/")  # noqa: S108 - in a node
"""Where programs write what nobody reads after they end."""


class Noted(msgspec.Struct, frozen=True):
    """What a node was like when it was new."""

    settings: str
    """A digest of how its container was made."""
    files: list[str]
    """What had been written into its container's own file system."""
    state: list[str]
    """What its command printed."""


@dataclass(frozen=True)
class _Node:
    listed: dict[str, Any]
    """What the engine lists of its container."""

    @property
    def service(self) -> str:
        return str(self.listed["Labels"].get(COMPOSE_SERVICE, ""))

    @property
    def id(self) -> str:
        return str(self.listed["Id"])

    @property
    def command(self) -> str:
        return str(self.listed["Labels"][RENEW])


class Renewal:
    """The notes about the nodes of one lab's scene.

    Args:
        engine: the engine that runs the nodes.
        lab: the lab.
        file: where the notes are kept.
    """

    def __init__(self, engine: Engine, lab: Lab, file: Path) -> None:
        self._engine = engine
        self._lab = lab
        self._file = file

    def note(self, made: Collection[str]) -> None:
        """Note the state of the nodes that were just made.

        Args:
            made: the ids of the containers that were made; others are not new any more.
        """
        there = self._nodes()
        nodes = [node for node in there if node.id in made]
        if not nodes:
            return
        try:
            found = dict(zip([node.id for node in nodes], in_parallel(self._look, nodes), strict=True))
        except LabError:
            return  # without notes, the next reset makes a new scene
        ids = {node.id for node in there}
        kept = {id_: noted for id_, noted in self._notes().items() if id_ in ids}
        with contextlib.suppress(OSError):
            whole.write(self._file, msgspec.json.encode(kept | found).decode())

    def renew(self, progress: Callable[[str], None], *, proof: bool) -> bool:
        """Remove everything of the lab but its nodes, and make these what they were when they were new.

        Args:
            progress: called with a line about what is being done.
            proof: whether the scene is to be one in which `lab verify` proves answers.

        Returns:
            Whether the nodes are as they were. If not, nothing is left of the lab.

        Raises:
            EngineError: the engine refused to remove something.
        """
        nodes, notes = self._nodes(), self._notes()
        why = self._why_not(nodes, notes, proof=proof)
        if why is None:
            progress(f"cleaning the nodes of lab {self._lab.number}")
            try:
                why = self._clean(nodes, notes)
            except LabError as error:
                why = f"{error.what} {error.detail}".strip()
        if why is not None:
            if why:
                progress(f"making new nodes: {why}")
            remove_owned(self._engine, self._lab)
            self.forget()
        return why is None

    def forget(self) -> None:
        """Remove the notes: the nodes are gone."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _why_not(self, nodes: list[_Node], notes: dict[str, Noted], *, proof: bool) -> str | None:
        """Return why the nodes cannot be kept; empty if there are none, None if they may be."""
        if not nodes or not notes or left_by_proof(self._engine, self._lab) != proof:
            return ""
        for node in nodes:
            if node.id not in notes:
                return f"{node.service} was not there when the lab was started"
            found = self._engine.inspect(node.id)
            if _settings(found) != notes[node.id].settings:
                return f"{node.service} has other settings than it was started with"
        return None

    def _clean(self, nodes: list[_Node], notes: dict[str, Noted]) -> str | None:
        """Clean the nodes, and return what is not as it was; None if nothing is."""
        # The users and the toolbox go first, so that nobody asks or changes anything meanwhile.
        remove_owned(self._engine, self._lab, keep=self._keep(nodes))
        in_parallel(self._wake, nodes)
        give_up = time.monotonic() + SAME_SECONDS
        while True:
            # All of them each time: what is left on one may have been made by another.
            states = in_parallel(lambda node: self._print(node, "again"), nodes)
            wrong = [
                (node, _difference(notes[node.id].state, state))
                for node, state in zip(nodes, states, strict=True)
                if state != notes[node.id].state
            ]
            if not wrong:
                break
            if time.monotonic() > give_up:
                node, line = wrong[0]
                return f"{node.service} is not as it was: {line}"
            time.sleep(AGAIN_SECONDS)
        for node, files in zip(nodes, in_parallel(self._files, nodes), strict=True):
            if added := sorted(set(files) - set(notes[node.id].files)):
                return f"{node.service} has files that were not there: {', '.join(added[:3])}"
        return None

    def _keep(self, nodes: Collection[_Node]) -> frozenset[str]:
        """Return the ids of the nodes, their networks and their volumes, and what says that this is a proof."""
        ids: set[str] = set()
        for node in nodes:
            found = self._engine.inspect(node.id)
            ids.add(node.id)
            ids |= {each["NetworkID"] for each in found["NetworkSettings"]["Networks"].values()}
            ids |= {each["Name"] for each in found["Mounts"] if each.get("Type") == "volume"}
        ids |= {each["Name"] for each in self._engine.list_all("volumes", labels={PROOF: ""})}
        return frozenset(ids)

    def _wake(self, node: _Node) -> None:
        """Start a node that was paused, stopped or lost, and wait until it is healthy."""
        wake(self._engine, [node.listed])
        # The engine has nothing against starting what runs.
        self._engine.post(f"/containers/{node.id}/start")
        if not becomes_healthy(self._engine, node.id, BACK_SECONDS):
            raise LabError(f"{node.service} did not become healthy within {BACK_SECONDS:g} s.")

    def _look(self, node: _Node) -> Noted:
        state = self._print(node, "note")
        return Noted(_settings(self._engine.inspect(node.id)), self._files(node), state)

    def _print(self, node: _Node, verb: str) -> list[str]:
        with Shell(self._engine, node.id) as shell:
            done = shell.run(f"{node.command} {verb}", COMMAND_SECONDS)
        if done.rc:
            raise LabError(f"`{node.command} {verb}` failed in {node.service}.", detail=done.stderr.strip())
        return done.stdout.splitlines()

    def _files(self, node: _Node) -> list[str]:
        changes = self._engine.get(f"/containers/{node.id}/changes") or []
        paths = (each["Path"] for each in changes)
        return sorted(path for path in paths if not (path + "/").startswith(_TEMPORARY))

    def _nodes(self) -> list[_Node]:
        found = self._engine.list_all("containers", labels={COMPOSE_PROJECT: self._lab.project, RENEW: ""})
        return sorted(map(_Node, found), key=lambda node: node.service)

    def _notes(self) -> dict[str, Noted]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Noted])
        except (OSError, msgspec.DecodeError):
            return {}


def _settings(found: dict[str, Any]) -> str:
    """Return a digest of how a container was made and which networks it is on."""
    networks = sorted((found["NetworkSettings"].get("Networks") or {}).keys())
    text = json.dumps([found["Image"], found["Config"], found["HostConfig"], networks], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(before: list[str], now: list[str]) -> str:
    """Return the first line that two states do not share."""
    added = [line for line in now if line not in before]
    gone = [line for line in before if line not in now]
    return (
        f"new: {added[0]}"
        if added
        else f"missing: {gone[0]}"
        if gone
        else "the same lines, another number of times"
    )
