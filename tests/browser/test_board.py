"""A class's board in a browser: hostile names stay text, the token leaves the address, nobody is shut out, the projector names nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from checker.classroom.protocol import CheckState, Item, ItemKind
from checker.classroom.submission import digest
from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.results import Status
from tests.browser.classes import holding, post

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from checker.classroom.serving import Opened

ROOT = Path(__file__).parents[2]
HOSTILE = "<img src=x onerror=document.title='caught'>\u202eadA"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Hold a class with a hostile learner and one who asks for help."""
    lab = Catalogue(find(ROOT)).find("3")
    failed = tuple(
        CheckState(id=name, state=Status.FAILED, reason="t", said=f"Not so. {HOSTILE}")
        for name in lab.check_ids
    )
    with holding(tmp_path_factory.mktemp("class"), "Monday <b>") as found:
        verdict = Item(kind=ItemKind.VERDICT, lab=lab.slug, course=digest(lab), checks=failed)
        post(found, HOSTILE, *[verdict] * 4)
        post(found, "Ben", Item(kind=ItemKind.HAND, up=True))
        yield found


@pytest.fixture
def board(browser: Browser, opened: Opened) -> Iterator[Page]:
    """Open the board as its teacher does; nothing may be asked of another server, and no error be logged."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "request", lambda request: complaints.append(request.url) if not ours(request.url, opened) else None
    )
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(opened.board)
    page.get_by_text("2 joined").first.wait_for()
    yield page
    assert context.cookies() == []
    context.close()
    assert not complaints


def ours(url: str, opened: Opened) -> bool:
    return url.startswith((opened.board.partition("#")[0], "blob:"))


def test_t16_hostile_names_and_reasons_are_text(board: Page) -> None:
    board.get_by_role("rowheader", name="<img src=x").wait_for()
    assert board.locator("img").count() == 0
    assert board.title() == "Class board"
    assert "\u202e" not in board.content()
    assert board.locator("#name").inner_text() == "Monday <b>"


def test_the_token_is_gone_from_the_address(board: Page, opened: Opened) -> None:
    token = opened.board.partition("#t=")[2]
    assert token not in board.url
    board.reload()
    board.get_by_text("2 joined").first.wait_for()


def test_who_asks_for_help_comes_first_and_causes_are_counted(board: Page) -> None:
    assert board.locator("#stuck-list li").first.inner_text().startswith("Ben")
    again = board.locator("#stuck-list li").nth(1).inner_text()
    assert "failed 4 times in a row, the last 4 for the same reason" in again
    assert board.locator("#causes tr").count() == 1
    assert board.locator("#pace tr").count() == 3


def test_the_table_is_sorted_by_keyboard_and_says_so(board: Page) -> None:
    button = board.get_by_role("button", name="Tries")
    button.focus()
    board.keyboard.press("Enter")
    board.keyboard.press("Enter")
    assert board.locator("th[aria-sort=descending]").inner_text() == "Tries"
    assert board.locator("#people tr th").first.inner_text().startswith("<img")


def test_pause_holds_the_page_still(board: Page) -> None:
    board.get_by_role("button", name="Pause").click()
    assert board.get_by_role("button", name="Go on").get_attribute("aria-pressed") == "true"


def test_a_message_is_sent_and_said(board: Page) -> None:
    board.get_by_label("Text").fill("Coffee at ten")
    board.get_by_role("button", name="Send").click()
    board.get_by_text("Sent: it arrives").wait_for()


@pytest.mark.parametrize("path", ["/", "/projector"])
def test_axe_finds_nothing(board: Page, opened: Opened, path: str) -> None:
    if path != "/":
        board.goto(opened.board.partition("/#")[0] + path)
        board.get_by_text("joined").first.wait_for()
    found = Axe().run(board, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()


def test_t13_the_projector_shows_counts_and_the_join_string_and_no_name(board: Page, opened: Opened) -> None:
    board.goto(opened.board.partition("/#")[0] + "/projector")
    board.get_by_text("2 joined").wait_for()
    board.locator("#qr[src^='blob:']").wait_for()
    text = board.locator("body").inner_text()
    assert opened.invitation.text in text
    assert "Ben" not in text
    assert "img" not in text


def test_the_projector_opens_in_a_window_of_its_own_and_its_address_shows_no_token(
    browser: Browser, opened: Opened
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(opened.projector)
    page.get_by_text("2 joined").wait_for()
    assert page.url.endswith("/projector")
    context.close()


@pytest.mark.parametrize("end", ["", "#t=of-another-day"])
def test_a_projector_without_the_token_says_which_address_to_open(
    browser: Browser, opened: Opened, end: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(opened.projector.partition("#")[0] + end)
    page.get_by_text("at the address for the projector").wait_for()
    assert not page.locator("#invitation").inner_text()
    context.close()


def test_a_page_without_the_token_shows_nothing(browser: Browser, opened: Opened) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(opened.board.partition("#")[0])
    page.get_by_text("Open the address that").wait_for()
    assert page.locator("#people tr").count() == 0
    context.close()
