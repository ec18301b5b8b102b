"""Every page, as a reader's browser shows it: quiet, local, accessible, and no wider than a phone.

Each page is opened once; what was found on it is kept, and each test asks for one kind of finding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.watching import watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.watching import Site

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NARROW = ["scrollable-region-focusable", "target-size"]
"""The rules whose answer depends on the width."""
PHONE = 390
"""Width of a common phone, in CSS pixels."""


@dataclass
class Survey:
    """What was found on all pages, one line a finding."""

    complaints: list[str] = field(default_factory=list)
    axe: dict[str, list[str]] = field(default_factory=lambda: {"light": [], "dark": [], "phone": []})
    looked: int = 0
    headings: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    places: dict[str, set[str]] = field(default_factory=dict)


def findings(page: Page, rules: list[str] = STANDARDS) -> list[str]:
    """Return what axe finds, one line each, with its place."""
    results: dict[str, Any] = Axe().run(page, options={"runOnly": rules}).response
    assert results["passes"], "axe looked at nothing"
    return [
        f"{page.url}: {found['id']} ({found['impact']}): {node['html'][:160]}"
        f" {node.get('failureSummary', '')[:300]}"
        for found in results["violations"]
        for node in found["nodes"][:3]
    ]


def look(page: Page, survey: Survey) -> None:
    """Look at one opened page in both colour schemes, and at phone width."""
    if page.locator("h1").count() != 1:
        survey.headings.append(page.url)
    survey.axe["light"] += findings(page)
    survey.pictures += page.evaluate(
        "[...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => `${location} ${i.src}`)"
    )
    survey.places[page.url] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
    # The place that a note's marker leads to is made when the note is opened.
    links = "[...document.querySelectorAll('a[href]:not(.md-annotation__index)')].map(a => a.href)"
    for link in page.evaluate(links):
        survey.links.setdefault(link, page.url)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    # What is on the page is the same as in light; its colours are not.
    survey.axe["dark"] += findings(page, ["color-contrast"])
    page.set_viewport_size({"width": PHONE, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > PHONE:
        survey.wide.append(f"{page.url}: {width} px")
    # The page's script names what scrolls when the layout is done: with the next frame.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    # The narrow layout changes what scrolls and how large a target is; the rest is looked at on some pages again.
    survey.axe["phone"] += findings(page, STANDARDS if survey.looked % 4 == 0 else NARROW)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "default")
    survey.looked += 1


@pytest.fixture(scope="module")
def survey(browser: Browser, site: Site) -> Survey:
    """Open every page once and note what is found."""
    found = Survey()
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    noted = watch(context, site)
    page = context.new_page()
    for address in site.pages:
        page.goto(site.url + address, wait_until="load")
        look(page, found)
    context.close()
    found.complaints = noted.complaints
    return found


def test_every_page_was_looked_at(survey: Survey, site: Site) -> None:
    assert survey.looked == len(site.pages) > 30


def test_no_page_complains_or_asks_another_host(survey: Survey) -> None:
    assert not survey.complaints, "\n".join(survey.complaints)


@pytest.mark.parametrize("how", ["light", "dark", "phone"])
def test_axe_finds_nothing(survey: Survey, how: str) -> None:
    assert not survey.axe[how], "\n".join(survey.axe[how])


def test_on_a_phone_nothing_has_to_be_scrolled_sideways(survey: Survey) -> None:
    assert not survey.wide, "\n".join(survey.wide)


def test_every_page_has_one_first_heading(survey: Survey) -> None:
    assert not survey.headings


def test_every_picture_is_shown(survey: Survey) -> None:
    assert not survey.pictures, "\n".join(survey.pictures)


def test_every_link_within_the_site_leads_to_a_page_and_its_place(survey: Survey, site: Site) -> None:
    missing = []
    for link, on in survey.links.items():
        target, _, place = link.partition("#")
        if target.startswith(site.url) and (
            target not in survey.places or (place and place not in survey.places[target])
        ):
            missing.append(f"{on}: {link}")
    assert not missing, "\n".join(missing)
