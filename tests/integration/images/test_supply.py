"""Images on a real engine: built, present, rebuilt, saved, loaded, pulled, pruned; and no certificate in a layer."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import tarfile
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from checker.errors import LabError
from checker.images import bundle
from checker.images.certificates import find_bundle
from checker.images.store import OLD, Origin
from checker.images.supply import ensure, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.engine.client import Client
    from checker.images.catalogue import Images
    from checker.images.store import Store

pytestmark = pytest.mark.engine

REFERENCE = "drydock/itest:1.0"
MARKER = "made up by the tests, and to be found nowhere"
SECONDS = 300.0


def save(client: Client, reference: str, file: Path) -> None:
    subprocess.run(
        client.command("save", "--output", str(file), reference),
        env=client.environment(),
        check=True,
        timeout=SECONDS,
    )


def remove(engine: Engine, *references: str) -> None:
    for reference in references:
        engine.delete(f"/images/{quote(reference, safe='')}", force=True)


def test_an_image_is_built_once_and_again_only_when_its_folder_changes(
    places: Places, engine: Engine, images: Images, store: Store
) -> None:
    said: list[str] = []
    assert ensure(["itest"], said.append, places=places, engine=engine)[0].origin is Origin.BUILT
    assert f"building {REFERENCE}" in said
    first = store.identity(REFERENCE)
    assert ensure(["itest"], places=places, engine=engine)[0].origin is Origin.PRESENT
    dockerfile = images.find("itest").dockerfile
    dockerfile.write_text(dockerfile.read_text() + "RUN true\n")
    assert ensure(["itest"], places=places, engine=engine)[0].origin is Origin.BUILT
    assert store.identity(REFERENCE) != first
    assert engine.image(first) is None, "the image that was replaced is gone"


def test_a_replaced_image_that_a_container_uses_is_kept_until_it_can_be_pruned(
    places: Places, engine: Engine, images: Images, store: Store, run: Callable[..., str]
) -> None:
    ensure(["itest"], places=places, engine=engine)
    container = run(REFERENCE)
    dockerfile = images.find("itest").dockerfile
    dockerfile.write_text(dockerfile.read_text() + "RUN true\n")
    ensure(["itest"], places=places, engine=engine)
    changed = type(images)(places.root)
    old = store.old(changed)
    assert [each.references[0].partition(":")[2].startswith(OLD) for each in old] == [True]
    assert store.remove(old) == ([], old), "a container uses it"
    engine.delete(f"/containers/{container}", force=True)
    assert store.remove(old) == (old, [])
    assert store.current(changed.find("itest"))


def test_a_build_that_fails_says_what_its_step_said(places: Places, engine: Engine, images: Images) -> None:
    dockerfile = images.find("itest").dockerfile
    dockerfile.write_text(dockerfile.read_text() + "RUN seq 100 >&2 && echo the reason >&2 && exit 7\n")
    with pytest.raises(LabError) as caught:
        ensure(["itest"], places=places, engine=engine)
    shown = caught.value.detail.splitlines()
    assert len(shown) == 15
    assert shown[-1].endswith("the reason")
    log = places.state / "images" / "itest-1.0.log"
    assert str(log) in caught.value.remedy
    assert "exit code: 7" in log.read_text()


def test_a_bundle_carries_an_image_to_an_engine_that_has_it_not(
    places: Places, engine: Engine, images: Images, store: Store, client: Client
) -> None:
    ensure(["itest"], places=places, engine=engine)
    image = images.find("itest")
    file = places.root / "bundles" / "class.tar.gz"
    with locked(places, store, client, lambda _line: None) as supply:
        bundle.save([image], file, store, supply.workshop)
    before = store.identity(REFERENCE)
    remove(engine, REFERENCE)
    assert ensure(["itest"], places=places, engine=engine)[0].origin is Origin.BUNDLE
    assert store.identity(REFERENCE) == before


def test_an_image_is_pulled_from_the_registry_that_was_named(
    places: Places,
    engine: Engine,
    store: Store,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ensure(["itest"], places=places, engine=engine)
    before = store.identity(REFERENCE)
    save(client, REFERENCE, tmp_path / "image.tar")
    remove(engine, REFERENCE)
    with _registry(tmp_path / "image.tar") as address:
        monkeypatch.setenv("DRYDOCK_REGISTRY", address)
        said: list[str] = []
        provided = ensure(["itest"], said.append, places=places, engine=engine)
    if provided[0].origin is not Origin.PULLED and not engine.endpoint.is_local:
        pytest.skip("the engine is elsewhere and cannot reach this machine's loopback")
    assert provided[0].origin is Origin.PULLED, said
    assert store.identity(REFERENCE) == before


def test_the_certificates_reach_the_build_and_stay_in_no_layer(
    places: Places,
    engine: Engine,
    images: Images,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = find_bundle(tmp_path)
    own = tmp_path / "own.pem"
    own.write_text(f"# {MARKER}\n" + (system.read_text() if system else ""))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    dockerfile = images.find("itest").dockerfile
    step = f"RUN --mount=type=secret,id=ca,target=/run/secrets/ca grep -q '{MARKER[:7]}' /run/secrets/ca\n"
    dockerfile.write_text(dockerfile.read_text() + step)
    ensure(["itest"], places=places, engine=engine)
    save(client, REFERENCE, tmp_path / "image.tar")
    assert MARKER.encode() not in (tmp_path / "image.tar").read_bytes()


@pytest.mark.parametrize("name", ["parcel:1.0", "toolbox"])
def test_no_layer_of_the_courses_images_holds_this_machines_own_certificates(
    name: str, engine: Engine, client: Client, tmp_path: Path, run: Callable[..., str]
) -> None:
    system = find_bundle(tmp_path)
    if system is None:
        pytest.skip("this machine keeps its certificates nowhere that a build is lent from")
    reference = ensure([name], engine=engine)[0].reference
    save(client, reference, tmp_path / "image.tar")
    content = (tmp_path / "image.tar").read_bytes()
    toolbox = run(ensure(["toolbox"], engine=engine)[0].reference)
    debians = subprocess.run(
        client.command("exec", toolbox, "sh", "-c", "cat /usr/share/ca-certificates/*/*"),
        env=client.environment(),
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    for block in system.read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]:
        # The second line of a certificate's text: the first is alike in many.
        line = block.split()[1]
        assert line in debians or line not in content


@contextlib.contextmanager
def _registry(archive: Path) -> Iterator[str]:
    """Serve one saved image as a registry would (OCI distribution specification, "pull")."""
    with tarfile.open(archive) as saved:
        files = {
            member.name: saved.extractfile(member).read()  # type: ignore[union-attr]
            for member in saved.getmembers()
            if member.isfile()
        }
    if "index.json" not in files:
        pytest.skip("this engine saves images in a form from before the OCI layout")
    manifest = json.loads(files["index.json"])["manifests"][0]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, digest = "application/octet-stream", self.path.rpartition("/")[2]
            if "/manifests/" in self.path:
                kind, digest = manifest["mediaType"], manifest["digest"]
            content = files.get(f"blobs/{digest.replace(':', '/')}", b"{}")
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
