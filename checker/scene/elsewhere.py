"""A lab's scene on a cluster that the person has: which one was chosen, what is prepared there, and how it is left.

The lab's containers stay on the engine: the toolbox, the front, the users. The cluster gets one namespace, and an
identity that may do everything in it; the toolbox knows that identity alone. Everything that is kept lies in one folder
below `.lab/`, for nobody but the person, until `lab stop`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from checker.engine.shell import Shell
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.foreign.server import Server
    from checker.scene.reach import Way

COMPOSE = "compose.elsewhere.yaml"
"""The scene of a lab that can run on a cluster of the person's own."""

NODE_PORT = 30080
"""The port that the lab's service asks of the nodes; in a cluster of somebody's it may be taken."""

READY_SECONDS = 30.0


@dataclass(frozen=True)
class Wish:
    """What `lab start` is asked for.

    Args:
        context: the context of the person's kubeconfig.
        namespace: the name of the namespace; empty for the usual one.
        prefix: where the cluster pulls the lab's images from; empty when they come from this machine.
    """

    context: str
    namespace: str = ""
    prefix: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the choice until `lab stop`."""

    context: str
    namespace: str
    owner: str
    prefix: str = ""
    files: tuple[str, ...] = ()
    """The kubeconfig files that the context is in."""
    nodes: tuple[str, ...] = ()
    """The nodes that take pods; empty when the person may not list nodes."""
    port_taken: bool = False
    """Whether the lab's port of the nodes is another's."""
    reads_nodes: bool = False
    server: str = ""
    """The server's address as the lab's containers reach it."""
    server_name: str = ""
    """The name in its certificate."""
    insecure: bool = False

    @property
    def parcel(self) -> str:
        """The name of Parcel's image on this cluster, without a tag."""
        return f"{self.prefix or 'drydock'}/parcel"


def can(lab: Lab) -> bool:
    """Whether a lab can run on a cluster of the person's own."""
    return (lab.folder / COMPOSE).is_file()


def kept(places: Places, lab: Lab) -> Kept | None:
    """Return the choice that is in force for a lab, None when it has its own cluster."""
    try:
        return msgspec.json.decode((_folder(places, lab) / "choice.json").read_bytes(), type=Kept)
    except (FileNotFoundError, NotADirectoryError):
        return None  # a state folder that is no folder holds no choice, and is told by who writes there
    except (OSError, msgspec.MsgspecError) as error:
        raise LabError(
            f"The choice of lab {lab.number}'s cluster cannot be read: {error}.",
            remedy=f"Remove {_folder(places, lab)}, and the namespace with the label io.drydock.lab={lab.number} in the cluster.",
        ) from error


def compose_files(places: Places, lab: Lab) -> tuple[Path, ...]:
    """Return the scene's files on the chosen cluster."""
    return (lab.folder / COMPOSE, _folder(places, lab) / "compose.json")


def environment(places: Places, lab: Lab, choice: Kept) -> dict[str, str]:
    """Return the variables that these files are filled with."""
    return {
        "DRYDOCK_ELSEWHERE": str(_toolbox_folder(places, lab)),
        "DRYDOCK_NAMESPACE": choice.namespace,
        "DRYDOCK_ANY_PORT": "true" if choice.port_taken else "false",
    }


# -- coming ----------------------------------------------------------------------------------------------------


