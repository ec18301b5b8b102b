"""Lab 08: a new version, and the way back, without a user noticing; and a release that must not reach anybody."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from checker.grading.author import digest_of, needs, timeout

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .script import Script
    from .service import Service


@timeout(30)
def test_proxy_in_front(service: Service) -> None:
    """A proxy answers the users for a Parcel behind it."""
    service.require_parcel(service.require_proxy())


@needs("proxy-in-front")
@timeout(60)
def test_released(service: Service) -> None:
    """Version 2.0 took the place of 1.0, and no user lost anything."""
    hint = "Start, wait, move, wait, stop: which of the five was too early, or missing? To try again, go back to 1.0 first."
    service.require_release(service.record, "1.0", "2.0", hint)


@needs("released")
@timeout(30)
def test_old_gone(service: Service) -> None:
    """Only the version that the users have is running."""
    service.require_alone()


@needs("released")
@timeout(30)
def test_rolled_back(service: Service) -> None:
    """Version 1.0 came back from 2.0, and no user lost anything."""
    hint = "The way back is a release like any other, of an image that exists already. To try again, release 2.0 first."
    service.require_release(service.record, "2.0", "1.0", hint)
    service.require_own_image()


@needs("old-gone", "rolled-back")
@timeout(180)
def test_bad_refused(service: Service, script: Script, lab: Lab) -> None:
    """release.sh refuses a version like 2.1, which is ready and answers wrong."""
    script.require()
    if lab.recall(*_proof("refuses", service, lab)) is None:
        lab.disturb("runs your release.sh with a version that answers wrong")
        lab.variant("drydock/parcel:2.1", script.bad, {"PARCEL_VERSION": script.bad})
        script.require_refuses(script.bad, service.version())
        lab.remember(*_proof("refuses", service, lab))


@needs("bad-refused")
@timeout(270)
def test_script_releases(service: Service, script: Script, lab: Lab) -> None:
    """release.sh moves the users to a version that it has never seen, and back."""
    text = script.require()
    if lab.recall(*_proof("moves", service, lab)) is None:
        lab.disturb("runs your release.sh, and moves the users")
        there = service.version()
        lab.variant("drydock/parcel:2.0", script.good, {"PARCEL_VERSION": script.good})
        # The way back to 1.0 is tried too, if the users do not have it now.
        versions = dict.fromkeys((script.good, "1.0", there))
        for before, after in pairwise((there, *versions)):
            script.require_moves(before, after)
        if script.require() == text:
            # A release changes files itself; that must not undo what the check before has found.
            for name in ("refuses", "moves"):
                lab.remember(*_proof(name, service, lab))


def _proof(name: str, service: Service, lab: Lab) -> tuple[str, ...]:
    """Return what a pass of the script depends on: all files, because it may call another, and the proxy."""
    return name, digest_of(lab.work), service.holders()[0].id
