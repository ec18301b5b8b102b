"""Lab 02: what is found in an image's layers, from archives as the two kinds of image store write them."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import zipfile
import zlib
from typing import Any

import pytest

from checker.grading.verdicts import CheckFailed, CouldNotRun
from tests.unit.labs.conftest import module

layers, inside = (module("02", name) for name in ("layers", "inside"))

KEY = "ada-seal-5d8c1f77b0e24a96"


def tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return made.getvalue()


def package(data: bytes) -> bytes:
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data}
    made = b"!<arch>\n"
    for name, content in members.items():
        head = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        made += head + content + b"\n" * (len(content) % 2)
    return made


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def image(
    *contents: tuple[str, bytes], config: dict[str, Any] | None = None, pack: Any = lambda data: data
) -> io.BytesIO:
    """Write an image as `docker save` does: a layer for each instruction, packed as an engine packs them."""
    blobs = [pack(layer) for _, layer in contents]
    record = json.dumps(
        {
            "config": config or {},
            "history": [{"created_by": made} for made, _ in contents],
            "rootfs": {"diff_ids": [f"sha256:{digest(layer)}" for _, layer in contents]},
        }
    ).encode()
    names = [f"blobs/sha256/{digest(blob)}" for blob in blobs]
    manifest = [{"Config": f"blobs/sha256/{digest(record)}", "Layers": names}]
    files = dict(zip(names, blobs, strict=True))
    files[f"blobs/sha256/{digest(record)}"] = record
    files["manifest.json"] = json.dumps(manifest).encode()
    return io.BytesIO(tar(files))


def read(archive: io.BytesIO, known: frozenset[str] = frozenset()) -> Any:
    return layers.read_archive(archive, (KEY,), known)


BIG = ("RUN head -c 90000 /dev/urandom > /srv/extra", tar({"srv/extra": b"\x07" * 90000}))
BASE = ("RUN install everything", tar({"usr/lib/python": b"\x05" * 200_000}))
SMALL = ("COPY labels.py ./", tar({"srv/labels.py": b"print()"}))


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["as they are", "compressed"])
def test_an_images_size_is_that_of_its_files_however_an_engine_packs_them(pack: Any) -> None:
    found = read(image(BASE, BIG, SMALL, pack=pack), frozenset({f"sha256:{digest(BASE[1])}"}))
    assert found.size == 90000 + len("print()")
    assert found.base == {f"sha256:{digest(BASE[1])}"}


def test_the_learners_own_largest_step_is_named_and_never_the_bases(monkeypatch: pytest.MonkeyPatch) -> None:
    known = frozenset({f"sha256:{digest(BASE[1])}"})
    monkeypatch.setattr(inside, "LIMIT", 50_000)
    monkeypatch.setattr(inside, "base_digests", lambda _: known)
    with pytest.raises(CheckFailed) as failed:
        inside.require_adds_little(None, read(image(BASE, BIG, SMALL), known))
    assert "Most comes from `RUN head -c 90000" in failed.value.failure.rationale


def test_a_copy_of_everything_in_one_layer_is_compared_with_what_it_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inside, "LIMIT", 50_000)
    monkeypatch.setattr(inside, "base_digests", lambda _: frozenset({f"sha256:{digest(BASE[1])}"}))
    monkeypatch.setattr(inside, "base_sizes", lambda _: {f"sha256:{digest(BASE[1])}": 200_000})
    flat = ("COPY / /", tar({"usr/lib/python": b"\x05" * 200_000, "srv/labels.py": b"print()"}))
    inside.require_adds_little(None, read(image(flat)))
    larger = ("COPY / /", tar({"usr/lib/python": b"\x05" * 200_000, "srv/extra": b"\x07" * 60_000}))
    with pytest.raises(CheckFailed):
        inside.require_adds_little(None, read(image(larger)))


def test_an_image_that_shares_only_some_layers_with_the_runtime_is_compared_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bottom = ("the system", tar({"bin/sh": b"\x06" * 900_000}))
    known = frozenset(f"sha256:{digest(layer)}" for _, layer in (bottom, BASE))
    monkeypatch.setattr(inside, "LIMIT", 50_000)
    monkeypatch.setattr(inside, "base_digests", lambda _: known)
    monkeypatch.setattr(
        inside, "base_sizes", lambda _: {f"sha256:{digest(layer)}": len(layer) for _, layer in (bottom, BASE)}
    )
    copied = ("COPY / /", tar({"srv/python": b"\x05" * 200_000}))
    with pytest.raises(CheckFailed, match="larger than drydock/python"):
        inside.require_adds_little(None, read(image(bottom, copied, BIG), known))


@pytest.mark.parametrize(
    "files",
    [
        {"srv/labels.git/HEAD": b"ref: refs/heads/main\n"},
        {"srv/history": b"# v2 git bundle\n5d8c1f77b0e24a96 refs/heads/main\n\nPACK"},
        {"srv/all.tar": tar({"old/HEAD": b"ref: refs/heads/main\n"})},
    ],
    ids=["bare", "bundle", "in an archive"],
)
def test_a_git_history_is_found_whatever_its_name(files: dict[str, bytes]) -> None:
    with pytest.raises(CheckFailed, match="a git history"):
        inside.require_no_clutter(read(image(("COPY . .", tar(files)))))


def test_a_file_that_only_speaks_of_a_branch_is_no_git_history() -> None:
    inside.require_no_clutter(
        read(image(("COPY . .", tar({"srv/README": b"ref: refs/heads/main is ours\n"}))))
    )


def test_a_layer_that_cannot_be_read_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(CouldNotRun, match="cannot be read"):
        read(image(SMALL, pack=lambda data: b"\x28\xb5\x2f\xfd" + data))


def test_an_empty_layer_is_no_obstacle() -> None:
    assert read(image(("WORKDIR /srv", tar({})), pack=gzip.compress)).size == 0


WAYS = {
    "as it is": KEY.encode(),
    "in base64": base64.b64encode(KEY.encode()),
    "in base64 with its name": base64.b64encode(f"LABELS_KEY={KEY}\n".encode()),
    "in base64 behind two letters": base64.urlsafe_b64encode(f"ab{KEY}".encode()),
    "in base64 in short lines": b"\n".join(
        base64.b64encode(f"x{KEY}".encode())[i : i + 8] for i in range(0, 40, 8)
    ),
    "in base32": base64.b32encode(f"abc{KEY}".encode()),
    "in hexadecimal": KEY.encode().hex().encode(),
    "backwards": KEY.encode()[::-1],
    "in UTF-16": KEY.encode("utf-16"),
    "in base64, twice": base64.b64encode(base64.b64encode(KEY.encode())),
    "packed, then in base64": base64.b64encode(gzip.compress(f"LABELS_KEY={KEY}".encode())),
    "packed, then in base64 of short lines": base64.encodebytes(gzip.compress(os.urandom(90) + KEY.encode())),
    "in base85": base64.b85encode(f"LABELS_KEY={KEY}".encode()),
    "in ASCII85": base64.a85encode(KEY.encode()),
    "in uuencode": binascii.b2a_uu(f"xy{KEY}".encode()),
    "as bytes of a program": b", ".join(b"0x%02x" % byte for byte in KEY.encode()),
    "as numbers": ", ".join(str(byte) for byte in KEY.encode()).encode(),
    "as escapes": "".join(f"\\x{byte:02X}" for byte in KEY.encode()).encode(),
    "as a web address has it": "".join(f"%{byte:02x}" for byte in KEY.encode()).encode(),
}


DUMPS = {
    "hexdump": "00000000  61 64 61 2d 73 65 61 6c  2d 35 64 38 63 31 66 37  |ada-seal-5d8c1f7|\n"
    "00000010  37 62 30 65 32 34 61 39  36                       |7b0e24a96|\n",
    "xxd": "00000000: 6164 612d 7365 616c 2d35 6438 6331 6637  ada-seal-5d8c1f7\n"
    "00000010: 3762 3065 3234 6139 36                   7b0e24a96\n",
}


@pytest.mark.parametrize("dump", DUMPS.values(), ids=DUMPS.keys())
def test_a_key_is_found_in_what_a_tool_prints_of_its_file(dump: str) -> None:
    found = read(image(("COPY dump ./", tar({"srv/dump": dump.encode()}))))
    assert found.layers[0].secrets[KEY].form == "as a list of bytes"


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(KEY.encode()),
        b"#!/bin/sh\ntail -n +3 $0 | zcat\n" + gzip.compress(KEY.encode(), mtime=0),
        gzip.compress(b"first\n") + gzip.compress(KEY.encode()),
        bz2.compress(b"first\n") + bz2.compress(KEY.encode()),
        lzma.compress(b"first\n") + lzma.compress(9 * KEY.encode()),
        gzip.compress(KEY.encode()) + b"\x1f\x8b, and what unpacks no further",
    ],
    ids=[
        "zlib",
        "a script that unpacks itself",
        "two gzips",
        "two bzip2s",
        "two xzs",
        "one before what is broken",
    ],
)
def test_a_key_is_found_in_what_is_compressed_without_being_an_archive(packed: bytes) -> None:
    assert KEY in read(image(("COPY x ./", tar({"srv/x": packed})))).layers[0].secrets


def environment(made_at: str) -> bytes:
    return f"home = /usr/bin\nversion = 3.13.5\ncommand = /usr/bin/python3 -m venv {made_at}\n".encode()


ADAS = (layers.ADAS_ENVIRONMENT, environment("/home/5d8c/labels/.venv"))


@pytest.mark.parametrize("settings", ADAS, ids=["Ada's", "the copy's"])
@pytest.mark.parametrize("folder", ["srv/labels/.venv", "opt/env"])
def test_somebody_elses_virtual_environment_is_found_under_any_name(settings: bytes, folder: str) -> None:
    (layer,) = read(image(("COPY . .", tar({f"{folder}/pyvenv.cfg": settings})))).layers
    assert layer.clutter == [f"{folder}/pyvenv.cfg"]


def test_a_virtual_environment_that_the_build_made_is_no_clutter_even_under_that_name() -> None:
    files = {
        "srv/labels/.venv/pyvenv.cfg": environment("/srv/labels/.venv"),
        "srv/labels/.venv/lib/x.py": b"",
    }
    assert not read(image(("RUN python3 -m venv .venv", tar(files)))).layers[0].clutter
    del files["srv/labels/.venv/pyvenv.cfg"]
    assert read(image(("COPY . .", tar(files)))).layers[0].clutter


@pytest.mark.parametrize(
    ("step", "known"),
    [
        ("COPY /build/.venv ./.venv", True),
        ("COPY --chown=10001 /etc/hosts /build/ /srv/labels", True),
        ("COPY .venv ./.venv", False),
        ("COPY / /srv/labels", False),
        ("COPY /build/.ven ./.venv", False),
        ("RUN cp -r /build/.venv /srv/labels", False),
        ("bash", False),
        ("", False),
    ],
)
def test_an_environment_that_a_stage_made_may_be_copied_to_another_folder(step: str, known: bool) -> None:
    files = {"srv/labels/.venv/pyvenv.cfg": environment("/build/.venv"), "srv/labels/.venv/lib/x.py": b""}
    assert bool(read(image((step, tar(files)))).layers[0].clutter) is not known


def test_the_library_is_found_where_the_last_layer_that_has_it_put_it() -> None:
    first, second = (
        ("RUN pip install", tar({f"{top}/parcelcode/__init__.py": b""})) for top in ("root/.local/lib", "opt")
    )
    assert inside.library_in(read(image(first, SMALL))) == "/root/.local/lib/parcelcode/__init__.py"
    assert inside.library_in(read(image(first, second))) == "/opt/parcelcode/__init__.py"
    removed = ("RUN rm -r /root/.local", tar({"root/.wh..local": b""}))
    assert inside.library_in(read(image(first, removed))) == ""
    assert inside.library_in(read(image(SMALL))) == ""


def test_a_later_step_may_install_into_an_environment_that_the_build_made() -> None:
    made = ("RUN python3 -m venv .venv", tar({"srv/.venv/pyvenv.cfg": environment("/srv/.venv")}))
    library = tar({"srv/.venv/lib/parcelcode/__init__.py": b""})
    inside.require_no_clutter(read(image(made, SMALL, ("RUN .venv/bin/pip install parcelcode", library))))
    with pytest.raises(CheckFailed, match="a virtual environment"):
        inside.require_no_clutter(read(image(made, ("COPY .venv/lib .venv/lib", library))))
    over = ("COPY .venv .venv", tar({"srv/.venv/pyvenv.cfg": layers.ADAS_ENVIRONMENT}))
    found = read(image(made, over, ("RUN .venv/bin/pip install parcelcode", library)))
    assert [bool(layer.clutter) for layer in found.layers] == [False, True, True]


def test_a_git_history_under_another_name_is_known_by_a_word_in_it() -> None:
    copy = image(("COPY .git ./old", tar({"srv/old/objects/history": b"check-12345678" + b"\x07" * 90})))
    found = layers.read_archive(copy, (KEY, "check-12345678"), frozenset())
    with pytest.raises(CheckFailed, match="a git history"):
        inside.require_no_clutter(found, history="check-12345678")


@pytest.mark.parametrize("written", WAYS.values(), ids=WAYS.keys())
def test_a_key_is_found_in_every_form_that_anybody_can_undo(written: bytes) -> None:
    found = read(image(("COPY conf ./", tar({"srv/conf": b"a = " + written + b"\n"}))))
    assert found.layers[0].secrets[KEY].place in {"srv/conf", "srv/conf, unpacked"}


def test_another_key_is_not_taken_for_it() -> None:
    other = b"ada-seal-5d8c1f78b0e24a96"
    text = b"\n".join([other, base64.b64encode(other), other.hex().encode()])
    assert not read(image(("COPY conf ./", tar({"srv/conf": text})))).layers[0].secrets


PACKED = {
    "a zip": zipped,
    "a tar": tar,
    "a compressed tar": lambda files: gzip.compress(tar(files)),
    "a tar packed by bzip2": lambda files: bz2.compress(tar(files)),
    "a tar packed by xz": lambda files: lzma.compress(tar(files)),
    "a Debian package": lambda files: package(lzma.compress(tar(files))),
    "a zip behind a line of text": lambda files: b"#!/usr/bin/env python3\n" + zipped(files),
    "a tar behind another": lambda files: tar({"first": b""}) + tar(files),
    "a zip in a compressed tar": lambda files: gzip.compress(tar({"inner.zip": zipped(files)})),
}


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
def test_what_must_stay_out_is_found_inside_an_archive(pack: Any) -> None:
    bundle = pack({"app/.env": f"LABELS_KEY={KEY}\n".encode(), "app/.venv/pyvenv.cfg": b"home"})
    (layer,) = read(image(("ADD bundle ./", tar({"srv/bundle": bundle})))).layers
    assert layer.secrets[KEY].place.startswith("srv/bundle, in it ")
    assert layer.secrets[KEY].place.endswith("app/.env")
    assert [name.rpartition("/")[2] for name in layer.clutter] == [".env", "pyvenv.cfg"]


def test_a_broken_archive_is_a_file_like_any_other() -> None:
    broken = gzip.compress(KEY.encode())[:20] + b"PK\x05\x06"
    assert not read(image(("COPY x ./", tar({"srv/x": broken})))).layers[0].secrets


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"Env": [f"TOKEN={base64.b64encode(KEY.encode()).decode()}"]}, "the variable TOKEN"),
        ({"Labels": {"owner": KEY}}, "the label owner"),
        (
            {"Env": [f"TOKEN={base64.b64encode(base64.b64encode(KEY.encode())).decode()}"]},
            "the variable TOKEN",
        ),
        ({"Cmd": ["serve", KEY.encode().hex()]}, "its configuration"),
    ],
)
def test_a_key_in_the_images_record_is_found_with_its_place(config: dict[str, Any], place: str) -> None:
    with pytest.raises(CheckFailed) as failed:
        inside.require_no_key(read(image(SMALL, config=config)), KEY)
    assert place in failed.value.failure.seen


def test_a_build_argument_is_found_in_the_history_and_is_not_told_again() -> None:
    encoded = base64.b64encode(KEY.encode()).decode()
    with pytest.raises(CheckFailed) as failed:
        inside.require_no_key(read(image((f"RUN |1 KEY={encoded} /bin/sh -c true", tar({})))), KEY)
    assert "the history keeps how" in failed.value.failure.rationale
    assert encoded not in failed.value.failure.rationale


def test_a_key_that_a_later_layer_hides_is_still_told() -> None:
    hidden = image(
        ("COPY .env ./", tar({"srv/.env": KEY.encode()})), ("RUN rm .env", tar({"srv/.wh..env": b""}))
    )
    with pytest.raises(CheckFailed, match="only hid it"):
        inside.require_no_key(read(hidden), KEY)
