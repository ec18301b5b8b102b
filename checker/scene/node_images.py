"""Images into a scene's nodes: one archive from this machine's engine, streamed to every node that lacks them."""

from __future__ import annotations

import contextlib
import http.client
import select
import shlex
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checker.engine.api import COMPOSE_PROJECT, COMPOSE_SERVICE, Engine, demultiplex
from checker.engine.shell import Shell
from checker.engine.transport import EngineConnection
from checker.errors import EngineError, LabError
from checker.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

IMAGES = "io.drydock.images"
"""The label that names the images a node gets, such as `parcel:1.0 parcel:2.0`."""

LOAD = "io.drydock.load"
"""The label with the command in the node that takes their archive on its standard input."""

PREPARE = "io.drydock.prepare"
"""The label with the command in the node that also takes the archive, and unpacks it for nodes that start later.

Such a node has the images from the beginning if its own note says so. The command gets that note as its argument.
"""

LOAD_SECONDS = 120.0
"""How long a node may take nothing of the archive, or say nothing when it has it all."""

CHUNK_BYTES = 1 << 20

ASK_SECONDS = 0.5
"""How long a node may take or say nothing before the engine is asked whether its load command still runs.

When a command ends without having read all of its input (its disk is full), the engine need not hang up: the rest of
the archive then fills the engine's own buffers, and goes nowhere.
"""

_CODE_SECONDS = 5.0
"""How long the engine may take to tell the exit code of a command whose output has ended."""


_NO_ENGINE = "Cannot connect to the Docker daemon"
"""What `docker load` says in a node whose engine does not run."""

_NOTE = "/var/lib/drydock-images"
"""In a node: what was loaded, by name and digest, since a node's own digests need not be this engine's."""

_LISTS = {
    "docker load": "docker image ls --format '{{.Repository}}:{{.Tag}}'",
    "ctr --namespace k8s.io images import -": "ctr --namespace k8s.io images ls --quiet",
}
"""How a node lists what it has, by how it loads; somebody may have removed what was loaded."""


@dataclass
class _Node:
    """One node that is to have images."""

    id: str
    service: str
    images: tuple[str, ...]
    load: str
    prepare: str = ""
    note: str = ""
    """What its note must say when it has them all."""
    has_them: bool = False
    sink: socket.socket | None = None
    """Where its load command reads from."""
    exec_id: str = ""
    said: bytearray = field(default_factory=bytearray)
    problem: str = ""
    note_file: str = _NOTE


def load_images(
    engine: Engine,
    project: str,
    progress: Callable[[str], None],
    *,
    only: Collection[str] | None = None,
) -> list[str]:
    """Give the nodes of a scene the images that their labels name, and return the services that got some.

    Args:
        engine: the engine that runs the nodes and has the images.
        project: the scene's Compose project.
        progress: told in one line what is loaded where.
        only: the services wanted; None for all that run.

    Raises:
        LabError: an image is missing here, or a node did not take it.
    """
    nodes = _find(engine, project, only)
    if not nodes:
        return []
    return _load(engine, nodes, progress)


def load_into(
    engine: Engine,
    containers: Mapping[str, str],
    images: Collection[str],
    load: str,
    progress: Callable[[str], None],
) -> list[str]:
    """Load images into nodes of the learner's own cluster that are containers of this engine, and return who got some.

    What they got is noted where a restart of the node forgets it: nothing of ours stays in it but the images.

    Args:
        engine: the engine that runs the nodes and has the images.
        containers: the ids of the containers, by the nodes' names.
        images: the names of the images, such as `parcel:1.0`.
        load: the command in a node that takes their archive.
        progress: told in one line what is loaded where.

    Raises:
        LabError: an image is missing here, or a node did not take it.
    """
    wanted = tuple(sorted(images))
    nodes = [
        _Node(container, name, wanted, load, note_file="/run/drydock-images")
        for name, container in sorted(containers.items())
    ]
    return _load(engine, nodes, progress)


