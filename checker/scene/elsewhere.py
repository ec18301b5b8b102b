"""A lab's scene on the learner's own cluster: how it is prepared, and how it is removed.

The lab's containers stay on the engine: the toolbox, the front, the users. The cluster gets one namespace, and an
identity that may do everything in it; this is the only identity that the toolbox has.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from checker.engine.shell import Shell
from checker.errors import LabError, MisuseError
from checker.scene.adapted import NODE_PORT
from checker.scene.chosen import Kept, Wish, folder_of, forget, keep, kept, owner_of, toolbox_folder, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.external.kubeconfig import Context
    from checker.external.server import Server
    from checker.scene.cluster_images import Node
    from checker.scene.reach import Route

COMPOSE = "compose.elsewhere.yaml"
"""The scene of a lab that can run on the learner's own cluster."""

READY_SECONDS = 30.0


def can(lab: Lab) -> bool:
    """Whether a lab can run on the learner's own cluster."""
    return (lab.folder / COMPOSE).is_file()


def compose_files(places: Places, lab: Lab) -> tuple[Path, ...]:
    """Return the scene's files on the chosen cluster."""
    return (lab.folder / COMPOSE, folder_of(places, lab) / "compose.json")


def environment(places: Places, lab: Lab, choice: Kept) -> dict[str, str]:
    """Return the variables for these files."""
    return {
        "DRYDOCK_ELSEWHERE": str(toolbox_folder(places, lab)),
        "DRYDOCK_NAMESPACE": choice.namespace,
        "DRYDOCK_ANY_PORT": "true" if choice.port_taken else "false",
    }


# -- starting --------------------------------------------------------------------------------------------------


def settle(
    places: Places,
    lab: Lab,
    engine: Engine,
    wish: Wish | None,
    progress: Callable[[str], None],
    *,
    started: bool,
) -> Kept | None:
    """Prepare the cluster that is chosen now or was chosen before, and return the choice; None for the lab's own.

    Args:
        places: the course's folders.
        lab: the lab.
        engine: the engine that runs the lab's containers.
        wish: the cluster that is asked for now, if any.
        progress: called with messages about what is being done.
        started: whether part of the lab's scene already exists.

    Raises:
        LabError: the cluster cannot be used; then nothing new is left in it.
    """
    before = kept(places, lab)
    if before is None and wish is None:
        return None
    _require_possible(lab, before, wish, started=started)
    # These modules are imported only when a learner has chosen their own cluster, which most never do.
    from checker.external.namespace import LabNamespace  # noqa: PLC0415
    from checker.external.server import Server  # noqa: PLC0415
    from checker.scene import cluster_images, reach  # noqa: PLC0415

    context = _context_of(before, wish)
    choice = before or _first_choice(places, lab, wish, context)
    _require_name(choice.namespace)
    progress(f"looking at the cluster of the context {context.name}")
    server = Server(context)
    room = LabNamespace(server, choice.namespace, lab.number, choice.owner)
    room.require_ours_or_free()
    nodes = cluster_images.nodes(server)
    plan = cluster_images.plan(engine, nodes, choice.prefix, context.name)
    route = reach.find(engine, lab.number, context)
    choice = _as_it_is_now(choice, context, server, nodes, route)
    try:
        # This comes first, so that `lab stop` knows what to remove if anything goes wrong from here on.
        keep(places, lab, choice)
        progress(f"creating the namespace {choice.namespace}")
        choice = msgspec.structs.replace(choice, reads_nodes=room.make())
        cluster_images.bring(engine, server, room, plan, choice.parcel, progress)
        keep(places, lab, choice)
        write(toolbox_folder(places, lab), _for_toolbox(choice, context.authority, room.token()))
        write(folder_of(places, lab), {"compose.json": json.dumps(route.parts()).encode()})
    except BaseException:
        if before is None:
            with contextlib.suppress(LabError):
                room.remove()
            forget(places, lab)
        raise
    return choice


def _require_possible(lab: Lab, before: Kept | None, wish: Wish | None, *, started: bool) -> None:
    """Refuse a lab that has its own machines, or that is started on another cluster.

    Raises:
        MisuseError: it is so, and what to type instead.
    """
    number = int(lab.number)
    if not can(lab):
        raise MisuseError(
            f"Lab {lab.number} has its own machines and cannot run on another cluster.",
            remedy=f"Leave --context out: lab start {number}",
        )
    if before is None and started:
        raise MisuseError(
            f"Lab {lab.number} is already started on its own cluster.",
            remedy=f"Stop it first: lab stop {number}",
        )
    if before is not None and wish is not None and not _same(before, wish):
        raise MisuseError(
            f"Lab {lab.number} is already started on the cluster of `{before.context}`, in the namespace {before.namespace}.",
            remedy=f"Stop it first: lab stop {number}",
        )


