"""A learner's browser, as far as a hub needs one: cookies, the sign-in form, and a terminal in JupyterLab."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from websockets.sync.client import connect
from websockets.typing import Origin

from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 120.0
ASK_SECONDS = 15.0


class Browser:
    """One learner who signs in to a hub.

    Args:
        address: the hub's address, with a slash at the end.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.user = ""
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._jar)
        )

    def get(self, path: str, data: dict[str, str] | None = None, method: str = "") -> tuple[int, str, str]:
        """Return the status, the address at the end of all redirects, and the text."""
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        asked = urllib.request.Request(  # noqa: S310 - the address is the cluster's
            urllib.parse.urljoin(self.address, path), body, method=method or None, headers=self._headers(path)
        )
        try:
            with self._opener.open(asked, timeout=ASK_SECONDS) as answer:
                return answer.status, answer.url, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode(errors="replace")
        except OSError as error:
            # What was asked is gone: its node has been lost, for instance.
            return 0, asked.full_url, str(error)

    def _headers(self, path: str) -> dict[str, str]:
        token = self._cookie("_xsrf", path)
        return {"X-XSRFToken": token, "Referer": self.address} if token else {}

    def _cookie(self, name: str, path: str) -> str:
        where = urllib.parse.urlsplit(urllib.parse.urljoin(self.address, path)).path
        fitting = [each for each in self._jar if each.name == name and where.startswith(each.path)]
        return max(fitting, key=lambda each: len(each.path)).value or "" if fitting else ""

    def sign_in(self, user: str, passcode: str) -> bool:
        """Fill in the form; return whether the hub let us in."""
        self.get("hub/login")
        token = self._cookie("_xsrf", "hub/login")
        _, url, _ = self.get(
            f"hub/login?_xsrf={urllib.parse.quote(token)}", {"username": user, "password": passcode}
        )
        self.user = user
        return "/hub/login" not in url

    def take_a_seat(self) -> float:
        """Have the seat started and wait until JupyterLab answers; return how many seconds that took."""
        begun = time.monotonic()
        said = ""

        def is_there() -> bool:
            nonlocal said
            # A seat that is there is not started again. One that has just been lost is an error for a few seconds.
            refused, _, why = self.get(f"hub/spawn/{self.user}")
            said = f"{refused}: {why[-500:]}"
            status, url, _ = self.get(f"user/{self.user}/api/status")
            if status == 200 and f"/user/{self.user}/" in url:
                return True
            # The first visit brings the cookie of the seat.
            self.get(f"user/{self.user}/lab")
            return False

        there = wait_until(is_there, START_SECONDS, every=1)
        assert there, f"{self.user} has no seat after {START_SECONDS:.0f} s; the hub says {said}"
        return time.monotonic() - begun

    @contextlib.contextmanager
    def terminal(self) -> Iterator[Terminal]:
        """Open a terminal of JupyterLab."""
        status, _, text = self.get(f"user/{self.user}/api/terminals", {}, method="POST")
        assert status == 200, text[:300]
        name = json.loads(text)["name"]
        path = f"user/{self.user}/terminals/websocket/{name}"
        url = urllib.parse.urljoin(self.address, path)
        where = urllib.parse.urlsplit(url).path
        cookies = "; ".join(f"{each.name}={each.value}" for each in self._jar if where.startswith(each.path))
        with connect(
            url.replace("http://", "ws://", 1),
            additional_headers={"Cookie": cookies},
            origin=Origin(self.address.rstrip("/")),
            proxy=None,
            max_size=None,
        ) as socket:
            yield Terminal(socket)


class Terminal:
    """A terminal in a seat; what is typed is read by the learner's shell."""

    def __init__(self, socket) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self._socket = socket
        self._count = 0

    def type(self, line: str, seconds: float = 240.0) -> tuple[int, str]:
        """Type a line, wait for its end, and return its exit code and what it printed."""
        self._count += 1
        mark = f"ended-{self._count}"
        # What is typed is echoed, so the mark is put together only where it is printed.
        self._socket.send(json.dumps(["stdin", f'{line}; echo "ended"-{self._count}:$?:\r']))
        text, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                kind, *rest = json.loads(self._socket.recv(timeout=5))
            except TimeoutError:
                continue
            if kind == "stdout":
                text += rest[0]
            if found := re.search(rf"{mark}:(\d+):", text):
                return int(found[1]), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        raise AssertionError(f"`{line}` did not end within {seconds:.0f} s:\n{text[-2000:]}")
