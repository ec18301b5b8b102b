"""`lab notebook` for real: JupyterLab starts, is found again, is closed to others, and ends without a trace."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from checker.grading.author import wait_until
from checker.jupyter import server, settings
from tests.conftest import Course
from tests.integration.conftest import spawn
from tests.unit.jupyter.conftest import cell, notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

SLUG = "00-engine-from-python"
SECONDS = 120


@pytest.fixture
def notebooks(course: Course) -> Iterator[Course]:
    """Give a course with one notebook, and end the JupyterLab that a test leaves."""
    add_notebook(course)
    yield course
    server.stop(course.places)


@dataclass(frozen=True)
class Running:
    """One JupyterLab for the tests that only ask it."""

    course: Course
    address: str
    home: Path
    """The home folder of a person with a Jupyter of their own."""

    @property
    def token(self) -> str:
        """Return what it asks for."""
        return parse_qs(urlsplit(self.address).query)["token"][0]

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask with the token, unless another is given."""
        return ask(self.address, path, **{"Authorization": f"token {self.token}", **headers})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start one, as a person who has settings, a token and a kernel of their own."""
    folder = tmp_path_factory.mktemp("running")
    home = folder / "home"
    kernel = home / ".local/share/jupyter/kernels/julia"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["julia"], "display_name": "Hers", "language": "julia"}')
    (home / ".jupyter").mkdir()
    (home / ".jupyter" / "jupyter_server_config.json").write_text('{"IdentityProvider": {"token": "hers"}}')
    course = Course(folder / "a course")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in course.environment().items():
            if name.startswith("DRYDOCK_"):
                patch.setenv(name, value)
        add_notebook(course)
        found = answer_of(course, "0", HOME=str(home), JUPYTER_TOKEN="hers")  # noqa: S106 - of the tests
        yield Running(course, found["url"], home)
        server.stop(course.places)


def add_notebook(course: Course) -> None:
    (course.root / "notebooks").mkdir()
    (course.root / "notebooks" / f"{SLUG}.ipynb").write_text(
        notebook(cell("markdown", "# An engine from Python", id="claim"), cell("code", "1 + 1", id="sum"))
    )


def run(course: Course, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    process = spawn(course, "notebook", *words, **environment)
    out, err = process.communicate(timeout=SECONDS)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def answer_of(course: Course, *words: str, **environment: str) -> Any:
    done = run(course, *words, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    """Ask the server at an address for a path; headers take the place of the usual ones."""
    connection = http.client.HTTPConnection(
        str(urlsplit(address).hostname), urlsplit(address).port, timeout=20
    )
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def processes(course: Course) -> list[str]:
    """Return the command lines of what runs for a course: its server, its kernels."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(course.root) in line and ("jupyter" in line or "ipykernel" in line):
                found.append(line)
    return found


def test_it_starts_is_found_again_and_ends(notebooks: Course) -> None:
    first = answer_of(notebooks, "engine")
    assert first["started"]
    copy = notebooks.places.work / "notebooks" / f"{SLUG}.ipynb"
    assert first["copies"] == first["made"] == [str(copy)]
    parts = urlsplit(first["url"])
    assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1")
    assert parts.path == f"/lab/tree/notebooks/{SLUG}.ipynb"
    status, page = ask(first["url"], f"{parts.path}?{parts.query}")
    assert status == 200
    assert b"jupyter-config-data" in page

    copy.write_text(copy.read_text().replace("1 + 1", "40 + 2"))
    again = answer_of(notebooks, "0")
    assert not again["started"]
    assert again["made"] == []
    assert again["url"] == first["url"]
    assert "40 + 2" in copy.read_text()

    plain = run(notebooks, "0", "--no-browser")
    assert plain.stdout == f"{first['url']}\n"
    assert "ssh" not in plain.stderr

    ended = run(notebooks, "--stop")
    assert ended.stdout == "JupyterLab is stopped.\n"
    assert processes(notebooks) == []
    with pytest.raises(OSError, match="refused"):
        ask(first["url"], "/api")
    assert run(notebooks, "--stop").stdout == "JupyterLab was not running.\n"


def test_without_a_name_all_are_copied_listed_and_their_folder_opens(notebooks: Course) -> None:
    done = run(notebooks)
    *lines, address = done.stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[SLUG, "An engine from Python"]]
    assert urlsplit(address).path == "/lab/tree/notebooks"
    assert (notebooks.places.work / "notebooks" / f"{SLUG}.ipynb").is_file()
    # Here no browser can be shown.
    assert "Open the address above" in done.stderr
    assert f"ssh -L {urlsplit(address).port}:127.0.0.1:" in done.stderr


