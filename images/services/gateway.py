"""The gateway: a company that sends text messages for anyone who has a key. It sends what it gets, as often as it gets it.

A message with a `reference` that it has had already, for the same receiver, is not sent again.
Its environment: GATEWAY_KEY, the key; and what `service` reads.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from service import serve

if TYPE_CHECKING:
    from service import Request

KEY = os.environ.get("GATEWAY_KEY") or ""
sent: Counter[str] = Counter()
references: set[tuple[str, str]] = set()
lock = threading.Lock()


def send(request: Request) -> tuple[int, dict[str, Any]]:
    """Send a message: {"to": ...}, with the key in the header X-Gateway-Key or as ?key= in the address."""
    if KEY not in (request.headers.get("X-Gateway-Key"), request.query.get("key")):
        return 403, {"error": "who are you? The key is missing or wrong"}
    to, reference = str(request.body.get("to") or ""), str(request.body.get("reference") or "")
    if not to:
        return 400, {"error": "to whom? The message has no `to`"}
    with lock:
        if reference and (to, reference) in references:
            return 200, {"sent": False, "known": True}
        references.add((to, reference))
        sent[to] += 1
    return 200, {"sent": True}


def show(_: Request) -> tuple[int, dict[str, Any]]:
    """Say how often each recipient was written to."""
    with lock:
        return 200, {"messages": dict(sent)}


if __name__ == "__main__":
    serve({"POST /messages": send, "GET /messages": show})
