"""Lab 13: three services that fail, and are released, alone."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from checker.grading.author import needs, require, timeout, wait_until

from . import notices, traces
from .apart import require_apart, require_changed, require_stored
from .reading import require_holds_without, require_page_back
from .release import Releases
from .services import BROKEN, FRONT, STOPPED, places_on

if TYPE_CHECKING:
    from .services import Services

LISTED_SECONDS = 3.0
"""How long the front page may show what it knew before a scan."""


@timeout(30)
def test_front_answers(services: Services) -> None:
    """The front answers its users, and stores the parcels that it accepts."""
    front = services.require_one("front")
    wait_until(lambda: services.prober.get(f"{FRONT}/").fields, 10, every=0.2)
    reply = services.prober.get(f"{FRONT}/")
    if not reply.ok:
        services.require_repaired("front", "tracking")
    require(
        {"latest", "tracking"} <= reply.fields.keys(),
        "The front does not answer its users as it should.",
        expected='HTTP 200 with "latest" and "tracking"',
        seen=reply.summary,
        source=f"curl {FRONT}/",
        evidence=services.why("front", reply),
        hint=f"`{services.on.shows_logs('front')}` says what happened to the request.",
    )
    parcel = services.tracked
    reply = services.prober.get(f"{FRONT}/parcels/{parcel.number}")
    require(
        reply.fields,
        "The front accepted a parcel, and does not have it afterwards.",
        expected="HTTP 200, and a JSON object",
        seen=reply.summary,
        source=parcel.shown,
        hint="Which service stores the parcels, and where?",
    )
    require_stored(front, "front")
    require_changed(services, front)


@needs("front-answers")
@timeout(30)
def test_tracking_apart(services: Services) -> None:
    """Tracking is a separate service, and no other can reach its data."""
    require_apart(services, "tracking")
    parcel = services.tracked
    scanned = services.scan(parcel.number, parcel.place)
    said = services.await_parcel(parcel.number, LISTED_SECONDS)
    shown = scanned.ok and said.get("place") == parcel.place and said.get("tracking") == "ok"
    if not shown:
        services.require_repaired("tracking", "front")
    require(
        shown,
        "A parcel was scanned, and the front does not say where it is.",
        expected=f'"place": "{parcel.place}", "tracking": "ok"',
        seen=f"tracking: {scanned.summary}; front: {said}",
        source=parcel.shown,
        hint=f"Whom does the front ask for a place, and what is it answered? `{services.on.shows_logs('tracking')}`.",
    )
    wait_until(lambda: services.listed().get(parcel.number) == parcel.place, LISTED_SECONDS, every=0.2)
    page = services.prober.get(f"{FRONT}/")
    require(
        places_on(page).get(parcel.number) == parcel.place,
        f"A parcel was scanned, and the front page does not say where it is; its own page, /parcels/{parcel.number}, does.",
        expected=f'"latest" with "parcel": {parcel.number}, "place": "{parcel.place}"',
        seen=f"latest: {page.fields.get('latest')}",
        source=f"curl {FRONT}/",
        hint="What does the front page do differently: how does it look up a parcel, and how old may its answer be?",
    )
    require_page_back(services)


@needs("tracking-apart")
@timeout(60)
def test_tracking_stopped(services: Services) -> None:
    """While tracking is stopped, the front says what is missing; afterwards it is there again."""
    services.prove_once("tracking stopped", lambda: require_holds_without(services, STOPPED))


@needs("tracking-apart")
@timeout(60)
def test_tracking_slow(services: Services) -> None:
    """While tracking is slow, the front answers within a second and says what is missing."""
    services.prove_once("tracking slow", lambda: require_holds_without(services, "slow"))


@needs("tracking-apart")
@timeout(60)
def test_tracking_wrong(services: Services) -> None:
    """While tracking answers with errors, the front says what is missing and asks rarely."""
    services.prove_once("tracking wrong", lambda: require_holds_without(services, "wrong"))


@needs("tracking-stopped", "tracking-slow", "tracking-wrong")
def test_notification_apart(services: Services) -> None:
    """Notification is a separate service, and no other can reach its data."""
    require_apart(services, "notification")


@needs("notification-apart")
@timeout(90)
def test_notified_once(services: Services) -> None:
    """One message is sent for each parcel."""
    notices.require_sent(services, [services.tracked.receiver], notices.WORKED)
    services.prove_once("notified once", lambda: notices.require_each_sent_once(services))


@needs("notified-once")
@timeout(200)
def test_made_up_for(services: Services) -> None:
    """What notification missed while it was stopped, slow or wrong is sent later."""
    for fault in BROKEN:
        services.prove_once(
            f"made up for {fault}", lambda fault=fault: notices.require_made_up_for(services, fault)
        )


@needs("made-up-for")
@timeout(200)
def test_queue_survives(services: Services) -> None:
    """A restart of front and notification, with a broken gateway, loses and repeats no message."""
    services.prove_once("survives", lambda: notices.require_survives(services))


@needs("queue-survives")
@timeout(60)
def test_key_untold(services: Services) -> None:
    """The gateway's key is in no address, in no log, and only in the service that needs it."""
    notices.require_key_untold(services)
    services.prove_once("key unlogged", lambda: notices.require_key_unlogged(services))


@needs("key-untold")
@timeout(60)
def test_one_id(services: Services) -> None:
    """A request has one id in the log of every service it went through."""
    parcel, mine = services.tracked, f"check-{secrets.token_hex(4)}"
    services.prober.get(f"{FRONT}/parcels/{parcel.number}", headers={"X-Request-Id": mine})
    traces.require_in_logs(services, mine, ("front", "tracking"), f"GET /parcels/{parcel.number}")
    traces.require_front_page_in_logs(services)
    require(
        parcel.request,
        "The front's answer does not say which id the request has, so a customer who complains cannot say it either.",
        expected='"request": an id',
        seen="no field `request`",
        source=parcel.shown,
        hint="The library adds it to every answer. What answers in its place?",
    )
    traces.require_in_logs(services, parcel.request, ("front", "notification", "gateway"), "POST /parcels")


@needs("one-id")
def test_slow_found(found: traces.Found) -> None:
    """slow.toml names the slow request of customers.sh, and the service that took the time."""
    found.require()


@needs("slow-found")
@timeout(400)
def test_released_alone(services: Services) -> None:
    """release.sh releases one service and rolls it back; nobody notices, and no data is lost."""
    Releases(services).require_alone()
