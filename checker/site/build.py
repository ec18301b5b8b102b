"""Builds the pages into `.lab/site/html`, only if their sources have changed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.scene.locks import locked
from checker.site.harmless import require_harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from checker.course.places import Places

TIMEOUT = 180.0
"""Seconds that one build may take: ten times what two slow cores need."""

_SNIPPETS = frozenset({".conf", ".ini", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""})
"""Pages include files of the labs; these are the kinds they include."""


def folder(places: Places) -> Path:
    """Return the folder for the built site, its lock and its logs."""
    return places.state / "site"


def html(places: Places) -> Path:
    """Return where the built pages are."""
    return folder(places) / "html"


def _sources(places: Places) -> Iterator[Path]:
    yield places.root / "mkdocs.yml"
    yield from sorted(path for path in places.docs.rglob("*") if path.is_file())
    yield from sorted(path for path in places.labs.rglob("*") if path.suffix in _SNIPPETS and path.is_file())


def fingerprint(places: Places) -> str:
    """Return the hash of everything that the pages are made from: their files, and the versions of the builder."""
    digest = hashlib.sha256()
    for package in ("mkdocs", "mkdocs-material", "pymdown-extensions"):
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    for path in _sources(places):
        digest.update(f"{path.relative_to(places.root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _made_from(places: Places) -> str:
    try:
        return (folder(places) / "made-from").read_text("utf-8")
    except OSError:
        return ""


def is_current(places: Places) -> bool:
    """Whether the built pages match their sources."""
    return (html(places) / "index.html").is_file() and _made_from(places) == fingerprint(places)


def build(places: Places) -> bool:
    """Build the pages if their sources changed; return whether they were built.

    Raises:
        LabError: a page brings more than text; or the builder failed or took too long, and the message has its last
            lines.
    """
    if is_current(places):
        return False
    with locked(folder(places) / "build.lock", "building the pages", wait=TIMEOUT):
        require_harmless(places)
        made_from = fingerprint(places)
        if is_current(places):  # another process built them while this one waited
            return False
        fresh = folder(places) / "html.new"
        shutil.rmtree(fresh, ignore_errors=True)
        run_mkdocs(places.root, fresh)
        _put_in_place(fresh, html(places))
        (folder(places) / "made-from").write_text(made_from, "utf-8")
    return True


def run_mkdocs(root: Path, target: Path, *, strict: bool = False) -> None:
    """Run MkDocs on a checkout.

    Raises:
        LabError: it failed or took longer than `TIMEOUT`.
    """
    # MkDocs does not count the warnings that --quiet hides, so only one of the two options works.
    how = "--strict" if strict else "--quiet"
    command = [sys.executable, "-m", "mkdocs", "build", how, "--site-dir", str(target.resolve())]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise LabError(
            f"Building the pages took longer than {TIMEOUT:g} s.",
            remedy="Try again when the machine is less busy.",
            detail=str(expired.stderr or ""),
        ) from None
    if done.returncode:
        raise LabError(
            "The pages could not be built.",
            remedy="Fix what the builder reports below. Labs and checks work without the pages.",
            detail=_last_lines(done.stdout + done.stderr),
        )


def _last_lines(output: str, count: int = 12) -> str:
    return "\n".join([line for line in output.splitlines() if line.strip()][-count:])


def _put_in_place(fresh: Path, target: Path) -> None:
    """Replace the old pages by a finished build, so that a reader sees either the old pages or the new ones."""
    old = target.with_name("html.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
