"""The key that Parcel is to have and nobody else is to see: whether it has it, and where it may be read."""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from checker.grading.author import PLAIN, could_not_run, form_in, forms

from .words import WHY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from checker.cluster.swarm import Service, Swarm
    from checker.grading.author import Lab

KEY_FILE = "seal.key"
SEARCH_SECONDS = 60.0


def keys(lab: Lab) -> list[str]:
    """Return the key in the learner's folder and the one that was given: the file may be gone once the swarm has it."""
    found = []
    for folder in (lab.work, lab.course_lab.folder / "start"):
        try:
            text = (folder / KEY_FILE).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text and text not in found:
            found.append(text)
    return found


# -- does Parcel have it ---------------------------------------------------------------------------------------


def fingerprint(key: str) -> str:
    """Return what Parcel answers at /secret when it has this key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def require_given(swarm: Swarm, service: Service, known: list[str]) -> None:
    """Require that every copy proves that it has the key."""
    wanted = [fingerprint(key) for key in known]
    for node in sorted({each.node for each in swarm.instances() if each.ready}):
        status, answer = swarm.get(node, "/secret")
        if not status:
            could_not_run(f"{node} does not answer on port 8080 at this moment; check again.")
        said = answer if isinstance(answer, dict) else {}
        seen = str(said.get("fingerprint") or said.get("error") or f"HTTP {status}")
        if status != 200 and (leak := _leak(swarm, service, known)):
            _fail_for(leak, " And Parcel does not look there.")
        WHY.require(status != 404, "no-key.not-told", node=node, seen=seen)
        if status != 200:
            file = service.env.get("PARCEL_SECRET_FILE") or "a file"
            seen += f"; the service was given {' and '.join(_given(service)) or 'no secret'}"
            WHY.fail("no-key.not-there", node=node, file=file, seen=seen)
        seen = f"fingerprint {said.get('fingerprint')}"
        right = said.get("fingerprint") in wanted
        WHY.require(right, "no-key.another", node=node, fingerprints=" or ".join(wanted), seen=seen)


def _given(service: Service) -> list[str]:
    """Return where the secrets of a service lie in each copy."""
    names = [str((each.get("File") or {}).get("Name", "")) for each in service.container.get("Secrets") or []]
    return [posixpath.join("/run/secrets", name) for name in names]


# -- did it come as a secret, and nowhere else -----------------------------------------------------------------


def require_kept(lab: Lab, swarm: Swarm, service: Service, known: list[str], file: str) -> None:
    """Require that the key came as a secret of the swarm, and can be read nowhere else.

    Args:
        lab: the lab.
        swarm: its swarm.
        service: the service that has the key.
        known: what the key may be.
        file: where Parcel was told to read it.
    """
    if leak := _leak(swarm, service, known):
        _fail_for(leak)
    _require_course_images(lab, swarm, service, known)
    _require_from_secret(service, file)
    WHY.require(service.container.get("Secrets"), "no-secret", service=service, seen=_mounted(service))


def _require_from_secret(service: Service, file: str) -> None:
    """Require that the file from which Parcel reads its key is one of the secrets that the service was given."""
    given, told = _given(service), file
    file = _plain(posixpath.join(service.container.get("Dir") or "/", file)) if file else ""
    mounts, configs = (service.container.get(kind) or [] for kind in ("Mounts", "Configs"))
    over = [each for each in mounts if PurePosixPath(file).is_relative_to(_plain(each.get("Target")))]
    # A secret lies inside what is mounted above it, and only a mount at its own place hides it.
    hidden = any(_plain(each.get("Target")) == file for each in over)
    if not file or (file in map(_plain, given) and not hidden):
        return
    came = "none of its secrets lies there: something in the copies has made that file"
    for each in configs:
        if _plain((each.get("File") or {}).get("Name")) == file:
            came = f"the config `{each['ConfigName']}` brings it there"
    for each in over:
        if each.get("Type") != "tmpfs":
            came = (
                f"a {each.get('Type', 'bind')} mount of {each.get('Source') or 'a volume'} brings it there, so it lies readable on "
                "the disks of the nodes"
            )
    seen = f"PARCEL_SECRET_FILE={told}; secrets: {', '.join(given) or 'none'}; mounts: {_mounted(service)}"
    WHY.fail("from-elsewhere", service=service, file=told, came=came, seen=seen)


def _plain(path: object) -> str:
    """Return a path in a copy without detours; in the image, /var/run is another name of /run."""
    plain = posixpath.normpath(f"/{path or 'nowhere'}").replace("//", "/")
    return f"/{plain.removeprefix('/var/')}" if plain.startswith("/var/run/") else plain


def _mounted(service: Service) -> str:
    spec = service.container
    mounts = [f"{each.get('Type')} at {each.get('Target')}" for each in spec.get("Mounts") or []]
    configs = [f"config {each.get('ConfigName')}" for each in spec.get("Configs") or []]
    return ", ".join(mounts + configs) or "no secret"


def require_not_exported(
    started_with: Iterable[tuple[str, str, str]], service: Service, known: list[str]
) -> None:
    """Require that the copies' own command has not handed the key from its file to a program.

    Args:
        started_with: what the programs in the copies were started with: node, place, and what stands there.
        service: the service.
        known: what the key may be.
    """
    for node, place, text in started_with:
        if form := next(filter(None, (form_in(text.encode(), key) for key in known)), ""):
            words = f" {form}" if form != PLAIN else ""
            seen = f"the key in {place}, on {node}"
            WHY.fail("handed-on", service=service, node=node, place=place, form=words, seen=seen)


# -- where anybody may read ------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A place that anybody may read who may look at the service."""

    what: str
    """What stands there: the reason has a hint for each."""
    where: str
    text: str
    source: str
    """The command that shows it."""


