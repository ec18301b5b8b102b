"""Passes of earlier runs that are still valid because nothing they depend on has changed, so that `lab check` is quick.

The digest of an image depends on its content, so a container that runs alone behaves the same while the digest is the
same. If a service survived the loss of a node, the node need not be killed again while the service is the same.
Only passes are stored, never failures. The text of the checks is part of the key, and so is every module of `checker`
that they import, directly or not: a change in anything that decides forgets all passes.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from checker import whole

if TYPE_CHECKING:
    from collections.abc import Collection

KEPT = 200
"""How many passes are kept for each lab; the oldest are removed first."""


CODE = Path(__file__).parents[1]
"""The package `checker`."""

_NAMED = re.compile(r"checker((?:\.\w+)+)")
_FROM = re.compile(r"from checker((?:\.\w+)*) import (\([^)]*\)|[^\n]*)")


class Remembered:
    """The passes of one lab.

    Args:
        folder: where they are kept.
        checks: the folder of the lab's checks.
        code: the package whose modules the checks import.
    """

    def __init__(self, folder: Path, checks: Path, code: Path = CODE) -> None:
        self._folder = folder
        self._checks = checks
        self._code = code

    def recall(self, *what: str) -> str | None:
        """Return the text of a pass, or None if there is no such pass; for example `recall("locked-down", image_id)`."""
        try:
            return self._file(*what).read_text(encoding="utf-8")
        except OSError:
            return None

    def remember(self, *what: str, text: str = "") -> None:
        """Store a pass and a text; if the file cannot be written, the test runs again each time."""
        try:
            whole.write(self._file(*what), text)
            for old in sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return

    def _file(self, *what: str) -> Path:
        digest = hashlib.sha256(self._text)
        for word in what:
            digest.update(b"\0" + word.encode())
        return self._folder / digest.hexdigest()

    @functools.cached_property
    def _text(self) -> bytes:
        """A digest of everything that decides: the checks, what runs them, and all that either imports."""
        digest = hashlib.sha256()
        checks = sorted(self._checks.glob("*.py"))
        for file in (
            *checks,
            *imported(self._code, [*checks, *sorted((self._code / "grading").glob("*.py"))]),
        ):
            digest.update(file.read_bytes())
        return digest.digest()


def imported(code: Path, files: list[Path]) -> list[Path]:
    """Return the modules of a package that files name, and those that these name in turn, by path.

    A name in a comment or in a block for the type checker counts too: forgetting too much costs a proof, forgetting
    too little costs the truth. Reading the text is ten times as fast as parsing it, and every `lab check` does it.

    Args:
        code: the package's folder, named `checker`.
        files: where to begin; those that are in the package are among what is returned.
    """
    modules = {_dotted(file.relative_to(code)): file for file in code.rglob("*.py")}
    todo, found = list(files), {file for file in files if file.is_relative_to(code)}
    while todo:
        text = todo.pop().read_text(encoding="utf-8")
        names = set(_NAMED.findall(text))
        for package, several in _FROM.findall(text):
            names.update(f"{package}.{each}" for each in re.findall(r"\w+", several))
        new = {modules[name] for name in names if name in modules} - found
        found |= new
        todo += new
    return sorted(found)


def _dotted(path: Path) -> str:
    """Return .cluster.model for cluster/model.py, and .cluster for cluster/__init__.py."""
    parts = path.with_suffix("").parts
    return "".join(f".{part}" for part in parts if part != "__init__")


def digest_of(folder: Path, without: Collection[Path] = ()) -> str:
    """Return a digest of everything in a folder: names, kinds, permissions and contents.

    Args:
        folder: the folder.
        without: folders in it that are left out.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if any(path.is_relative_to(each) for each in without):
            continue
        # Another program may remove a file at this moment, or keep it to itself.
        with contextlib.suppress(OSError):
            digest.update(f"\0{path.relative_to(folder).as_posix()}\0{path.lstat().st_mode:o}\0".encode())
            if path.is_symlink():
                digest.update(str(path.readlink()).encode())
            elif path.is_file():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
