"""What has been proven of a thing and holds while the thing is the same: passes, so that `lab check` stays quick.

An image is named by a digest of its content: what a container of it does when it is run alone is the same until
the digest is another. A node that was lost under a service need not be lost again while the service is the same.
Only passes are kept, never failures, and the text of the checks is part of the key: a changed check forgets
everything.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

KEPT = 200
"""How many passes of a lab are kept; the oldest go first."""


class Remembered:
    """The passes of one lab.

    Args:
        folder: where they are kept.
        checks: the folder of the lab's checks.
    """

    def __init__(self, folder: Path, checks: Path) -> None:
        self._folder = folder
        self._checks = checks

    def recall(self, *what: str) -> str | None:
        """Return what was kept with a pass, None when there is none; as in `recall("locked-down", image_id)`."""
        try:
            return self._file(*what).read_text(encoding="utf-8")
        except OSError:
            return None

    def remember(self, *what: str, text: str = "") -> None:
        """Keep a pass, and a text with it; where nothing can be written, it is proven anew each time."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(*what).write_text(text, encoding="utf-8")
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
        """A digest of the checks, and of the outcomes that they share with other labs."""
        digest = hashlib.sha256()
        shared = Path(__file__).parent.parent / "cluster"
        for file in (*sorted(self._checks.glob("*.py")), *sorted(shared.glob("*.py"))):
            digest.update(file.read_bytes())
        return digest.digest()


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