def _load(engine: Engine, nodes: list[_Node], progress: Callable[[str], None]) -> list[str]:
    _note_all(engine, nodes)
    in_parallel(lambda node: _look(engine, node), nodes)
    lacking = [node for node in nodes if not node.has_them]
    for images in sorted({node.images for node in lacking}):
        group = [node for node in lacking if node.images == images]
        progress(f"loading {', '.join(images)} into {_listed([node.service for node in group])}")
        if problem := _stream(engine, images, group):
            progress(f"note: the next start has to load them again, because keeping them failed: {problem}")
    if broken := [node for node in nodes if node.problem]:
        first = broken[0]
        no_engine = _NO_ENGINE in first.problem
        raise LabError(
            f"{_listed([node.service for node in broken])} did not take the images of the lab.",
            remedy="The engine on that machine does not run. If you changed its options, undo that, or reset the lab, which makes the "
            "machine again."
            if no_engine
            else "See whether the disk is full (`lab doctor`), then start the lab again.",
            detail=f"{first.service}: {first.problem}",
        )
    return [node.service for node in lacking]


def _find(engine: Engine, project: str, only: Collection[str] | None) -> list[_Node]:
    found = []
    for item in engine.list_all("containers", labels={COMPOSE_PROJECT: project, IMAGES: ""}):
        labels = item["Labels"]
        service = labels.get(COMPOSE_SERVICE, "")
        if item["State"] == "running" and (only is None or service in only):
            images = tuple(sorted(labels[IMAGES].split()))
            if images:
                load = labels.get(LOAD) or "docker load"
                found.append(_Node(item["Id"], service, images, load, labels.get(PREPARE, "")))
    return sorted(found, key=lambda node: node.service)


def _note_all(engine: Engine, nodes: list[_Node]) -> None:
    digests = {}
    for name in sorted({name for node in nodes for name in node.images}):
        image = engine.image(_reference(name))
        if image is None:
            raise LabError(
                f"The image {_reference(name)}, which the lab's nodes need, is not here.",
                remedy=f"lab images build {name}; a lab that wants it in its nodes lists it among its images.",
            )
        digests[name] = str(image["Id"])
    for node in nodes:
        node.note = " ".join(f"{name}={digests[name]}" for name in node.images)


def _look(engine: Engine, node: _Node) -> None:
    listing = _LISTS.get(node.load, "true")
    with Shell(engine, node.id) as shell:
        done = shell.run(f"cat {node.note_file} 2>/dev/null; echo; {listing}", LOAD_SECONDS)
    note, _, listed = done.stdout.partition("\n")
    names = listed.split()
    node.has_them = note == node.note and (
        node.load not in _LISTS
        # containerd writes the registry too, as in docker.io/drydock/parcel:1.0.
        or all(any(("/" + each).endswith("/" + _reference(name)) for each in names) for name in node.images)
    )


def _stream(engine: Engine, images: tuple[str, ...], nodes: list[_Node]) -> str:
    """Read the archive once and write it to all nodes, then wait for what each has to say.

    Returns:
        Why keeping it for nodes that start later failed; empty if it did not. The scene's own nodes have the images anyway.
    """
    keepers = _keepers(nodes)
    takers = nodes + keepers
    try:
        in_parallel(lambda node: _open(engine, node), takers)
        with _archive(engine, images) as archive:
            while chunk := archive.read(CHUNK_BYTES):
                for node in takers:
                    _send(engine, node, chunk)
                if all(node.problem for node in takers):
                    break
        in_parallel(lambda node: _finish(engine, node), takers)
    finally:
        for node in takers:
            if node.sink is not None:
                node.sink.close()
    return next((keeper.problem for keeper in keepers if keeper.problem), "")


def _keepers(nodes: list[_Node]) -> list[_Node]:
    """Return what takes the archive as well, so that later nodes need none: one for each way of keeping it."""
    ways = {node.prepare: node for node in reversed(nodes) if node.prepare}
    return [
        _Node(node.id, node.service, node.images, f"{way} {shlex.quote(node.note)}", note_file="")
        for way, node in ways.items()
    ]


def _open(engine: Engine, node: _Node) -> None:
    """Start the node's load command, to be fed by its sink."""
    note = shlex.quote(node.note)
    command = node.load
    if node.note_file:
        command = f"rm -f {node.note_file} && {node.load} && printf '%s\\n' {note} > {node.note_file}"
    options = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": ["sh", "-c", command]}
    node.exec_id = engine.new_exec(node.id, options)
    node.sink, rest = engine.hijack(f"/exec/{node.exec_id}/start", {"Detach": False, "Tty": False})
    node.sink.settimeout(LOAD_SECONDS)
    node.said += rest


