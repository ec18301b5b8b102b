"""Events: numbered, kept for a page that was away, and coalesced for one that is slow."""

from __future__ import annotations

import asyncio

from checker.live.hub import KEPT, Hub, encoded


def test_a_page_that_was_away_gets_what_it_missed() -> None:
    hub = Hub("run")
    for number in range(5):
        hub.publish("check", lab="01", id=f"c{number}")
    with hub.listening("01", "run-3") as listener:
        assert [event["id"] for event in listener.take()] == ["c3", "c4"]


def test_a_page_of_another_run_or_from_too_long_ago_reads_everything_anew() -> None:
    hub = Hub("run")
    for number in range(KEPT + 10):
        hub.publish("check", lab="01", id=f"c{number}")
    for since in ("other-5", "run-3", "run-99999", "run-x", "nonsense"):
        with hub.listening("01", since) as listener:
            assert [event["event"] for event in listener.take()] == ["resync"], since


def test_a_slow_page_gets_the_latest_of_each_check_and_every_sentence() -> None:
    async def run() -> list[dict[str, object]]:
        hub = Hub("run", asyncio.get_running_loop())
        with hub.listening("01", "") as listener:
            for number in range(1000):
                hub.publish("check", lab="01", id="one", state=str(number))
            hub.publish("verdict", lab="01", said="first")
            hub.publish("verdict", lab="01", said="second")
            await asyncio.wait_for(listener.wake.wait(), 5)
            return listener.take()

    taken = asyncio.run(run())
    assert [event.get("state") or event.get("said") for event in taken] == ["999", "first", "second"]


def test_what_belongs_together_reaches_a_page_together() -> None:
    async def run() -> list[str]:
        hub = Hub("run", asyncio.get_running_loop())
        with hub.listening("01", "") as listener:
            # Another thread publishes, as a verdict does: the page may be woken in the middle of it.
            checks = [("check", {"lab": "01", "id": f"c{number}"}) for number in range(200)]
            publishing = asyncio.to_thread(hub.publish_all, [*checks, ("verdict", {"lab": "01"})])
            _, _ = await asyncio.gather(publishing, asyncio.wait_for(listener.wake.wait(), 5))
            return [event["event"] for event in listener.take()]

    assert asyncio.run(run()) == ["check"] * 200 + ["verdict"]


def test_what_no_page_takes_does_not_grow_without_end() -> None:
    hub = Hub("run")
    with hub.listening("01", "") as listener:
        for number in range(3 * KEPT):
            listener.add({"seq": number, "event": "verdict"})
        assert len(listener.take()) == KEPT


def test_an_event_is_written_as_html_says() -> None:
    text = encoded("run", {"v": 1, "seq": 7, "event": "check", "title": "ü\nid: x"}).decode()
    assert text.startswith("id: run-7\nevent: check\ndata: {")
    assert text.endswith("}\n\n")
    # A line break in a text must not begin a field of its own.
    assert len(text.strip().splitlines()) == 3
