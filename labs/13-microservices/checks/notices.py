"""Messages: whether each was sent, and once, whatever happened to notification; and the key that they are sent with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, form_in, require, wait_until

from .services import BACK_SECONDS, STOPPED, TOLD

if TYPE_CHECKING:
    from .services import Services

KEY = "parcel-7f3a91c2d5e84b60"
COUNT = 5
FAULT_SECONDS = 3.0
MOST_TRIES = 60
"""How many requests the broken notification may get in that time: four tries a second for each of the five notices."""

TWICE_SECONDS = 1.5
"""How long a second message of the same kind is waited for."""


def require_sent_once(services: Services, receivers: list[str], when: str) -> None:
    """Require that the gateway writes to each receiver once, in time."""

    def missing() -> list[str]:
        sent = services.sent()
        return [each for each in receivers if not sent.get(each)]

    wait_until(lambda: not missing(), BACK_SECONDS, every=0.25)
    lost = missing()
    require(
        not lost,
        f"{len(lost)} of {len(receivers)} receivers were never told of their parcels, which were accepted while {when}.",
        expected=f"a message to each within {BACK_SECONDS:g} s",
        seen=f"no message to {lost[0] if lost else ''}",
        source="curl http://gateway:8080/messages",
        evidence=_last(services),
        hint="Follow one notice: where is it kept, who takes it from there, and when is it removed?",
    )
    wait_until(lambda: _twice(services, receivers), TWICE_SECONDS, every=0.5)
    again = _twice(services, receivers)
    require(
        not again,
        f"{len(again)} of {len(receivers)} receivers were told more than once, of parcels that were accepted while {when}. Who gets "
        "no answer asks again, and the first request may have been done all the same.",
        expected="one message to each",
        seen=f"{services.sent().get(again[0] if again else '')} messages to {again[0] if again else ''}",
        source="curl http://gateway:8080/messages",
        hint="How can notification, or the gateway, tell that a notice is one it has had before?",
    )


def _twice(services: Services, receivers: list[str]) -> list[str]:
    sent = services.sent()
    return [each for each in receivers if sent.get(each, 0) > 1]


def _last(services: Services) -> str:
    return services.lab.logs(services.get_one("notification"), tail=1)


def require_made_up_for(services: Services, fault: str) -> None:
    """Break notification while parcels are accepted, and require that every receiver gets one message afterwards."""
    begin = services.traffic.mark(f"check: notification {TOLD[fault]}").at
    with services.broken("notification", fault):
        receivers = services.accept_several(COUNT, f"notification {TOLD[fault]}")
        seen = services.watch(begin, FAULT_SECONDS)
        met = 0 if fault == STOPPED else services.met("notification")
    require(
        not seen.failures,
        f"Notification {TOLD[fault]}, and the front page failed with it.",
        expected="every front page answered",
        seen=seen.summary,
        source="lab timeline 13",
        hint="What does the front page have to do with messages?",
    )
    if fault != STOPPED:
        services.lab.record(f"tries while notification was {fault}", met, "requests")
    require(
        met <= MOST_TRIES,
        f"Notification {TOLD[fault]}, and got {met} requests in {FAULT_SECONDS:g} s for {COUNT} notices: a retry storm. Retries "
        "without a pause keep down what is trying to come up.",
        expected=f"at most {MOST_TRIES} requests",
        seen=f"{met} requests",
        source="curl http://notification:8080/fault",
        hint="How long does the front wait after a try that failed?",
    )
    require_sent_once(services, receivers, f"notification {TOLD[fault]}")


def require_survives(services: Services) -> None:
    """Restart notification with notices in its hands, and the front with notices in its own; require that none is lost."""
    front, notification = services.get_one("front"), services.get_one("notification")
    services.traffic.mark("check: front and notification restarted")
    with services.broken("gateway", "wrong"):
        receivers = services.accept_several(3, "the gateway answered with errors")
        # Until the notices have been handed over, or at least tried.
        wait_until(lambda: services.met("gateway") > 0, 5, every=0.25)
        notification.stop(1)
        receivers += services.accept_several(3, "notification was stopped")
        front.stop(1)
        front.start()
        notification.start()
        up = ("front", "notification")
        wait_until(
            lambda: all(services.prober.get(f"http://{each}:8080/healthz").ok for each in up), 15, every=0.2
        )
    require_sent_once(services, receivers, "front and notification were being restarted")


def require_key_untold(services: Services) -> None:
    """Require that the key of the gateway is with notification alone, and in no address and no log."""
    for each in services.on_network():
        for name, value in each.env.items():
            if "://" in value and form_in(value.encode(), KEY):
                fail(
                    f"The gateway's key is part of an address, in {name} of `{each.name}`. Addresses are written to logs, by "
                    "everybody who sees them.",
                    expected="the key in a file or a header, never in an address",
                    seen=f"{name}={value.replace(KEY, '(the key)')}",
                    source=f"docker inspect {each.name}",
                    hint="Lesson, “A key is not an address”: how else does the gateway take it?",
                )
    notification = services.get_one("notification")
    for name in ("front", "tracking"):
        each = services.get_one(name)
        require(
            each.id == notification.id or not form_in("\n".join(each.env.values()).encode(), KEY),
            f"`{name}` has the gateway's key and sends no messages. Anyone who breaks into it can send them.",
            expected="the key with `notification` alone",
            seen=f"the key in the environment of {each.name}",
            source=f"docker inspect {each.name}",
            hint="Which service needs the key, and which part of compose.yaml gives it?",
        )
    receivers = services.accept_several(1, "everything works")
    require_sent_once(services, receivers, "everything worked")
    gateway = [each for each in services.lab.node("gateway").logs(40).splitlines() if "POST" in each][-1:]
    for each, text in [
        *((each, each.logs(20000)) for each in services.on_network()),
        (services.lab.node("gateway"), "\n".join(gateway)),
    ]:
        line = next((line for line in text.splitlines() if form_in(line.encode(), KEY)), "")
        require(
            not line,
            f"The gateway's key is in the log of `{each.name}`, for anyone who may read logs: it was sent as part of an address.",
            expected="no line with the key",
            seen=line.replace(KEY, "(the key)"),
            source=f"docker logs {each.name}",
            hint="Lesson, “A key is not an address”: how else does the gateway take it?",
        )
