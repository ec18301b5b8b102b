"""One learner's course on one engine: the folders, the labs, the engine and the record that the operations work on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue
from checker.course.places import Places, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.engine.client import Client
    from checker.progress import Progress
    from checker.scene.scene import Scene


def silent(_: str) -> None:
    """Say nothing."""


class Session:
    """Everything an operation may need, each thing made when it is first used.

    Args:
        say: called with a sentence about what is being done; one that begins with `note: ` should stay visible.
    """

    say: Callable[[str], None]
    trying: Callable[[str], None]
    """Called with the title of each check when it begins."""

    def __init__(self, say: Callable[[str], None] = silent) -> None:
        self.say = say
        self.trying = silent

    @functools.cached_property
    def places(self) -> Places:
        """The course's folders."""
        return find()

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """The labs."""
        return Catalogue(self.places)

    @functools.cached_property
    def engine(self) -> Engine:
        """The engine this person has; nothing is installed."""
        from checker.engine.api import connect  # noqa: PLC0415 - a list of labs needs no engine

        engine = connect()
        if self.say is not silent:
            engine.mention = self.say
        return engine

    @functools.cached_property
    def client(self) -> Client:
        """The docker command for the same engine."""
        from checker.engine.client import find_client  # noqa: PLC0415 - a check needs no docker command

        # An engine that is down must not look like a command that is missing.
        self.engine.require()
        return find_client(self.engine.endpoint, state=self.places.state)

    @functools.cached_property
    def progress(self) -> Progress:
        """The learner's record."""
        from checker.progress import Progress  # noqa: PLC0415 - not every operation keeps something

        return Progress(self.places.state / "progress.sqlite3", self.say)

    def scene(self, lab: Lab) -> Scene:
        """Return a lab's scene, on the learner's work folder."""
        from checker.scene.scene import Scene  # noqa: PLC0415 - a check does not start a scene
        from checker.scene.work import folder_of  # noqa: PLC0415

        return Scene(lab, self.places, self.engine, self.client, folder_of(self.places, lab))
