"""What is wrong with the script that a container starts with, as its file and its image show it."""

from __future__ import annotations

import base64
import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from checker.engine.shell import ShellError
from checker.grading.author import remark_on_line_ends

if TYPE_CHECKING:
    from checker.grading.author import Inner

    from .server import Server

CLIENTS = ("curl", "wget")
"""What most watchdogs of the world ask with, and the image of Parcel does not have."""

SYSTEM = ("/bin/", "/sbin/", "/usr/")
"""Where a shell, an interpreter or an init is."""

MOST_BYTES = 65536
"""How much of a script is read."""


def remark_on_start(server: Server, parcel: Inner) -> str:
    """Return what is wrong with the file that a container runs, or with its health check; empty if nothing is known to be.

    Args:
        server: the server.
        parcel: the container, running or not.
    """
    tests = " ".join((parcel.attrs["Config"].get("Healthcheck") or {}).get("Test") or ())
    texts = {"The health check": tests.encode()}
    script = _script(parcel)
    if place := parcel.mounted_on(script) if script else "":
        at = shlex.quote(place)
        said = server.run(
            f"if [ -d {at} ]; then echo folder; else head -c {MOST_BYTES} {at} | base64 -w0; fi"
        )
        if said.strip() == "folder":
            return (
                f"{script} is a folder in {parcel.name}, and no script: where the file that is mounted does not exist, the engine "
                "makes a folder with its name."
            )
        name, text = PurePosixPath(place).name, base64.b64decode(said)
        if remark := remark_on_line_ends(name, text):
            return remark
        texts[name] = text
    for name, text in texts.items():
        for client in CLIENTS:
            if re.search(rf"^[^#\n]*\b{client}\b".encode(), text, re.MULTILINE) and _lacks(
                server, parcel, client
            ):
                return f"{name} runs `{client}`, but the image of {parcel.name} has no `{client}`."
    return ""


def _script(parcel: Inner) -> str:
    """Return the first file in a container's command that is no program of a system; empty if it names none."""
    files = [each for each in parcel.main_command.split() if each.startswith("/")]
    return next((each for each in files if not each.startswith(SYSTEM)), "")


def _lacks(server: Server, parcel: Inner, program: str) -> bool:
    asked = f"command -v {program} || echo none"
    command = f"docker run --rm --network none --entrypoint sh {parcel.image_id} -c {shlex.quote(asked)} || echo none"
    # A remark beside a reason must not cost the verdict.
    try:
        return server.run(command, 20).strip() == "none"
    except ShellError:
        return False
