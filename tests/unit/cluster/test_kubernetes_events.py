"""What a cluster says of what happened: which event is the last, and what a container wrote."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster.kubernetes_events import events, last_said, last_words, started_with
from checker.cluster.kubernetes_records import Pod

POD = msgspec.convert({"metadata": {"name": "web-1", "namespace": "shop", "uid": "u1"}}, Pod)
LISTING = "/api/v1/namespaces/shop/events"


def saying(query: str, *said: dict[str, Any]) -> Any:
    """Return an API server with these events."""

    def read(path: str, kind: Any) -> Any:
        assert path == f"{LISTING}?fieldSelector={query}"
        return msgspec.convert({"items": said}, kind)

    return SimpleNamespace(read=read)


def test_the_newest_event_comes_first_by_whichever_time_it_has() -> None:
    old = {"message": "old", "lastTimestamp": "2026-11-28T16:00:00Z"}
    new = {"message": "new", "lastTimestamp": None, "eventTime": "2026-11-28T16:00:01.5Z"}
    timeless = {"message": "never"}
    found = events(saying("reason%3DFailed", timeless, old, new), LISTING, "reason=Failed")
    assert [each.message for each in found] == ["new", "old", "never"]


def test_the_images_of_pods_that_are_gone_are_known_from_what_their_nodes_said() -> None:
    def pulled(name: str, message: str) -> dict[str, Any]:
        return {"message": message, "involvedObject": {"kind": "Pod", "name": name}}

    api = saying(
        "reason%3DPulled",
        pulled("web-0", 'Container image "web:1.0" already present on machine'),
        pulled("web-0", 'Successfully pulled image "web:2.0" in 1.2s'),
        pulled("web-1", "an image of which the name is not told"),
    )
    assert started_with(api, LISTING) == {"web-0": {"web:1.0", "web:2.0"}}


def test_what_was_said_last_of_a_pod_is_one_line_with_the_word_that_is_looked_for() -> None:
    said = (
        {"message": "Liveness probe\n  failed", "lastTimestamp": "2026-11-28T16:00:00Z"},
        {"message": "Readiness probe failed", "lastTimestamp": "2026-11-28T16:00:09Z"},
    )
    api = saying("involvedObject.uid%3Du1%2Ctype%3DWarning", *said)
    assert last_said(api, POD, "type=Warning", "Liveness") == "Liveness probe failed"
    assert last_said(api, POD, "type=Warning") == "Readiness probe failed"
    assert not last_said(api, POD, "type=Warning", "Startup")


@pytest.mark.parametrize(
    ("log", "said"), [("ended\n", "ended"), ("unable to retrieve container logs for containerd://x", "")]
)
def test_last_words_are_those_of_the_container_before_its_last_start(log: str, said: str) -> None:
    path = "/api/v1/namespaces/shop/pods/web-1/log?container=web&previous=true&tailLines=1"
    api: Any = SimpleNamespace(text={path: log}.get)
    assert last_words(api, POD, "web") == said