def test_a_request_without_the_token_is_refused_and_so_is_one_by_another_name(running: Running) -> None:
    for path in ("/api/contents", "/api/kernels", "/api/status"):
        assert ask(running.address, path)[0] == 403
        assert running.get(path, Authorization="token wrong")[0] == 403
        assert running.get(path, Authorization="token hers")[0] == 403
        assert running.get(path)[0] == 200
        # What a hostile name server leads here.
        assert running.get(path, Host="evil.example")[0] == 403
        # A page of another site comes no further.
        assert ask(running.address, path, Origin="http://evil.example")[0] in {403, 404}
    # The page itself leads to the login page, which shows nothing.
    assert ask(running.address, "/lab")[0] == 302


def test_it_listens_on_the_loopback_interface_alone(running: Running) -> None:
    port = urlsplit(running.address).port
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == port
    ]
    assert listening == [f"0100007F:{port:04X}"]


def test_the_token_is_told_to_nobody_else(running: Running) -> None:
    running.get(f"/lab?token={running.token}")
    running.get("/no/such/page")
    lines = processes(running.course)
    assert lines
    assert not [line for line in lines if running.token in line]
    folder = server.folder(running.course.places)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    holding = [
        path
        for path in folder.rglob("*")
        if path.is_file() and running.token in path.read_text(errors="replace")
    ]
    assert {path.name for path in holding} == {"server.json", f"jpserver-{server_pid(running.course)}.json"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holding)


def server_pid(course: Course) -> int:
    found = server.status(course.places)
    assert found is not None
    return found.pid


def test_a_persons_own_jupyter_is_not_used_and_not_changed(running: Running) -> None:
    kernels = json.loads(running.get("/api/kernelspecs")[1])["kernelspecs"]
    assert list(kernels) == ["python3"]
    spec = kernels["python3"]["spec"]
    assert spec["display_name"] == "Drydock (Python {}.{})".format(*sys.version_info)
    assert spec["argv"][0] == sys.executable
    files = sorted(path.relative_to(running.home).as_posix() for path in running.home.rglob("*.*"))
    assert [name for name in files if name.endswith(".json")] == [
        ".jupyter/jupyter_server_config.json",
        ".local/share/jupyter/kernels/julia/kernel.json",
    ]
    assert not (running.home / ".ipython").exists()
    assert not (running.home / ".local/share/jupyter/runtime").exists()


def test_terminals_extensions_and_news_are_not_there(running: Running) -> None:
    for path in ("/api/terminals", "/lsp/status"):
        assert running.get(path)[0] == 404
    page = running.get("/lab")[1].decode()
    found = re.search(
        r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', page, re.DOTALL
    )
    assert found
    config = json.loads(found[1])
    assert config["news"] == {"disabled": True}
    assert config["extensionManager"]["name"] == "read-only"
    assert not config["terminalsAvailable"]
    for plugin, values in settings.OVERRIDES.items():
        told = json.loads(running.get(f"/lab/api/settings/{plugin}")[1])["schema"]["properties"]
        assert {name: told[name]["default"] for name in values} == values


