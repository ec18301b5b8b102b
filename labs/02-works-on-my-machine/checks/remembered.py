"""What has been proven of a thing that cannot change: passes, kept by digest, so that `lab check` stays quick.

An image is named by a digest of its content. What a container of it does when it is run alone, and what lies in
its layers, is the same until the digest is another. Only passes are kept, never failures, and the checks'
own text is part of the key: a changed check forgets everything.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from checker.course import places

KEPT = 200
"""How many passes are kept; the oldest go first."""


@cache
def _folder() -> Path:
    return places.find().state / "cache" / "02"


@cache
def _checks() -> bytes:
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()


def _file(*what: str) -> Path:
    digest = hashlib.sha256(_checks())
    for word in what:
        digest.update(b"\0" + word.encode())
    return _folder() / digest.hexdigest()


def is_proven(*what: str) -> bool:
    """Whether this was proven before, such as `is_proven("locked-down", image_id)`."""
    return _file(*what).is_file()


def remember(*what: str) -> None:
    """Keep that this was proven; where nothing can be written, it is proven anew each time."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        _file(*what).touch()
        for old in sorted(_folder().iterdir(), key=lambda file: file.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def digest_of(folder: Path) -> str:
    """Return a digest of everything in a folder: names, kinds, permissions and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"\0{path.relative_to(folder).as_posix()}\0{path.lstat().st_mode:o}\0".encode())
        if path.is_symlink():
            digest.update(str(path.readlink()).encode())
        elif path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
