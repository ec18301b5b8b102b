"""Whether a service is separate: a copy that no other name leads to, and data that nothing else reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import fail, require, wait_until

if TYPE_CHECKING:
    from checker.cluster.named import Copy, Store

    from .services import Services

STORED_SECONDS = 3.0
"""How long after its answer a parcel may take until it is on the volume."""
CREATED = 201
"""The front's answer when it has accepted a parcel."""
NAMES = ("front", "tracking", "notification")


def require_apart(services: Services, name: str) -> None:
    """Require that a service has a copy and a store for itself."""
    mine = services.require_one(name)
    for other in NAMES:
        require(
            other == name or all(each.id != mine.id for each in leading(services.copies, other)),
            f"The names `{name}` and `{other}` lead to the same container: two names for one program. When it stops, both are "
            "gone, and neither can be released without the other.",
            expected=f"a container for `{name}`, and another one for `{other}`",
            seen=f"both are {mine.name}",
            source=mine.inspected,
            hint="Lesson, “Tracking moves out”: how many services does compose.yaml have?",
        )
    require_stored(mine, name)
    for copy, theirs, store in _shared(mine, services):
        fail(
            f"`{copy.name}` also has the volume of `{name}`, and {'may write to it' if theirs.writable else 'reads it'}: a shared "
            "database. A change of its tables changes two services at once, and one of them does not know it.",
            expected=f"a volume that only `{name}` has",
            seen=f"{store.source} in {mine.name}, {theirs.source} in {copy.name}",
            source=copy.inspected,
            hint="What does the other service want to know, and which service can it ask?",
        )


def require_stored(mine: Copy, name: str) -> None:
    """Require that a copy has a store outside itself."""
    require(
        any(store.writable for store in mine.stores),
        f"`{name}` stores its data in its container. The next release makes a new container, and the data is gone with the old one.",
        expected="a volume on /data",
        seen="no volume",
        source=mine.inspected,
        hint="Which line of the lesson's first compose.yaml gives the front a volume? What does this service have there?",
    )


def require_changed(services: Services, front: Copy) -> None:
    """Require that the front stores a parcel that it accepts outside its container, where that can be seen."""
    before = services.on.stored(front)
    if before is None:
        return
    if services.accept("Mill Lane 1").status != CREATED:
        return  # the checks of what the front accepts say so
    require(
        wait_until(lambda: services.on.stored(front) != before, STORED_SECONDS, every=0.2),
        "The front accepted a parcel, and nothing on its volume changed: the parcel is only in the container, and the next "
        "container does not have it.",
        expected="what the front accepts, on its volume",
        seen="the volume is as it was before",
        source=front.inspected,
        hint="Into which folder does your program write, and on which folder is the volume mounted? The library writes into /data.",
    )


def _shared(mine: Copy, services: Services) -> list[tuple[Copy, Store, Store]]:
    """Return which other copies have data of a copy: the other, its store and the copy's."""
    shared = [
        (other, theirs, store)
        for other in services.copies
        if other.id != mine.id
        for theirs in other.stores
        for store in mine.stores
        if _overlap(store, theirs) and (store.writable or theirs.writable)
    ]
    of_others = {store for _, _, store in shared}
    if any(store.writable and store not in of_others for store in mine.stores):
        # Beside a store of its own, a service may have a folder of programs in common with others.
        return [each for each in shared if not each[2].is_folder]
    return shared


def _overlap(one: Store, other: Store) -> bool:
    """Return whether two stores are the same, or one is a folder in the other."""
    return f"{one.source}/".startswith(f"{other.source}/") or f"{other.source}/".startswith(f"{one.source}/")
