"""What the doctor concludes from what one privileged container could do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from checker.doctor import node
from checker.doctor.finding import Mark, Seen
from checker.engine.platform import System
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

IMAGES = ({"RepoTags": ["drydock/node:1.0"], "Labels": {"io.drydock.image": "node"}},)
TOOLBOX = ({"RepoTags": ["drydock/toolbox:1.0"], "Labels": {"io.drydock.image": "toolbox"}},)

ALL = {
    "first": "sh",
    "tmpfs": "0",
    "overlay": "0",
    "controllers": "cpuset cpu io memory pids",
    "nested": "0",
    "instances": "8192",
    "watches": "1048576",
    "nft": "0",
    "legacy": "3",
    "bridged": "0",
    "vxlan": "0",
    "ipvs": "0",
    "netem": "0",
    "statistic": "0",
    "recent": "0",
    "limit": "0",
    "kmsg": "0",
    "files": "1048576",
}


def look(machine: Machine, engine: Any, **changes: str) -> dict[str, Seen]:
    """Let the container print what it prints on a good machine, but for what a test names."""
    engine.printed = lambda _: "".join(f"{key} {value}\n" for key, value in {**ALL, **changes}.items())
    seen = node.nodes(machine)
    assert len(seen) == len(node.PARTS)
    return {name: each for (name, _), each in zip(node.PARTS, seen, strict=True)}


def test_the_script_prints_all_that_is_judged() -> None:
    said = set(re.findall(r"(?:^|[;&] *|\s)(?:say|try) ([a-z]+)", node.SCRIPT))
    assert said == set(ALL)


def test_a_machine_that_can_do_everything_has_nothing_to_say(machine: Make, engine: Any) -> None:
    found = look(machine(images=IMAGES), engine)
    assert {seen.mark for seen in found.values()} == {Mark.FINE}
    assert engine.made == []


@pytest.mark.parametrize(
    ("changes", "part", "word", "advice"),
    [
        ({"controllers": "memory pids"}, "node-groups", "cpu, cpuset", "cgroup_no_v1=all"),
        ({"overlay": "32"}, "node-storage", "copy whole images", "ext4"),
        ({"first": "docker-init"}, "node-init", "docker-init", "daemon.json"),
        ({"instances": "128"}, "inotify", "too many open files", "max_user_instances=512"),
        ({"watches": "8192"}, "inotify", "8192 files", "max_user_watches=524288"),
        ({"bridged": "1"}, "bridged-packets", "own node", "modprobe --all br_netfilter"),
        ({"vxlan": "2"}, "vxlan", "node to node", "extra modules"),
        ({"ipvs": "255"}, "ipvs", "no address of their own", "modprobe --all ip_vs"),
        ({"netem": "2"}, "netem", "netem", ""),
        ({"recent": "2"}, "matches", "lacks recent", "Labs judge"),
        ({"kmsg": "1"}, "kernel-log", "/dev/kmsg", ""),
        ({"files": "20000"}, "open-files", "20000", "default-ulimits"),
    ],
)
def test_what_a_node_misses_is_noted_with_what_it_is_for(
    machine: Make, engine: Any, changes: dict[str, str], part: str, word: str, advice: str
) -> None:
    found = look(machine(images=IMAGES), engine, **changes)
    assert found[part].mark is Mark.NOTE
    assert word in found[part].found
    assert advice in found[part].remedy
    assert [name for name, seen in found.items() if seen.mark is not Mark.FINE] == [part]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"tmpfs": "32"}, "privileged"),
        ({"nested": "1"}, "node-groups"),
        ({"nft": "3", "legacy": "3"}, "packet-filter"),
    ],
)
@pytest.mark.parametrize(("needs", "mark"), [((), Mark.NOTE), (("privileged",), Mark.PROBLEM)])
def test_what_no_node_can_do_without_is_a_problem_where_a_lab_has_nodes(
    machine: Make, engine: Any, changes: dict[str, str], part: str, needs: tuple[str, ...], mark: Mark
) -> None:
    found = look(machine(images=IMAGES, labs=({"needs": needs},)), engine, **changes)
    assert found[part].mark is mark
    assert found[part].remedy


@pytest.mark.parametrize(("needs", "mark"), [((), Mark.NOTE), (("privileged",), Mark.PROBLEM)])
def test_refused_privileges_are_a_problem_only_where_a_lab_needs_them(
    machine: Make, engine: Any, needs: tuple[str, ...], mark: Mark
) -> None:
    engine.refuse("/containers/create", "unable to apply caps: operation not permitted")
    seen, *rest = node.nodes(machine(images=IMAGES, labs=({"needs": needs},)))
    assert seen.mark is mark
    assert "./lab up" in seen.remedy
    assert {each.mark for each in rest} == {Mark.UNKNOWN}


def test_a_setting_that_starts_no_container_is_named_here_too(machine: Make, engine: Any) -> None:
    engine.refuse("/containers/containers-made/start", "unknown or invalid runtime name: gv")
    seen, *_ = node.nodes(machine(images=IMAGES, labs=({"needs": ("privileged",)},)))
    assert "default-runtime" in seen.remedy


def test_an_engine_that_is_only_slow_is_not_blamed_on_a_policy(machine: Make, engine: Any) -> None:
    engine.refusals["/containers/create"] = EngineError("It timed out.", remedy="wait")
    seen, *_ = node.nodes(machine(images=IMAGES, labs=({"needs": ("privileged",)},)))
    assert seen.remedy == "wait"


def test_in_another_image_what_its_tools_cannot_tell_is_unknown_and_nothing_is_wrong(
    machine: Make, engine: Any
) -> None:
    missing = dict.fromkeys(("nft", "legacy", "statistic", "recent", "limit"), "127")
    found = look(machine(images=TOOLBOX), engine, **missing)
    assert {name for name, seen in found.items() if seen.mark is Mark.UNKNOWN} == {"packet-filter", "matches"}
    assert "lab images build node" in found["matches"].found


def test_the_node_image_is_preferred(machine: Make, engine: Any) -> None:
    bodies: list[dict[str, Any]] = []

    def printed(body: dict[str, Any]) -> str:
        bodies.append(body)
        return ""

    engine.printed = printed
    seen = node.nodes(machine(images=(*TOOLBOX, *IMAGES)))
    assert bodies[0]["Image"] == "drydock/node:1.0"
    assert bodies[0]["HostConfig"]["Init"] is False
    # A container that prints nothing proves nothing.
    assert Mark.PROBLEM not in {each.mark for each in seen}


def test_a_kernel_that_is_the_engines_own_cannot_be_given_modules_by_the_learner(
    machine: Make, engine: Any
) -> None:
    found = look(machine(System.MACOS, images=IMAGES), engine, bridged="1")
    assert "update Docker Desktop" in found["bridged-packets"].remedy
    assert "modprobe" not in found["bridged-packets"].remedy


@pytest.mark.parametrize(
    ("setting", "mark", "word"),
    [(None, Mark.NOTE, "lab 10"), ("1\n", Mark.NOTE, "lab 10"), ("0\n", Mark.FINE, "no filter")],
)
def test_on_podman_packets_between_nodes_are_better_not_filtered(
    machine: Make, engine: Any, setting: str | None, mark: Mark, word: str
) -> None:
    files = {} if setting is None else {str(node.BRIDGED): setting}
    here = machine(images=IMAGES, files=files, version={"Components": [{"Name": "Podman Engine"}]})
    found = look(here, engine)["bridged-packets"]
    assert found.mark is mark
    assert word in found.found
