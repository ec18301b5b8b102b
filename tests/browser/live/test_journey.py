"""A learner finishes lesson 1 in the browser alone, from `lab open` to green, and everything that is pressed is really run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from checker.engine.api import Engine
    from tests.browser.live.conftest import Learner

expect.set_options(timeout=30_000)
NORTH = "docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0"
SOUTH = "docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0"


def type_in(page: Page, text: str) -> None:
    page.get_by_role("group", name="Terminal of lab 1").focus()
    page.keyboard.press("Enter")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


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

    buttons = page.get_by_role("button", name=re.compile("^Run in the terminal: "))
    ran = 0
    for number in range(buttons.count()):
        pressed = buttons.nth(number)
        pressed.click()
        mark = pressed.locator("xpath=following-sibling::span")
        expect(mark).to_contain_text(re.compile("Run"), timeout=60_000)
        ran += 1
    assert ran >= 18
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