def settle(
    places: Places,
    lab: Lab,
    engine: Engine,
    wish: Wish | None,
    progress: Callable[[str], None],
    *,
    started: bool,
) -> Kept | None:
    """Prepare the chosen cluster, or one that was chosen before, and return the choice; None for the lab's own.

    Args:
        places: the course's folders.
        lab: the lab.
        engine: the engine that runs the lab's containers.
        wish: what was asked for now, if anything was.
        progress: told what is being done.
        started: whether something of the lab's scene is there already.

    Raises:
        LabError: the cluster cannot be used, and why; then nothing is left in it that was not there before.
    """
    before = kept(places, lab)
    if before is None and wish is None:
        return None
    number = int(lab.number)
    if not can(lab):
        raise MisuseError(
            f"Lab {lab.number} brings its own machines and runs on no other cluster.",
            remedy=f"Leave --context out: lab start {number}",
        )
    if before is None and started:
        raise MisuseError(
            f"Lab {lab.number} is started on a cluster of its own.",
            remedy=f"Stop it first: lab stop {number}",
        )
    if before is not None and wish is not None and not _same(before, wish):
        raise MisuseError(
            f"Lab {lab.number} is started on the cluster of `{before.context}`, in the namespace {before.namespace}.",
            remedy=f"Stop it first: lab stop {number}",
        )
    # What speaks to another's cluster is loaded by who has chosen one: most never do.
    from checker.foreign import kubeconfig  # noqa: PLC0415
    from checker.foreign.room import Room  # noqa: PLC0415
    from checker.foreign.server import Server  # noqa: PLC0415
    from checker.scene import reach, stock  # noqa: PLC0415

    context = (
        kubeconfig.read(before.context, [Path(each) for each in before.files])
        if before is not None
        else kubeconfig.read(wish.context if wish else "")
    )
    choice = before or Kept(
        context=context.name,
        namespace=(wish.namespace if wish else "") or f"drydock-{lab.number}",
        owner=_owner(places),
        prefix=(wish.prefix.strip("/") if wish else ""),
        files=tuple(str(each) for each in context.files),
    )
    _require_name(choice.namespace)
    progress(f"looking at the cluster of the context {context.name}")
    server = Server(context)
    room = Room(server, choice.namespace, lab.number, choice.owner)
    room.require_ours_or_free()
    nodes = stock.nodes(server)
    plan = stock.plan(engine, nodes, choice.prefix, context.name)
    way = reach.find(engine, lab.number, context)
    parts = urlsplit(context.server)
    choice = msgspec.structs.replace(
        choice,
        nodes=tuple(each.name for each in nodes if each.takes_pods),
        port_taken=_port_taken(server, choice.namespace),
        server=way.address(parts.scheme, parts.path),
        server_name=context.expected_name,
        insecure=context.insecure,
    )
    try:
        # First of all, so that whatever goes wrong from here on, `lab stop` knows what to remove.
        _keep(places, lab, choice)
        progress(f"making the namespace {choice.namespace}")
        choice = msgspec.structs.replace(choice, reads_nodes=room.make())
        stock.bring(engine, server, room, plan, choice.parcel, progress)
        _keep(places, lab, choice)
        _write(_toolbox_folder(places, lab), _for_toolbox(choice, context.authority, room.token()))
        _write(_folder(places, lab), {"compose.json": json.dumps(_override(way)).encode()})
    except BaseException:
        if before is None:
            with contextlib.suppress(LabError):
                room.remove()
            _forget(places, lab)
        raise
    return choice


def _same(choice: Kept, wish: Wish) -> bool:
    return (
        wish.context == choice.context
        and wish.namespace in {"", choice.namespace}
        and wish.prefix.strip("/") in {"", choice.prefix}
    )


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) or name.startswith("kube-"):
        raise MisuseError(
            f"`{name}` cannot be the name of the lab's namespace.",
            remedy="Small letters, digits and dashes, such as drydock-10-anna.",
        )


def _port_taken(server: Server, namespace: str) -> bool:
    """Whether the lab's port of the nodes is another's; where that may not be seen, it is taken to be free."""
    from checker.foreign.server import Denied  # noqa: PLC0415 - as in settle

    try:
        services = server.get("/api/v1/services")["items"]
    except Denied:
        return False
    return any(
        port.get("nodePort") == NODE_PORT
        for each in services
        if each["metadata"]["namespace"] != namespace
        for port in each["spec"].get("ports") or []
    )


