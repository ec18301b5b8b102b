"""The names of images as the course writes them; Podman puts a registry before each name."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from checker.engine.api import LOCAL_REGISTRY, NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.engine.api import Engine


def settle(engine: Engine, references: Iterable[str]) -> None:
    """Give images that were just loaded the names under which the engine looks for them.

    Podman names an image from an archive `localhost/NAME`, but looks for `NAME` on Docker's registry. The image must
    not keep both names: an archive saved from it would then contain the first.

    Args:
        engine: the engine.
        references: names as the course writes them, such as `drydock/parcel:1.0`.
    """
    there = {str(tag) for item in engine.get("/images/json") for tag in item.get("RepoTags") or [] if tag}
    for reference in references:
        local = f"{LOCAL_REGISTRY}{reference}"
        if local not in there:
            continue
        name, _, tag = reference.rpartition(":")
        engine.post(f"/images/{quote(local, safe='')}/tag", repo=f"docker.io/{name}", tag=tag)
        with contextlib.suppress(NotFoundError, RefusedError):
            engine.delete(f"/images/{quote(local, safe='')}")
