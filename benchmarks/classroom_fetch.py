#!/usr/bin/env python3
"""Prints what a room of simulated machines fetches from the teacher's machine, and what from elsewhere; it asserts nothing.

    sudo .venv/bin/python benchmarks/classroom_fetch.py BUNDLE                  thirty machines, the images of lab 1
    sudo .venv/bin/python benchmarks/classroom_fetch.py BUNDLE --machines 5     fewer
    sudo .venv/bin/python benchmarks/classroom_fetch.py BUNDLE --at-once 4      thirty, and four of them at a time

The machines are processes in a network namespace of their own. One link leads out of it, to the teacher's machine, and the
kernel counts its bytes: there is no way to anything else. Each machine joins, fetches the bundle, then two images through the
registry, compares every SHA-256, and removes what it fetched. Images are not given to an engine, because thirty would need
thirty. One machine in three is killed in the middle of the bundle and started again, and has to go on where it was.
Everything runs on one machine, so the times are those of TLS and hashing for both ends.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.classroom import Server, spread  # noqa: E402 - the checkout comes first on the path
from checker.classroom.calling import join  # noqa: E402
from checker.classroom.outbox import Outbox  # noqa: E402
from checker.classroom.protocol import invitation  # noqa: E402
from checker.classroom.shelf import BUNDLE  # noqa: E402
from checker.engine.api import connect  # noqa: E402
from checker.images import bundle as bundles  # noqa: E402
from checker.images import room  # noqa: E402
from checker.images.catalogue import Images  # noqa: E402
from checker.images.workshop import Workshop  # noqa: E402
from checker.web.download import digest_of, download  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE, LINK, PEER = "drydock-room", "drydock-rm0", "drydock-rm1"
HOST, ROOM = "10.251.251.1", "10.251.251.2"
IMAGES = ("parcel:1.0", "toolbox:1.0")
LABS = "1"


def machine(name: str, text: str, folder: Path, platform: str) -> None:
    """Be one machine: join, fetch the bundle and the images, and print seconds and bytes."""
    began = time.monotonic()
    with contextlib.closing(Outbox(folder)) as outbox:
        join(outbox, text, name, secrets.token_hex(16))
    to = invitation(text).server
    file = folder / "room.pyz"
    sha256, size = digest_of(to, BUNDLE)
    part = folder / f".room.pyz.{sha256[:16]}.part"
    had = part.stat().st_size if part.exists() else 0
    print(json.dumps({"had": had}), flush=True)
    download(to, BUNDLE, file, sha256)
    file.unlink()
    bundle_s = time.monotonic() - began
    place = room.place_of(folder)
    assert place is not None  # noqa: S101 - it has joined
    os_name, _, arch = platform.partition("/")
    # An engine of this platform that says yes to what it is given.
    engine: Any = SimpleNamespace(
        get=lambda path: {"Os": os_name, "Arch": arch} if path == "/version" else []
    )
    client: Any = SimpleNamespace(command=lambda *_: ["true"], environment=lambda: dict(os.environ))
    shop = Workshop(engine, client, folder, lambda _: None)
    known = Images(ROOT)
    fetched = [room.fetch(known.find(each), place, shop) for each in IMAGES]
    image_bytes = sum(each.stat().st_size for each in (folder / room.FOLDER).iterdir())
    room.tidy(shop)
    whole_s = time.monotonic() - began
    print(
        json.dumps(
            {"ok": all(fetched), "bundle": size, "images": image_bytes, "bundle_s": bundle_s, "s": whole_s}
        )
    )


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Make the room's network for a block: one link, no route to anything but the teacher's machine."""

    def ip(*words: str, check: bool = True) -> None:
        subprocess.run(["ip", *words], check=check, capture_output=not check)

    ip("netns", "add", SPACE)
    try:
        ip("link", "add", LINK, "type", "veth", "peer", "name", PEER)
        ip("link", "set", PEER, "netns", SPACE)
        ip("addr", "add", f"{HOST}/24", "dev", LINK)
        ip("link", "set", LINK, "up")
        ip("netns", "exec", SPACE, "ip", "addr", "add", f"{ROOM}/24", "dev", PEER)
        ip("netns", "exec", SPACE, "ip", "link", "set", PEER, "up")
        yield
    finally:
        ip("link", "del", LINK, check=False)
        ip("netns", "del", SPACE, check=False)


def counted(name: str) -> int:
    """Return the bytes that the teacher's machine has sent into the room, or got from it."""
    return int(Path(f"/sys/class/net/{LINK}/statistics/{name}_bytes").read_text("ascii"))


