"""What the front shows while tracking, from which it reads, is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import Failure, require, wait_until

from .services import ACCEPTS, BROKEN, DRAWN, FRONT, PATIENCE_MS, STOPPED

if TYPE_CHECKING:
    from checker.grading.author import Timeline

    from .services import Parcel, Services

WATCH_SECONDS = 2.5

MOST_PER_PAGE = 4
"""How many requests to tracking one front page may cost: the first and three retries are what people set most often."""
FEW = 0.1
"""The share of failed requests up to which the users are watched once more."""
AGAIN_SECONDS = 10.0
WAITED = (
    "its users gave up, because it waited itself. A request without a time-out takes as long as the slowest service behind it.",
    "Lesson, “Give up in time”: how long does the front wait?",
)
FAILED = (
    "one down, all down. Two containers that can only work together are one program with a network in between.",
    "Lesson, “Say what is missing”: what can the front show when it gets no answer, or an error?",
)


def require_holds_without(services: Services, fault: str) -> None:
    """Break tracking, and require that the front answers without it, says so, and has the places again afterwards."""
    services.lab.disturb("breaks tracking for a moment")
    parcel = services.tracked
    mark = services.traffic.mark(f"check: tracking {BROKEN[fault]}")
    with services.broken("tracking", fault):
        seen = services.watch(services.traffic.now(), WATCH_SECONDS)
        pages = len(seen.requests)
        if 0 < len(seen.failures) <= pages * FEW:
            # A busy machine may cost one user an answer; a front that depends on tracking costs it again and again.
            seen = services.watch(services.traffic.now(), WATCH_SECONDS)
            pages += len(seen.requests)
        met = 0 if fault == STOPPED else services.met("tracking")
        page = services.prober.get(f"{FRONT}/", timeout=6)
        own_page = services.prober.get(f"{FRONT}/parcels/{parcel.number}", timeout=6)
        accepted = services.accept("Mill Lane 2")
    told = f"Tracking {BROKEN[fault]}, and the"
    _require_served(seen, told)
    for shown, name in ((page, "front page"), (own_page, f"page of a parcel, /parcels/{parcel.number},")):
        failed = "does not say so. Users believe that what they see is complete and new."
        require(
            (shown.fields.get("tracking") or "ok") != "ok",
            f"{told} {name} {failed if shown.ok else 'failed with it.'}",
            expected='HTTP 200, with "tracking": "unavailable", and without the place',
            seen=shown.summary,
            source=f"curl {shown.url}",
            hint="Lesson, “Say what is missing”: which of your functions ask tracking, and what does each say without an answer?",
        )
    require(
        accepted.status == 201,
        f"{told} front accepts no parcels, which has nothing to do with tracking.",
        expected="201 from POST /parcels",
        seen=accepted.summary,
        source=ACCEPTS,
        hint="Which service does your front ask before it accepts a parcel?",
    )
    if fault == "wrong":
        services.record("requests for each page to a failing tracking", round(met / max(pages, 1), 1), "")
        services.require_calm("tracking", fault, met, MOST_PER_PAGE * pages, f"for {pages} front pages")
    _require_back(services, parcel)
    if fault == "slow":
        services.record("95 % of the front pages while tracking is slow", round(seen.latency(95)), "ms")
    services.traffic.mark(f"check: tracking repaired after {services.traffic.now() - mark.at:.1f} s")


def _require_served(seen: Timeline, told: str) -> None:
    first = seen.failures[0] if seen.failures else None
    why, hint = WAITED if first and first.failure is Failure.TIMED_OUT else FAILED
    require(
        first is None,
        f"{told} front failed with it: {why}",
        expected="every front page answered, without the places",
        seen=f"{seen.summary}; the first: {first.outcome if first else ''}",
        source=DRAWN,
        hint=hint,
    )
    slow = seen.latency(95)
    require(
        slow <= PATIENCE_MS,
        f"{told} front made its users wait for it.",
        expected=f"95 % of the front pages within {PATIENCE_MS} ms",
        seen=f"95 % within {slow:.0f} ms",
        source=DRAWN,
        hint="How long may one request take, and how many requests are there?",
    )


def _require_back(services: Services, parcel: Parcel) -> None:
    def is_back() -> bool:
        return services.parcel(parcel.number).get("tracking") == "ok"

    moved = (
        f": {services.moved}. An address goes with its container; the name stays." if services.moved else "."
    )
    require(
        wait_until(is_back, AGAIN_SECONDS, every=0.2),
        f"Tracking is back, and the front no longer finds it{moved}",
        expected=f'"tracking": "ok" within {AGAIN_SECONDS:g} s',
        seen=services.prober.get(f"{FRONT}/parcels/{parcel.number}").summary,
        source=parcel.shown,
        evidence=services.log("tracking", 1),
        hint="When does your front look up the address of tracking: once when it starts, or for each request?",
    )
    said = services.parcel(parcel.number)
    require(
        said.get("place") == parcel.place,
        f"Tracking is back, and has forgotten where parcel {parcel.number} is.",
        expected=f'"place": "{parcel.place}"',
        seen=str(said),
        source=parcel.shown,
        hint="Where does tracking store its data? Is that place the same before the stop and after it?",
    )
