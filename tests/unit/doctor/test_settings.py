"""What the doctor says of a person's own settings for docker: variables, config.json, builders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.bootstrap.owner import OtherOwner
from checker.doctor import settings
from checker.doctor.finding import Mark, Seen
from checker.doctor.settings import docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

CONFIG = "/home/ada/.docker/config.json"


def seen(machine: Make, files: Any = None, programs: Any = (), **environ: str) -> Seen:
    """Return what is said on a machine with these files, programs and variables."""
    made = machine(files=files or {})

    class Here(type(made.platform)):  # type: ignore[misc]
        def which(self, program: str) -> Any:
            return program if program in programs else None

    platform = Here(**{**vars(made.platform), "environ": environ})
    (said,) = docker(replace(made, platform=platform))
    return said


def test_without_settings_nothing_is_told(machine: Make) -> None:
    assert seen(machine).mark is Mark.FINE
    assert seen(machine, {CONFIG: ""}).mark is Mark.FINE
    assert seen(machine, {CONFIG: "{}"}, COMPOSE_FILE="", DOCKER_BUILDKIT="1").mark is Mark.FINE


@pytest.mark.parametrize(
    "setting",
    [
        "COMPOSE_FILE=/other/compose.yaml",
        "COMPOSE_PROJECT_NAME=work",
        "COMPOSE_PROFILES=dev",
        "COMPOSE_ENV_FILES=prod.env",
        "DOCKER_API_VERSION=1.24",
        "DOCKER_BUILDKIT=0",
        "BUILDX_BUILDER=mine",
        "DOCKER_CONTENT_TRUST=1",
        "DOCKER_TLS_VERIFY=1",
    ],
)
def test_a_variable_that_changes_what_one_types_is_told_with_how_to_be_rid_of_it(
    machine: Make, setting: str
) -> None:
    name, _, value = setting.partition("=")
    said = seen(machine, **{name: value})
    assert said.mark is Mark.NOTE
    assert name in said.found
    assert said.remedy == f"unset {name}"


def test_certificates_of_an_engine_elsewhere_are_wanted(machine: Make) -> None:
    assert seen(machine, DOCKER_HOST="tcp://there:2376", DOCKER_TLS_VERIFY="1").mark is Mark.FINE


@pytest.mark.parametrize("text", ['{"auths": {', "\ufeff{}"])
def test_a_config_that_docker_cannot_read_is_named(machine: Make, text: str) -> None:
    said = seen(machine, {CONFIG: text})
    assert f"{CONFIG} is not JSON" in said.found


def test_a_config_that_may_not_be_read_is_named(machine: Make) -> None:
    made = machine(files={CONFIG: "{}"})

    class Closed(type(made.platform)):  # type: ignore[misc]
        def read(self, _: Any) -> None:
            return None

    (said,) = docker(replace(made, platform=Closed(**vars(made.platform))))
    assert f"{CONFIG} cannot be read" in said.found


def test_what_sudo_left_in_ones_home_is_told_with_the_command_that_takes_it_back(
    machine: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = OtherOwner(Path("/home/ada/.docker"), "root", in_our_folder=True)
    monkeypatch.setattr(settings, "other_owner", lambda _: theirs)
    monkeypatch.setattr(settings, "me", lambda: "ada")
    made = machine(files={CONFIG: "{}"})

    class Closed(type(made.platform)):  # type: ignore[misc]
        def read(self, _: Any) -> None:
            return None

    (said,) = docker(replace(made, platform=Closed(**vars(made.platform))))
    assert said.found.startswith("/home/ada/.docker belongs to root")
    assert said.remedy == "Take it back: sudo chown -R ada /home/ada/.docker"


def test_a_helper_that_an_engine_took_with_it_is_named(machine: Make) -> None:
    files = {CONFIG: json.dumps({"credsStore": "desktop", "credHelpers": {"registry.example": "ecr-login"}})}
    said = seen(machine, files, programs=("docker-credential-ecr-login",))
    assert "no program docker-credential-desktop" in said.found
    assert "ecr-login" not in said.found
    assert said.remedy == "Remove credsStore from that file."


def test_a_builder_of_ones_own_is_told_only_if_it_is_chosen_and_is_another(machine: Make) -> None:
    folder = "/home/ada/.docker/buildx"
    current = {f"{folder}/current": '{"Name": "mine"}'}
    assert seen(machine, current).mark is Mark.FINE
    own = {**current, f"{folder}/instances/mine": '{"Driver": "docker-container"}'}
    assert "your builder 'mine' (docker-container)" in seen(machine, own).found
    assert seen(machine, own).remedy == "docker buildx use default"
    plain = {**current, f"{folder}/instances/mine": '{"Driver": "docker"}'}
    assert seen(machine, plain).mark is Mark.FINE
