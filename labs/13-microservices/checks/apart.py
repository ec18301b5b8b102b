"""Whether a service is separate: a copy that no other name leads to, and data that nothing else reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import fail, require

if TYPE_CHECKING:
    from checker.cluster.named import Copy

    from .services import Services

NAMES = ("front", "tracking", "notification")


def require_apart(services: Services, name: str) -> None:
    """Require that a service has a copy and a store for itself."""
    mine = services.require_one(name)
    for other in NAMES:
        if other != name and any(each.id == mine.id for each in leading(services.copies, other)):
            fail(
                f"The names `{name}` and `{other}` lead to the same container: two names for one program. When it stops, both are "
                "gone, and neither can be released without the other.",
                expected=f"a container for `{name}`, and another one for `{other}`",
                seen=f"both are {mine.name}",
                source=mine.inspected,
                hint="Lesson, “Tracking moves out”: how many services does compose.yaml have?",
            )
    require(
        any(store.writable for store in mine.stores),
        f"`{name}` stores its data in its container. The next release makes a new container, and the data is gone with the old one.",
        expected="a volume on /data",
        seen="no volume",
        source=mine.inspected,
        hint="Which line of the front's settings gives it a volume? What does this service have there?",
    )
    for copy in services.copies:
        _require_not_shared(name, mine, copy)


def _require_not_shared(name: str, mine: Copy, other: Copy) -> None:
    stores = {store.source: store for store in mine.stores}
    shared = [store for store in other.stores if other.id != mine.id and store.source in stores]
    shared = [store for store in shared if store.writable or stores[store.source].writable]
    require(
        not shared,
        f"`{other.name}` also has the volume of `{name}`, and {'writes to it' if shared and shared[0].writable else 'reads it'}: a "
        "shared database. A change of its tables changes two services at once, and one of them does not know it.",
        expected=f"a volume that only `{name}` has",
        seen=f"{shared[0].source if shared else ''} in {mine.name} and in {other.name}",
        source=other.inspected,
        hint="What does the other service want to know, and which service can it ask?",
    )
