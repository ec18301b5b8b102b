"""What the images do when they run: Parcel under every restriction, the toolbox's tools, the nodes' engines."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from checker.images.supply import ensure

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.api import Engine
    from checker.engine.client import Client

pytestmark = pytest.mark.engine

SECONDS = 60.0
AS_BUILT: dict[str, Any] = {"Entrypoint": None, "Cmd": None}
"""Start what the image says, and nothing else."""
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080{}', timeout=5).read().decode())"


class Docker:
    """The docker command on the engine of the tests."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __call__(self, *words: str, check: bool = True, given: bytes | None = None) -> str:
        """Run one command and return its output."""
        ended = subprocess.run(
            self.client.command(*words),
            env=self.client.environment(),
            input=given,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
        assert not check or ended.returncode == 0, ended.stderr.decode()
        return ended.stdout.decode()

    def until(self, *words: str, holds: Callable[[str], bool]) -> str:
        """Ask again until the answer is what is waited for."""
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self(*words, check=False)
            if holds(answer):
                return answer
            assert time.monotonic() < deadline, f"`docker {' '.join(words)}` still says {answer!r}"


def says_something(answer: str) -> bool:
    return bool(answer.strip())


@pytest.fixture
def docker(client: Client) -> Docker:
    return Docker(client)


@pytest.fixture
def parcel(engine: Engine) -> str:
    return ensure(["parcel:1.0"], engine=engine)[0].reference


def ask(docker: Docker, container: str, path: str = "/") -> Any:
    answer = docker.until("exec", container, "python3", "-c", ASK.format(path), holds=says_something)
    return json.loads(answer)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"HostConfig": {"Init": False, "ReadonlyRootfs": True}},
        {"HostConfig": {"NetworkMode": "none"}},
        {"User": "54321:54321"},
        {"User": "54321", "HostConfig": {"ReadonlyRootfs": True, "NetworkMode": "none", "CapDrop": ["ALL"]}},
        {"HostConfig": {"Memory": 48 * 1024 * 1024}},
    ],
    ids=["plain", "read-only", "no network", "another user", "all at once", "48 MiB"],
)
def test_parcel_answers_under_every_restriction(
    docker: Docker, parcel: str, run: Callable[..., str], options: dict[str, Any]
) -> None:
    container = run(parcel, **AS_BUILT, **options)
    answer = ask(docker, container)
    assert (answer["service"], answer["version"], answer["counter"]) == ("parcel", "1.0", 1)
    docker.until(
        "inspect", "-f", "{{.State.Health.Status}}", container, holds=lambda answer: answer == "healthy\n"
    )


def test_parcel_is_not_root_and_stops_at_once_as_the_first_process(
    docker: Docker, engine: Engine, parcel: str, run: Callable[..., str]
) -> None:
    container = run(parcel, **AS_BUILT, HostConfig={"Init": False})
    ask(docker, container)
    assert docker("exec", container, "id", "-u") == "10001\n"
    docker("stop", "--time", "30", container)
    state = engine.inspect(container)["State"]
    assert state["ExitCode"] == 0, "it ended by itself, and was not killed"
    assert '"event": "stopped"' in engine.logs(container, 1)


def test_a_leak_beyond_the_limit_ends_parcel_by_the_kernels_hand(
    docker: Docker, engine: Engine, parcel: str, run: Callable[..., str]
) -> None:
    container = run(
        parcel, "python3", "/app/parcel.py", HostConfig={"Init": False, "Memory": 64 * 1024 * 1024}
    )
    ask(docker, container)
    docker("exec", container, "python3", "-c", ASK.format("/leak?mb=200"), check=False)
    docker("wait", container)
    state = engine.inspect(container)["State"]
    assert state["OOMKilled"]
    assert state["ExitCode"] == 137


def test_two_versions_tell_themselves_apart_and_notes_stay_where_they_were_written(
    docker: Docker, engine: Engine, run: Callable[..., str]
) -> None:
    first, second = (
        run(each.reference, **AS_BUILT) for each in ensure(["parcel:1.0", "parcel:2.0"], engine=engine)
    )
    assert [ask(docker, each)["version"] for each in (first, second)] == ["1.0", "2.0"]
    put = "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8080/note', b'mine', method='PUT'))"
    docker("exec", first, "python3", "-c", put)
    assert docker("exec", first, "cat", "/var/lib/parcel/note") == "mine"
    assert docker("exec", second, "ls", "/var/lib/parcel") == "counter\n"


def test_the_toolbox_has_every_tool_and_ends_at_once(
    docker: Docker, engine: Engine, run: Callable[..., str]
) -> None:
    toolbox = run(ensure(["toolbox"], engine=engine)[0].reference, **AS_BUILT, HostConfig={"Init": False})
    tools = "docker curl jq nano vim less ps ss ip ping bash ssh scp ssh-keygen"
    docker("exec", toolbox, "sh", "-c", f"for each in {tools}; do command -v $each || exit 1; done")
    docker("exec", toolbox, "docker", "compose", "version")
    docker("exec", toolbox, "docker", "buildx", "version")
    prompt = docker(
        "exec", "-e", "DRYDOCK_LAB=03", "-e", "TERM=dumb", toolbox, "bash", "-ic", "echo ${PS1@P}"
    )
    assert prompt.startswith("lab 03 ")
    docker("stop", "--time", "30", toolbox)
    assert engine.inspect(toolbox)["State"]["ExitCode"] == 143


