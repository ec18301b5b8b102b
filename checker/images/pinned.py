"""A published image that the course takes something from, as images.toml pins it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class Pinned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image of someone else's, by name and digest."""

    image: Annotated[str, Meta(min_length=1, description="The published image, with its tag.")]
    digest: Annotated[
        str,
        Meta(
            pattern="^(sha256:[0-9a-f]{64})?$",
            description="The digest of its multi-platform index; empty pulls by tag.",
        ),
    ] = ""

    @property
    def pinned(self) -> str:
        """The reference to pull it by: with its digest, if there is one."""
        return f"{self.image}@{self.digest}" if self.digest else self.image
