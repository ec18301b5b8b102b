"""Takes the picture of the live page, of a real run: `python -m tests.browser.live.picture docs/assets/pictures/live-page.png`.

Lab 1 has to run, without a container named `parcel`; the picture leaves one whose port is not published.
"""

from __future__ import annotations

import subprocess
import sys

from playwright.sync_api import expect, sync_playwright

from checker.authoring.testing import find_browser
from tests.conftest import ROOT

expect.set_options(timeout=90_000)


def main(file: str) -> None:
    """Open lesson 1, run a command of it, type one, and take the picture."""
    command = [sys.executable, "-m", "checker", "open", "1", "--print"]
    address = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(address, wait_until="load")
        page.get_by_role("button", name="Terminal", exact=True).click()
        run = page.get_by_role("button", name="Run in the terminal: docker image ls drydock/parcel:1.0")
        run.click()
        expect(page.locator(".dock-ran[data-state=pass]").first).to_be_visible()
        page.get_by_role("group", name="Terminal of lab 1").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("docker run -d --name parcel drydock/parcel:1.0")
        page.keyboard.press("Enter")
        expect(page.locator("[data-check=answers-on-8081][data-state=fail]")).to_be_attached()
        page.keyboard.press("Control+Shift+L")
        run.evaluate("each => each.scrollIntoView({block: 'center'})")
        expect(run).to_be_in_viewport()
        page.evaluate(
            "document.querySelector('.md-sidebar--secondary .md-sidebar__scrollwrap').scrollTop = 0"
        )
        page.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
