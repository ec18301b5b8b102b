"""Whether a service is one of its own: a container, data that nobody else reaches, a name in place of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, require

from .services import NETWORK

if TYPE_CHECKING:
    from checker.grading.author import Container

    from .services import Services

OTHERS = ("front", "tracking", "notification")


def require_apart(services: Services, name: str) -> None:
    """Require that a service has a container and a store for itself."""
    mine = services.require_one(name)
    for other in OTHERS:
        if other != name and any(each.id == mine.id for each in services.holders(other)):
            fail(
                f"The names `{name}` and `{other}` lead to one container: two names for one program. When it stops, both are gone, "
                "and neither can be released without the other.",
                expected=f"a container for `{name}`, and another one for `{other}`",
                seen=f"both are {mine.name}",
                source=f"docker network inspect {NETWORK}",
                hint="Lesson, “Tracking moves out”: how many services does compose.yaml have?",
            )
    require_own_data(services, name, mine)


def require_own_data(services: Services, name: str, mine: Container) -> None:
    """Require that a service keeps its data on a volume that no other container has."""
    places = {_source(mount): mount for mount in mine.mounts if mount.get("Type") in {"volume", "bind"}}
    kept = [mount for mount in places.values() if mount.get("RW")]
    require(
        kept,
        f"`{name}` keeps its data in its container: the next release makes a new container, and the data is gone with the old one.",
        expected="a volume on /data",
        seen="no volume",
        source=f"docker inspect --format '{{{{json .Mounts}}}}' {mine.name}",
        hint="The front's part of compose.yaml has a line `volumes`. What stands there for this service?",
    )
    for other in services.on_network():
        shared = [mount for mount in other.mounts if other.id != mine.id and _source(mount) in places]
        shared = [mount for mount in shared if mount.get("RW") or places[_source(mount)].get("RW")]
        if shared:
            writes = "writes to it too" if shared[0].get("RW") else "reads it"
            fail(
                f"`{other.name}` has the volume of `{name}` as well, and {writes}: a shared database. A change of its tables "
                "changes two services at once, and one of them does not know it.",
                expected=f"a volume that only `{name}` has",
                seen=f"{_source(shared[0])} in {mine.name} and in {other.name}",
                source=f"docker inspect --format '{{{{json .Mounts}}}}' {mine.name} {other.name}",
                hint="What does the other one want to know, and whom could it ask?",
            )


def _source(mount: dict[str, object]) -> str:
    return str(mount.get("Name") or mount.get("Source") or "")
