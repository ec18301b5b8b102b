"""Parcel 1.1: Parcel that also keeps parcels, in a file that it does not start without.

Beside the variables of parcel.py, its environment has:
  PARCEL_DATA  the folder of its store, `parcels`, and of `starts`, which has a line for each start
  PARCEL_COPY  the folder of a second copy of the store, written with each parcel; none when unset

`store.py verify FILE` ends with 0 when a store is whole, and says how many parcels it has.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path

import parcel

DAMAGED = 65
"""The exit code of a program whose data is wrong (EX_DATAERR of sysexits.h)."""

LONGEST_ADDRESS = 200


class DamagedError(Exception):
    """A store is not what was written."""


class Store:
    """The parcels: where each goes, by its number.

    Args:
        file: the file that they are kept in.
        copy: the same again, or None.
    """

    def __init__(self, file: Path, copy: Path | None) -> None:
        self._file = file
        self._copy = copy
        self._lock = threading.Lock()
        self.parcels = read(file) if file.exists() else []

    def add(self, to: str) -> int:
        """Keep one more, and return its number; it is on the disk by then, and in the copy."""
        with self._lock:
            kept = [*self.parcels, to]
            for place in (self._copy, self._file):
                if place:
                    write(place, kept)
            self.parcels = kept
            return len(kept)


def read(file: Path) -> list[str]:
    """Return the parcels of a store.

    Raises:
        DamagedError: it was changed by something else than `write`, or only half of it is there.
    """
    try:
        told = json.loads(file.read_bytes())
        parcels, checksum = told["parcels"], told["sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"it cannot be read: {error!r}") from error
    if checksum != sum_of(parcels):
        raise DamagedError("its checksum is that of other parcels")
    return list(parcels)


def write(file: Path, parcels: list[str]) -> None:
    """Write a store beside the old one and rename it, so that a crash in the middle leaves the old one whole."""
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as out:
        json.dump({"parcels": parcels, "sha256": sum_of(parcels)}, out)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def sum_of(parcels: list[str]) -> str:
    """Return the checksum that a store carries."""
    return hashlib.sha256(json.dumps(parcels).encode()).hexdigest()


def answer(handler: parcel.Handler, code: int, **facts: object) -> None:
    """Answer as Parcel does."""
    handler._send_json(code, **facts)  # noqa: SLF001 - this file goes on where parcel.py ends


def take(handler: parcel.Handler) -> None:
    """Accept a parcel: the body of the request says where it goes."""
    length = handler.headers.get("Content-Length", "")
    if not length.isdecimal() or not 0 < int(length) <= LONGEST_ADDRESS:
        handler.close_connection = True
        answer(handler, 400, error=f"send an address of 1 to {LONGEST_ADDRESS} bytes")
        return
    to = handler.rfile.read(int(length)).decode("utf-8", "replace")
    try:
        number = STORE[0].add(to)
    except OSError as error:
        parcel.log("parcel refused", level="error", error=str(error))
        answer(handler, 507, error=str(error))
        return
    answer(handler, 201, parcel=number, to=to)


def show(handler: parcel.Handler) -> None:
    """Say which parcels there are."""
    kept = STORE[0].parcels
    answer(handler, 200, count=len(kept), parcels=kept)


def take_in(server: parcel.Parcel) -> None:
    """Take in the connections that wait at the door; a program that hangs takes in nobody.

    A thread for each of them would fill the memory, and a program that hangs would end after a while by itself.
    """
    if server.hung.is_set():
        server.stopping.wait(0.1)
    else:
        TAKE_IN(server)


STORE: list[Store] = []
TAKE_IN = parcel.Parcel._take_in  # noqa: SLF001
parcel.Parcel._take_in = take_in  # type: ignore[method-assign]  # noqa: SLF001
parcel.ROUTES["GET", "/parcels"] = show
parcel.ROUTES["POST", "/parcels"] = take


def main() -> int:
    """Verify a store, or serve with one."""
    if sys.argv[1:2] == ["verify"]:
        try:
            print(f"{sys.argv[2]} is whole: {len(read(Path(sys.argv[2])))} parcels")
        except DamagedError as error:
            print(f"{sys.argv[2]} is damaged: {error}")
            return 1
        return 0
    folder = Path(os.environ.get("PARCEL_DATA") or ".")
    copy = os.environ.get("PARCEL_COPY")
    with (folder / "starts").open("a", encoding="ascii") as starts:
        starts.write(f"{time.time():.3f}\n")
    try:
        STORE.append(Store(folder / "parcels", Path(copy) / "parcels" if copy else None))
    except DamagedError as error:
        parcel.log("store damaged", level="error", file=str(folder / "parcels"), error=str(error))
        return DAMAGED
    return parcel.main()


if __name__ == "__main__":
    raise SystemExit(main())
