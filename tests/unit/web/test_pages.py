"""Files of pages: a browser that has one already is not sent it again, and always gets one that has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from checker.web.pages import Folder
from tests.unit.web.asking import get

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a folder of built pages."""
    (tmp_path / "index.html").write_text("<head></head>")
    (tmp_path / "404.html").write_text("lost")
    (tmp_path / "page.js").write_text("one")
    (tmp_path / "bundle.a5f9d56c.min.js").write_text("theme")
    return tmp_path


@pytest.fixture
def folder(built: Path) -> Folder:
    """Return a server of these pages."""
    return Folder(built, lambda page, file: (page + file.name.encode(), "default-src 'self'"))


def test_a_file_that_the_browser_has_is_not_sent_again(folder: Folder) -> None:
    first = get(folder, "/page.js")
    again = get(folder, "/page.js", if_none_match=f'"other", {first.headers["etag"]}')
    assert (first.status, first.text) == (200, "one")
    assert (again.status, again.text) == (304, "")
    assert again.headers["etag"] == first.headers["etag"]


def test_a_file_that_changed_within_the_second_is_sent(folder: Folder, built: Path) -> None:
    first = get(folder, "/page.js").headers
    status = (built / "page.js").stat()
    (built / "page.js").write_text("two")
    os.utime(built / "page.js", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    known = {"if_none_match": first["etag"], "if_modified_since": first["last-modified"]}
    assert get(folder, "/page.js", **known).text == "two"


def test_only_a_file_with_its_digest_in_its_name_need_not_be_asked_for_again(folder: Folder) -> None:
    assert "immutable" in get(folder, "/bundle.a5f9d56c.min.js").headers["cache-control"]
    assert "cache-control" not in get(folder, "/page.js").headers
    assert "cache-control" not in get(folder, "/").headers


def test_a_page_is_dressed_by_its_file(folder: Folder) -> None:
    page = get(folder, "/")
    assert page.text == "<head></head>index.html"
    assert page.headers["content-security-policy"] == "default-src 'self'"
