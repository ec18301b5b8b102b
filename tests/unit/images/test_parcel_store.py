"""Parcel 1.1: its store, over the loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.images.test_parcel import PARCEL, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).parents[3] / "images" / "store" / "store.py"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Start Parcel 1.1 on the store of this test."""
    begun = []
    for name in ("data", "copy"):
        (tmp_path / name).mkdir()

    def run() -> Running:
        told = {
            "PARCEL_DATA": str(tmp_path / "data"),
            "PARCEL_COPY": str(tmp_path / "copy"),
            "PYTHONPATH": str(PARCEL.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        begun.append(Running(told, PROGRAM))
        return begun[-1]

    yield run
    for each in begun:
        each.process.kill()
        each.process.wait()


def verify(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), "verify", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PARCEL.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_a_parcel_that_was_accepted_is_there_after_a_crash_and_in_the_copy(
    start: Callable[[], Running], tmp_path: Path
) -> None:
    parcel = start()
    assert parcel.ask("/parcels", "POST", b"Canal Street 7")[0] == 201
    parcel.process.kill()
    parcel.process.wait()
    assert json.loads(start().ask("/parcels")[1]) == {"count": 1, "parcels": ["Canal Street 7"]}
    assert verify(tmp_path / "copy" / "parcels").stdout.endswith("is whole: 1 parcels\n")


@pytest.mark.parametrize(
    "damage", [b"", b'{"parcels": ["Can', b'{"parcels": ["x"], "sha256": "0"}', b"[]", b"\xff"]
)
def test_it_does_not_start_on_a_damaged_store(
    start: Callable[[], Running], tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "parcels").write_bytes(damage)
    with pytest.raises(AssertionError, match="ended before it said"):
        start()
    done = verify(tmp_path / "data" / "parcels")
    assert done.returncode == 1
    assert "is damaged" in done.stdout


def test_each_start_is_written_down(start: Callable[[], Running], tmp_path: Path) -> None:
    for _ in range(2):
        parcel = start()
        parcel.process.kill()
        parcel.process.wait()
    assert len((tmp_path / "data" / "starts").read_text("ascii").splitlines()) == 2


@pytest.mark.parametrize("body", [b"", b"x" * 201])
def test_an_address_of_no_use_is_refused(start: Callable[[], Running], body: bytes) -> None:
    parcel = start()
    assert parcel.ask("/parcels", "POST", body)[0] == 400
    assert json.loads(parcel.ask("/parcels")[1])["count"] == 0


def test_a_program_that_hangs_answers_nobody_and_still_stops(start: Callable[[], Running]) -> None:
    parcel = start()
    parcel.seconds = 0.3
    for path in ("/hang", "/"):
        with pytest.raises(TimeoutError):
            parcel.ask(path)
    parcel.process.terminate()
    assert parcel.process.wait(10) == 0
