"""What a reader does with the site: search, colours, keyboard, copying, moving on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

expect.set_options(timeout=20_000)


def test_search_finds_the_page_about_namespaces(opened: Callable[..., Page]) -> None:
    page = opened("")
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("namespace")
    results = page.locator(".md-search-result__list")
    expect(results).to_contain_text("Containers and isolation in brief")
    results.locator("a").first.click()
    expect(page.locator("article")).to_contain_text("namespace", ignore_case=True)


@pytest.mark.parametrize(("system", "scheme"), [("light", "default"), ("dark", "slate")])
def test_colours_follow_the_system_until_the_reader_chooses(
    opened: Callable[..., Page], system: str, scheme: str
) -> None:
    page = opened("", scheme=system)
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", scheme)
    body = page.locator("body")
    for chosen in ("default", "slate"):
        page.locator("form[data-md-component=palette] label:not([hidden])").click()
        expect(body).to_have_attribute("data-md-color-scheme", chosen)
    page.reload()
    expect(body).to_have_attribute("data-md-color-scheme", "slate")


def test_a_block_says_where_it_is_typed_also_when_the_reader_is_to_guess_how_it_ends(
    opened: Callable[..., Page],
) -> None:
    page = opened("lessons/09-swarm/")
    labels = page.evaluate(
        "[...document.querySelectorAll('div.highlight.guess')].map("
        "each => [each.classList.contains('host'), getComputedStyle(each, '::before').content])"
    )
    assert {label for is_host, label in labels if is_host} == {'"On your own machine"'}
    assert {label for is_host, label in labels if not is_host} <= {"none"}


def test_the_keyboard_reaches_the_content_first_and_then_everything(opened: Callable[..., Page]) -> None:
    page = opened("howto/linux/")
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.textContent.trim()")
    assert skip == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('article') !== null")
    reached = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.className.toString().split(' ')[0]"))
        if "md-footer__link" in reached:
            break
    assert "md-footer__link" in reached


def test_what_has_the_focus_is_not_under_the_header(opened: Callable[..., Page]) -> None:
    page = opened("reference/check-api/", width=1280)
    page.evaluate("location.hash = 'container'")
    top = page.locator("h2#container").bounding_box()
    header = page.locator("header.md-header").bounding_box()
    assert top
    assert header
    assert top["y"] >= header["y"] + header["height"] - 1


def test_a_table_wider_than_a_phone_is_scrolled_by_the_keyboard_and_named(
    opened: Callable[..., Page],
) -> None:
    page = opened("lessons/11-nomad/", width=390)
    table = page.locator(".md-typeset__scrollwrap[tabindex='0']").first
    expect(table).to_have_role("region")
    expect(table).to_have_accessible_name(re.compile("^Table: .*[a-z]$"))
    table.focus()
    page.keyboard.press("ArrowRight")
    expect(table).not_to_have_js_property("scrollLeft", 0)
    outline = "e => getComputedStyle(e).outlineStyle"
    assert table.evaluate(outline) == "solid"
    # In a window that has room for it there is nothing to reach.
    page.set_viewport_size({"width": 1600, "height": 900})
    expect(page.locator(".md-typeset__scrollwrap").first).to_be_attached()
    expect(page.locator(".md-typeset__scrollwrap[tabindex], .md-typeset__scrollwrap[role]")).to_have_count(0)


def test_on_a_touch_screen_the_keyboard_scrolls_code_too(opened: Callable[..., Page]) -> None:
    page = opened("lessons/11-nomad/", width=390, touch=True)
    shown = "[...document.querySelectorAll('pre > code')].filter(e => e.checkVisibility())"
    wide = f"{shown}.filter(e => e.scrollWidth > e.clientWidth)"
    reached = f"{wide}.length > 0 && {wide}.every(e => e.tabIndex === 0)"
    assert wait_until(lambda: page.evaluate(reached), 20)
    expect(page.locator("pre > code[tabindex]").first).to_have_accessible_name(re.compile("^Code: "))


def test_a_command_can_be_copied_and_its_output_cannot_be_by_mistake(opened: Callable[..., Page]) -> None:
    page = opened("lessons/01-first-container/")
    expect(page.locator(".highlight.output").first).to_be_visible()
    expect(page.locator(".highlight:not(.output) [data-clipboard-target]").first).to_be_visible()
    assert page.locator(".highlight.output [data-clipboard-target]:visible").count() == 0


def test_tabs_show_what_was_chosen(opened: Callable[..., Page]) -> None:
    page = opened("howto/")
    page.get_by_text("Windows", exact=True).last.click()
    expect(page.get_by_text("py lab up").first).to_be_visible()


def test_notes_at_code_open(opened: Callable[..., Page]) -> None:
    page = opened("howto/write-a-check/")
    note = page.locator(".md-annotation__index").first
    note.click()
    expect(page.get_by_role("tooltip").first).to_contain_text("What is true when the check passes")
    assert note.get_attribute("aria-label") == "Note 1"


def test_every_page_leads_on(opened: Callable[..., Page]) -> None:
    page = opened("lessons/01-first-container/")
    page.locator("a.md-footer__link--next").click()
    expect(page).to_have_url(page.url)
    assert "/lessons/02-works-on-my-machine/" in page.url


def test_a_lost_reader_is_told_so(browser: object, site: object, opened: Callable[..., Page]) -> None:
    page = opened("")
    answer = page.request.get(page.url + "no-such-page/")
    assert answer.status == 404
    assert "404" in answer.text()