def _for_toolbox(choice: Kept, authority: bytes, token: str) -> dict[str, bytes]:
    """Return the files of the toolbox: the learner's kubeconfig, and the same in parts for curl."""
    cluster: dict[str, Any] = {"server": choice.server}
    if choice.insecure:
        cluster["insecure-skip-tls-verify"] = True
    elif choice.server.startswith("https:"):
        cluster["tls-server-name"] = choice.server_name
        if authority:
            cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": choice.context,
        "contexts": [
            {
                "name": choice.context,
                "context": {"cluster": "cluster", "user": "learner", "namespace": choice.namespace},
            }
        ],
        "clusters": [{"name": "cluster", "cluster": cluster}],
        # From a file, which is read again when `lab start` fetched another token.
        "users": [{"name": "learner", "user": {"tokenFile": "/kubeconfig/token"}}],
    }
    return {
        "config": json.dumps(config, indent=2).encode(),
        "token": token.encode(),
        "header": f"Authorization: Bearer {token}\n".encode(),
        "authority": authority,
    }


def _override(way: Way) -> dict[str, Any]:
    """Return what the way to the server adds to the scene, as a Compose file."""
    parts: dict[str, Any] = {}
    if way.network:
        networks = {"lab": None, "cluster": None}
        parts["networks"] = {"cluster": {"external": True, "name": way.network}}
        parts["services"] = {each: {"networks": networks} for each in ("toolbox", "tunnel")}
    if way.relay:
        listen, to = way.relay.split()
        open_at = "/".join(listen.rsplit(":", 1))
        script = (
            f"printf '%s\\n' 'defaults' '  mode tcp' '  timeout connect 4s' '  timeout client 1h' '  timeout server 1h' "
            f"'listen cluster' '  bind {listen}' '  server cluster {to}' > /run/front/relay.cfg && "
            "exec haproxy -W -f /run/front/relay.cfg"
        )
        parts["services"] = {
            "relay": {
                "image": "drydock/front:1.0",
                "pull_policy": "never",
                "network_mode": "host",
                "healthcheck": {"test": ["CMD", "bash", "-c", f"exec 3<> /dev/tcp/{open_at}"]},
                "entrypoint": ["/usr/bin/tini", "--", "sh", "-c", script],
                "labels": {"io.drydock.lab": "${DRYDOCK_LAB}", "io.drydock.role": "front"},
                "stop_grace_period": "1s",
            }
        }
    return parts or {"services": {}}


def require_ready(engine: Engine, toolbox: str, choice: Kept) -> None:
    """Require that the toolbox reaches the cluster as its own identity.

    Raises:
        LabError: it does not.
    """
    shell = Shell(engine, toolbox)
    try:
        done = shell.run(
            "for n in $(seq 40); do kubectl get pods --request-timeout 3s > /dev/null 2>/tmp/said && exit 0; sleep 0.25; done; "
            "tail -n 1 /tmp/said >&2; exit 1",
            READY_SECONDS + 30,
        )
    finally:
        shell.close()
    if done.rc:
        raise LabError(
            f"The toolbox does not get through to the cluster of `{choice.context}`.",
            remedy="See the last line below.",
            detail=f"{choice.server}: {done.stderr.strip()}",
        )


def told(choice: Kept, lab: Lab) -> list[str]:
    """Return what a learner has to know of a cluster that is not the lab's own, a sentence each."""
    where = (
        f"It runs on the cluster of `{choice.context}`, in the namespace {choice.namespace}: all that the toolbox may change. "
        f"Its nodes are let be, and `lab stop {int(lab.number)}` removes the namespace."
    )
    users = (
        "Users reach your service by way of the cluster's API server, not by a port of the nodes: "
        "what differs from the lesson is told in its how-to page, “Use a cluster that you have”."
    )
    said = [where, users]
    if choice.port_taken:
        said.append(
            f"Port {NODE_PORT} of the nodes is another's here: leave `nodePort` out, and users are led to your service of type NodePort."
        )
    if choice.prefix:
        said.append(f"Write {choice.parcel} where the lesson writes drydock/parcel.")
    if len(choice.nodes) == 1:
        said.append(
            "The cluster has one node that takes pods: that copies are spread over nodes is not judged."
        )
    if not choice.reads_nodes:
        said.append(
            "You may not let the lab's identity read nodes, so `kubectl get nodes` is refused in the toolbox."
        )
    return said


