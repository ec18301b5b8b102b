"""What the front shows while tracking, from which it reads, is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import Failure, fail, require, wait_until

from .services import DRAWN, FRONT, PATIENCE_MS, STOPPED, TOLD

if TYPE_CHECKING:
    from checker.grading.author import Reply, Timeline

    from .services import Services

WATCH_SECONDS = 2.5

MOST_PER_PAGE = 4.0
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
    services.lab.disturb(f"tries what happens while tracking {TOLD[fault]}")
    number, place = services.tracked
    mark = services.traffic.mark(f"check: tracking {TOLD[fault]}")
    with services.broken("tracking", fault):
        begin = services.traffic.now()
        seen = services.watch(begin, WATCH_SECONDS)
        pages = len(seen.requests)
        if 0 < len(seen.failures) <= pages * FEW:
            # A busy machine may cost one user an answer; a front that depends on tracking costs it again and again.
            seen = services.watch(services.traffic.now(), WATCH_SECONDS)
            pages += len(seen.requests)
        met = 0 if fault == STOPPED else services.met("tracking")
        shown = {
            path: services.prober.get(f"{FRONT}{path}", timeout=6) for path in ("/", f"/parcels/{number}")
        }
        accepted = services.accept("Mill Lane 2")
    _require_served(seen, fault)
    for path, page in shown.items():
        _require_said(path, page, fault)
    _require_accepted(accepted, fault)
    if fault == "wrong":
        _require_no_storm(services, met, pages)
    back = wait_until(lambda: services.parcel(number).get("tracking") == "ok", AGAIN_SECONDS, every=0.2)
    if not back:
        _fail_not_found_again(services, number)
    require(
        services.parcel(number).get("place") == place,
        f"Tracking is back, and has forgotten where parcel {number} is.",
        expected=f'"place": "{place}"',
        seen=str(services.parcel(number)),
        source=f"curl {FRONT}/parcels/{number}",
        hint="Where does tracking store its data? Is that place the same before the stop and after it?",
    )
    if fault == "slow":
        services.record("95 % of the front pages while tracking is slow", round(seen.latency(95)), "ms")
    services.traffic.mark(f"check: tracking repaired after {services.traffic.now() - mark.at:.1f} s")


def _require_served(seen: Timeline, fault: str) -> None:
    if seen.failures:
        first = seen.failures[0]
        why, hint = WAITED if first.failure is Failure.TIMED_OUT else FAILED
        fail(
            f"Tracking {TOLD[fault]}, and the front failed with it: {why}",
            expected="every front page answered, without the places",
            seen=f"{seen.summary}; the first: {first.outcome}",
            source=DRAWN,
            hint=hint,
        )
    slow = seen.latency(95)
    require(
        slow <= PATIENCE_MS,
        f"Tracking {TOLD[fault]}, and the front made its users wait for it.",
        expected=f"95 % of the front pages within {PATIENCE_MS} ms",
        seen=f"95 % within {slow:.0f} ms",
        source=DRAWN,
        hint="How long may one request take, and how many requests are there?",
    )


def _require_said(path: str, page: Reply, fault: str) -> None:
    said = page.json() if page.ok else {}
    told = said.get("tracking") if isinstance(said, dict) else None
    name = "front page" if path == "/" else f"page of a parcel, {path},"
    require(
        page.ok,
        f"Tracking {TOLD[fault]}, and the {name} failed with it.",
        expected="HTTP 200, without the place",
        seen=page.summary,
        source=f"curl {FRONT}{path}",
        hint="Lesson, “Say what is missing”: which of your functions ask tracking, and which of them work without it?",
    )
    require(
        told and told != "ok",
        f"Tracking {TOLD[fault]}, and the {name} does not say so. Users believe that what they see is complete and new.",
        expected='"tracking": "unavailable"',
        seen=page.summary,
        source=f"curl {FRONT}{path}",
        hint="Lesson, “Say what is missing”: what does the field `tracking` say, and when?",
    )


def _require_accepted(accepted: Reply, fault: str) -> None:
    require(
        accepted.status == 201,
        f"Tracking {TOLD[fault]}, and the front accepts no parcels, which has nothing to do with tracking.",
        expected="201 from POST /parcels",
        seen=accepted.summary,
        source=f"""curl -d '{{"to": "Mill Lane 2"}}' {FRONT}/parcels""",
        hint="Which service does your front ask before it accepts a parcel?",
    )


def _require_no_storm(services: Services, met: int, pages: int) -> None:
    each = met / max(pages, 1)
    services.record("requests for each page to a failing tracking", round(each, 1), "")
    require(
        each <= MOST_PER_PAGE,
        f"Tracking answered with errors, and got {each:.0f} requests for each front page. A service that is failing because it "
        "has too much to do gets many times more of it: a retry storm.",
        expected=f"at most {MOST_PER_PAGE:g} requests a page",
        seen=f"{met} requests for {pages} pages",
        source="curl http://tracking:8080/fault",
        hint="How many requests may one page cost: for how many parcels, and with how many tries?",
    )


def _fail_not_found_again(services: Services, number: int) -> None:
    fail(
        "Tracking is back, and the front no longer finds it"
        + (
            f": {services.moved}. An address goes with its container; the name stays."
            if services.moved
            else "."
        ),
        expected=f'"tracking": "ok" within {AGAIN_SECONDS:g} s',
        seen=str(services.parcel(number) or services.prober.get(f"{FRONT}/parcels/{number}").summary),
        source=f"curl {FRONT}/parcels/{number}",
        evidence=services.log("tracking", 1),
        hint="When does your front look up the address of tracking: once when it starts, or for each request?",
    )
