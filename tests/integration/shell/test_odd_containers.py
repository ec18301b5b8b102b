"""Containers that lack what a shell needs, and containers that go away while it is at work."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import Engine, RefusedError
from checker.engine.shell import (
    CommandTimeoutError,
    ContainerGoneError,
    NoShellError,
    Shell,
    ShellError,
)
from checker.errors import EngineError
from checker.grading.author import wait_until
from tests.conftest import TOOLS, reserved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def without(engine: Engine, container: str, *paths: str) -> None:
    """Take programs away from a running container, by a program of its own."""
    made = engine.post(f"/containers/{container}/exec", {"Cmd": ["rm", "-f", *paths], "AttachStdout": True})
    sock, _ = engine.hijack(f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False})
    with sock:
        while sock.recv(4096):
            pass


def test_a_container_without_a_shell_says_so_and_how_to_judge_it(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run()
    without(engine, container, "/usr/bin/sh")
    with pytest.raises(NoShellError, match=r"has no /bin/sh") as caught:
        open_shell(container).run("true")
    assert "from outside" in caught.value.remedy
    # Seen as before from outside.
    assert engine.inspect(container)["State"]["Running"]


def test_a_file_named_sh_that_is_no_shell_ends_by_the_time_limit(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run()
    open_shell(container).run("cp /usr/bin/sleep /tmp/x; printf '#!/usr/bin/env -S sleep 1000\\n' > /tmp/y")
    open_shell(container).run("chmod +x /tmp/y; rm /usr/bin/sh; cp /tmp/y /usr/bin/sh")
    shell = Shell(engine, container)
    with pytest.raises(ShellError):
        shell.run("true", 0.5)


def test_without_ps_grep_env_and_coreutils_commands_still_run(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run()
    without(
        engine,
        container,
        *(f"/usr/bin/{name}" for name in ("ps", "grep", "env", "tr", "kill", "pgrep", "ls", "setsid")),
    )
    shell = open_shell(container)
    assert shell.run("echo hello; exit 3").stdout == "hello\n"
    assert shell.run("ps").rc == 127
    with pytest.raises(CommandTimeoutError):
        shell.run("sleep 1000 & sleep 1000", 0.4)
    assert wait_until(
        lambda: "sleep 1000" not in str(engine.get(f"/containers/{container}/top")["Processes"]), 5
    )


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory, _connected: Engine) -> Iterator[str]:
    """Give an image with nothing but a static busybox, from the distribution's package."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("this machine has no packages of Debian's")
    folder: Path = tmp_path_factory.mktemp("busybox")
    folder.chmod(0o755)
    got = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root", "download", "busybox-static"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    packages = list(folder.glob("*.deb"))
    if not packages:
        pytest.skip(f"busybox-static cannot be had: {got.stderr.strip()[-200:]}")
    subprocess.run(["dpkg-deb", "-x", packages[0], folder / "x"], check=True, timeout=60)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(next((folder / "x").rglob("bin/busybox")), "bin/busybox")
        for name in ("sh", "sleep", "echo", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name in ("proc", "tmp", "etc"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    tag = f"drydock-test-busybox:{reserved()}"
    _connected.request(
        "POST",
        "/images/create",
        body=archive.getvalue(),
        query={"fromSrc": "-", "repo": tag.split(":", maxsplit=1)[0], "tag": tag.split(":")[1]},
        raw=True,
    )
    yield tag
    _connected.delete(f"/images/{tag}", force=True)


def test_in_a_container_of_busybox_alone_everything_works(
    busybox: str, run: Callable[..., str], open_shell: Callable[..., Shell], engine: Engine
) -> None:
    container = run(busybox, "sleep", "1000000")
    shell = open_shell(container)
    done = shell.run("echo out; echo err >&2; exit 5")
    assert (done.rc, done.stdout, done.stderr) == (5, "out\n", "err\n")
    assert shell.run("kill -9 $$").stderr == ""
    with pytest.raises(CommandTimeoutError):
        shell.run("(sleep 1000 &); sleep 1000", 0.4)
    assert wait_until(lambda: " 1000'" not in str(engine.get(f"/containers/{container}/top")["Processes"]), 5)
    shell.run("sleep 1000 &")
    shell.close()
    assert wait_until(lambda: " 1000'" not in str(engine.get(f"/containers/{container}/top")["Processes"]), 5)


def test_a_container_of_one_program_alone_has_no_shell(
    busybox: str, engine: Engine, run: Callable[..., str], open_shell: Callable[..., Shell]
) -> None:
    container = run(busybox, "busybox", "sleep", "1000000")
    made = engine.post(
        f"/containers/{container}/exec", {"Cmd": ["busybox", "rm", "/bin/sh"], "AttachStdout": True}
    )
    engine.hijack(f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False})[0].close()
    assert wait_until(lambda: _shell_is_gone(engine, container), 10)
    with pytest.raises(NoShellError):
        open_shell(container).run("true")


def _shell_is_gone(engine: Engine, container: str) -> bool:
    try:
        engine.request("HEAD", f"/containers/{container}/archive", query={"path": "/bin/sh"}, raw=True)
    except (EngineError, ValueError):
        return True
    return False


def test_a_container_that_does_not_run_says_how_it_ended(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run(TOOLS, "sh", "-c", "exit 7")
    assert wait_until(lambda: not engine.inspect(container)["State"]["Running"], 10)
    with pytest.raises(ContainerGoneError, match=r"stopped \(exit code 7\)"):
        open_shell(container).run("true")


def test_a_container_that_was_never_started_says_so(engine: Engine, open_shell: Callable[..., Shell]) -> None:
    created = engine.post("/containers/create", {"Image": TOOLS, "Labels": {"io.drydock.lab": reserved()}})[
        "Id"
    ]
    try:
        with pytest.raises(ContainerGoneError):
            open_shell(created).run("true")
    finally:
        engine.delete(f"/containers/{created}", force=True)


def test_a_paused_container_is_told_and_works_again_afterwards(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run()
    opened, fresh = open_shell(container), open_shell(container)
    opened.run("true")
    engine.post(f"/containers/{container}/pause")
    try:
        with pytest.raises(ShellError, match="paused"):
            fresh.run("true", 1.0)
        with pytest.raises(CommandTimeoutError):
            opened.run("true", 0.5)
    finally:
        engine.post(f"/containers/{container}/unpause")
    assert opened.run("echo on").stdout == "on\n"
    assert fresh.run("echo on").stdout == "on\n"


def during(action: Callable[[], object], marker: Callable[[], bool]) -> threading.Thread:
    """Do something as soon as a marker is seen, in a thread."""

    def work() -> None:
        wait_until(marker, 20)
        action()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_container_that_dies_in_the_middle_is_told_with_its_exit_code(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run(TOOLS, "sh", "-c", "while ! [ -e /tmp/go ]; do sleep 0.05; done; exit 9")
    shell = open_shell(container)
    with pytest.raises(ContainerGoneError, match=r"stopped while `.*` ran \(exit code 9\)"):
        shell.run("touch /tmp/go; sleep 1000")


def test_a_container_that_meets_its_memory_limit_in_the_middle_is_told_so(
    run: Callable[..., str], open_shell: Callable[..., Shell]
) -> None:
    limit = 32 << 20
    eater = "while ! [ -e /tmp/go ]; do sleep 0.05; done; x=y; while :; do x=$x$x; done"
    container = run(
        TOOLS, "sh", "-c", eater, HostConfig={"Memory": limit, "MemorySwap": limit, "Init": False}
    )
    with pytest.raises(ContainerGoneError, match=r"out of memory|exit code 137|exit code 2"):
        open_shell(container).run("touch /tmp/go; sleep 1000")


def test_a_container_that_is_removed_in_the_middle_is_told_so(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run()
    shell = open_shell(container)
    shell.run("true")
    thread = during(
        lambda: engine.delete(f"/containers/{container}", force=True),
        lambda: "sleep 1000" in str(engine.get(f"/containers/{container}/top")),
    )
    with pytest.raises(ContainerGoneError, match=r"was removed while `sleep 1000` ran|stopped while"):
        shell.run("sleep 1000")
    thread.join()
    with pytest.raises(ContainerGoneError, match="was removed"):
        shell.run("true")


def test_a_container_that_is_replaced_in_the_middle_is_told_so_and_never_mistaken(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    name = f"drydock-test-{reserved()}-replaced"
    container = run(name=name)
    shell = open_shell(name)
    shell.run("echo mine > /tmp/whose")

    def replace() -> None:
        engine.delete(f"/containers/{container}", force=True)
        run(name=name)

    thread = during(replace, lambda: "sleep 1000" in str(engine.get(f"/containers/{container}/top")))
    with pytest.raises(ContainerGoneError):
        shell.run("sleep 1000")
    thread.join()
    with pytest.raises(ContainerGoneError, match="was replaced by another of that name"):
        shell.run("cat /tmp/whose")


def test_a_container_that_restarts_between_two_commands_gets_a_new_shell(
    run: Callable[..., str], engine: Engine, open_shell: Callable[..., Shell]
) -> None:
    container = run()
    shell = open_shell(container)
    shell.run("true")
    engine.request("POST", f"/containers/{container}/restart", query={"t": 0})
    assert shell.run("echo on").stdout == "on\n"


def test_many_shells_at_once_do_not_mix(run: Callable[..., str], open_shell: Callable[..., Shell]) -> None:
    container = run()
    shells = [open_shell(container) for _ in range(12)]
    said: dict[int, list[str]] = {}

    def talk(number: int) -> None:
        said[number] = [shells[number].run(f"echo {number} {turn}").stdout for turn in range(20)]

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(len(shells))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert said == {number: [f"{number} {turn}\n" for turn in range(20)] for number in range(12)}


@pytest.mark.parametrize(("user", "uid"), [("nobody", "65534"), ("4321", "4321"), ("0", "0")])
def test_a_shell_runs_as_whom_it_is_told(
    run: Callable[..., str], open_shell: Callable[..., Shell], user: str, uid: str
) -> None:
    assert open_shell(run(), user).run("id -u").stdout.strip() == uid


def test_a_user_that_is_not_there_is_told_by_the_engine(
    run: Callable[..., str], open_shell: Callable[..., Shell]
) -> None:
    with pytest.raises(ShellError, match="nosuchuser") as caught:
        open_shell(run(), "nosuchuser").run("true")
    assert not isinstance(caught.value, NoShellError)


def test_a_container_that_is_not_there_is_told_at_once(engine: Engine) -> None:
    with pytest.raises(EngineError, match="No such container"):
        Shell(engine, "drydock-test-nowhere")


def test_a_refusal_of_the_engine_keeps_its_status(engine: Engine, run: Callable[..., str]) -> None:
    with pytest.raises(RefusedError) as caught:
        engine.post("/containers/create", {"Image": TOOLS}, name="not a name")
    assert caught.value.status == 400
