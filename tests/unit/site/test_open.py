"""Where a lesson is, and whether a browser can show it."""

from __future__ import annotations

import pytest

from checker.site import pages


@pytest.mark.parametrize(
    ("environment", "platform", "shown"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"WSL_DISTRO_NAME": "Debian"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
        ({"SSH_CONNECTION": "1 2 3 4"}, "darwin", False),
    ],
)
def test_a_browser_is_opened_only_where_it_would_show(
    environment: dict[str, str], platform: str, *, shown: bool
) -> None:
    assert pages.can_show(environment, platform) is shown
