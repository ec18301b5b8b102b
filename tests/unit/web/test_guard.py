"""What the one guard of both servers on loopback lets in; the threats of each server are tested with that server."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from checker.web.guard import Guard, Rules

PORT = 4711
HOME = f"http://127.0.0.1:{PORT}"
OWN = {"Authorization": "Bearer t", "Sec-Fetch-Site": "same-origin", "Origin": HOME}


async def _yes(_: object) -> Response:
    return Response("yes", headers={"cache-control": "max-age=1"})


def asked(
    method: str, path: str, headers: dict[str, str], *, links: bool = False, json: object = None
) -> httpx.Response:
    """Ask a small application behind the guard."""
    app = Starlette(
        routes=[Route(path, _yes, methods=["GET", "POST"]) for path in ("/page", "/api/do", "/api/free")]
    )
    rules = Rules(
        port=PORT,
        token="t",  # noqa: S106 - of a test
        is_page=lambda path: path == "/page",
        closed="Closed.",
        public=frozenset({("GET", "/api/free")}),
        links=links,
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Guard(app, rules))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
            return await client.request(method, path, headers=headers, json=json)

    return asyncio.run(ask())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_two_names_are_answered(name: str) -> None:
    assert asked("GET", "/page", {"Host": f"{name}:{PORT}"}).text == "yes"


@pytest.mark.parametrize("host", [f"[::1]:{PORT}", f"127.0.0.2:{PORT}", "127.0.0.1", f"evil.example:{PORT}"])
def test_a_name_under_which_it_does_not_listen_gets_nothing(host: str) -> None:
    assert asked("GET", "/page", {"Host": host}).status_code == 400


def test_a_typed_address_opens_a_page_and_nothing_else() -> None:
    assert asked("GET", "/page", {"Sec-Fetch-Site": "none"}).status_code == 200
    assert asked("GET", "/api/do", {**OWN, "Sec-Fetch-Site": "none"}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_of_another_origin_leads_to_a_page_only_where_links_are_wanted(site: str) -> None:
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert asked("GET", "/page", link, links=True).status_code == 200
    assert asked("GET", "/page", link).status_code == 403
    assert asked("GET", "/api/do", {**OWN, **link}, links=True).status_code == 403


@pytest.mark.parametrize("mode", ["cors", "no-cors", "websocket"])
def test_what_another_origins_page_loads_by_itself_is_refused_even_where_links_are_wanted(mode: str) -> None:
    found = asked("GET", "/page", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode}, links=True)
    assert found.status_code == 403


def test_an_origin_that_is_not_its_own_gets_not_even_a_page() -> None:
    assert asked("GET", "/page", {"Origin": "http://127.0.0.1:8081"}, links=True).status_code == 403


def test_a_change_needs_the_origin_the_token_and_json_of_a_known_length() -> None:
    assert asked("POST", "/api/do", OWN, json={}).status_code == 200
    assert asked("POST", "/api/do", {**OWN, "Content-Type": "text/plain"}).status_code == 415
    assert asked("POST", "/api/do", OWN, json={"x": " " * 20000}).status_code == 413
    assert asked("POST", "/api/do", {"Authorization": "Bearer t"}, json={}).status_code == 403
    assert asked("POST", "/api/do", {**OWN, "Authorization": "Bearer"}, json={}).status_code == 401
    assert asked("POST", "/api/free", {"Origin": HOME}, json={}).status_code == 401
    assert asked("GET", "/api/free", {}).status_code == 200
    assert asked("POST", "/page", OWN, json={}).status_code == 405


def test_every_answer_has_the_headers_once_and_the_applications_own_where_it_has_one() -> None:
    for found in (asked("GET", "/page", {}), asked("GET", "/page", {"Host": "evil.example"})):
        for name in ("x-frame-options", "cross-origin-resource-policy", "cross-origin-opener-policy"):
            assert len(found.headers.get_list(name)) == 1, name
    assert asked("GET", "/page", {}).headers.get_list("cache-control") == ["max-age=1"]
    assert asked("GET", "/api/do", {}).headers.get_list("cache-control") == ["no-store"]
