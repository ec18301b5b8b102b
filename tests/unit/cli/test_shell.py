"""`lab shell`: what the docker command that it becomes is given."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from checker.cli import context
from checker.cli.verbs import shell
from checker.engine.client import Client
from checker.engine.endpoint import Endpoint

if TYPE_CHECKING:
    import pytest


def test_a_shell_is_opened_without_the_settings_that_would_take_docker_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = SimpleNamespace(
        require_running=lambda: None,
        require_work_folder=lambda: None,
        work_inside="/work",
        toolbox=lambda: "toolbox",
    )
    client = Client(Path("/docker"), "28", "2.26", Endpoint("unix:///e.sock", "test"))
    made = SimpleNamespace(lab=lambda: None, scene=lambda _: scene, client=client)
    monkeypatch.setattr(context, "Context", lambda _: made)
    for name in ("DOCKER_API_VERSION", "DOCKER_TLS_VERIFY", "DOCKER_CONTEXT"):
        monkeypatch.setenv(name, "1")
    given: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execvpe", lambda *words: given.append(words[2]))
    monkeypatch.setattr("subprocess.run", lambda *_, **__: SimpleNamespace(returncode=0))
    shell.run(argparse.Namespace(command="", beyond=["true"]))
    assert {name: value for name, value in given[0].items() if name.startswith("DOCKER_")} == {
        "DOCKER_HOST": "unix:///e.sock"
    }
