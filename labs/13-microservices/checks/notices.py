"""Messages: whether each was sent, and once, whatever happened to notification; and the key that they are sent with."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from checker.grading.author import form_in, require, wait_until

from .services import BROKEN, DRAWN, GATEWAY, KILLED, STOPPED

if TYPE_CHECKING:
    from .services import Parcel, Services

KEY = "parcel-7f3a91c2d5e84b60"
ANOTHER_WAY = "Lesson, “A key is not an address”: in which other way does the gateway accept it?"
WORKED = "everything worked"
COUNT = 5
FAULT_SECONDS = 3.0
FOR_NOTICES = f"in {FAULT_SECONDS:g} s for {COUNT} notices"
MOST_TRIES = 60
"""How many requests the broken notification may get in that time: four tries a second for each of the five notices."""
SCAN_SECONDS = 3.0
"""How long tracking has for a scan while the front is stopped."""
SENT_SECONDS = 20.0
"""How long it may take, by the task, until what was missed is sent."""
TWICE_SECONDS = 1.5
"""How long a second message of the same kind is waited for."""


def require_sent(services: Services, receivers: list[str], when: str) -> None:
    """Require that the gateway sends a message for each parcel, in time.

    Args:
        services: the services.
        receivers: of each parcel, for whom it is.
        when: in which situation the parcels were accepted.
    """
    wanted = Counter(receivers)
    lost = wanted

    def all_sent() -> bool:
        nonlocal lost
        lost = wanted - Counter(services.sent())
        return not lost

    wait_until(all_sent, SENT_SECONDS, every=0.1)
    first = next(iter(lost), "")
    if lost:
        services.require_repaired(GATEWAY, "notification")
    require(
        not lost,
        f"No message was sent about {lost.total()} of {len(receivers)} parcels that were accepted while {when}.",
        expected=f"a message for each within {SENT_SECONDS:g} s",
        seen=f"parcels for {first}: {wanted[first]}, messages: {wanted[first] - lost[first]}",
        source="curl http://gateway:8080/messages",
        evidence=_why_unsent(services) if lost else "",
        hint="Follow the newest notice: does it wait for another one, or did it get to the gateway? The gateway sends nobody a second "
        "message with the same reference: can a number of yours come back, such as that of a deleted row?"
        if all(wanted[each] > count for each, count in lost.items())
        else "Follow one notice: where is it stored, which service takes it from there, and when is it removed?",
    )


def _why_unsent(services: Services) -> str:
    """Return the newest line that says why no message was sent, from the gateway back to the front; else notification's last line."""
    since = services.traffic.now() - SENT_SECONDS
    for name in (GATEWAY, "notification", "front"):
        if found := services.errors(name, since):
            return found[-1]
    return services.log("notification", 1)


def require_sent_once(services: Services, receivers: list[str], when: str) -> None:
    """Require that the gateway sends one message for each parcel, in time."""
    require_sent(services, receivers, when)
    # A second message about a parcel from before may come as late as now.
    wanted = services.accepted | Counter(receivers)
    again: Counter[str] = Counter()

    def too_many() -> bool:
        nonlocal again
        again = Counter({each: count for each, count in services.sent().items() if each in wanted}) - wanted
        return bool(again)

    wait_until(too_many, TWICE_SECONDS, every=0.25)
    first = next(iter(again), "")
    if first not in receivers:
        when = services.accepted_while.get(first, when)
    if when == WORKED and first in receivers:
        why = "Nothing had failed, so two programs send the same message, or one sends it twice."
        hint = "Which of your programs send to the gateway? Search all of them for its name."
    else:
        why = "A service that gets no answer sends its request again, and the first request may have been done all the same."
        hint = "How can notification, or the gateway, tell that it has had a notice before?"
    require(
        not again,
        f"More than one message was sent about the same parcel, which was accepted while {when}. {why}",
        expected="one message for each",
        seen=f"parcels for {first}: {wanted[first]}, messages: {wanted[first] + again[first]}",
        source="curl http://gateway:8080/messages",
        hint=hint,
    )


def require_each_sent_once(services: Services) -> None:
    """Have parcels accepted while everything works, one of them later than the others, and require one message for each."""
    receivers = services.accept_several(COUNT, WORKED)
    require_sent(services, receivers, WORKED)
    # A service that deletes what it has sent may take the next for the same receiver for what it has had.
    receivers += services.accept_several(1, WORKED, receivers[0])
    require_sent_once(services, receivers, WORKED)


def require_made_up_for(services: Services, fault: str) -> None:
    """Break notification while parcels are accepted, and require that every receiver gets one message afterwards."""
    when = f"notification {BROKEN[fault]}"
    services.lab.disturb("breaks notification for a moment")
    begin = services.traffic.mark(f"check: {when}").at
    with services.broken("notification", fault):
        receivers = services.accept_several(COUNT, when)
        seen = services.watch(begin, FAULT_SECONDS)
        met = 0 if fault == STOPPED else services.met("notification")
        most = _most_tries(services.traffic.now() - begin)
    require(
        not seen.failures,
        f"Notification {BROKEN[fault]}, and the front page failed with it.",
        expected="every front page answered",
        seen=seen.summary,
        source=DRAWN,
        hint="What does the front page have to do with messages?",
    )
    if fault == "wrong":
        services.record(f"requests in {FAULT_SECONDS:g} s to a failing notification", met, "")
    services.require_calm("notification", fault, met, most, FOR_NOTICES)
    require_sent_once(services, receivers, when)


