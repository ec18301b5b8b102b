"""Which Debian archive this machine gets its packages from, read from its apt configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from checker.provision.apt import Source

VARIABLE = "DRYDOCK_DEBIAN_MIRROR"
"""Sets the archive by hand, for machines whose apt does not use a Debian archive."""


@dataclass(frozen=True)
class Mirror:
    """The archives that packages come from."""

    archive: str
    security: str = ""

    def lines(self, suite: str) -> list[str]:
        """Return the sources of a release, as lines of sources.list(5)."""
        lines = [f"deb {self.archive} {suite} main", f"deb {self.archive} {suite}-updates main"]
        if self.security:
            lines.append(f"deb {self.security} {suite}-security main")
        return lines


def find_mirror(sources: Iterable[Source], environ: Mapping[str, str] | None = None) -> Mirror | None:
    """Return the machine's first Debian archive, and its archive of security updates.

    None if it has none (Ubuntu, Fedora, …): the bootstrapping tool then uses its default.

    Args:
        sources: the machine's apt sources.
        environ: the environment.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get(VARIABLE):
        return Mirror(named.rstrip("/"))
    archive = security = ""
    for source in sources:
        for uri in chain.from_iterable(map(_resolve, source.uris)):
            if not _is_reachable(uri):
                continue
            if any(suite.endswith("-security") for suite in source.suites):
                security = security or uri
            elif urlsplit(uri).path.rstrip("/").endswith("/debian") and "main" in source.components:
                archive = archive or uri
    return Mirror(archive, security) if archive else None


def _resolve(uri: str) -> list[str]:
    """Return the archives behind `mirror+file:/etc/apt/mirrors/debian.list` (apt-transport-mirror(1))."""
    if not uri.startswith("mirror+file:"):
        return [uri.rstrip("/")]
    try:
        text = Path(urlsplit(uri).path).read_text("utf-8")
    except OSError:
        return []
    return [line.split()[0].rstrip("/") for line in text.splitlines() if line.strip() and line[0] != "#"]


def _is_reachable(uri: str) -> bool:
    """Whether a container can reach it; it cannot reach a CD, a folder, or a cache on this machine's loopback."""
    parts = urlsplit(uri)
    return parts.scheme in {"http", "https"} and parts.hostname not in {"localhost", "127.0.0.1", "::1", None}
