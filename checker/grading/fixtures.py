"""The fixtures that a check can use: lab, engine, docker, outside, prober, timeline."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.sdk import connect_sdk
from checker.grading.author import Lab, Outside, Prober, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine

LAB = pytest.StashKey[Lab]()
"""Where the run keeps the lab being judged."""


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Lab:
    """The lab being judged."""
    return pytestconfig.stash[LAB]


@pytest.fixture(scope="session")
def engine(lab: Lab) -> Engine:
    """The engine that runs it."""
    return lab.engine


@pytest.fixture(scope="session")
def docker(engine: Engine) -> Iterator[Any]:
    """The same engine through the Docker SDK for Python, a `docker.DockerClient`; imported when a check first uses it."""
    client = connect_sdk(engine.endpoint)
    yield client
    client.close()


@pytest.fixture(scope="session")
def outside(lab: Lab) -> Outside:
    """HTTP from the learner's machine."""
    return Outside(published_host(lab.engine))


@pytest.fixture(scope="session")
def prober(lab: Lab) -> Prober:
    """HTTP from inside the lab's network."""
    return Prober(lab.shells.of(lab.node("prober").id))


@pytest.fixture(scope="session")
def timeline(lab: Lab) -> Traffic:
    """The record of the lab's traffic, in which checks can also leave marks."""
    return Traffic(lab.shells.of(lab.node("traffic").id))


def published_host(engine: Engine) -> str:
    """Return the host name at which published ports can be reached from here."""
    host = engine.endpoint.host
    if host.startswith(("tcp://", "ssh://")):
        return urllib.parse.urlsplit(host).hostname or "127.0.0.1"
    return "127.0.0.1"
