#!/usr/bin/env python3
"""Prints what the live page costs on this machine, with lab 01 and a real browser; it asserts nothing.

    .venv/bin/python benchmarks/live.py               thirty changes of each kind
    .venv/bin/python benchmarks/live.py --rounds 10   fewer

It needs Chromium and what `./lab test browser` installs, and refuses while lab 01 runs. It uses its own state and work folders.
The clock of the page and that of the engine are those of one machine. From an event to the page: the engine's own time of the
event that ends the container, until the count in the page has changed. From a key: Enter in the page's terminal behind
`docker rm -f parcel`, so the time of that command is in it.
A tab in the background is one that was told that it is hidden, as a browser does; a browser without a window never does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import expect, sync_playwright  # noqa: E402 - the checkout comes first on the path

from checker.authoring.testing import ensure_browser, find_browser  # noqa: E402
from checker.engine.api import connect  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from checker.engine.api import Engine

ROUNDS = 30
TABS = 8
MEMORY_TABS = 4
RUN = "docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0"
REMOVE = "docker rm -f parcel"
NONE, SOME = "0 of 8", "4 of 8"

# Notes when the count last changed to each text, by the page's clock, in milliseconds since 1970.
NOTE = """() => {
  window.shownAt = {};
  const count = document.querySelector(".dock-count");
  let text = "";
  new MutationObserver(() => {
    if (count.textContent !== text) window.shownAt[(text = count.textContent)] = Date.now();
  }).observe(count, { childList: true, characterData: true, subtree: true });
  addEventListener("keydown", (event) => { if (event.key === "Enter") window.enterAt = Date.now(); }, true);
}"""
# Notes when the page has first shown the checks, in milliseconds since it was asked for. Playwright's `expect` would take
# half a second of the page's own time: it looks again and again, and each time describes the whole page for its message.
SHOWN = """window.checksShown = new Promise((resolve) => {
  const changes = new MutationObserver(() => {
    const check = document.querySelector("[data-check=parcel-runs]");
    if (check === null || !check.checkVisibility()) return;
    changes.disconnect();
    resolve(performance.now());
  });
  changes.observe(document, { childList: true, subtree: true, attributes: true });
  setTimeout(() => resolve(null), LIMIT);
});"""
OPEN_SECONDS = 60.0
HIDE = """() => {
  Object.defineProperty(document, "hidden", { get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def lab(*words: str) -> str:
    """Run a command of the course, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "checker", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"lab {' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


def memory_of(pid: int) -> dict[str, float]:
    """Return a process's memory in MB: resident, and its own share of it (proc(5), smaps_rollup)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return {name: int(kb) / 1024 for name, kb in re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE)}


def open_tab(context: BrowserContext, address: str) -> tuple[Page, float]:
    """Open the lesson, and return it with the milliseconds until its checks are shown."""
    page = context.new_page()
    page.goto(address, wait_until="commit")
    shown = page.evaluate("() => window.checksShown")
    if shown is None:
        raise SystemExit(f"The checks were not shown within {OPEN_SECONDS:.0f} s.")
    return page, float(shown)


def shown_at(page: Page, text: str) -> float:
    """Wait until the count is this, and return since when, in milliseconds since 1970."""
    expect(page.locator(".dock-count")).to_have_text(text, timeout=60_000)
    return float(page.evaluate("text => window.shownAt[text]", text))


def type_in(page: Page, text: str) -> None:
    """Type a command in the page's terminal."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def died_at(engine: Engine, since: float) -> float:
    """Return when the container was ended, by the engine's events, in milliseconds since 1970."""
    for event in engine.events(since=since, until=engine.clock.now() + 1):
        names: dict[str, Any] = event.get("Actor", {}).get("Attributes", {})
        if event.get("Action") == "die" and names.get("name") == "parcel":
            return float(event["timeNano"]) / 1e6
    raise SystemExit("The engine told of no end of parcel.")


def changes(page: Page, engine: Engine, rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds from an event, and from a key, until the page shows the verdict."""
    page.get_by_role("button", name="Open the terminal here: lab shell 1").click()
    expect(page.locator(".xterm-rows")).to_contain_text("lab 01")
    page.evaluate(NOTE)
    from_event, from_key = [], []
    for number in range(2 * rounds):
        type_in(page, RUN)
        shown_at(page, SOME)
        page.evaluate("() => { window.shownAt = {}; }")
        since = engine.clock.now() - 1
        if number % 2:
            engine.delete("/containers/parcel", force=True)
            seen = shown_at(page, NONE)
            from_event.append(seen - died_at(engine, since))
        else:
            type_in(page, REMOVE)
            seen = shown_at(page, NONE)
            from_key.append(seen - float(page.evaluate("() => window.enterAt")))
    return from_event, from_key


def told(name: str, values: list[float], unit: str = "ms") -> str:
    """Return a line with the median, the 95th percentile and the longest."""
    p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
    return (
        f"{name:<58}{statistics.median(values):8.0f}{p95:8.0f}{max(values):8.0f} {unit}   {len(values)} times"
    )


def measure(browser: Browser, rounds: int, state: Path) -> None:
    """Print everything."""
    engine = connect()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(SHOWN.replace("LIMIT", str(OPEN_SECONDS * 1000)))
    address = lab("open", "1", "--print")
    pid = int(json.loads((state / "live/server.json").read_text())["pid"])
    first, took = open_tab(context, address)
    plain = address.partition("#")[0]
    times = [took]
    tabs = [first]
    for number in range(2, TABS + 1):
        if number > MEMORY_TABS:
            tabs[number - MEMORY_TABS - 1].evaluate(HIDE)
        tab, took = open_tab(context, plain)
        tabs.append(tab)
        times.append(took)
        if number == MEMORY_TABS:
            print(f"memory of the service, {MEMORY_TABS} tabs: {_said(memory_of(pid))}")
    print(
        "opening each tab, until its checks are shown: " + ", ".join(f"{each:.0f}" for each in times) + " ms"
    )
    for tab in tabs[:-1]:
        tab.close()
    print(f"{'':<58}{'median':>8}{'p95':>8}{'most':>8}")
    from_event, from_key = changes(tabs[-1], engine, rounds)
    print(told("from the engine's event to the verdict in the page", from_event))
    print(told(f"from Enter behind `{REMOVE}` to the verdict", from_key))
    print(f"memory of the service, after {4 * rounds} changes: {_said(memory_of(pid))}")
    print(
        "load of the machine: "
        + " ".join(f"{each:.1f}" for each in os.getloadavg())
        + f", {os.cpu_count()} CPUs"
    )


def _said(memory: dict[str, float]) -> str:
    return f"{memory['Rss']:.1f} MB resident, {memory['Pss']:.1f} MB its own share"


def main() -> int:
    """Measure the page on lab 01."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"changes of each kind, {ROUNDS} by default"
    )
    rounds = parser.parse_args().rounds
    if connect().list_all("containers", labels={"com.docker.compose.project": "drydock-01"}):
        raise SystemExit("Lab 01 runs: `lab stop 1` first.")
    ensure_browser(print, no_install=True)
    folder = ROOT / ".lab"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder, ignore_cleanup_errors=True) as scratch:
        os.environ["DRYDOCK_STATE"] = str(Path(scratch, "state"))
        os.environ["DRYDOCK_WORK"] = str(Path(scratch, "work"))
        try:
            lab("start", "1")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
                )
                measure(browser, rounds, Path(scratch, "state"))
                browser.close()
        finally:
            lab("stop", "1")
            lab("down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
