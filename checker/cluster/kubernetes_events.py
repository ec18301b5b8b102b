"""What a Kubernetes cluster says of what happened: its events, and the last line of a container that ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from checker.cluster.kubernetes_api import Api
    from checker.cluster.kubernetes_records import Pod


_LOG_GONE = "unable to retrieve container logs for "
"""What a node answers, with status 200, when the container that ended is removed with its log."""

_IMAGE = re.compile(r'image "([^"]+)"')
"""How a node says of which image it starts a container."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class About(_Record, frozen=True):
    """The object that an event is about."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class Event(_Record, frozen=True):
    """Something that happened to an object."""

    involved_object: About = About()
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def at(self) -> str:
        """When it happened last, as the API writes time."""
        return self.last_timestamp or self.event_time or ""

    @property
    def text(self) -> str:
        """What the cluster said, in one line."""
        return " ".join(self.message.split())


class _Events(_Record, frozen=True):
    items: tuple[Event, ...] = ()


def events(api: Api, listing: str, selector: str) -> list[Event]:
    """Return events, the newest first; the cluster keeps them for an hour.

    Args:
        api: the API server.
        listing: the path that lists events, of one namespace or of all.
        selector: which of them, as a field selector: `reason=FailedCreate`.
    """
    found = api.read(f"{listing}?fieldSelector={quote(selector)}", _Events).items
    return sorted(found, key=lambda each: each.at, reverse=True)


def started_with(api: Api, listing: str) -> dict[str, set[str]]:
    """Return the images of which pods were started in the last hour, gone ones too, by the pods' names.

    Args:
        api: the API server.
        listing: the path that lists events, of one namespace or of all.
    """
    found: dict[str, set[str]] = {}
    for each in events(api, listing, "reason=Pulled"):
        if named := _IMAGE.search(each.message):
            found.setdefault(each.involved_object.name, set()).add(named[1])
    return found


def last_said(api: Api, pod: Pod, selector: str, about: str = "") -> str:
    """Return what the cluster last said of a pod, of one sort; empty when it said nothing.

    Args:
        api: the API server.
        pod: the pod.
        selector: the sort, as a field selector: `reason=Killing`.
        about: a word that has to be in it.
    """
    of = pod.metadata
    listing = f"/api/v1/namespaces/{of.namespace}/events"
    said = events(api, listing, f"involvedObject.uid={of.uid},{selector}")
    return next((each.text for each in said if about in each.message), "")


def last_words(api: Api, pod: Pod, container: str) -> str:
    """Return the last line that a pod's container wrote before it ended the last time; empty when it wrote none."""
    of = pod.metadata
    options = f"container={container}&previous=true&tailLines=1"
    said = api.text(f"/api/v1/namespaces/{of.namespace}/pods/{of.name}/log?{options}").strip()
    return "" if said.startswith(_LOG_GONE) else said
