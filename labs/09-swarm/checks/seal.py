"""The key that Parcel is to have and nobody else is to see: whether it has it, and where it may be read."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from checker.grading.author import PLAIN, could_not_run, fail, form_in, forms, require

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


def fingerprint(key: str) -> str:
    """Return what Parcel answers at /secret when it has this key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def require_given(swarm: Swarm, service: Service, known: list[str]) -> None:
    """Require that every copy proves that it has the key."""
    wanted = [fingerprint(key) for key in known]
    leak = _leak(swarm, service, known)
    nodes = sorted({each.node for each in swarm.instances() if each.ready})
    for node in nodes:
        status, answer = swarm.get(node, "/secret")
        if not status:
            could_not_run(f"{node} does not answer on port 8080 at this moment; check again.")
        said = answer if isinstance(answer, dict) else {}
        seen = said.get("fingerprint") or said.get("error") or f"HTTP {status}"
        source = f"curl http://{node}:8080/secret"
        if status != 200 and leak is not None:
            _fail_for(leak, " And Parcel does not look there.")
        if status == 404:
            fail(
                "Parcel was told of no key: the variable PARCEL_SECRET_FILE, by which it finds the file, is not set.",
                expected="the fingerprint of seal.key",
                seen=seen,
                source=source,
                hint="`parcel.env` in your work folder has the settings that Parcel's authors want; `docker service create` "
                "and `docker service update` take variables.",
            )
        if status != 200:
            file = service.env.get("PARCEL_SECRET_FILE", "")
            given = _given(service)
            fail(
                f"Parcel looks for its key in {file or 'a file'}, and cannot read it there.",
                expected="the fingerprint of seal.key",
                seen=f"{seen}; the service was given {' and '.join(given) or 'no secret'}",
                source=source,
                hint="A secret becomes the file /run/secrets/NAME in each copy that was given it. Compare NAME, and who may "
                "read it. Lesson, “Hand over a secret”.",
            )
        require(
            said.get("fingerprint") in wanted,
            "Parcel has a key, and it is not the one in seal.key.",
            expected=f"fingerprint {' or '.join(wanted)}",
            seen=f"fingerprint {said.get('fingerprint')}",
            source=source,
            hint="What was the secret made from? Its content cannot be shown again, and cannot be changed: make a new one.",
        )


def _given(service: Service) -> list[str]:
    """Return where the secrets of a service lie in each copy."""
    names = [str((each.get("File") or {}).get("Name", "")) for each in service.container.get("Secrets") or []]
    return [name if name.startswith("/") else f"/run/secrets/{name}" for name in names]


def require_kept(lab: Lab, swarm: Swarm, service: Service, known: list[str], file: str) -> None:
    """Require that the key came as a secret of the swarm, and can be read nowhere else.

    Args:
        lab: the lab.
        swarm: its swarm.
        service: the service that has the key.
        known: what the key may be.
        file: where Parcel was told to read it.
    """
    if (leak := _leak(swarm, service, known)) is not None:
        _fail_for(leak)
    _require_course_images(lab, swarm, service, known)
    _require_from_secret(service, file)
    require(
        service.container.get("Secrets"),
        "Parcel has its key, and no secret of the swarm was given to the service: the file came some other way, and lies "
        "readable on the disks of the nodes.",
        expected="a secret among what the service is given",
        seen=_mounted(service),
        source=f"docker service inspect --pretty {service.name}",
        hint="Lesson, “Hand over a secret”: made with `docker secret create`, handed over with an option of the service.",
    )


def _require_from_secret(service: Service, file: str) -> None:
    """Require that the file from which Parcel reads its key is one of the secrets that the service was given."""
    given = _given(service)
    # In the image, /var/run is another name of /run.
    file = f"/{file.removeprefix('/var/')}" if file.startswith("/var/run/") else file
    over = [
        each
        for each in service.container.get("Mounts") or []
        if file and PurePosixPath(file).is_relative_to(str(each.get("Target") or "/nowhere"))
    ]
    if not file or (file in given and not over):
        return
    configs = service.container.get("Configs") or []
    config = next(
        (each["ConfigName"] for each in configs if (each.get("File") or {}).get("Name") == file), ""
    )
    came = "none of its secrets lies there: something in the copies has made that file"
    if config:
        came = f"the config `{config}` brings it there"
    if over:
        came = (
            f"a {over[0].get('Type', 'bind')} mount of {over[0].get('Source') or 'a volume'} brings it there, so it lies readable on "
            "the disks of the nodes"
        )
    fail(
        f"Parcel has its key from {file}, and {came}. Whatever secrets the service has besides, that is none.",
        expected="PARCEL_SECRET_FILE names the file of a secret that the service is given",
        seen=f"PARCEL_SECRET_FILE={file}; secrets: {', '.join(given) or 'none'}; mounts: {_mounted(service)}",
        source=f"docker service inspect --pretty {service.name}",
        hint="Lesson, “Hand over a secret”: where does a secret lie in each copy? Compare with the file that Parcel reads.",
    )


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
        form = next(filter(None, (form_in(text.encode(), key) for key in known)), "")
        if form:
            fail(
                f"On {node}, a program has the key{f' {form}' * (form != PLAIN)} in {place}: everybody reads it there who may list "
                "the processes of the node, and whatever the program starts may get it too.",
                expected="the key in the file of the secret, and nowhere else",
                seen=f"the key in {place}, on {node}",
                source=f"docker service inspect --pretty {service.name}",
                hint="The command of the copies reads the file and hands on what is in it. Parcel reads the file itself.",
            )


