"""The registry of a class on a real engine: filled once, reached from this machine alone, removed with the class."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest

from checker.classroom import registry
from checker.engine.api import NotFoundError
from checker.images.catalogue import Images
from checker.session.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from checker.engine.api import Engine

pytestmark = pytest.mark.engine


def test_a_class_has_its_images_on_loopback_until_it_is_purged(engine: Engine, tmp_path: Path) -> None:
    said: list[str] = []
    session = Session(said.append)
    image = Images(session.places.root).find("parcel:1.0")
    name = registry.name_of(tmp_path)
    try:
        for _ in range(2):
            with registry.serving(session, tmp_path, [image]) as port:
                manifest = f"http://127.0.0.1:{port}/v2/drydock/parcel/manifests/1.0"
                with urllib.request.urlopen(manifest, timeout=20) as reply:
                    assert reply.status == 200
                (bound,) = engine.inspect(name)["NetworkSettings"]["Ports"][registry.PORT]
                assert bound["HostIp"] == "127.0.0.1"
            with pytest.raises(NotFoundError):
                engine.inspect(name)
            # What it has stays for the next time.
            assert engine.get(f"/volumes/{name}")["Labels"] == registry.LABELS
    finally:
        purged = registry.purge(engine, tmp_path)
    assert purged
    assert not registry.purge(engine, tmp_path)
