"""The toolbox's `docker`: what it adds, where, and what it leaves alone; the real client is a fake that tells."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[3] / "images" / "toolbox" / "rootfs" / "usr" / "local" / "bin" / "docker"
LABEL = "--label io.drydock.lab=03"

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="the toolbox's shell script needs a shell")


@pytest.fixture
def client(tmp_path: Path) -> Path:
    fake = tmp_path / "client"
    fake.write_text('#!/bin/sh\nfor word do printf "<%s>\\n" "$word"; done\nexit "${FAKE_STATUS:-0}"\n')
    fake.chmod(0o755)
    return fake


def call(client: Path, *words: str, lab: str = "03", status: int = 0) -> list[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DRYDOCK_DOCKER": str(client),
        "DRYDOCK_LAB": lab,
        "FAKE_STATUS": str(status),
    }
    ended = subprocess.run(
        ["sh", str(WRAPPER), *words], env=environment, capture_output=True, text=True, check=False, timeout=10
    )
    assert ended.returncode == status, ended.stderr
    return [each.removeprefix("<").removesuffix(">") for each in ended.stdout.split("\n")[:-1]]


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("run -d parcel:1.0", f"run {LABEL} -d parcel:1.0"),
        ("create parcel", f"create {LABEL} parcel"),
        ("build .", f"build {LABEL} ."),
        ("container run --rm x run", f"container run {LABEL} --rm x run"),
        ("container create x", f"container create {LABEL} x"),
        ("image build -t x .", f"image build {LABEL} -t x ."),
        ("builder build .", f"builder build {LABEL} ."),
        ("buildx build .", f"buildx build {LABEL} ."),
        ("buildx --builder mine build .", f"buildx --builder mine build {LABEL} ."),
        ("buildx b .", f"buildx b {LABEL} ."),
        ("network create front", f"network create {LABEL} front"),
        ("volume create data", f"volume create {LABEL} data"),
        ("-H tcp://node:2375 run x", f"-H tcp://node:2375 run {LABEL} x"),
        ("-Htcp://node:2375 run x", f"-Htcp://node:2375 run {LABEL} x"),
        ("--host=tcp://node:2375 run x", f"--host=tcp://node:2375 run {LABEL} x"),
        ("--host run run x", f"--host run run {LABEL} x"),
        ("--context build -D build .", f"--context build -D build {LABEL} ."),
        ("-Dc build build .", f"-Dc build build {LABEL} ."),
        ("--tlsverify --tlscacert ca.pem run x", f"--tlsverify --tlscacert ca.pem run {LABEL} x"),
        ("--config /c -l debug volume create", f"--config /c -l debug volume create {LABEL}"),
    ],
)
def test_what_is_created_carries_the_labs_label(client: Path, given: str, passed: str) -> None:
    assert call(client, *given.split()) == passed.split()


@pytest.mark.parametrize(
    "given",
    [
        "ps -a",
        "compose run web",
        "compose -f x.yaml up -d",
        "compose build",
        "exec parcel run",
        "container ls",
        "container exec x create",
        "network ls",
        "network connect create x",
        "volume rm create",
        "image ls build",
        "images build",
        "inspect run",
        "start create",
        "buildx ls",
        "buildx create",
        "--version",
        "--help",
        "--host tcp://node:2375 ps",
        "help run",
    ],
)
def test_everything_else_is_passed_on_as_it_came(client: Path, given: str) -> None:
    assert call(client, *given.split()) == given.split()


def test_nothing_is_added_outside_a_lab(client: Path) -> None:
    assert call(client, "run", "x", lab="") == ["run", "x"]


def test_words_keep_their_spaces_quotes_and_emptiness(client: Path) -> None:
    words = ["run", "-e", "A=b  c", "", "x", "sh", "-c", "echo \"$HOME\" 'a' *; ls"]
    assert call(client, *words) == ["run", *LABEL.split(), *words[1:]]


def test_no_words_at_all_are_passed_on(client: Path) -> None:
    assert call(client) == []


def test_the_clients_exit_code_is_the_wrappers(client: Path) -> None:
    assert call(client, "run", "x", status=125)[0] == "run"
