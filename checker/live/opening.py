"""The file through which a browser is opened on a page, so that its address is on no command line.

Every user of a machine can read the command lines of all programs, and the address opens the labs.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from checker import whole
from checker.errors import not_written

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places

NAME = "open-in-browser.html"


def write(places: Places, address: str) -> Path:
    """Write the file, which only this user can read, and return it.

    It is in the work folder: browsers that are packed as snaps may not look into hidden folders.

    Raises:
        LabError: it cannot be written.
    """
    file = places.work / NAME
    shown = html.escape(address, quote=True)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Drydock</title>'
        f'<meta http-equiv="refresh" content="0; url={shown}">'
        f'<p><a href="{shown}">Open the lesson</a></p></html>\n'
    )
    try:
        whole.write_bytes(file, page.encode(), mode=0o600)
    except OSError as error:
        raise not_written(file, error, "DRYDOCK_WORK") from error
    return file
