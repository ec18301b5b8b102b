"""A learner finishes a lesson in the browser alone, from `lab open` to green, and everything that is pressed is really run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from checker.grading.author import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from checker.engine.api import Engine
    from tests.browser.live.conftest import Learner

expect.set_options(timeout=30_000)
NORTH = "docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0"
SOUTH = "docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0"


SERVICE = (
    "docker service create --quiet --name parcel --replicas 2 --publish mode=host,published=8080,target=8080 "
    "--env-file parcel.env --secret seal --health-cmd 'python3 -I -S /app/health.py /readyz' "
    "--update-order start-first --update-delay 2s drydock/parcel:1.0"
)
ROLLOUT = "docker service update --quiet --image drydock/parcel:2.0 parcel"
BACK = "docker --host unix:///var/run/docker.sock start drydock-09-$node-1"


def type_in(page: Page, text: str, lab: str = "1") -> None:
    page.get_by_role("group", name=f"Terminal of lab {lab}").focus()
    page.keyboard.press("Enter")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def run_blocks(page: Page, lab: str = "1", first: dict[str, str] | None = None) -> int:
    """Press every Run of the lesson, one after the other, and return how many there are.

    Args:
        page: the lesson.
        lab: its number.
        first: what is typed before the block that begins so.
    """
    buttons = page.get_by_role("button", name=re.compile("^Run in the terminal: "))
    count = buttons.count()
    for number in range(count):
        pressed = buttons.nth(number)
        mark = pressed.locator("xpath=following-sibling::span")
        name = (pressed.get_attribute("aria-label") or "").removeprefix("Run in the terminal: ")
        for text in [text for begin, text in (first or {}).items() if name.startswith(begin)]:
            type_in(page, text, lab)
            page.keyboard.press("Control+Shift+L")
        assert wait_until(lambda: has_run(pressed, mark), 30, every=0.3)  # noqa: B023 - called at once
    return count


def has_run(pressed: Locator, mark: Locator) -> bool:
    """Press Run, and return whether the command ran to its end; it does not begin while another runs in the terminal."""
    pressed.click()
    expect(mark).to_contain_text(re.compile("[✔✘] Run|A program is running"), timeout=100_000)
    return "A program is running" not in mark.inner_text()


def losses(learner: Learner) -> list[str]:
    """Return the marks of nodes that a check has lost, in the record of lab 09's users."""
    record = json.loads(learner.lab("timeline", "9", "--json").stdout)
    return [mark["text"] for mark in record["marks"] if mark["text"].endswith(" lost")]


@pytest.mark.parametrize("learner", ["lab 09"], indirect=True)
def test_lesson_9_is_done_in_the_browser_alone_and_no_verdict_loses_a_node_unasked(learner: Learner) -> None:
    page = learner.open("9")
    rail = page.get_by_role("region", name="Lab 09").first
    page.get_by_role("button", name="Start the lab here: lab start 9").click()
    expect(rail.locator(".dock-phase")).to_contain_text("Running", timeout=180_000)
    expect(rail.locator(".dock-first")).to_contain_text("The swarm has no service that runs Parcel")
    page.get_by_role("button", name="Open the terminal here: lab shell 9").click()
    expect(page.locator(".xterm-rows")).to_contain_text("lab 09")
    page.keyboard.press("Control+Shift+L")
    assert run_blocks(page, "9", {"docker service ps --filter desired-state=running": BACK}) >= 19

    type_in(page, "docker secret create seal seal.key", "9")
    type_in(page, SERVICE, "9")
    expect(rail.locator(".dock-count")).to_have_text("6 of 8", timeout=60_000)
    type_in(page, ROLLOUT, "9")
    expect(rail.locator(".dock-count")).to_have_text("7 of 8", timeout=90_000)
    lost = rail.locator("[data-check=node-replaced]")
    expect(lost).to_contain_text("Waits: A lost node's copies run elsewhere")
    expect(lost).to_contain_text("runs only when you ask for a check: it kills a node")
    expect(page.locator("#dock-announcer")).to_contain_text(
        "Lab 9: 7 of 8 checks pass. 1 waits for the button Check."
    )
    # The page has judged dozens of times by now.
    assert losses(learner) == []
    rail.get_by_role("button", name="Check", exact=True).click()
    expect(rail.locator(".dock-count")).to_have_text("8 of 8", timeout=120_000)
    expect(page.locator("#dock-announcer")).to_have_text("Lab 9: all 8 checks pass.")
    # After a command the lab is judged again, and what the button has proven still holds.
    type_in(page, "docker service ls", "9")
    expect(page.locator(".xterm-rows")).to_contain_text("drydock/parcel:2.0")
    expect(page.locator(".dock-bar-state")).to_have_text("Lab 09: running, 8 of 8")
    assert len(losses(learner)) == 1


