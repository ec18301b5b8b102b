"""Who gets nothing from the service: the threats of docs/design/live.md that need no engine and no browser, by number."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from typing import TYPE_CHECKING

import pytest
from starlette.routing import Mount, Route, WebSocketRoute

from checker.live import codes
from checker.live.app import Events
from checker.live.guard import PUBLIC
from checker.web.guard import Guard
from tests.unit.live.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.live.conftest import Live

POSTS = [
    "/api/v1/session", "/api/v1/labs/01/start", "/api/v1/labs/01/stop", "/api/v1/labs/01/reset",
    "/api/v1/labs/01/check", "/api/v1/labs/01/hint", "/api/v1/labs/01/run",
]  # fmt: skip
GETS = [
    "/api/v1/hello", "/api/v1/state", "/api/v1/state?lab=01", "/api/v1/events?lab=01", "/api/v1/labs/01/blocks",
    "/api/v1/labs/01/timeline",
]  # fmt: skip
EVIL = [
    "http://evil.example",
    "http://127.0.0.1:8081",
    "null",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:{port}.evil.example",
]
BODY = {"confirm": "01", "block": "b3", "digest": "0" * 64, "code": "x"}


# -- T1: a page of another origin makes the browser send something ---------------------------------------------


@pytest.mark.parametrize("path", POSTS)
def test_t1_nothing_is_done_for_a_page_of_another_origin(live: Live, path: str) -> None:
    for origin in EVIL:
        named = origin.format(port=live.port)
        assert live.ask("POST", path, BODY, headers={"Origin": named})[0] == 403, named
    for site in ("cross-site", "same-site", "none"):
        assert live.ask("POST", path, BODY, headers={"Sec-Fetch-Site": site})[0] == 403, site
    assert live.ask("POST", path, BODY, headers={"Origin": None})[0] == 403
    assert live.engine.calls == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
def test_t1_what_a_form_can_send_is_not_read(live: Live, path: str, kind: str | None) -> None:
    assert live.ask("POST", path, BODY, headers={"Content-Type": kind})[0] == 415
    assert live.engine.calls == []


@pytest.mark.parametrize("path", GETS)
def test_t1_a_page_of_another_origin_reads_nothing_either(live: Live, path: str) -> None:
    for origin in EVIL:
        assert live.ask("GET", path, headers={"Origin": origin.format(port=live.port)})[0] == 403
    for site in ("cross-site", "same-site"):
        assert live.ask("GET", path, headers={"Sec-Fetch-Site": site})[0] == 403
    assert live.engine.calls == []


def test_t1_reading_changes_nothing(live: Live) -> None:
    for path in POSTS[1:]:
        assert live.ask("GET", path)[0] in {404, 405}
    assert live.engine.calls == []


def test_t1_a_reset_needs_the_labs_number_and_more_than_16_kib_are_not_read(live: Live) -> None:
    assert live.ask("POST", "/api/v1/labs/01/reset", {"confirm": "02"})[0] == 422
    assert live.ask("POST", "/api/v1/labs/01/check", b" " * 20000)[0] == 413
    assert live.engine.calls == []


# -- T2: other ports of this host -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/assets/look.css", "/nowhere", *GETS[:3]])
def test_t2_no_answer_sets_a_cookie_allows_another_origin_or_may_be_framed(live: Live, path: str) -> None:
    _, headers, _ = live.ask("GET", path)
    assert "set-cookie" not in headers
    assert not [name for name in headers if name.startswith("access-control")]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


def test_t2_a_page_may_not_be_framed_and_runs_only_the_scripts_that_it_was_built_with(live: Live) -> None:
    policy = live.ask("GET", "/")[1]["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"script-src 'self' 'sha256-[^']+';", policy)


def test_t7_an_inline_script_that_only_one_page_has_does_not_run(live: Live, pages: Path) -> None:
    home = (pages / "index.html").read_text()
    (pages / "index.html").write_text(home.replace("<body>", "<body><script>steal()</script>"))
    (pages / "lessons/01-boat/index.html").write_text("<html><script>var inline = 1</script></html>")
    policy = live.ask("GET", "/")[1]["content-security-policy"]
    assert policy.count("sha256-") == 1
    assert policy == live.ask("GET", "/lessons/01-boat/")[1]["content-security-policy"]


def test_t2_a_preflight_of_another_origin_is_refused(live: Live) -> None:
    headers = {"Origin": "http://127.0.0.1:8081", "Access-Control-Request-Method": "POST"}
    status, found, _ = live.ask("OPTIONS", "/api/v1/labs/01/start", headers=headers)
    assert status == 403
    assert "access-control-allow-origin" not in found


# -- T3: a name that a hostile DNS server sends here ------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/v1/hello", "/api/v1/state", "/api/v1/events", "/api/v1/term/01"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.evil.example", "127.0.0.1:9999", "127.0.0.1",
        "a/?x=", "[::1]x", "[::1]:{port}", "", "127.0.0.1:{port}@evil.example", "LOCALHOST:{port}", "127.0.0.1:{port} ,evil.example",
    ],
)  # fmt: skip
def test_t3_another_name_gets_nothing(live: Live, path: str, host: str) -> None:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host.format(port=live.port)}",
        f"Authorization: Bearer {live.token}",
    ]
    assert live.raw("\r\n".join([*lines, "Connection: close", "", ""]).encode()).split(b" ")[1] == b"400"
    assert live.engine.calls == []


def test_t3_two_names_and_a_name_that_a_proxy_adds_get_nothing(live: Live) -> None:
    two = f"GET / HTTP/1.1\r\nHost: {live.host}\r\nHost: {live.host}\r\nConnection: close\r\n\r\n"
    assert live.raw(two.encode()).split(b" ")[1] == b"400"
    headers: dict[str, str | None] = {"Host": "evil.example", "X-Forwarded-Host": live.host}
    assert live.ask("GET", "/", headers=headers)[0] == 400
    assert live.ask("GET", "/", headers={"X-Forwarded-Host": "evil.example"})[0] == 200


# -- T4: a WebSocket from elsewhere -----------------------------------------------------------------------------


def upgrade(live: Live, origin: str | None, *, host: str = "", path: str = "/api/v1/term/01") -> bytes:
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {host or live.host}", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]  # fmt: skip
    return "\r\n".join([*lines, *([f"Origin: {origin}"] if origin is not None else []), "", ""]).encode()


@pytest.mark.parametrize("origin", [None, *EVIL, "http://127.0.0.1", "http://localhost:{port}/", ""])
def test_t4_a_terminal_is_not_even_opened_for_another_origin(live: Live, origin: str | None) -> None:
    named = origin.format(port=live.port) if origin is not None else None
    answer = live.raw(upgrade(live, named), seconds=1.0)
    assert answer.split(b" ")[1] == b"403", answer
    assert live.engine.calls == []


def _close_code(answer: bytes) -> int:
    frame = answer.partition(b"\r\n\r\n")[2]
    assert frame[:1] == b"\x88", frame
    return int.from_bytes(frame[2:4], "big")


@pytest.mark.parametrize(
    "first", [None, {"t": "hello", "token": "wrong"}, {"t": "in", "d": "id\r"}, ["hello"], {}]
)
def test_t4_without_the_token_in_the_first_frame_nothing_is_started(live: Live, first: object) -> None:
    sent = upgrade(live, live.origin)
    if first is not None:
        text = json.dumps(first).encode()
        sent += bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text
    answer = live.raw(sent, seconds=4.0)
    assert answer.split(b" ")[1] == b"101"
    assert _close_code(answer) == 4401
    assert live.engine.calls == []


# -- T5: one route without the guard ----------------------------------------------------------------------------


def test_t5_every_route_asks_for_the_token_unless_it_is_on_the_list(live: Live) -> None:
    from checker.live.app import make_app

    guard = make_app(live.service, live.service.places.docs, live.port)
    assert isinstance(guard, Guard)
    seen = set()
    for route in guard._app.routes:  # type: ignore[attr-defined]
        if isinstance(route, Mount):
            assert route.path == ""  # the pages, which everybody may read
            continue
        path = route.path.replace("{lab}", "01").replace("{kind}", "start")
        if isinstance(route, WebSocketRoute):
            assert _close_code(live.raw(upgrade(live, live.origin, path=path), seconds=4.0)) == 4401
            seen.add(("WS", route.path))
            continue
        assert isinstance(route, Route)
        methods = {"GET"} if isinstance(route.app, Events) else (route.methods or set()) - {"HEAD"}
        for method in methods:
            seen.add((method, route.path))
            for token in (None, "Bearer wrong", f"Basic {live.token}", live.token):
                status = live.ask(method, path, BODY, headers={"Authorization": token})[0]
                assert (status != 401) == ((method, route.path) in PUBLIC), (method, path, status)
    # Whoever adds a route names it here, and by that says that it was thought of.
    assert seen == {
        ("GET", "/api/v1/hello"), ("POST", "/api/v1/session"), ("GET", "/api/v1/state"), ("GET", "/api/v1/events"),
        ("GET", "/api/v1/labs/{lab}/blocks"), ("GET", "/api/v1/labs/{lab}/timeline"), ("POST", "/api/v1/labs/{lab}/hint"),
        ("POST", "/api/v1/labs/{lab}/run"), ("POST", "/api/v1/labs/{lab}/{kind}"), ("WS", "/api/v1/term/{lab}"),
    }  # fmt: skip
    assert live.engine.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/state",
        "/api//v1/state",
        "/API/v1/state",
        "/x/../api/v1/state",
        "/%61pi/v1/state",
        "/api/v1/state/",
    ],
)
def test_t5_another_spelling_of_an_address_is_no_way_around(live: Live, path: str) -> None:
    status, _, body = live.ask("GET", path, headers={"Authorization": None})
    assert status in {401, 404}
    assert b"progress" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/.git/config",
    ],
)
def test_t5_only_what_is_in_the_folder_of_pages_is_read(live: Live, path: str) -> None:
    status, _, body = live.ask("GET", path)
    assert status == 404
    assert b"not a page" not in body
    assert b"root:" not in body


# -- T6: the token or a code where others can see it -------------------------------------------------------------


def test_t6_a_code_is_good_once_and_for_a_minute(live: Live) -> None:
    code = live.code()
    status, _, body = live.ask("POST", "/api/v1/session", {"code": code}, headers={"Authorization": None})
    assert (status, json.loads(body)) == (200, {"token": live.token})
    assert live.ask("POST", "/api/v1/session", {"code": code})[0] == 403
    old = codes.make_code(KEY, time.time() - 61)
    assert live.ask("POST", "/api/v1/session", {"code": old})[0] == 403


@pytest.mark.parametrize("code", ["", "x", "x.y.z", None, 7, ["a"]])
def test_t6_what_is_no_code_opens_nothing(live: Live, code: object) -> None:
    assert live.ask("POST", "/api/v1/session", {"code": code})[0] == 403


def test_t6_a_code_of_another_service_or_with_another_time_opens_nothing(live: Live) -> None:
    until, nonce, mac = live.code().split(".")
    for made in (codes.make_code("another key"), f"{int(until, 16) + 9:x}.{nonce}.{mac}"):
        assert live.ask("POST", "/api/v1/session", {"code": made})[0] == 403


def test_t6_the_log_of_an_error_has_neither_token_nor_code(
    live: Live, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> None:
        raise RuntimeError(f"with the token {live.token}")

    monkeypatch.setattr(live.service, "blocks", broken)
    status, _, body = live.ask("GET", "/api/v1/labs/01/blocks?token=" + live.token)
    assert status == 500
    said = "".join(capfd.readouterr())
    assert "error in GET /api/v1/labs/{lab}/blocks: RuntimeError" in said
    assert live.token not in said
    assert live.token.encode() not in body


def test_t6_the_address_of_a_page_leads_to_no_other_place(live: Live) -> None:
    status, headers, _ = live.ask("GET", "/lessons//evil.example%2f..")
    assert status == 404
    status, headers, _ = live.ask("GET", "/lessons/01-boat")
    assert (status, headers["location"]) == (301, "01-boat/")


# -- T9: another server behind the page ---------------------------------------------------------------------------


def test_t9_a_page_learns_whether_a_server_knows_the_token_before_it_sends_it(live: Live) -> None:
    hello = json.loads(live.ask("GET", "/api/v1/hello?nonce=abc", headers={"Authorization": None})[2])
    assert hello["proof"] == codes.proof(live.token, "abc", live.host)
    # What another server fetches from this one to pass it on is made for another address.
    assert hello["proof"] != codes.proof(live.token, "abc", f"127.0.0.1:{live.port + 1}")
    assert live.token not in json.dumps(hello)
