"""The addresses of pages on the served site."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.course.catalogue import Lab


def lesson(base: str, lab: Lab) -> str:
    """Return the address of a lab's lesson."""
    return f"{base}lessons/{lab.slug}/"


def can_show(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether opening a browser would show a window, and not start one inside the terminal or fail."""
    if platform in {"darwin", "win32"}:
        return "SSH_CONNECTION" not in environment
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))
