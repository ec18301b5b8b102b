"""A node's load command on the other end of a socket: it reads all, it ends early, it hangs up, or does nothing."""

from __future__ import annotations

import contextlib
import io
import itertools
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest

from checker.errors import LabError
from checker.scene import node_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARCHIVE = b"x" * (8 << 20)
"""More than what the buffers between us and a node hold."""

FULL = b"\2\0\0\0\0\0\0\x13no space left there"


class Engine:
    """An engine with one node: what its load command does is done at the far end of the node's socket."""

    def __init__(self, behave: Callable[[Engine, socket.socket], None]) -> None:
        self.behave = behave
        self.running = True
        self.code: int | None = None
        self.kept: list[socket.socket] = []
        self.commands: dict[str, str] = {}
        """What each exec runs. Several are made and started at once, in any order."""
        self._numbers = itertools.count(1)
        self.execs: dict[socket.socket, str] = {}
        """The exec that each far end belongs to."""
        self.codes: dict[str, int] = {}
        """How each exec ended, where they end differently."""

    def ended(self, code: int) -> None:
        """Let the engine know that the load command has ended."""
        self.running, self.code = False, code

    def new_exec(self, container: str, options: dict[str, Any]) -> str:
        """Make an exec of the node."""
        assert container == "n1", options
        name = f"e{next(self._numbers)}"
        self.commands[name] = options["Cmd"][-1]
        return name

    def get(self, path: str) -> dict[str, Any]:
        """Tell the exec's state."""
        _, _, name, question = path.split("/")
        assert name in self.commands
        assert question == "json"
        if (code := self.codes.get(name)) is not None:
            return {"Running": False, "ExitCode": code}
        return {"Running": self.running, "ExitCode": self.code}

    def hijack(self, path: str, body: Any) -> tuple[socket.socket, bytes]:
        """Start the exec and give its connection."""
        _, _, name, action = path.split("/")
        assert name in self.commands
        assert action == "start", body
        near, far = socket.socketpair()
        self.execs[far] = name
        # As the engine does, which has the far end open as long as it likes.
        self.kept.append(far)
        threading.Thread(target=self.behave, args=(self, far), daemon=True).start()
        return near, b""


def reads_all(engine: Engine, far: socket.socket) -> None:
    while far.recv(1 << 20):
        pass
    engine.ended(0)
    far.close()


def ends_and_is_not_hung_up(engine: Engine, far: socket.socket) -> None:
    far.recv(1)
    far.sendall(FULL)
    engine.ended(7)


def ends_when_it_has_all_and_is_not_hung_up(engine: Engine, far: socket.socket) -> None:
    while far.recv(1 << 20):
        pass
    far.sendall(FULL)
    engine.ended(7)


def hangs_up(engine: Engine, far: socket.socket) -> None:
    far.recv(1)
    far.sendall(FULL)
    engine.ended(7)
    far.close()


def tells_the_code_late(engine: Engine, far: socket.socket) -> None:
    while far.recv(1 << 20):
        pass
    far.close()
    threading.Timer(0.2, engine.ended, (7,)).start()


def leaves_the_padding(engine: Engine, far: socket.socket) -> None:
    far.recv(1)
    engine.ended(0)
    far.close()


def does_nothing(engine: Engine, far: socket.socket) -> None:
    """Neither read nor write."""


def keeps_nothing(engine: Engine, far: socket.socket) -> None:
    """Load all of it, but end with an error where it is to be kept for later."""
    name = engine.execs[far]
    keeps = engine.commands[name].startswith("node prepare")
    while far.recv(1 << 20):
        pass
    if keeps:
        far.sendall(FULL)
    engine.codes[name] = 7 if keeps else 0
    far.close()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[..., None]], str]]:
    """Return what loads an archive into a node that behaves as told, and gives back what went wrong."""

    class Archive:
        left = ARCHIVE

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, size: int) -> bytes:
            part, self.left = self.left[:size], self.left[size:]
            return part

    engines: list[Engine] = []

    def run(behave: Callable[..., None]) -> str:
        engine = Engine(behave)
        engines.append(engine)
        node = node_images._Node("n1", "node-1", ("parcel:1.0",), "docker load", note="a note")
        node_images._stream(engine, node.images, [node])  # type: ignore[arg-type]
        return node.problem

    monkeypatch.setattr(node_images, "_archive", lambda *_: Archive())
    monkeypatch.setattr(node_images, "ASK_SECONDS", 0.05)
    yield run
    for engine in engines:
        for far in engine.kept:
            far.close()


@pytest.mark.parametrize("behave", [reads_all, leaves_the_padding])
def test_a_node_that_loads_has_no_problem(load: Callable[..., str], behave: Callable[..., None]) -> None:
    assert load(behave) == ""


@pytest.mark.parametrize(
    "behave", [ends_and_is_not_hung_up, ends_when_it_has_all_and_is_not_hung_up, hangs_up]
)
def test_a_command_that_fails_is_noticed_without_waiting_and_its_words_are_told(
    load: Callable[..., str], behave: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever waited for the engine to hang up would wait this long.
    monkeypatch.setattr(node_images, "LOAD_SECONDS", 3600.0)
    assert load(behave) == "no space left there"


def test_a_code_that_the_engine_tells_late_is_waited_for(load: Callable[..., str]) -> None:
    assert load(tells_the_code_late) == "docker load ended with 7"


def test_a_node_that_takes_nothing_is_given_up(
    load: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_images, "LOAD_SECONDS", 0.2)
    monkeypatch.setattr(node_images, "_CODE_SECONDS", 0.1)
    assert "took nothing of the archive" in load(does_nothing)


def test_the_archive_is_kept_for_later_nodes_once_and_what_goes_wrong_there_is_not_the_nodes_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_images, "_archive", lambda *_: contextlib.nullcontext(io.BytesIO(ARCHIVE)))
    monkeypatch.setattr(node_images, "ASK_SECONDS", 0.05)
    engine = Engine(keeps_nothing)
    nodes = [
        node_images._Node(
            "n1", name, ("parcel:1.0",), "ctr import", prepare="node prepare", note="parcel:1.0=sha256:1"
        )
        for name in ("node-1", "node-2")
    ]
    problem = node_images._stream(engine, ("parcel:1.0",), nodes[:1])  # type: ignore[arg-type]
    assert problem == "no space left there"
    assert nodes[0].problem == ""
    assert sorted(engine.commands.values()) == [
        "node prepare parcel:1.0=sha256:1",
        "rm -f /var/lib/drydock-images && ctr import && printf '%s\\n' parcel:1.0=sha256:1 > /var/lib/drydock-images",
    ]
    assert len(node_images._keepers(nodes)) == 1
    for far in engine.kept:
        far.close()


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
            "makes the machine again",
        ),
        ("no space left on device", "the disk is full"),
    ],
)
def test_a_node_without_an_engine_is_not_taken_for_a_full_disk(
    problem: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [node_images._Node("n1", "rented", ("parcel:1.0",), "docker load", problem=problem)]
    for step in ("_note_all", "_look"):
        monkeypatch.setattr(node_images, step, lambda *_: None)
    monkeypatch.setattr(node_images, "_stream", lambda *_: "")
    with pytest.raises(LabError) as raised:
        node_images._load(None, nodes, lambda _: None)  # type: ignore[arg-type]
    assert remedy in raised.value.remedy
