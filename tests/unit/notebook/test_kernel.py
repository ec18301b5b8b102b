"""Errors in a real kernel: each a sentence with the way out, in its cell, and no traceback unless it is asked for."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import CHECK, ROOT, Course
from tests.unit.engine_api.servers import read_request, serving

if TYPE_CHECKING:
    import socket
    import threading
    from pathlib import Path

CELLS = {
    "import": "from checker.notebook import check, docker_client, hint, lab, picture, record",
    "unknown lab": "lab(55)",
    "not started": "check(97)",
    "missing record": "record(97)",
    "shown": "lab(97)",
    "magic, unknown lab": "%lab check 55",
    "magic, a command that fails": "%lab start 55",
    "gaps": "# Your turn: complete it\nprint(...)",
    "gap filled": "# Your turn: complete it\nprint('filled')",
    "traceback asked for": "%lab traceback on",
    "unknown lab with its traceback": "lab(55)",
    "traceback no more": "%lab traceback off",
    "unknown lab again": "lab(55)",
    "engine away": "import os\nos.environ['DOCKER_HOST'] = os.environ['NOWHERE']\n"
    "from checker.notebook.course import _forget, session\n_forget()\nsession.cache_clear()\ncheck(97)",
    "engine away, to the SDK": "docker_client()",
    "engine away, to a start": "lab(97).start()",
    "own mistake": "1 / 0",
}


def empty_engine(sock: socket.socket, _: threading.Event) -> None:
    """Answer as an engine on which nothing runs."""
    path = read_request(sock).split()[1].decode()
    said: Any = (
        [] if path.endswith("/json") or "/json?" in path else {"ApiVersion": "1.45", "Version": "26.1"}
    )
    body = json.dumps(said).encode()
    sock.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        b"Api-Version: 1.45\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Run the cells in one kernel, as a notebook that goes on after errors, and give the outputs of each."""
    folder: Path = tmp_path_factory.mktemp("kernel")
    course = Course(folder / "a course")
    course.lab(CHECK)
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{place}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": text,
        }
        for place, text in enumerate(CELLS.values())
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    node = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        node,
        timeout=120,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    with serving(empty_engine) as port:
        environment = {
            **os.environ,
            **course.environment(),
            "PYTHONPATH": str(ROOT),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
            "NOWHERE": f"unix://{folder}/no.sock",
        }
        with client.setup_kernel(env=environment):
            for place, cell in enumerate(node.cells):
                client.execute_cell(cell, place)
    return {name: cell.outputs for name, cell in zip(CELLS, node.cells, strict=True)}


def error(outputs: list[Any]) -> str:
    """Return what stands in place of a traceback, without colours."""
    found = [each for each in outputs if each.output_type == "error"]
    assert len(found) == 1, outputs
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(found[0].traceback))


SENTENCES = {
    "unknown lab": (r"✘ There is no lab.*55", r"→ .*lab list"),
    "not started": (r"✘ Lab 97 is not started", r"→ .*lab start 97"),
    "missing record": (
        r"✘ Lab 97 has measured nothing on this machine yet",
        r"→ Do its steps and check it: check\(97\)",
    ),
    "magic, unknown lab": (r"✘ There is no lab.*55", r"→ .*lab list"),
    "magic, a command that fails": (r"✘ `lab start 55` ended with 2", r"→ It says above what to do"),
    "engine away": (r"✘ .*no\.sock", r"→ "),
    "engine away, to the SDK": (r"✘ .*no\.sock", r"→ "),
    "engine away, to a start": (r"✘ .*no\.sock", r"→ "),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_an_error_is_a_sentence_with_the_way_out(said: dict[str, list[Any]], name: str) -> None:
    told = error(said[name])
    what, way_out = SENTENCES[name]
    assert re.search(what, told), told
    assert re.search(way_out, told), told
    assert "Traceback" not in told
    assert ".py" not in told


def test_a_traceback_is_there_when_it_was_asked_for_and_gone_afterwards(said: dict[str, list[Any]]) -> None:
    assert "checker/notebook/course.py" in error(said["unknown lab with its traceback"])
    assert error(said["unknown lab again"]) == error(said["unknown lab"])


def test_a_mistake_of_the_learners_own_keeps_pythons_traceback(said: dict[str, list[Any]]) -> None:
    assert "ZeroDivisionError" in error(said["own mistake"])
    assert "Traceback" in error(said["own mistake"])


def test_a_command_that_fails_says_why_in_the_cell(said: dict[str, list[Any]]) -> None:
    printed = "".join(
        each.text for each in said["magic, a command that fails"] if each.output_type == "stream"
    )
    assert "55" in printed


def test_a_lab_is_shown_with_its_state_and_its_files(said: dict[str, list[Any]]) -> None:
    (shown,) = said["shown"]
    assert shown.data["text/plain"].startswith("Lab 97 · A fake lab: not started\n  your files: ")


def test_a_cell_with_gaps_is_left_out_and_a_filled_one_is_run(said: dict[str, list[Any]]) -> None:
    assert "it still has gaps, in line 2." in said["gaps"][0].text
    assert said["gap filled"][0].text == "filled\n"


def test_importing_says_nothing(said: dict[str, list[Any]]) -> None:
    assert said["import"] == []