def test_lesson_1_is_done_in_the_browser_alone(learner: Learner, engine: Engine) -> None:
    page = learner.open("1")
    assert page.url.endswith("/lessons/01-first-container/")
    rail = page.get_by_role("region", name="Lab 01").first
    expect(rail).to_contain_text("Not started")
    page.get_by_role("button", name="Start the lab here: lab start 1").click()
    expect(rail.locator(".dock-phase")).to_contain_text("Running", timeout=90_000)
    expect(rail.locator(".dock-count")).to_have_text("0 of 8")
    expect(rail.locator("[data-check=parcel-runs]")).to_contain_text("Failed: ")
    expect(rail.locator(".dock-first")).to_contain_text("There is no container named `parcel`")

    page.get_by_role("button", name="Open the terminal here: lab shell 1").click()
    expect(page.locator(".xterm-rows")).to_contain_text("lab 01")
    page.keyboard.press("Control+Shift+L")

    assert run_blocks(page) >= 18
    # It really ran: the practice copies were made, and removed by the last block.
    assert not [each for each in engine.list_all("containers") if each["Names"][0].startswith("/practice")]

    type_in(page, NORTH)
    expect(rail.locator(".dock-count")).to_have_text("4 of 8")
    expect(page.locator("#dock-announcer")).to_contain_text(
        "Lab 1: 4 of 8 checks pass. Failed: A second copy"
    )
    rail.get_by_role("button", name="Hint").click()
    expect(rail.get_by_role("list", name="Hints")).to_contain_text("Hint 1 of 3: The second copy is another")
    type_in(page, SOUTH)
    expect(rail.locator(".dock-count")).to_have_text("8 of 8")
    expect(page.locator("#dock-announcer")).to_have_text("Lab 1: all 8 checks pass.")
    expect(page.locator(".dock-bar-state")).to_have_text("Lab 01: running, 8 of 8")

    # T2: no cookie after the whole journey.
    assert page.context.cookies() == []
    listed = json.loads(learner.lab("list", "--json").stdout)
    assert listed, listed
    page.goto(page.url.replace("01-first-container/", ""), wait_until="load")
    expect(page.locator("article")).to_contain_text("You have done 1 of")
    expect(page.get_by_role("row", name=re.compile("Your first container"))).to_contain_text("✔ Done")


def test_reset_asks_first_and_stop_ends_the_lab(learner: Learner) -> None:
    learner.lab("start", "1")
    page = learner.open("1")
    rail = page.get_by_role("region", name="Lab 01").first
    expect(rail.locator(".dock-phase")).to_contain_text("Running")
    rail.get_by_role("button", name="Reset…").click()
    expect(rail.get_by_role("button", name="Reset it")).to_be_focused()
    rail.get_by_role("button", name="Keep it").click()
    expect(rail.get_by_role("button", name="Reset…")).to_be_focused()
    rail.get_by_role("button", name="Reset…").click()
    rail.get_by_role("button", name="Reset it").click()
    expect(rail.locator(".dock-phase")).to_contain_text("Starting")
    expect(rail.locator(".dock-phase")).to_contain_text("Running", timeout=90_000)
    rail.get_by_role("button", name="Stop", exact=True).click()
    expect(rail.locator(".dock-phase")).to_contain_text("Not started", timeout=60_000)