def _most_tries(seconds: float) -> int:
    """Return how many requests are few in a time, which is longer than it should be on a busy machine."""
    return round(MOST_TRIES * max(1.0, seconds / FAULT_SECONDS))


def require_survives(services: Services) -> None:
    """Kill notification and the front while they have notices to send; require that none is lost, and none sent twice."""
    services.lab.disturb("kills front and notification, and starts them again")
    parcel = services.tracked
    begin = services.traffic.mark("check: front and notification killed").at

    def await_tried() -> None:
        wait_until(lambda: services.met(GATEWAY) > 0, SENT_SECONDS, every=0.1)

    with services.broken(GATEWAY, "wrong"):
        receivers = services.accept_several(COUNT, "the gateway answered with errors")
        services.watch(begin, FAULT_SECONDS)
        await_tried()
        met = services.met(GATEWAY)
        services.require_calm(GATEWAY, "wrong", met, _most_tries(services.traffic.now() - begin), FOR_NOTICES)
        with services.broken("notification", KILLED):
            receivers += services.accept_several(3, "notification was stopped")
            with services.broken("front", KILLED):
                _require_scanned(services, parcel)
    require_sent_once(services, receivers, "front and notification had ended and were being restarted")
    with services.broken(GATEWAY, "slow"):
        begin = services.traffic.now()
        receivers = services.accept_several(1, "the gateway was slow")
        # The gateway sends the message, and notification is stopped before it hears so: it tries again later.
        await_tried()
        with services.broken("notification", KILLED):
            pass
        services.watch(begin, FAULT_SECONDS)
        met, took = services.met(GATEWAY), services.traffic.now() - begin
        services.require_calm(GATEWAY, "slow", met, _most_tries(took), f"in {took:.0f} s for one notice")
    await_tried()
    require_sent_once(services, receivers, "the gateway was slow and notification was restarted")


def _require_scanned(services: Services, parcel: Parcel) -> None:
    """Require that tracking stores a place while no front runs."""
    if wait_until(lambda: services.scan(parcel.number, parcel.place).ok, SCAN_SECONDS, every=0.5):
        return
    scanned = services.scan(parcel.number, parcel.place)
    require(
        scanned.ok,
        "The front was stopped, and tracking accepted no scan. A service that stores its data elsewhere, or asks another for each "
        "request, cannot work alone.",
        expected="a good answer from POST /scans",
        seen=scanned.summary,
        source="""curl -d '{"parcel": 1, "place": "Depot"}' http://tracking:8080/scans""",
        hint="Which service does tracking need for a scan, and where does it store the place?",
    )


def require_key_untold(services: Services) -> None:
    """Require that only notification has the key of the gateway, and that it is in no address."""
    for each in services.copies:
        for name, value in each.env.items():
            require(
                "://" not in value or not form_in(value.encode(), KEY),
                f"The gateway's key is part of an address, in {name} of `{each.name}`. Anyone who sees an address may write it to a log.",
                expected="the key in a file or a header, never in an address",
                seen=f"{name}={value.replace(KEY, '(the key)')}",
                source=each.inspected,
                hint=ANOTHER_WAY,
            )
    for name in ("front", "tracking"):
        each = services.require_one(name)
        require(
            not form_in("\n".join(each.env.values()).encode(), KEY),
            f"`{name}` has the gateway's key, and sends no messages. Anyone who breaks into it can send them.",
            expected="the key only in `notification`",
            seen=f"the key in the environment of {each.name}",
            source=each.inspected,
            hint="Which service needs the key, and which of your settings gives it to this one?",
        )
        place = next(
            (place for place, text in services.on.read_files(each).items() if form_in(text, KEY)), ""
        )
        require(
            not place,
            f"`{name}` has the gateway's key in a file, and sends no messages. Anyone who breaks into it can send them.",
            expected="the key only in `notification`",
            seen=f"the key in {place} of {each.name}",
            source=f"docker cp {each.name}:{place} - | grep -a parcel-",
            hint="Which line of your settings, or of the Dockerfile, brings this file into the container?",
        )


def require_key_unlogged(services: Services) -> None:
    """Have a message sent, and require that no service and not the gateway wrote the key to its log."""
    require_sent_once(services, services.accept_several(1, WORKED), WORKED)
    gateway = [each for each in services.log(GATEWAY, 40).splitlines() if "POST" in each][-1:]
    logs = {each.name: services.on.logs(each, 20000).splitlines() for each in services.copies}
    for name, lines in {**logs, GATEWAY: gateway}.items():
        line = next((line for line in lines if form_in(line.encode(), KEY)), "")
        why, hint = (
            ("it was sent as part of an address.", ANOTHER_WAY)
            if "key=" in line
            else ("a program wrote it there.", "Which line of your program writes this to the log?")
        )
        require(
            not line,
            f"The gateway's key is in the log of `{name}`, where everybody who may read logs can see it: {why}",
            expected="no line with the key",
            seen=line.replace(KEY, "(the key)"),
            source=services.on.shows_logs(name),
            hint=hint,
        )
