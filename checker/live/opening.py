"""The file through which a browser is opened on a page, so that its address is on no command line.

Every user of a machine can read the command lines of all programs, and the address opens the labs.
"""

from __future__ import annotations

import html
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places

NAME = "open-in-browser.html"


def write(places: Places, address: str) -> Path:
    """Write the file, which only this user can read, and return it.

    It is in the folder of the learner's work: browsers that are packed as snaps may not look into hidden folders.
    """
    places.work.mkdir(parents=True, exist_ok=True)
    file = places.work / NAME
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    shown = html.escape(address, quote=True)
    with open(descriptor, "w", encoding="utf-8") as handle:  # noqa: PTH123 - a descriptor has no path
        handle.write(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Drydock</title>'
            f'<meta http-equiv="refresh" content="0; url={shown}">'
            f'<p><a href="{shown}">Open the lesson</a></p></html>\n'
        )
    return file