def _context_of(before: Kept | None, wish: Wish | None) -> Context:
    """Read the context of the earlier choice, or else the one that is asked for now."""
    from checker.external import kubeconfig  # noqa: PLC0415 - as in settle

    if before is not None:
        return kubeconfig.read(before.context, [Path(each) for each in before.files])
    return kubeconfig.read(wish.context if wish else "")


def _as_it_is_now(
    choice: Kept, context: Context, server: Server, nodes: Sequence[Node], route: Route
) -> Kept:
    """Return a choice with what may have changed in the cluster since it was made."""
    parts = urlsplit(context.server)
    return msgspec.structs.replace(
        choice,
        nodes=tuple(each.name for each in nodes if each.takes_pods),
        port_taken=_port_taken(server, choice.namespace),
        server=route.address(parts.scheme, parts.path),
        server_name=context.expected_name,
        insecure=context.insecure,
    )


def _first_choice(places: Places, lab: Lab, wish: Wish | None, context: Context) -> Kept:
    """Return the choice of a cluster that was not chosen before."""
    return Kept(
        context=context.name,
        namespace=(wish.namespace if wish else "") or f"drydock-{lab.number}",
        owner=owner_of(places),
        prefix=(wish.prefix.strip("/") if wish else ""),
        files=tuple(str(each) for each in context.files),
    )


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
            remedy="Use small letters, digits and dashes, such as drydock-10-anna.",
        )


def _port_taken(server: Server, namespace: str) -> bool:
    """Whether the lab's node port is already in use; assumed to be free if we may not list services."""
    from checker.external.server import Denied  # noqa: PLC0415 - as in settle

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
        # From a file, which is read again after `lab start` has fetched a new token.
        "users": [{"name": "learner", "user": {"tokenFile": "/kubeconfig/token"}}],
    }
    return {
        "config": json.dumps(config, indent=2).encode(),
        "token": token.encode(),
        "header": f"Authorization: Bearer {token}\n".encode(),
        "authority": authority,
    }


def require_ready(engine: Engine, toolbox: str, choice: Kept) -> None:
    """Require that the toolbox reaches the cluster with its own identity.

    Raises:
        LabError: it does not reach it.
    """
    with Shell(engine, toolbox) as shell:
        done = shell.run(
            "for n in $(seq 40); do kubectl get pods --request-timeout 3s > /dev/null 2>/tmp/said && exit 0; sleep 0.25; done; "
            "tail -n 1 /tmp/said >&2; exit 1",
            READY_SECONDS + 30,
        )
    if done.rc:
        raise LabError(
            f"The toolbox cannot reach the cluster of `{choice.context}`.",
            remedy="The last line below says why.",
            detail=f"{choice.server}: {done.stderr.strip()}",
        )


# -- stopping --------------------------------------------------------------------------------------------------


def leave(places: Places, lab: Lab) -> list[str]:
    """Remove what the lab has in the chosen cluster, remove the choice, and return what was removed.

    Raises:
        LabError: the cluster does not answer; the choice stays, so that it is still known what to remove.
    """
    choice = kept(places, lab)
    if choice is None:
        return []
    removed = clear(places, lab)
    forget(places, lab)
    return removed


def clear(places: Places, lab: Lab) -> list[str]:
    """Remove what the lab has in the chosen cluster; the choice stays.

    Raises:
        LabError: the cluster does not answer, or is no longer in the kubeconfig.
    """
    choice = kept(places, lab)
    if choice is None:
        return []
    from checker.external import kubeconfig  # noqa: PLC0415 - as in settle
    from checker.external.namespace import LabNamespace  # noqa: PLC0415
    from checker.external.server import Server  # noqa: PLC0415

    try:
        context = kubeconfig.read(choice.context, [Path(each) for each in choice.files])
        return LabNamespace(Server(context), choice.namespace, lab.number, choice.owner).remove()
    except LabError as error:
        raise LabError(
            f"The namespace {choice.namespace} could not be removed from the cluster of `{choice.context}`. {error.what}",
            remedy=f"Try again when the cluster can be reached: lab stop {int(lab.number)}. "
            f"If the cluster is gone for good, remove the folder {folder_of(places, lab)}.",
            detail=error.detail,
        ) from error