@contextlib.contextmanager
def _archive(engine: Engine, images: tuple[str, ...]) -> Iterator[http.client.HTTPResponse]:
    """Ask the engine for an archive of images; of this machine's platform alone, where it can be asked for."""
    version = engine.get("/version")
    path = "/images/get?" + "&".join(f"names={_reference(name)}" for name in images)
    # Since 1.48. Before that, and without containerd's image store, an engine has one platform of an image.
    if tuple(int(part) for part in str(version.get("ApiVersion", "0")).split(".")) >= (1, 48):
        path += f'&platform={{"os":"{version["Os"]}","architecture":"{version["Arch"]}"}}'
    connection = EngineConnection(engine.dial, LOAD_SECONDS)
    try:
        connection.request("GET", path.replace('"', "%22").replace("{", "%7B").replace("}", "%7D"))
        response = connection.getresponse()
        if response.status >= 400:
            raise EngineError(
                f"The engine gives no archive of {', '.join(images)}: {response.read(4096).decode(errors='replace')}"
            )
        yield response
    except (OSError, http.client.HTTPException) as error:
        raise EngineError(
            f"The engine stopped while it wrote the archive of {', '.join(images)}: {error}."
        ) from error
    finally:
        connection.close()


def _send(engine: Engine, node: _Node, chunk: bytes) -> None:
    """Write a part of the archive to a node and take in what it says meanwhile, until its command has ended."""
    if node.problem or node.sink is None:
        return
    rest = memoryview(chunk)
    give_up = time.monotonic() + LOAD_SECONDS
    try:
        while rest:
            readable, writable, _ = select.select([node.sink], [node.sink], [], ASK_SECONDS)
            if readable:
                heard = node.sink.recv(65536)
                node.said += heard
                if not heard:
                    node.problem = "it hung up before it had the whole archive"
                    return
            if writable:
                rest = rest[node.sink.send(rest) :]
                give_up = time.monotonic() + LOAD_SECONDS
            elif _code(engine, node) is not None:
                node.problem = "it ended before it had the whole archive"
                return
            elif time.monotonic() >= give_up:
                node.problem = f"it took nothing of the archive for {LOAD_SECONDS:.0f} s"
                return
    except OSError as error:
        # What it said before it hung up is the better reason, and is read at the end.
        node.problem = f"it stopped taking the archive ({error})"


def _finish(engine: Engine, node: _Node) -> None:
    """Take in what a node has to say until its command has ended, and note what went wrong."""
    if node.sink is None:
        return
    # One that hung up in the middle may have said why, and then reads as a broken connection.
    try:
        with contextlib.suppress(OSError):
            node.sink.shutdown(socket.SHUT_WR)
        _hear_out(engine, node, node.sink)
    except OSError as error:
        node.problem = node.problem or str(error)
    code = _code_at_last(engine, node)
    if code == 0:
        node.problem = ""  # what it did not read was padding
    elif code or node.problem:
        said = demultiplex(bytes(node.said)).decode(errors="replace").strip()
        node.problem = said or node.problem or f"{node.load} ended with {code}"


def _hear_out(engine: Engine, node: _Node, sink: socket.socket) -> None:
    """Read what a node says until it hangs up, or has been silent for a while since its command ended."""
    give_up = time.monotonic() + LOAD_SECONDS
    has_ended = False
    while True:
        if select.select([sink], [], [], ASK_SECONDS)[0]:
            if not (heard := sink.recv(65536)):
                return
            node.said += heard
            give_up = time.monotonic() + LOAD_SECONDS
        elif has_ended:
            return
        elif _code(engine, node) is not None:
            has_ended = True  # its last words may still be on their way
        elif time.monotonic() >= give_up:
            node.problem = node.problem or f"it said nothing for {LOAD_SECONDS:.0f} s"
            return


def _code(engine: Engine, node: _Node) -> int | None:
    """Return how a node's load command ended; None while it runs."""
    state = engine.get(f"/exec/{node.exec_id}/json")
    return None if state.get("Running") else state.get("ExitCode")


def _code_at_last(engine: Engine, node: _Node) -> int | None:
    """Return how a node's load command ended: the engine may know a moment after the output has."""
    give_up = time.monotonic() + _CODE_SECONDS
    while (code := _code(engine, node)) is None and time.monotonic() < give_up:
        time.sleep(0.05)
    return code


def _reference(name: str) -> str:
    return f"drydock/{name}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
