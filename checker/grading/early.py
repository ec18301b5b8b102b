"""Starts what a lab's checks will need while pytest is imported, because a check spends most of its time waiting.

A lab can have a `checks/early.py` with a function `early(lab)`. It does slow things in advance, such as opening shells
(50 to 100 ms each). It decides nothing: if something goes wrong in it, the checks meet that later themselves.
"""

from __future__ import annotations

import contextlib
import threading
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.catalogue import Lab as CourseLab
    from checker.grading.author import Lab
    from checker.grading.container import Shells


class Early:
    """A lab's early work, in its own thread.

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

        # If something goes wrong here, the checks find and report it.
        with contextlib.suppress(Exception):
            _function(self._file)(Lab(self._lab, self.shells.engine, self._work, self.shells))

    def wait(self) -> None:
        """Wait until it has ended, so that it opens nothing after everything was closed."""
        if self._thread.ident is not None:
            self._thread.join(timeout=15.0)


def _function(file: Path) -> Callable[[Lab], None]:
    """Return the function of a lab; the file is compiled again only when it has changed."""
    loader = SourceFileLoader("early", str(file))
    spec = spec_from_loader("early", loader)
    assert spec is not None  # noqa: S101 - a loader was given
    module = module_from_spec(spec)
    loader.exec_module(module)
    found: Callable[[Lab], None] = module.early
    return found
