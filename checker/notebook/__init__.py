"""The course in a notebook: start a lab, check it, and have what was measured as tables and figures.

The names here are the public API. pandas, matplotlib and the Docker SDK are imported when one is first needed.
"""

from __future__ import annotations

from checker.notebook.course import LabHandle, check, docker_client, hint, lab
from checker.notebook.figures import Picture, picture, plot_style
from checker.notebook.tables import record, watch_stats
from checker.notebook.traffic import Traffic, timeline

__all__ = [
    "LabHandle",
    "Picture",
    "Traffic",
    "check",
    "docker_client",
    "hint",
    "lab",
    "picture",
    "plot_style",
    "record",
    "timeline",
    "watch_stats",
]


def _set_up() -> None:
    """Teach the notebook that imports this how to show reports, errors and gaps; elsewhere do nothing."""
    import sys  # noqa: PLC0415

    if "IPython" not in sys.modules:
        return
    from checker.notebook import gaps, magic, shown  # noqa: PLC0415 - they need IPython

    shown.register()
    magic.register()
    gaps.register()


_set_up()