def begin(number: int, text: str, folder: Path, platform: str) -> subprocess.Popen[str]:
    """Start one machine in the room's network."""
    own = folder / f"machine-{number:02}"
    own.mkdir(exist_ok=True)
    words = [
        sys.executable,
        "-P",
        __file__,
        "--be",
        f"Machine {number:02}",
        "--join",
        text,
        "--folder",
        str(own),
    ]
    return subprocess.Popen(
        ["ip", "netns", "exec", SPACE, *words, "--platform", platform, "-"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def interrupted(process: subprocess.Popen[str], folder: Path, number: int) -> int:
    """Kill a machine once a part of the bundle is there, and return how many bytes that was."""
    own = folder / f"machine-{number:02}"
    while process.poll() is None:
        sizes = [each.stat().st_size for each in own.glob(".room.pyz.*.part")]
        if sizes and sizes[0] > 1_000_000:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.02)
    process.wait()
    return sum(each.stat().st_size for each in own.glob(".room.pyz.*.part"))


def results(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Return how many bytes a machine had at its start, and what it printed at its end."""
    out, _ = process.communicate()
    lines = [json.loads(line) for line in out.splitlines()]
    if process.returncode or not lines or not lines[-1].get("ok"):
        raise SystemExit(f"a machine did not get everything: {out}")
    return int(lines[0]["had"]), lines[-1]


def beyond() -> str:
    """Ask whether the room's network leads anywhere else, and return the kernel's answer."""
    done = subprocess.run(
        ["ip", "netns", "exec", SPACE, "ip", "route", "get", "192.0.2.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stderr or done.stdout).strip().splitlines()[0]


def board_answers(server: Server) -> float:
    """Return how many seconds the board takes while the room fetches."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", int(server.board.rpartition(":")[2]), timeout=60)
    connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {server.token}"})
    connection.getresponse().read()
    connection.close()
    return time.monotonic() - start


def one_machine(number: int, text: str, folder: Path, platform: str) -> tuple[int, int, dict[str, Any]]:
    """Let one machine fetch everything; return how many bytes a kill left, how many it began with, and what it says at its end."""
    process, kept = begin(number, text, folder, platform), 0
    if number % 3 == 0:
        kept = interrupted(process, folder, number)
        process = begin(number, text, folder, platform)
    return (kept, *results(process))


def measure(bundle: Path, machines: int, at_once: int) -> None:
    """Let a room fetch everything once."""
    platform = bundles.platform_of(connect())
    with tempfile.TemporaryDirectory(prefix="drydock-fetch-") as name, own_network():
        folder = Path(name)
        server = Server(
            folder / "teacher", "--no-pages", "--labs", LABS, "--bundle", str(bundle), address=HOST
        )
        text = server.start().text
        before, load, began = counted("tx"), os.getloadavg()[0], time.monotonic()
        try:
            board = []
            with ThreadPoolExecutor(at_once) as pool:
                running = [
                    pool.submit(one_machine, number, text, folder, platform) for number in range(machines)
                ]
                while not all(each.done() for each in running):
                    board.append(board_answers(server))
                    server.look()
                    time.sleep(0.5)
            found = [each.result()[1:] for each in running]
            kept = sum(each.result()[0] for each in running)
            seconds = time.monotonic() - began
            sent = counted("tx") - before
            print(
                f"{machines} machines, {at_once} at a time, {len(range(0, machines, 3))} killed once; load {load:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} processors"
            )
            print(f"elsewhere      0 bytes; the room's network leads nowhere else: {beyond()}")
        finally:
            server.end()
    one = found[0][1]
    needed = sum(each["bundle"] + each["images"] for _, each in found)
    print(
        f"each machine   {one['bundle'] / 1e6:.1f} MB bundle, {one['images'] / 1e6:.1f} MB in {len(IMAGES)} images"
    )
    print(
        f"needed         {needed / 1e6:.0f} MB for all; through the link {sent / 1e6:.0f} MB: {sent / needed:.3f} times, headers and TLS included"
    )
    print(
        f"gone on        {sum(had for had, _ in found) / 1e6:.1f} MB were there when killed machines started again ({kept / 1e6:.1f} MB left behind)"
    )
    print(f"bundle         {spread([each['bundle_s'] for _, each in found])}")
    print(
        f"everything     {spread([each['s'] for _, each in found])}; {seconds:.0f} s for all, {needed / seconds / 1e6:.0f} MB/s"
    )
    print(
        f"server         {server.peak_kb / 1000:.0f} MB at most, {sum(server.cpu.values()):.0f} s of processor time"
    )
    print(f"board          {spread(board)} meanwhile")


def main() -> int:
    """Measure once, or be one machine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, help="the file of `lab class bundle`")
    parser.add_argument("--machines", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=0, help="how many fetch at a time; all by default")
    for hidden in ("--be", "--join", "--folder", "--platform"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.be:
        machine(args.be, args.join, Path(args.folder), args.platform)
    else:
        measure(args.bundle, args.machines, args.at_once or args.machines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
