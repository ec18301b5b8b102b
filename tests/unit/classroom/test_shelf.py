"""What the room may fetch from the teacher's machine, and that there is no way from there to anything else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from checker.classroom.protocol import LEARNER, READING, SEAL, Joined, seal
from checker.classroom.shelf import Bundle, Shelf
from checker.errors import LabError
from tests.unit.classroom.classes import Class, in_class
from tests.unit.web.servers import Bad, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = b"bundle" * 1000
SUM = hashlib.sha256(DATA).hexdigest()
BLOB = "a" * 64
MANIFEST = "/v2/drydock/parcel/manifests/1.0"
LAYER = f"/v2/drydock/parcel/blobs/sha256:{BLOB}"


@pytest.fixture
def registry() -> Bad:
    found = Bad({MANIFEST: b"{}", LAYER: b"layer of an image"})
    for path in ("/v2/_catalog", "/v2/drydock/parcel/tags/list", "/v2/", "/v2/drydock/secret/manifests/1.0"):
        found.files[path] = b"nobody may read this"
    return found


@pytest.fixture
def shelf(tmp_path: Path, registry: Bad) -> Iterator[Shelf]:
    """Give a shelf with everything, beside files that are nobody's business."""
    pages = tmp_path / "state/site/html"
    (pages / "lessons").mkdir(parents=True)
    (pages / "index.html").write_text(
        "<html><head></head><body>The course<script>go()</script></body></html>"
    )
    (pages / "lessons/index.html").write_text("<html>Lessons</html>")
    (pages / "look.css").write_text("p {}")
    (pages / "empty").mkdir()
    (pages / ".hidden").write_text("secret")
    (pages / "out").symlink_to(tmp_path / "state/key.pem")
    (tmp_path / "state/key.pem").write_text("secret")
    (tmp_path / "state/drydock-room.pyz").write_bytes(DATA)
    bundle = Bundle.of(tmp_path / "state/drydock-room.pyz")
    with serving(registry) as at:
        yield Shelf(bundle=bundle, pages=pages, registry=at.port, images=frozenset({"drydock/parcel"}))


def permit(who: Joined) -> dict[str, str]:
    """Return what a machine sends to read images."""
    return {LEARNER: who.learner, SEAL: seal(who.secret, who.nonce, READING)}


def test_the_bundle_comes_whole_or_from_any_byte_on_and_its_etag_is_its_sha256(
    tmp_path: Path, shelf: Shelf
) -> None:
    async def body(the: Class) -> None:
        whole = await the.network.get("/bundle")
        assert (whole.status_code, whole.content) == (200, DATA)
        assert whole.headers["etag"] == f'"sha256:{SUM}"'
        rest = await the.network.get("/bundle", headers={"Range": "bytes=4000-"})
        assert (rest.status_code, rest.content) == (206, DATA[4000:])
        assert rest.headers["content-range"] == f"bytes 4000-{len(DATA) - 1}/{len(DATA)}"
        beyond = await the.network.get("/bundle", headers={"Range": f"bytes={len(DATA)}-"})
        assert beyond.status_code == 416
        other = {"Range": "bytes=4000-", "If-Range": '"sha256:other"'}
        assert (await the.network.get("/bundle", headers=other)).content == DATA
        head = await the.network.head("/bundle")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(DATA)))

    in_class(tmp_path, body, shelf)


def test_a_bundle_that_was_changed_meanwhile_is_not_given_under_the_old_sum(
    tmp_path: Path, shelf: Shelf
) -> None:
    assert shelf.bundle is not None
    shelf.bundle.file.write_bytes(DATA + b"more")

    async def body(the: Class) -> None:
        assert (await the.network.get("/bundle")).status_code == 404

    in_class(tmp_path, body, shelf)