def test_a_kernel_knows_the_course_and_not_the_token(running: Running) -> None:
    body = {"path": f"notebooks/{SLUG}.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(running.address).port, timeout=60)
    connection.request("POST", "/api/sessions", json.dumps(body), {"Authorization": f"token {running.token}"})
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    answer.read()
    connection.close()
    assert wait_until(lambda: bool(kernels_of(running.course)), 60)
    (kernel,) = kernels_of(running.course)
    words = (kernel / "environ").read_text().split("\0")
    environment = dict(word.split("=", 1) for word in words if "=" in word)
    assert running.token not in environment.values()
    places = running.course.places
    code = "from checker.course.places import find as f; p = f(); print(p.root, p.state, p.work, sep='|')"
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=(kernel / "cwd").readlink(),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.strip().split("|") == [str(places.root), str(places.state), str(places.work)]
    assert (kernel / "cwd").readlink() == places.work / "notebooks"


def kernels_of(course: Course) -> list[Path]:
    """Return where /proc tells of the kernels of a course, once they run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes()
            if b"ipykernel_launcher" in line and str(course.root).encode() in line:
                found.append(folder)
    return found


def test_kernels_end_with_it(notebooks: Course) -> None:
    found = answer_of(notebooks, "0")
    token = parse_qs(urlsplit(found["url"]).query)["token"][0]
    connection = http.client.HTTPConnection("127.0.0.1", found["port"], timeout=60)
    connection.request(
        "POST", "/api/kernels", json.dumps({"name": "python3"}), {"Authorization": f"token {token}"}
    )
    assert connection.getresponse().status == 201
    connection.close()
    assert wait_until(lambda: bool(kernels_of(notebooks)), 60)
    assert run(notebooks, "--stop", "--json").stdout == '{"stopped": true}\n'
    assert processes(notebooks) == []


def test_a_taken_port_is_passed_over(notebooks: Course) -> None:
    taken = []
    for port in (8888, 8889):
        listener = socket.socket()
        with suppress(OSError):
            listener.bind(("127.0.0.1", port))
            listener.listen()
        taken.append(listener)
    try:
        found = answer_of(notebooks, "0")
    finally:
        for listener in taken:
            listener.close()
    assert found["port"] not in {8888, 8889}
    assert ask(found["url"], "/api")[0] == 200


def test_two_starts_at_once_start_one(notebooks: Course) -> None:
    both = [spawn(notebooks, "notebook", "0", "--json") for _ in range(2)]
    said = [json.loads(process.communicate(timeout=SECONDS)[0]) for process in both]
    assert sorted(each["started"] for each in said) == [False, True]
    assert said[0]["url"] == said[1]["url"]
    assert len(processes(notebooks)) == 1


def test_a_killed_one_is_replaced(notebooks: Course) -> None:
    first = answer_of(notebooks, "0")
    os.kill(server_pid(notebooks), signal.SIGKILL)
    wait_until(lambda: not processes(notebooks), 10)
    second = answer_of(notebooks, "0")
    assert second["started"]
    assert urlsplit(second["url"]).query != urlsplit(first["url"]).query


def test_interrupted_while_it_starts_nothing_is_left(notebooks: Course) -> None:
    process = spawn(notebooks, "notebook", "0")
    deadline = time.monotonic() + 60
    while not processes(notebooks) and process.poll() is None:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert wait_until(lambda: not processes(notebooks), 10)
    assert not (server.folder(notebooks.places) / "server.json").exists()
    assert answer_of(notebooks, "0")["started"]


def test_a_fresh_copy_sets_the_old_one_aside_and_says_where(notebooks: Course) -> None:
    answer_of(notebooks, "0")
    copy = notebooks.places.work / "notebooks" / f"{SLUG}.ipynb"
    copy.write_text("mine")
    refused = run(notebooks, "0", "--fresh")
    assert refused.returncode == 2
    assert copy.read_text() == "mine"
    found = answer_of(notebooks, "0", "--fresh", "--yes")
    assert Path(found["set_aside"]).read_text() == "mine"
    assert found["made"] == [str(copy)]
    assert copy.read_bytes() == (notebooks.root / "notebooks" / copy.name).read_bytes()


def test_misuse_is_a_sentence_and_starts_nothing(notebooks: Course) -> None:
    for words, said in (
        (("fake",), "Lab 97 (fake) has no notebook."),
        (("99",), "There is no notebook `99`."),
        (("--fresh",), "--fresh needs a notebook"),
        (("0", "--stop", "--fresh"), "not allowed with"),
    ):
        if "fake" in words:
            notebooks.lab()
            said = said.replace("97", notebooks.number)  # noqa: PLW2901
        done = run(notebooks, *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert processes(notebooks) == []


def test_a_read_only_course_works_with_state_and_work_elsewhere(notebooks: Course, tmp_path: Path) -> None:
    # Root may write all the same: what the modes say is what the copy must not take over, and nothing may be added.
    files = [notebooks.root, *notebooks.root.rglob("*")]
    for path in files:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        found = answer_of(
            notebooks, "0", DRYDOCK_STATE=str(tmp_path / "state"), DRYDOCK_WORK=str(tmp_path / "my work")
        )
        copy = tmp_path / "my work" / "notebooks" / f"{SLUG}.ipynb"
        assert found["made"] == [str(copy)]
        assert os.access(copy, os.W_OK)
        assert copy.stat().st_mode & 0o200
        assert run(notebooks, "--stop", DRYDOCK_STATE=str(tmp_path / "state")).stdout.endswith("stopped.\n")
        assert [notebooks.root, *notebooks.root.rglob("*")] == files
    finally:
        for path in files:
            path.chmod(path.stat().st_mode | 0o200)


def test_an_unwritable_work_folder_is_a_sentence(notebooks: Course, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(notebooks, "0", DRYDOCK_WORK=str(tmp_path / "file" / "work"))
    assert done.returncode == 3
    assert "DRYDOCK_WORK" in done.stderr
    assert "Traceback" not in done.stderr


def test_down_ends_it_too(notebooks: Course) -> None:
    answer_of(notebooks, "0")
    process = spawn(notebooks, "down")
    out, _ = process.communicate(timeout=SECONDS)
    assert "JupyterLab is stopped." in out
    assert processes(notebooks) == []
    process = spawn(notebooks, "down")
    assert "JupyterLab" not in process.communicate(timeout=SECONDS)[0]
