"""The machine as probes see it: gathered once, so that each probe is a question to a record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from checker.course.catalogue import Catalogue, Lab
from checker.engine.api import IMAGE, Engine
from checker.engine.clock import skew_of
from checker.engine.endpoint import Endpoint, find_endpoint
from checker.errors import EngineError, LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.course.places import Places
    from checker.engine.platform import Platform

ASK_SECONDS = 5.0
"""How long the engine may take to say who it is; one that starts or hangs takes longer."""

_PREFERRED = ("toolbox", "parcel", "python")
"""Images to run probes in, the one with most tools first; each has a shell and the C library's tools."""


@dataclass(frozen=True)
class Machine:
    """What is known of this machine before any probe runs.

    Args:
        platform: the interface to the system.
        places: the course's folders.
        labs: the labs whose lab.toml can be read.
        faults: what is wrong with the others.
        endpoint: where the engine is, None when there is none.
        engine: the engine, None when there is none or it does not answer.
        trouble: why there is no engine.
        version: the engine's /version.
        info: the engine's /info.
        skew: seconds by which the engine's clock is ahead of ours.
        images: the engine's list of the course's images.
    """

    platform: Platform
    places: Places
    labs: tuple[Lab, ...] = ()
    faults: tuple[LabError, ...] = ()
    endpoint: Endpoint | None = None
    engine: Engine | None = None
    trouble: EngineError | None = None
    version: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    skew: float = 0.0
    images: tuple[Mapping[str, Any], ...] = ()

    @property
    def asked(self) -> Engine:
        """The engine; only for probes that need one."""
        if self.engine is None:
            raise EngineError("No engine answers.")
        return self.engine

    @property
    def image(self) -> str:
        """An image of the course that probes can run; empty if none was built yet."""
        return next((tag for name in _PREFERRED if (tag := self.tag(name))), "")

    def tag(self, name: str) -> str:
        """Return a tag of one of the course's images; empty if it was not built yet."""
        tags = sorted(
            str(tag)
            for item in self.images
            if item["Labels"].get(IMAGE) == name
            for tag in item.get("RepoTags") or []
            if str(tag).startswith("drydock/")
        )
        return next(iter(tags), "")

    @property
    def privileged_labs(self) -> str:
        """The numbers of the labs that need privileged containers, such as `02, 09`; empty when none does."""
        return self.labs_needing("privileged")

    def labs_needing(self, *needs: str) -> str:
        """Return the numbers of the labs that need one of these, whichever ways are chosen; empty when none does."""
        return ", ".join(lab.number for lab in self.labs if lab.all_needs & set(needs))


def look(platform: Platform, places: Places) -> Machine:
    """Gather what is known without running anything; a missing engine is a fact like others."""
    labs, faults = _read_labs(places)
    try:
        endpoint = find_endpoint(platform)
    except EngineError as error:
        return Machine(platform, places, labs, faults, trouble=error)
    engine = Engine(endpoint)
    try:
        version = engine.request("GET", "/version", seconds=ASK_SECONDS)
        before = dt.datetime.now(dt.UTC)
        info = engine.request("GET", "/info", seconds=ASK_SECONDS)
        after = dt.datetime.now(dt.UTC)
        images = engine.list_all("images", labels={IMAGE: ""})
    except EngineError as error:
        return Machine(platform, places, labs, faults, endpoint, trouble=error)
    skew = skew_of(str(info.get("SystemTime") or ""), before, after)
    return Machine(
        platform,
        places,
        labs,
        faults,
        endpoint,
        engine,
        version=version,
        info=info,
        skew=skew,
        images=tuple(images),
    )


def _read_labs(places: Places) -> tuple[tuple[Lab, ...], tuple[LabError, ...]]:
    catalogue = Catalogue(places)
    labs: list[Lab] = []
    faults: list[LabError] = []
    for folder in catalogue.folders:
        try:
            labs.append(catalogue.read(folder))
        except LabError as error:
            faults.append(error)
    return tuple(labs), tuple(faults)
