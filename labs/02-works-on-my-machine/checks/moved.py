"""Whether the second machine has the image that was tried here, and runs it as the task asks."""

from __future__ import annotations

import hashlib
import re
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import MISPLACED, STEADY_SECONDS, age, misplaced_option

from .answers import ask, require_label, some_numbers
from .second import ADDRESS, NAME, fingerprint, settings_of
from .truth import IMAGE, PORT, WHY, adas_key, seal

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober

    from .second import Second

AROUND = {
    '"{}"': "quotation marks around it",
    "'{}'": "quotation marks around it",
    "LABELS_KEY={}": "the name of the variable in front of it",
    "{}\r": "a line end of Windows behind it",
    "{} ": "a space behind it",
}
"""What may stand around a key that somebody handed over."""


def require_moved(here: dict[str, Any], second: Second) -> None:
    """Fail unless the second machine has the very image that is here."""
    there = second.image
    if there is None:
        _fail_absent(here, second)
    comment = str(there.get("Comment", ""))
    imported = comment.startswith("Imported from")
    WHY.require(
        fingerprint(here) == fingerprint(there),
        "imported" if imported else "another-image-there",
        here=_told(here),
        seen=_told(there) + (f"; its history says: {comment}" if imported else ""),
    )


def _told(image: dict[str, Any]) -> str:
    """Tell an image by what is the same on every engine; the ids of one image differ between two kinds of store."""
    layers = image["RootFS"]["Layers"]
    digest, settings = (_short("\n".join(layers)), _short(settings_of(image)))
    return f"made {str(image.get('Created'))[:23]}, {len(layers)} layers (together {digest}), settings {settings}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _fail_absent(here: dict[str, Any], second: Second) -> NoReturn:
    if any(fingerprint(item) == fingerprint(here) for item in second.nameless()):
        WHY.fail("nameless-there", seen="the same image, listed as <none>")
    images = second.images()
    named = ", ".join(name for name in images if "none" not in name)
    WHY.fail("not-moved", seen=named or ("images without a name alone" if images else "no image at all"))


def require_runs_there(lab: Lab, second: Second) -> dict[str, Any]:
    """Return the record of the container that the task asks for; fail unless it runs the image that is there."""
    container, image = second.container, second.image or {}
    if container is None:
        _fail_no_container(lab, second)
    _require_up(container, second)
    WHY.require(
        container["Image"] == image.get("Id"),
        "runs-another-image",
        image=str(image.get("Id"))[:19],
        seen=f"{container['Image'][:19]}, which was {container['Config']['Image']} when the container was made",
    )
    config = image.get("Config") or {}
    own = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    given = [container["Path"], *(container["Args"] or ())]
    WHY.require(given == own, "runs-another-command", own=shlex.join(own), seen=shlex.join(given)[:160])
    return container


def _require_up(container: dict[str, Any], second: Second) -> None:
    state = container["State"]
    status, code = state["Status"], state["ExitCode"]
    if status == "created":
        _fail_never_started(str(state.get("Error") or ""), code)
    WHY.require(status != "paused", "paused", seen="status: paused")
    restarts = int(container.get("RestartCount") or 0)
    young = age(str(state.get("StartedAt", "")), second.now) < STEADY_SECONDS
    if status == "restarting" or (restarts and young):
        seen = f"status: {status}, restarted {restarts} times, last exit code {code}"
        WHY.fail("ends-again-and-again", seen=seen, evidence=second.logs())
    if status != "running":
        WHY.fail("ended-there", seen=f"status: {status}, exit code {code}", evidence=second.logs())


def _fail_never_started(error: str, code: int) -> NoReturn:
    option = misplaced_option(error)
    held = re.search(r"\bports?\b|address already in use", error)
    WHY.fail(
        "option-misplaced" if option
        else "port-held" if held
        else "start-refused" if error
        else "never-started",
        misplaced=MISPLACED.format(option=option),
        seen=f"status: created, exit code {code}",
        evidence=error,
    )  # fmt: skip


def _fail_no_container(lab: Lab, second: Second) -> NoReturn:
    containers = second.containers()
    listed = "; ".join(f"{name} ({image}): {status}" for name, image, status in containers)
    listed = listed or "no container at all"
    for name, image, status in containers:
        if image == IMAGE:
            invented = re.fullmatch(r"[a-z]+_[a-z]+\d*", name)
            runs = "runs" if status.startswith("Up") else "is"
            WHY.fail("name-invented" if invented else "another-name", runs=runs, name=name, seen=listed)
    here = lab.container(NAME)
    seen = f"on the second machine: {listed}"
    if here:
        seen += f"; on this machine: labels ({here.image}), status {here.status}"
    WHY.fail("run-here" if here else "not-run", seen=seen)


def require_labels_there(lab: Lab, second: Second, prober: Prober, container: dict[str, Any]) -> None:
    """Fail unless the container on the second machine prints what Ada's machine prints."""
    # What is published by another container answers in its place.
    bound = container["NetworkSettings"].get("Ports") or {}
    own = any(str(at.get("HostPort")) == str(PORT) for found in bound.values() for at in found or ())
    shares = str(container["HostConfig"].get("NetworkMode")).startswith(("host", "container:"))
    if not own and not shares:
        WHY.fail(
            "not-reached-there", url=ADDRESS, seen=f"published: {published(bound)}", evidence=second.logs()
        )
    for number in some_numbers():
        reply = ask(prober, ADDRESS, number)
        if not reply.status:
            url, seen = f"{ADDRESS}/labels/{number}", f"{reply.error}; published: {published(bound)}"
            WHY.fail("not-reached-there", url=url, seen=seen, evidence=second.logs())
        require_label(
            reply,
            number,
            adas_key(),
            where="The container `labels` on the second machine",
            seal_hint=whose_key(lab, number, reply.text),
            settings="docker -H tcp://second:2375 inspect --format '{{.Config.Env}}' labels",
        )


def whose_key(lab: Lab, number: str, said: str) -> str:
    """Return where to look for the key with which a label was sealed there, when it was not Ada's."""
    for given, what in AROUND.items():
        if seal(number, given.format(adas_key())) in said:
            return f"It was given Ada's key with {what}: `--env-file` and `-e` take all that stands behind the first `=` as it is."
    file = lab.work / "labels" / ".env"
    if file.is_file() and file.read_text(errors="replace").strip() == f"LABELS_KEY={adas_key()}":
        return "Which key was it given? Compare with labels/.env, without printing either on a screen that others see."
    return "The file labels/.env in your folder does not have Ada's key any more. `lab reset 2` puts her file back, and copies your work aside first."


def published(ports: dict[str, list[dict[str, str]] | None]) -> str:
    """Tell which ports of the second machine lead into a container."""
    said = [
        f"{at['HostIp']}:{at['HostPort']} to {inside}"
        for inside, found in ports.items()
        for at in found or []
    ]
    return ", ".join(said) or "nothing"
