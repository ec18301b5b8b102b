"""What a lab's checks will want, begun beside the import of pytest: the slow part of a check is waiting.

A lab may have a `checks/early.py` with a function `early(lab)`. It opens shells (50 to 100 ms each) and the
like; it decides nothing, and whatever it meets is left for the checks to find.
"""

from __future__ import annotations

import contextlib
import runpy
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab as CourseLab
    from checker.grading.container import Shells


class Early:
    """A lab's early work, in a thread of its own.

    Args:
        lab: the lab.
        work: the learner's work folder.
        shells: where the shells that it opens are kept.
    """

    def __init__(self, lab: CourseLab, work: Path, shells: Shells) -> None:
        self.shells = shells
        shells.ahead.forget()
        shells.untouched.begin()
        self._file = lab.folder / "checks" / "early.py"
        self._lab = lab
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        if self._file.is_file():
            self._thread.start()

    def _run(self) -> None:
        from checker.grading.author import Lab  # noqa: PLC0415 - in the thread, beside the caller's own imports

        # What stands in the way is for the checks to find and to tell.
        with contextlib.suppress(Exception):
            runpy.run_path(str(self._file))["early"](
                Lab(self._lab, self.shells.engine, self._work, self.shells)
            )

    def wait(self) -> None:
        """Wait until it has ended, so that nothing is opened after all was closed."""
        if self._thread.ident is not None:
            self._thread.join(timeout=15.0)