class _Place(NamedTuple):
    """A place that anybody may read who may look at the service."""

    where: str
    text: str
    source: str
    """The command that shows it."""
    hint: str


def _leak(swarm: Swarm, service: Service, known: list[str]) -> _Place | None:
    """Return the first readable place that tells a key, as it is or in a form that anybody can undo, or None."""
    for place in _readable(swarm, service):
        for key in known:
            form = form_in(place.text.encode(errors="replace"), key)
            if form:
                return place if form == PLAIN else place._replace(where=f"{place.where}, {form}")
    return None


def _fail_for(leak: _Place, more: str = "") -> NoReturn:
    fail(
        f"The key stands in {leak.where}, where everybody reads it who may look at the service.{more}",
        expected="the key in a secret, and nowhere else",
        seen=f"the key in {leak.where}",
        source=leak.source,
        hint=leak.hint,
    )


_FOR_NOW = {
    "environment": "An environment is shown by every inspect and written into many logs. Parcel takes the name of a file "
    "instead.",
    "command": "A command line is shown by `docker service inspect` and by `ps`. Parcel reads a file instead.",
    "label": "Labels are for everybody to read.",
    "order": "Whatever an option of `docker service` is given as text, `docker service inspect` shows. A secret is named "
    "there, and not shown.",
}
"""What to know of each place in which a key may stand now."""

_STILL = (
    "A swarm remembers what it was asked for before: the state before the last change, for a rollback, and the tasks that "
    "ended. `docker service rm` and a new service forget it. A real key that was ever readable is exchanged for another."
)


def _readable(swarm: Swarm, service: Service) -> Iterator[_Place]:
    # The task's service first: it is what the learner looks at.
    every = sorted(swarm.services(), key=lambda each: each.id != service.id)
    names = {each.id: each.name for each in every}
    for each in every:
        inspect = f"docker service inspect {each.name}"
        for what, text in _texts(each.spec):
            yield _Place(f"the {what} of the service `{each.name}`", text, inspect, _FOR_NOW[what])
        for what, text in _texts(each.record.get("PreviousSpec") or {}):
            where = f"the {what} that the service `{each.name}` had before its last change"
            yield _Place(where, text, inspect, _STILL)
    for task in swarm.ask("/tasks") or []:
        for what, text in _texts({"TaskTemplate": task.get("Spec") or {}}):
            yield _Place(
                f"the {what} of a task that the swarm remembers",
                text,
                f"docker inspect $(docker service ps --quiet {names.get(task.get('ServiceID'), 'SERVICE')})",
                _STILL,
            )
    yield from _labels(swarm)
    for config in swarm.ask("/configs") or []:
        data = base64.b64decode(config["Spec"].get("Data") or "").decode(errors="replace")
        name = config["Spec"]["Name"]
        yield _Place(
            f"the config `{name}`",
            data,
            f"docker config inspect --pretty {name}",
            "A config and a secret are given to a service alike, and a config's content is shown to anyone who asks.",
        )


def _labels(swarm: Swarm) -> Iterator[_Place]:
    """Yield what stands in the labels of everything that the swarm keeps, but its services."""
    for kind in ("node", "secret", "config", "network"):
        for each in swarm.ask(f"/{kind}s") or []:
            spec = each.get("Spec") or each
            name = (each.get("Description") or {}).get("Hostname") or spec.get("Name") or each["Name"]
            source = f"docker {kind} inspect {name}"
            yield _Place(
                f"a label of the {kind} {f'`{name}`' if kind != 'node' else name}",
                json.dumps(spec.get("Labels")),
                source,
                _FOR_NOW["label"],
            )


def _texts(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what anybody can read in an order for a service: what it is, and its text."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    yield "environment", "\n".join(container.get("Env") or [])
    check = (container.get("Healthcheck") or {}).get("Test")
    yield "command", json.dumps([container.get("Command"), container.get("Args"), check])
    yield "label", json.dumps([spec.get("Labels"), container.get("Labels")])
    yield "order", json.dumps(spec)


def _require_course_images(lab: Lab, swarm: Swarm, service: Service, known: list[str]) -> None:
    """Require that no image that is not the course's holds the key, whether the service runs it or not."""
    for node, image in _other_images(lab, swarm, service):
        archive = f"docker save {shlex.quote(image)}"
        for key in known:
            # UTF-16 has zero bytes, which no command line can carry.
            words = [needle.decode() for needle in forms(key) if b"\0" not in needle]
            patterns = " ".join(f"-e {shlex.quote(word)}" for word in words)
            done = lab.node(node).exec(f"{archive} | grep -qaF {patterns}; echo $?", SEARCH_SECONDS)
            require(
                done.stdout.strip() != "0",
                f"The key is in the image {image}: anyone who has the image has the key, and so has every node with it.",
                expected="no key in an image",
                seen=f"the key in {image} on {node}",
                source=f"docker --host tcp://{node}:2375 save {shlex.quote(image)} | grep -c …",
                hint="An image is for everybody to read. The images that the lab brings, parcel:1.0 and parcel:2.0, need nothing added, "
                "and `docker image rm` removes one that nobody needs.",
            )


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


def _mounted(service: Service) -> str:
    spec = service.container
    mounts = [f"{each.get('Type')} at {each.get('Target')}" for each in spec.get("Mounts") or []]
    configs = [f"config {each.get('ConfigName')}" for each in spec.get("Configs") or []]
    return ", ".join(mounts + configs) or "no secret"
