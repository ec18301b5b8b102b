"""JupyterLab as `lab notebook` starts it: a page that shows a plot and asks no other host for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from checker.grading.author import wait_until
from checker.jupyter import copies, server
from tests.browser.watching import Site, watch
from tests.conftest import Course
from tests.unit.jupyter.conftest import cell, notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PLOT = """\
import sys
from matplotlib import pyplot as plt
from checker.course.places import find
plt.plot([1, 4, 9])
print("kernel of", find().root)
"""
HOSTILE = """\
from IPython.display import HTML
HTML('<p class="drydock-shown">shown</p><img src="https://evil.example/pixel.png">'
     '<script src="https://evil.example/script.js"></script>'
     '<iframe src="https://evil.example/frame.html"></iframe>')
"""
QUIET = ("Starting application in workspace", "Starting WebSocket", " to activate")
"""What JupyterLab says when nothing is wrong, or when the machine has much to do."""


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Jupyter]:
    """Start JupyterLab on a course with one notebook."""
    course = Course(tmp_path_factory.mktemp("jupyter") / "a course")
    (course.root / "notebooks").mkdir()
    cells = [
        cell("markdown", "# Measured", id="claim"),
        cell("code", PLOT, id="plot", outputs=[], execution_count=None),
    ]
    hostile = cell("code", HOSTILE, id="hostile", outputs=[], execution_count=None)
    spec = {"display_name": "Drydock", "language": "python", "name": "python3"}
    (course.root / "notebooks" / "00-a.ipynb").write_text(notebook(*cells, kernelspec=spec))
    (course.root / "notebooks" / "01-hostile.ipynb").write_text(notebook(hostile, kernelspec=spec))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in course.environment().items():
            if name.startswith("DRYDOCK_"):
                patch.setenv(name, value)
        for each in copies.shipped(course.places):
            copies.copy_for(course.places, each)
        yield server.start(course.places)
        server.stop(course.places)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give a window of its own."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield made
    made.close()


def run_first_code_cell(page: Page) -> None:
    # Notebooks that were open before are open again, behind this one.
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(shown.locator(".jp-CodeCell .cm-line").first).to_be_visible(timeout=120_000)
    expect(shown.locator(".jp-Toolbar-kernelName")).to_contain_text("Drydock (Python", timeout=120_000)
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=120_000)
    prompt = shown.locator(".jp-CodeCell .jp-InputPrompt").first

    def has_begun() -> bool:
        # A key that is pressed while JupyterLab still restores its windows is lost.
        if prompt.inner_text() == "[ ]:":
            shown.locator(".jp-CodeCell .cm-content").first.click()
            page.keyboard.press("Shift+Enter")
            page.wait_for_timeout(1000)
        return prompt.inner_text() != "[ ]:"

    assert wait_until(has_begun, 120, every=0.2)


def refuse_others(context: BrowserContext, jupyter: server.Jupyter) -> list[str]:
    """Refuse every request that leaves the page for another host, and return where they are noted."""
    asked: list[str] = []

    def only_ours(route: Route) -> None:
        if urlsplit(route.request.url).netloc == f"127.0.0.1:{jupyter.port}":
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    context.route("**/*", only_ours)
    return asked


def test_a_notebook_runs_in_a_quiet_page_that_asks_no_other_host(
    context: BrowserContext, jupyter: server.Jupyter
) -> None:
    asked = refuse_others(context, jupyter)
    noted = watch(context, Site(f"http://127.0.0.1:{jupyter.port}/", ()))
    page = context.new_page()
    page.goto(jupyter.address("notebooks/00-a.ipynb"))
    run_first_code_cell(page)
    expect(page.locator(".jp-OutputArea-output img").first).to_be_visible(timeout=120_000)
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("kernel of")
    assert page.locator(".Toastify__toast, .jp-Dialog").count() == 0
    assert asked == []
    rest = [line for line in noted.complaints if not any(word in line for word in QUIET)]
    assert not rest, "\n".join(rest)


def test_what_an_output_would_load_from_another_host_is_refused(
    context: BrowserContext, jupyter: server.Jupyter
) -> None:
    asked = refuse_others(context, jupyter)
    page = context.new_page()
    page.add_init_script(
        "window.refused = new Set();"
        "addEventListener('securitypolicyviolation', event => window.refused.add(event.effectiveDirective))"
    )
    page.goto(jupyter.address("notebooks/01-hostile.ipynb"))
    run_first_code_cell(page)
    expect(page.locator(".drydock-shown")).to_be_visible(timeout=120_000)
    page.wait_for_function(
        "['img-src', 'script-src-elem', 'frame-src'].every(kind => window.refused.has(kind))", timeout=60_000
    )
    assert asked == []


def test_the_folder_lists_the_notebooks(context: BrowserContext, jupyter: server.Jupyter) -> None:
    page = context.new_page()
    page.goto(jupyter.address("notebooks"))
    expect(page.locator(".jp-DirListing-itemName", has_text="00-a.ipynb")).to_be_visible(timeout=120_000)


def test_without_the_token_a_login_page_is_all(context: BrowserContext, jupyter: server.Jupyter) -> None:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{jupyter.port}/lab/tree/notebooks/00-a.ipynb")
    expect(page.locator("#password_input")).to_be_visible()
    # With the token anyone could set a password, which would outlive it.
    assert page.locator("#new_password_input").count() == 0
    assert "Measured" not in page.content()