def adapted(text: str, choice: Kept) -> str:
    """Return a text of the lab's as this cluster needs it: the image's name, and no port that is another's."""
    if choice.prefix:
        text = re.sub(r"(?<![\w./-])drydock/parcel\b", choice.parcel, text)
    if choice.port_taken:
        text = re.sub(rf"^\s*nodePort: {NODE_PORT}\n", "", text, flags=re.MULTILINE)
        text = text.replace(f" --node-port {NODE_PORT}", "")
    return text


def adapt(files: Path, work: Path, choice: Kept) -> None:
    """Adapt what an answer laid over the work folder."""
    for file in files.rglob("*.yaml"):
        laid = work / file.relative_to(files)
        text = laid.read_text(encoding="utf-8")
        if (changed := adapted(text, choice)) != text:
            laid.write_text(changed, encoding="utf-8")


# -- leaving ---------------------------------------------------------------------------------------------------


def leave(places: Places, lab: Lab) -> list[str]:
    """Remove what the lab has in the chosen cluster, forget the choice, and return what was removed.

    Raises:
        LabError: the cluster does not answer; the choice stays, and with it the knowledge of what to remove.
    """
    choice = kept(places, lab)
    if choice is None:
        return []
    removed = clear(places, lab)
    _forget(places, lab)
    return removed


def clear(places: Places, lab: Lab) -> list[str]:
    """Remove what the lab has in the chosen cluster; the choice stays.

    Raises:
        LabError: the cluster does not answer, or is not in the kubeconfig any more.
    """
    choice = kept(places, lab)
    if choice is None:
        return []
    from checker.foreign import kubeconfig  # noqa: PLC0415 - as in settle
    from checker.foreign.room import Room  # noqa: PLC0415
    from checker.foreign.server import Server  # noqa: PLC0415

    try:
        context = kubeconfig.read(choice.context, [Path(each) for each in choice.files])
        return Room(Server(context), choice.namespace, lab.number, choice.owner).remove()
    except LabError as error:
        raise LabError(
            f"The namespace {choice.namespace} could not be removed from the cluster of `{choice.context}`. {error.what}",
            remedy=f"Try again when it can be reached: lab stop {int(lab.number)}. "
            f"If the cluster is gone for good, remove the folder {_folder(places, lab)}.",
            detail=error.detail,
        ) from error


# -- what is kept ----------------------------------------------------------------------------------------------


def _folder(places: Places, lab: Lab) -> Path:
    return places.state / "elsewhere" / lab.slug


def _toolbox_folder(places: Places, lab: Lab) -> Path:
    return _folder(places, lab) / "toolbox"


def _keep(places: Places, lab: Lab, choice: Kept) -> None:
    _write(_folder(places, lab), {"choice.json": msgspec.json.encode(choice)})


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files that nobody else may read, each at once."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name, content in contents.items():
            partial = folder / f".{name}.partial"
            partial.unlink(missing_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            partial.replace(folder / name)
    except OSError as error:
        raise LabError(
            f"{folder} cannot be written: {error.strerror or error}.",
            remedy="Make room or allow writing there, or set DRYDOCK_STATE to another folder.",
        ) from error


def _forget(places: Places, lab: Lab) -> None:
    shutil.rmtree(_folder(places, lab), ignore_errors=True)


def _owner(places: Places) -> str:
    """Return the mark of this checkout: two learners may share a cluster, and neither takes the other's namespace."""
    file = places.state / "elsewhere" / "owner"
    with contextlib.suppress(OSError):
        if text := file.read_text(encoding="ascii").strip():
            return text
    made = os.urandom(16).hex()
    _write(file.parent, {file.name: made.encode()})
    return made