def test_ssh_works_for_a_user_of_whom_the_toolbox_knows_nothing(
    docker: Docker, engine: Engine, run: Callable[..., str]
) -> None:
    toolbox = run(
        ensure(["toolbox"], engine=engine)[0].reference, **AS_BUILT, User="4242:4242", Env=["HOME=/tmp"]
    )
    docker("exec", toolbox, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/lock/key")
    settings = docker("exec", toolbox, "ssh", "-G", "vm").splitlines()
    assert "user root" in settings


@pytest.mark.parametrize(("tag", "release"), [("1.0", "13"), ("1.0-bookworm", "12")])
def test_a_node_runs_what_was_moved_to_it_as_an_archive_and_comes_back_after_being_killed(
    docker: Docker, engine: Engine, parcel: str, run: Callable[..., str], tag: str, release: str
) -> None:
    reference = ensure([f"node:{tag}"], engine=engine)[0].reference
    host = {"Privileged": True, "CgroupnsMode": "private", "Init": False}
    node = run(reference, **AS_BUILT, HostConfig=host)

    def inside(*words: str, **options: Any) -> str:
        return docker("exec", "-i", node, "docker", *words, **options)

    healthy = ("inspect", "-f", "{{.State.Health.Status}}", node)
    docker.until(*healthy, holds=lambda answer: answer == "healthy\n")
    assert f'VERSION_ID="{release}"' in docker("exec", node, "cat", "/etc/os-release")
    assert inside("info", "-f", "{{.Driver}}").strip() != "vfs"
    archive = subprocess.run(
        docker.client.command("save", parcel),
        env=docker.client.environment(),
        capture_output=True,
        check=True,
        timeout=SECONDS,
    ).stdout
    assert parcel in inside("load", given=archive)
    strict = ("--network", "none", "--read-only", "--user", "54321")
    inside("run", "-d", "--name", "strict", *strict, parcel)
    inside("run", "-d", "--name", "published", "-p", "8081:8080", "-m", "64m", parcel)
    asked = docker.until(
        "exec", node, "docker", "exec", "strict", "python3", "-c", ASK.format("/"), holds=says_something
    )
    assert json.loads(asked)["version"] == "1.0"
    asked = docker.until("exec", node, "curl", "-sm", "5", "http://127.0.0.1:8081/", holds=says_something)
    assert json.loads(asked)["service"] == "parcel"
    docker("kill", node)
    docker("start", node)
    docker.until("exec", node, "docker", "start", "published", holds=says_something)
    docker.until("exec", node, "curl", "-sm", "5", "http://127.0.0.1:8081/", holds=says_something)
    docker("stop", "--time", "30", node)
    assert engine.inspect(node)["State"]["ExitCode"] == 0


def test_a_node_is_reached_over_its_network_only_when_asked_to(
    docker: Docker, engine: Engine, run: Callable[..., str]
) -> None:
    reference = ensure(["node"], engine=engine)[0].reference
    host = {"Privileged": True, "CgroupnsMode": "private", "Init": False}
    listening = "ss -Hltn 'sport = 2375'"
    for env, ports in ([], ""), (["DRYDOCK_NODE_TCP=1"], ":2375"):
        node = run(reference, **AS_BUILT, HostConfig=host, Env=env)
        docker.until("exec", node, "docker", "version", "-f", "{{.Server.Version}}", holds=says_something)
        assert ports in docker("exec", node, "sh", "-c", listening)
        if not ports:
            assert not docker("exec", node, "sh", "-c", listening)


@pytest.mark.parametrize("mesh", ["", "1"])
def test_the_front_judges_a_node_by_its_connections_unless_a_mesh_chooses_the_copy(
    docker: Docker, engine: Engine, run: Callable[..., str], mesh: str
) -> None:
    front = ensure(["front:1.0"], engine=engine)[0].reference
    name = run(
        front,
        **AS_BUILT,
        Env=["DRYDOCK_FRONT_TO=one:30080 two:30080 three:30080", f"DRYDOCK_FRONT_MESH={mesh}"],
    )
    # HAProxy listens once it has taken its configuration over.
    docker.until(
        "exec", name, "bash", "-c", "exec 3<> /dev/tcp/127.0.0.1/8080 && echo yes", holds=says_something
    )
    docker("exec", name, "haproxy", "-c", "-f", "/run/front/base.cfg")
    lines = [line.strip() for line in docker("exec", name, "cat", "/run/front/base.cfg").splitlines()]
    assert [line.split()[1:3] for line in lines if line.startswith("server ")] == [
        ["one", "one:30080"],
        ["two", "two:30080"],
        ["three", "three:30080"],
    ]
    trust = next(line for line in lines if line.startswith("default-server "))
    # A copy that does not answer may be on another node than the one that passed the request on.
    assert ("mark-down" in trust) is not bool(mesh)
    tries = 1 + next(int(line.split()[1]) for line in lines if line.startswith("retries "))
    each = next(line.split()[2] for line in lines if line.startswith("timeout connect "))
    assert (tries, each) == ((9, "200ms") if mesh else (4, "400ms"))