def _leak(swarm: Swarm, service: Service, known: list[str]) -> _Place | None:
    """Return the first readable place that tells a key, as it is or in a form that anybody can undo, or None."""
    for place in _readable(swarm, service):
        for key in known:
            if form := form_in(place.text.encode(errors="replace"), key):
                return place if form == PLAIN else place._replace(where=f"{place.where}, {form}")
    return None


def _fail_for(leak: _Place, more: str = "") -> NoReturn:
    WHY.fail(f"readable.{leak.what}", place=leak, more=more, seen=f"the key in {leak.where}")


def _readable(swarm: Swarm, service: Service) -> Iterator[_Place]:
    # The task's service first: it is what the learner looks at.
    every = sorted(swarm.services(), key=lambda each: each.id != service.id)
    names = {each.id: each.name for each in every}
    for each in every:
        inspect = f"docker service inspect {each.name}"
        for what, text in _texts(each.spec):
            yield _Place(what, f"the {what} of the service `{each.name}`", text, inspect)
        for what, text in _texts(each.record.get("PreviousSpec") or {}):
            where = f"the {what} that the service `{each.name}` had before its last change"
            yield _Place("still", where, text, inspect)
    for task in swarm.ask("/tasks") or []:
        inspect = f"docker inspect $(docker service ps --quiet {names.get(task.get('ServiceID'), 'SERVICE')})"
        for what, text in _texts({"TaskTemplate": task.get("Spec") or {}}):
            yield _Place("still", f"the {what} of a task that the swarm remembers", text, inspect)
    yield from _labels(swarm)
    for config in swarm.ask("/configs") or []:
        data = base64.b64decode(config["Spec"].get("Data") or "").decode(errors="replace")
        name = config["Spec"]["Name"]
        yield _Place("config", f"the config `{name}`", data, f"docker config inspect --pretty {name}")


def _labels(swarm: Swarm) -> Iterator[_Place]:
    """Yield what stands in the labels of everything that the swarm keeps, but its services."""
    for kind in ("node", "secret", "config", "network"):
        for each in swarm.ask(f"/{kind}s") or []:
            spec = each.get("Spec") or each
            name = (each.get("Description") or {}).get("Hostname") or spec.get("Name") or each["Name"]
            where = f"a label of the {kind} {f'`{name}`' if kind != 'node' else name}"
            yield _Place("label", where, json.dumps(spec.get("Labels")), f"docker {kind} inspect {name}")


def _texts(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what anybody can read in an order for a service: what it is, and its text."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    yield "environment", "\n".join(container.get("Env") or [])
    check = (container.get("Healthcheck") or {}).get("Test")
    yield "command", json.dumps([container.get("Command"), container.get("Args"), check])
    yield "label", json.dumps([spec.get("Labels"), container.get("Labels")])
    yield "order", json.dumps(spec)


# -- in an image -----------------------------------------------------------------------------------------------


def _require_course_images(lab: Lab, swarm: Swarm, service: Service, known: list[str]) -> None:
    """Require that no image that is not the course's holds the key, whether the service runs it or not."""
    # UTF-16 has zero bytes, which no command line can carry.
    words = [needle.decode() for key in known for needle in forms(key) if b"\0" not in needle]
    patterns = " ".join(f"-e {shlex.quote(word)}" for word in words)
    for node, image in _other_images(lab, swarm, service):
        quoted = shlex.quote(image)
        done = lab.node(node).exec(f"docker save {quoted} | grep -qaF {patterns}; echo $?", SEARCH_SECONDS)
        seen = f"the key in {image} on {node}"
        found = done.stdout.strip() == "0"
        WHY.require(not found, "key-in-an-image", node=node, image=image, quoted=quoted, seen=seen)


def _other_images(lab: Lab, swarm: Swarm, service: Service) -> Iterator[tuple[str, str]]:
    """Yield the images on the nodes that the lab has not brought: node and name, each image once."""
    brought = {f"drydock/parcel:{tag}" for tag in ("1.0", "2.0")}
    ours = {str((lab.image(name) or {}).get("Id")) for name in brought}
    seen = set[str]()
    for node in swarm.nodes:
        for each in swarm.ask("/images/json", node=node, absent=[]):
            names = [name for name in each.get("RepoTags") or () if "<none>" not in name] or [each["Id"]]
            # Under a name of the lab's, only what the service runs is looked into.
            if each["Id"] in ours | seen or (brought & set(names) and service.image not in names):
                continue
            seen.add(each["Id"])
            yield node, service.image if service.image in names else names[0]
