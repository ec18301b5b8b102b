"""Draws the picture of a class's board for the pages: `python -m tests.browser.board_picture docs/assets/pictures/board.png`.

The learners are made up. The page is the real one, from a class that is held while the picture is drawn.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from checker.authoring.testing import find_browser
from checker.classroom.protocol import CheckState, Item, ItemKind
from checker.classroom.submission import digest
from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.results import Status
from tests.browser.classes import holding, post

ROOT = Path(__file__).parents[2]
NAMES = ("Ada", "Ben", "Cem", "Dora", "Emre", "Fatou", "Gil", "Hana", "Ines", "Jun")


def items() -> dict[str, list[Item]]:
    """Return what each learner's machine sends: passes, and failures that the course's own wrong answers name."""
    lab = Catalogue(find(ROOT)).find("3")
    wrong = [answer.toml for answer in lab.answers if answer.must_fail and answer.toml.check in lab.check_ids]
    common, rare = wrong[0], next(each for each in wrong if each.check != wrong[0].check)
    order = list(lab.check_ids)

    def until(check: str, said: str) -> Item:
        states = [
            CheckState(id=name, state=Status.PASSED)
            if order.index(name) < order.index(check)
            else CheckState(id=name, state=Status.FAILED, reason=f"{check}:1", said=said)
            if name == check
            else CheckState(id=name, state=Status.NOT_RUN)
            for name in order
        ]
        return Item(kind=ItemKind.VERDICT, lab=lab.slug, course=digest(lab), checks=tuple(states))

    done = Item(
        kind=ItemKind.VERDICT,
        lab=lab.slug,
        course=digest(lab),
        checks=tuple(CheckState(id=name, state=Status.PASSED) for name in order),
    )
    found = {name: [until(common.check, f"… {common.reason} …")] for name in NAMES[:4]}
    found |= {name: [until(rare.check, f"… {rare.reason} …")] * 4 for name in NAMES[4:6]}
    found |= {name: [done] for name in NAMES[6:]}
    found["Ben"].append(Item(kind=ItemKind.HAND, up=True))
    return found


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder, holding(Path(folder), "Containers, Monday") as opened:
        for name, sent in items().items():
            post(opened, name, *sent)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
            page.goto(opened.board)
            page.get_by_text("10 joined").first.wait_for()
            # The join string of this run names a certificate that is gone afterwards.
            page.screenshot(path=sys.argv[1], full_page=True)
            browser.close()


if __name__ == "__main__":
    main()
