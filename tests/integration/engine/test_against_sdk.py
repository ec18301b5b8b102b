"""The same questions to one engine, by our own client and by the Docker SDK for Python: the same answers."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError, ImageNotFound, NotFound

from checker.engine.api import NotFoundError, RefusedError, demultiplex
from checker.engine.sdk import connect_sdk
from checker.engine.shell import Shell
from checker.grading.author import wait_until
from tests.conftest import TOOLS, reserved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.engine.api import Engine

pytestmark = pytest.mark.engine


@pytest.fixture
def sdk(engine: Engine) -> Iterator[Any]:
    """Give the SDK's client of the same engine."""
    client = connect_sdk(engine.endpoint)
    yield client
    client.close()


@pytest.fixture
def made(run: Callable[..., str]) -> str:
    """Give a container that has said something on both streams and goes on."""
    return run(
        TOOLS,
        "sh",
        "-c",
        "echo one; echo two >&2; exec sleep 1000",
        Env=["COLOUR=deep blue"],
        name=f"drydock-test-{reserved()}-oracle",
    )


def of_ours() -> dict[str, str]:
    return {"io.drydock.lab": reserved()}


def steady(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what changes from one moment to the next."""
    return {key: value for key, value in record.items() if key != "Status"}


def test_the_engine_and_its_version(engine: Engine, sdk: Any) -> None:
    assert engine.ping() is sdk.ping() is True
    assert engine.get("/version") == sdk.version()
    assert engine.get("/info")["ID"] == sdk.info()["ID"]


def test_a_container_inspected_by_id_and_by_name(engine: Engine, sdk: Any, made: str) -> None:
    for name in (made, made[:12], f"drydock-test-{reserved()}-oracle"):
        assert engine.inspect(name) == sdk.containers.get(name).attrs


def test_containers_networks_and_volumes_by_label(engine: Engine, sdk: Any, made: str) -> None:
    network = engine.post("/networks/create", {"Name": f"test-{reserved()}", "Labels": of_ours()})["Id"]
    volume = engine.post("/volumes/create", {"Name": f"test-{reserved()}", "Labels": of_ours()})["Name"]
    try:
        label = f"io.drydock.lab={reserved()}"
        ours = {
            kind: engine.list_all(kind, labels=of_ours()) for kind in ("containers", "networks", "volumes")
        }
        low = sdk.api
        theirs = low.containers(all=True, filters={"label": label})
        assert [steady(each) for each in ours["containers"]] == [steady(each) for each in theirs]
        assert [each["Id"] for each in ours["containers"]] == [made]
        assert ours["networks"] == low.networks(filters={"label": label})
        assert [each["Id"] for each in ours["networks"]] == [network]
        assert ours["volumes"] == low.volumes(filters={"label": label})["Volumes"]
        assert [each["Name"] for each in ours["volumes"]] == [volume]
    finally:
        engine.delete(f"/networks/{network}")
        engine.delete(f"/volumes/{volume}")


def test_an_image_by_its_name(engine: Engine, sdk: Any) -> None:
    assert engine.image(TOOLS) == sdk.images.get(TOOLS).attrs
    assert TOOLS in [tag for each in engine.list_all("images") for tag in each["RepoTags"]]
    assert {each["Id"] for each in engine.list_all("images")} == {each["Id"] for each in sdk.api.images()}


def test_what_is_not_there(engine: Engine, sdk: Any) -> None:
    assert engine.image("drydock/no-such-image:1") is None
    with pytest.raises(ImageNotFound):
        sdk.images.get("drydock/no-such-image:1")
    with pytest.raises(NotFound) as theirs:
        sdk.containers.get("drydock-no-such-container")
    with pytest.raises(NotFoundError, match=str(theirs.value.explanation)):
        engine.inspect("drydock-no-such-container")


def test_what_is_refused(engine: Engine, sdk: Any, made: str) -> None:
    with pytest.raises(APIError) as theirs:
        sdk.api.rename(made, "not a name")
    with pytest.raises(RefusedError) as ours:
        engine.post(f"/containers/{made}/rename", name="not a name")
    assert ours.value.status == theirs.value.status_code
    assert str(theirs.value.explanation) in ours.value.what


def test_logs_of_both_streams(engine: Engine, sdk: Any, made: str) -> None:
    assert wait_until(lambda: len(engine.logs(made).split()) == 2, 20)
    assert sorted(engine.logs(made).split()) == ["one", "two"]
    assert sorted(engine.logs(made).split()) == sorted(sdk.containers.get(made).logs().decode().split())
    assert engine.logs(made, tail=1).encode() == sdk.containers.get(made).logs(tail=1)


def test_a_stream_with_frames_is_taken_apart(engine: Engine, sdk: Any, made: str) -> None:
    done = Shell(engine, made).run("printf out; printf err >&2; exit 3")
    code, (out, err) = sdk.containers.get(made).exec_run(
        ["sh", "-c", "printf out; printf err >&2; exit 3"], demux=True
    )
    assert (done.rc, done.stdout_bytes, done.stderr_bytes) == (code, out, err) == (3, b"out", b"err")
    raw = engine.request("GET", f"/containers/{made}/logs", query={"stdout": True}, raw=True)
    assert demultiplex(raw) == sdk.containers.get(made).logs(stdout=True, stderr=False)


def test_a_command_as_another_user_with_its_environment(engine: Engine, sdk: Any, made: str) -> None:
    command = "id -un; echo $COLOUR; pwd"
    theirs = sdk.containers.get(made).exec_run(["sh", "-c", command], user="nobody")
    shell = Shell(engine, made, "nobody")
    try:
        done = shell.run(command)
    finally:
        shell.close()
    assert (done.rc, done.stdout) == (theirs.exit_code, theirs.output.decode())
    assert done.stdout.splitlines()[:2] == ["nobody", "deep blue"]


def test_processes_statistics_and_what_changed(engine: Engine, sdk: Any, made: str) -> None:
    container = sdk.containers.get(made)
    assert container.exec_run(["touch", "/srv/new"]).exit_code == 0
    assert engine.get(f"/containers/{made}/top")["Titles"] == container.top()["Titles"]
    ours, theirs = engine.get(f"/containers/{made}/changes"), container.diff()
    assert sorted(ours, key=str) == sorted(theirs, key=str)  # the engine lists them in no order
    assert {"Path": "/srv/new", "Kind": 1} in container.diff()
    stats = engine.get(f"/containers/{made}/stats", **{"stream": False, "one-shot": True})
    assert stats.keys() == container.stats(stream=False, one_shot=True).keys()


def test_a_file_out_of_a_container(engine: Engine, sdk: Any, made: str) -> None:
    ours = engine.request("GET", f"/containers/{made}/archive", query={"path": "/etc/hostname"}, raw=True)
    stream, facts = sdk.containers.get(made).get_archive("/etc/hostname")
    for data in (ours, b"".join(stream)):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            member = archive.getmember("hostname")
            assert member.size == facts["size"]
            content = archive.extractfile(member)
            assert content is not None
            assert content.read().decode().strip() == made[:12]


def test_events_of_a_container(engine: Engine, sdk: Any, made: str) -> None:
    since = engine.clock.now() - 1
    container = sdk.containers.get(made)
    container.pause()
    container.unpause()
    filters = {"container": [made], "event": ["pause", "unpause"]}
    ours = list(engine.events(since=since, until=engine.clock.now() + 1, filters=filters))
    theirs = list(
        sdk.events(since=int(since), until=int(engine.clock.now()) + 1, filters=filters, decode=True)
    )
    assert ours == theirs
    assert [each["Action"] for each in ours] == ["pause", "unpause"]


def test_a_container_is_created_started_stopped_and_removed(engine: Engine, sdk: Any) -> None:
    body = {"Image": TOOLS, "Cmd": ["sleep", "1000"], "Labels": of_ours(), "HostConfig": {"Init": True}}
    ours = engine.post("/containers/create", body)["Id"]
    theirs = sdk.containers.create(TOOLS, ["sleep", "1000"], labels=of_ours(), init=True)
    try:
        one, other = engine.inspect(ours), theirs.attrs
        assert one["Config"]["Cmd"] == other["Config"]["Cmd"]
        assert one["HostConfig"]["Init"] is other["HostConfig"]["Init"] is True
        engine.post(f"/containers/{ours}/start")
        theirs.start()
        assert sdk.containers.get(ours).status == engine.inspect(theirs.id)["State"]["Status"] == "running"
        engine.post(f"/containers/{ours}/kill", signal="KILL")
        theirs.kill("KILL")
        assert sdk.containers.get(ours).wait()["StatusCode"] == theirs.wait()["StatusCode"] == 137
    finally:
        engine.delete(f"/containers/{ours}", force=True)
        theirs.remove(force=True)
    with pytest.raises(NotFound):
        sdk.containers.get(ours)
    with pytest.raises(NotFoundError):
        engine.inspect(theirs.id)
