"""When things happened: the engine's time stamps and events."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checker.grading.author import Engine


def past_events(engine: Engine, name: str, *actions: str, since: str) -> list[dict[str, Any]]:
    filters = {"type": ["container"], "container": [name], "event": list(actions)}
    return list(engine.events(since=moment(since), until=time.time(), filters=filters))


def moment(text: str) -> float:
    """Return the engine's time stamp in seconds; it has nanoseconds, which datetime does not read."""
    return dt.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text)).timestamp()


def age(started_at: str) -> float:
    return time.time() - moment(started_at)


def ago(moment: float) -> str:
    seconds = max(0, round(time.time() - moment))
    return f"{seconds} s ago" if seconds < 120 else f"{round(seconds / 60)} min ago"
