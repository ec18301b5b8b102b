"""The built pages as the live service gives them: marked, and each with the policy of what it may load."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.site.serve import content_policy, inline_scripts
from checker.web.pages import LOST, Folder

if TYPE_CHECKING:
    from pathlib import Path

MARK = b'<meta name="drydock-live" content="1">'
"""What tells the page's script that a service is behind it; the same page on any other server does not have it."""

ANNOUNCER = b'<div id="dock-announcer" class="dock-unseen" role="status" aria-live="polite"></div>'
"""Where the page says what happened, to those who listen to it. It has to be there, empty, from the start."""

MODULES = ("main", "api", "dom")
"""The modules of the live page that each page loads, in docs/assets/live."""

OF_A_LESSON = ("lesson", "announce", "bar", "blocks", "rail", "traffic")
"""Those that a lesson loads as well; the others are loaded when they are first used."""

_LESSON = re.compile(r"\d\d-[a-z0-9-]+")

_SCOPE = re.compile(rb'new URL\("[./]*"')
"""Where the theme's script says how deep its page is."""


def _alike(script: bytes) -> bytes:
    """Return a script without what differs from page to page."""
    return _SCOPE.sub(b"new URL(", script)


def _early(file: Path) -> bytes:
    """Return what has the browser load a page's modules at once; by itself, it would find each in the one before."""
    is_lesson = file.parent.parent.name == "lessons" and _LESSON.fullmatch(file.parent.name)
    names = (*MODULES, *OF_A_LESSON) if is_lesson else MODULES
    return "".join(f'<link rel="modulepreload" href="/assets/live/{name}.js">' for name in names).encode()


def pages(folder: Path) -> Folder:
    """Return a folder of built pages as a part of the service.

    Args:
        folder: the built pages.
    """

    def dressed(page: bytes, file: Path) -> tuple[bytes, str]:
        page = page.replace(b"<head>", b"<head>" + MARK, 1)
        page = page.replace(b"</head>", _early(file) + b"</head>", 1).replace(
            b"</body>", ANNOUNCER + b"</body>", 1
        )
        return page, content_policy(page, lambda script: _is_of_the_theme(script, folder))

    return Folder(folder, dressed)


def _is_of_the_theme(script: bytes, folder: Path) -> bool:
    """Whether a script is one that the page for what is missing has too: nobody wrote a lesson into that one."""
    try:
        lost = (folder / LOST).read_bytes()
    except OSError:
        return False
    return _alike(script) in {_alike(each) for each in inline_scripts(lost)}
