"""The page server: what it answers, to whom, and what it keeps to itself."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from checker.site import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def port(pages: Path) -> Iterator[int]:
    """The port of a running server of the pages."""
    server = serve.listen(pages, run="this-run")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(5)


def raw(port: int, request: str) -> tuple[int, dict[str, str], bytes]:
    """Send exactly these bytes and return status, headers and body."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    return raw(port, f"GET {path} HTTP/1.1\nHost: 127.0.0.1:{port}\nConnection: close\n\n")


def test_a_page_is_served_with_its_folders_address(port: int) -> None:
    status, headers, body = get(port, "/lessons/01-boat/")
    assert (status, body) == (200, b"<html>A boat</html>")
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_an_address_without_its_slash_leads_to_the_page(port: int) -> None:
    status, headers, _ = get(port, "/lessons/01-boat")
    assert status == 301
    assert headers["location"].endswith("/lessons/01-boat/")


def test_an_address_of_another_host_is_never_redirected_to(port: int) -> None:
    for path in ("//evil.example/lessons", "//evil.example/%2e%2e/lessons/01-boat", "/\\evil.example"):
        status, headers, _ = get(port, path)
        assert status in {301, 404}
        assert "://evil" not in headers.get("location", "")
        assert not headers.get("location", "").startswith("//")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_every_loopback_name_is_answered(port: int, host: str) -> None:
    assert raw(port, f"GET / HTTP/1.1\nHost: {host}:{port}\nConnection: close\n\n")[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1:9",
        "127.0.0.1",
        "a/?x=127.0.0.1:{port}",
        "[::1]x:{port}",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/assets/look.css", "/hello.json"])
def test_a_request_for_another_host_name_is_refused(port: int, host: str, path: str) -> None:
    name = host.format(port=port)
    status, _, body = raw(port, f"GET {path} HTTP/1.1\nHost: {name}\nConnection: close\n\n")
    assert status == 421
    assert b"Home" not in body


def test_two_host_names_in_one_request_are_refused(port: int) -> None:
    hosts = f"Host: 127.0.0.1:{port}\nHost: evil.example\n"
    assert raw(port, f"GET / HTTP/1.1\n{hosts}Connection: close\n\n")[0] == 421


def test_a_name_in_a_forwarding_header_counts_for_nothing(port: int) -> None:
    hosts = f"Host: evil.example\nX-Forwarded-Host: 127.0.0.1:{port}\n"
    assert raw(port, f"GET / HTTP/1.1\n{hosts}Connection: close\n\n")[0] == 421


def test_hello_tells_the_app_and_the_run(port: int) -> None:
    status, headers, body = get(port, "/hello.json")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert {key: json.loads(body)[key] for key in ("app", "run")} == {"app": serve.APP, "run": "this-run"}


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt"]
)
def test_nothing_outside_the_pages_is_read(port: int, path: str) -> None:
    status, _, body = get(port, path)
    assert status == 404
    assert b"not a page" not in body


def test_what_a_folder_holds_is_not_listed(port: int) -> None:
    status, _, body = get(port, "/assets/")
    assert (status, body) == (404, b"<html>Lost</html>")


def test_a_missing_page_gets_the_sites_own_answer(port: int) -> None:
    for path in ("/nowhere/", "/nowhere.html", "/nowhere.css"):
        status, _, body = get(port, path)
        assert (status, body) == (404, b"<html>Lost</html>")


def test_a_page_may_run_its_own_scripts_and_no_others(port: int) -> None:
    policy = get(port, "/")[1]["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy


def test_every_answer_carries_the_closing_headers(port: int) -> None:
    for path in ("/", "/assets/look.css", "/nowhere", "/hello.json"):
        headers = get(port, path)[1]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


def test_head_is_answered_without_a_body(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for path, wanted in (("/", 200), ("/nowhere", 404), ("/assets/look.css", 200)):
        connection.request("HEAD", path)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (wanted, b"")
    connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_get_and_head_is_answered(port: int, method: str) -> None:
    status, _, _ = raw(port, f"{method} / HTTP/1.1\nHost: 127.0.0.1:{port}\nConnection: close\n\n")
    assert status == 501


def test_the_next_free_port_is_taken_when_the_first_is_not_free(pages: Path) -> None:
    with serve.listen(pages, run="one") as one, serve.listen(pages, run="two") as two:
        assert one.server_port != two.server_port


def test_a_wanted_port_that_is_taken_is_an_error(pages: Path) -> None:
    with serve.listen(pages, run="one") as one, pytest.raises(OSError, match="in use"):
        serve.listen(pages, run="two", port=one.server_port)
