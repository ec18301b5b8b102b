"""What the front shows while tracking, from which it reads, is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import Failure, fail, require, wait_until

from .services import ACCEPTS, BROKEN, DRAWN, FRONT, PATIENCE_MS, STOPPED, places_on

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
    "its users gave up, because it waited itself. Without a time-out, a request takes as long as the slowest service behind it.",
    "Lesson, “Give up in time”: how long does the front wait for one page, and do other pages wait meanwhile?",
)
OWN = "Which part of this page comes from tracking, and what does your front still show when that part is missing?"
FAILED = (
    "one down, all down. Two containers that can only work together are one program with a network in between.",
    "Lesson, “Say what is missing”: what can the front show when it gets no answer, or an error?",
)


def require_holds_without(services: Services, fault: str) -> None:
    """Break tracking, and require that the front answers without it, says so, and has the places again afterwards."""
    services.lab.disturb("breaks tracking for a moment")
    parcel, before = services.tracked, services.listed()
    mark = services.traffic.mark(f"check: tracking {BROKEN[fault]}")
    with services.broken("tracking", fault):
        begin = services.traffic.now()
        seen = services.watch(begin, WATCH_SECONDS)
        if 0 < len(seen.failures) <= len(seen.requests) * FEW:
            # A busy machine may cost one user an answer; a front that depends on tracking costs it again and again.
            seen = services.watch(services.traffic.now(), WATCH_SECONDS)
        met, until = (services.met("tracking") if fault != STOPPED else 0), services.traffic.now()
        page = services.prober.get(f"{FRONT}/", timeout=6)
        own_page = services.prober.get(f"{FRONT}/parcels/{parcel.number}", timeout=6)
        accepted = services.accept("Mill Lane 2")
        if fault == "slow" and "ok" in (page.fields.get("tracking"), own_page.fields.get("tracking")):
            services.require_slow("tracking")
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
        before.keys() & places_on(page).keys(),
        f"{told} front page shows no parcels. They are in the front's own store: only their places are missing.",
        expected=f'"latest" with parcel {parcel.number}, without the place',
        seen=page.summary,
        source=f"curl {page.url}",
        hint=OWN,
    )
    require(
        own_page.fields.get("to") == parcel.receiver,
        f"{told} page of a parcel, /parcels/{parcel.number}, does not show its receiver, who is in the front's own store.",
        expected=f'"to": "{parcel.receiver}", without the place',
        seen=own_page.summary,
        source=parcel.shown,
        hint=OWN,
    )
    require(
        accepted.status == 201,
        f"{told} front accepts no parcels, which has nothing to do with tracking.",
        expected="201 from POST /parcels",
        seen=accepted.summary,
        source=ACCEPTS,
        hint="Which service does your front ask before it accepts a parcel?",
    )
    if fault != STOPPED:
        # All pages that were asked for until the requests were counted, which takes longer than the users were watched.
        _require_few(services, met, len(services.traffic.between(begin, until).requests), fault)
    _require_back(services, parcel, services.moved if fault == STOPPED else "")
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


def _require_few(services: Services, met: int, pages: int, fault: str) -> None:
    """Require that a failing tracking got few requests for each page; tell a retry from a page that always sends many."""
    if fault == "wrong":
        services.record("requests for each page to a failing tracking", round(met / max(pages, 1), 1), "")
    # Some requests are for pages that were asked for just before, or for somebody's browser.
    most = round(MOST_PER_PAGE * pages * 1.1)
    if met > most:
        before, begin = services.met("tracking"), services.traffic.now()
        services.watch(begin, WATCH_SECONDS)
        more, until = services.met("tracking") - before, services.traffic.now()
        each = more / max(len(services.traffic.between(begin, until).requests), 1)
        require(
            each <= MOST_PER_PAGE,
            f"Each front page costs {each:.0f} requests to tracking, also while tracking works. A page that shows more parcels "
            "costs even more, and each of these requests can fail or be late.",
            expected=f"at most {MOST_PER_PAGE} requests a page",
            seen=f"{met} requests for {pages} pages while tracking {BROKEN[fault]}, {more} in {WATCH_SECONDS:g} s while it worked",
            source="curl http://tracking:8080/fault",
            hint="How often does your front call `fetch` for one page? Try `curl 'http://tracking:8080/scans?parcels=1,2'`.",
        )
    services.require_calm("tracking", fault, met, most, f"for {pages} front pages")


def _require_back(services: Services, parcel: Parcel, moved: str) -> None:
    said = services.await_parcel(parcel.number, AGAIN_SECONDS)
    if said.get("tracking") != "ok":
        why, hint = _why_away(services, moved)
        fail(
            f"Tracking is back, and {why}",
            expected=f'"tracking": "ok" within {AGAIN_SECONDS:g} s',
            seen=services.prober.get(f"{FRONT}/parcels/{parcel.number}").summary,
            source=parcel.shown,
            evidence=services.log("tracking", 1),
            hint=hint,
        )
    require(
        said.get("place") == parcel.place,
        f"Tracking is back, and has forgotten where parcel {parcel.number} is.",
        expected=f'"place": "{parcel.place}"',
        seen=str(said),
        source=parcel.shown,
        hint="Where does tracking store its data? Is that place the same before the stop and after it?",
    )
    require_page_back(services)


def require_page_back(services: Services) -> None:
    """Require that the front page says that tracking is there, while nothing is broken; the page of a parcel does."""
    if wait_until(
        lambda: services.prober.get(f"{FRONT}/").fields.get("tracking") == "ok", AGAIN_SECONDS, every=0.2
    ):
        return
    page = services.prober.get(f"{FRONT}/")
    fail(
        "Tracking works, the page of a parcel says so, and the front page does not.",
        expected=f'"tracking": "ok" within {AGAIN_SECONDS:g} s',
        seen=page.summary,
        source=f"curl {FRONT}/",
        evidence=services.why("front", page),
        hint="What decides the word that the front page says? If it is an answer of a moment ago, who asks again, and has that stopped?",
    )


def _why_away(services: Services, moved: str) -> tuple[str, str]:
    """Return why the front still does without a tracking that is back, to continue a sentence, and the hint.

    Args:
        services: the services.
        moved: what changed about tracking's place, as a sentence; empty if nothing did.
    """
    if met := services.met("tracking"):
        return (
            f"the front says that it is not, although it has sent it {met} requests since.",
            "What does your front do with a good answer that comes after a failure?",
        )
    if moved:
        return (
            f"the front has sent it no request since: {moved}. An address goes with its container; the name stays.",
            "When does your front look up the address of tracking: once, or for each request? Does it ask again after failures?",
        )
    return (
        "the front has sent it no request since. A front that stops asking after failures has to ask again after a while.",
        "Which line of your front decides that tracking is not asked, and what makes it ask again?",
    )
