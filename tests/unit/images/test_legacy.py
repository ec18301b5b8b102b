"""Those around the office of lab 16: its users, who go on whatever their address says, and the seal box."""

from __future__ import annotations

import codecs
import importlib
import json
import socket
import sys
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[3] / "images" / "legacy" / "around"


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("users")
    monkeypatch.setattr(module, "RECORD", tmp_path / "record.jsonl")
    monkeypatch.setattr(module, "ADDRESS", tmp_path / "address")
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    yield module
    for name in ("users", "answers"):
        sys.modules.pop(name, None)


def written(users: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in users.RECORD.read_text("utf-8").splitlines()]


def try_once(users: Any, address: str) -> dict[str, Any]:
    """Let a user try one write there, and return what was recorded."""
    users.ADDRESS.write_text(address, encoding="utf-8")
    users.Users(users.Record()).write("parcel", "U-00001", "/parcels", b"{}")
    return written(users)[-1]


@pytest.mark.parametrize(
    "data",
    [
        b"rented:8080\n",
        codecs.BOM_UTF8 + b"rented:8080\r\n",
        codecs.BOM_UTF16_LE + "rented:8080\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "rented:8080\n".encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-8 with a mark", "UTF-16", "UTF-16, the other order"],
)
def test_an_address_is_read_in_whatever_an_editor_stores_it(users: Any, data: bytes) -> None:
    users.ADDRESS.write_bytes(data)
    assert users.Users(users.Record()).look_up() == "rented:8080"


def test_users_keep_the_address_before_one_that_cannot_be_read(users: Any) -> None:
    found = users.Users(users.Record())
    users.ADDRESS.write_text("old:8080")
    assert found.look_up() == "old:8080"
    for data in (b"", b"\xff\xfe\x00", b"\xe9t\xe9:80"):
        users.ADDRESS.write_bytes(data)
        assert found.look_up() == "old:8080"
    users.ADDRESS.unlink()
    assert found.look_up() == "old:8080"


@pytest.mark.parametrize(
    "address", ["\ufeffx:80", "a..b:80", "x:8o", "x:99999", "é" * 70, "http://rented:8080/"]
)
def test_an_address_that_is_none_ends_nobody(users: Any, address: str) -> None:
    assert not try_once(users, address)["acknowledged"]
    assert not users.Users(users.Record()).is_open()


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """Give the address of a server that reads a request, sends this, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "unsure"),
    [
        (b"", True),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", True),
        (b'HTTP/1.1 503 -\r\nContent-Length: 20\r\n\r\n{"error":"readonly"}', False),
    ],
    ids=["no answer", "an error of something in between", "refused by the office"],
)
def test_a_write_is_unsure_when_its_acknowledgement_may_have_been_lost(
    users: Any, answer: bytes, *, unsure: bool
) -> None:
    with server(answer) as address:
        assert try_once(users, address)["unsure"] is unsure


def test_a_write_that_nobody_took_is_not_unsure(users: Any) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert not try_once(users, f"127.0.0.1:{nobody.getsockname()[1]}")["unsure"]


def test_a_time_in_which_the_users_stood_still_is_recorded(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([100.0, 101.0, 141.0, 142.0])

    class Time:
        sleep = staticmethod(lambda _: None)
        time = staticmethod(lambda: next(ticks))

    monkeypatch.setattr(users, "time", Time)
    with pytest.raises(StopIteration):
        users.watch(users.Record())
    assert written(users) == [{"kind": "still", "begin": 101.0, "end": 141.0}]


def test_the_seal_box_knows_what_it_has_sealed_and_for_whom(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, users: Any
) -> None:
    monkeypatch.setenv("SEAL_TOKEN", "open")
    seal = importlib.import_module("seal")
    monkeypatch.delitem(sys.modules, "seal")
    monkeypatch.setattr(seal, "KEY", tmp_path / "key")
    monkeypatch.setattr(seal, "SEALED", tmp_path / "sealed")
    (tmp_path / "key").write_text("k")
    (tmp_path / "sealed").touch()
    with ThreadingHTTPServer(("127.0.0.1", 0), seal.Box) as box:
        threading.Thread(target=box.serve_forever, daemon=True).start()
        for token, ref in (("open", b"U-00001"), ("wrong", b"U-00002")):
            line = users.http.client.HTTPConnection("127.0.0.1", box.server_port, timeout=5)
            line.request("POST", "/seal", ref, {"Token": token})
            line.getresponse().read()
            line.close()
        box.shutdown()
    assert [json.loads(each) for each in (tmp_path / "sealed").read_text().splitlines()] == [
        {"ref": "U-00001", "from": "127.0.0.1"}
    ]