def test_a_bundle_that_is_not_there_is_told_before_the_class_begins(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read"):
        Bundle.of(tmp_path / "none.pyz")


def test_the_pages_are_read_with_their_own_policy_and_may_not_be_framed(tmp_path: Path, shelf: Shelf) -> None:
    async def body(the: Class) -> None:
        page = await the.network.get("/course/")
        assert "The course" in page.text
        assert "script-src 'self' 'sha256-" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert (await the.network.get("/course/lessons/")).text == "<html>Lessons</html>"
        assert (await the.network.get("/course/lessons")).headers["location"] == "lessons/"
        style = await the.network.get("/course/look.css")
        assert (style.text, style.headers["x-content-type-options"]) == ("p {}", "nosniff")

    in_class(tmp_path, body, shelf)


@pytest.mark.parametrize(
    "path",
    [
        "/course/../key.pem", "/course/%2e%2e/%2e%2e/key.pem", "/course/..%2f..%2fkey.pem", "/course//../../key.pem",
        "/course/%5c..%5ckey.pem", "/course/.hidden", "/course/out", "/course/empty/", "/course/%00", "/course/lessons/x",
        "/course/c:/key.pem", "/bundle/", "/bundle/../state/key.pem", "/bundle%2f..%2fkey.pem", "/course2", "/state/key.pem",
    ],
)  # fmt: skip
def test_nothing_but_the_bundle_and_the_pages_is_given_and_no_folder_is_listed(
    tmp_path: Path, shelf: Shelf, path: str
) -> None:
    async def body(the: Class) -> None:
        found = await the.network.get(path)
        assert found.status_code == 404, found.text
        assert "secret" not in found.text
        assert "look.css" not in found.text

    in_class(tmp_path, body, shelf)


@pytest.mark.parametrize("path", ["/bundle", "/course/", "/course/look.css", MANIFEST, LAYER])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_on_the_shelf_can_be_changed(
    tmp_path: Path, shelf: Shelf, registry: Bad, path: str, method: str
) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        answer = await the.network.request(method, path, json={}, headers=permit(ada))
        assert answer.status_code == 405
        assert registry.asked == []

    in_class(tmp_path, body, shelf)


def test_images_are_read_by_who_has_joined_and_by_nobody_else(
    tmp_path: Path, shelf: Shelf, registry: Bad
) -> None:
    async def body(the: Class) -> None:
        ada, ben = await the.joined("Ada"), await the.joined("Ben")
        waiting = (await the.join("Ada", "another machine of Ada")).json()
        wrong = [
            {},
            {LEARNER: ada.learner},
            {LEARNER: ada.learner, SEAL: permit(ben)[SEAL]},
            {LEARNER: ada.learner, SEAL: seal(ada.secret, ada.nonce, b"/me")},
            {LEARNER: ada.learner, SEAL: seal(ada.secret, "yesterday", READING)},
            {LEARNER: waiting["learner"], SEAL: seal("", ada.nonce, READING)},
        ]
        for headers in wrong:
            for path in (MANIFEST, LAYER):
                assert (await the.network.get(path, headers=headers)).status_code == 403, headers
        assert registry.asked == []
        assert (await the.network.get(MANIFEST, headers=permit(ada))).text == "{}"
        rest = await the.network.get(LAYER, headers={**permit(ada), "Range": "bytes=9-"})
        assert (rest.status_code, rest.text) == (206, "an image")

    in_class(tmp_path, body, shelf)


def test_a_permit_to_read_is_no_good_for_posting_or_for_ones_state(tmp_path: Path, shelf: Shelf) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.network.get("/me", headers=permit(ada))).status_code == 403
        batch = {"learner": ada.learner, "seq_from": 1, "items": [{"kind": "hand", "up": True}]}
        answer = await the.network.post("/events", json=batch, headers=permit(ada))
        assert answer.status_code == 403

    in_class(tmp_path, body, shelf)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/", "/v2/_catalog", "/v2/drydock/parcel/tags/list", "/v2/drydock/secret/manifests/1.0",
        "/v2/drydock/parcel/blobs/uploads/", "/v2/drydock/parcel/../secret/manifests/1.0",
        "/v2/drydock/parcel%2f..%2fsecret/manifests/1.0", "/v2/drydock/parcel/manifests/1.0%3fx=1", f"{LAYER}0",
        "/v2/drydock/parcel/manifests/..%2f..%2f_catalog", "/v2//drydock/parcel/manifests/1.0",
    ],
)  # fmt: skip
def test_the_registry_is_asked_for_manifests_and_layers_of_the_rooms_images_and_for_nothing_else(
    tmp_path: Path, shelf: Shelf, registry: Bad, path: str
) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.network.get(path, headers=permit(ada))).status_code == 404
        assert registry.asked == []

    in_class(tmp_path, body, shelf)


def test_a_registry_that_is_away_is_said_and_the_class_goes_on(tmp_path: Path) -> None:
    with serving(Bad({})) as at:
        gone = Shelf(registry=at.port, images=frozenset({"drydock/parcel"}))

    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.network.get(MANIFEST, headers=permit(ada))).status_code == 503
        assert (await the.me(ada)).status_code == 200

    in_class(tmp_path, body, gone)


def test_without_a_shelf_none_of_these_doors_is_there(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        for path in ("/bundle", "/course/", MANIFEST, LAYER):
            assert (await the.network.get(path, headers=permit(ada))).status_code == 404, path

    in_class(tmp_path, body)


def test_what_is_on_the_shelf_names_nobody(tmp_path: Path, shelf: Shelf) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Adalovelace")
        for path in ("/bundle", "/course/", "/course/lessons/", MANIFEST, LAYER):
            found = await the.network.get(path, headers=permit(ada))
            assert found.status_code == 200
            assert "Adalovelace" not in found.text + str(found.headers)

    in_class(tmp_path, body, shelf)
