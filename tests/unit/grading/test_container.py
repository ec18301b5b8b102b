"""What checks learn of containers, from what the engine says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.engine.api import IMAGE, ROLE, VARIANT
from checker.errors import EngineError
from checker.grading.author import Lab
from checker.grading.container import Container


def attributes(
    name: str, *, created: str = "1", running: bool = True, role: str = "", **net: Any
) -> dict[str, Any]:
    """Return what an engine says of a container; its networks with their aliases."""
    return {
        "Id": name,
        "Name": f"/{name}",
        "Created": created,
        "Config": {"Labels": {ROLE: role} if role else {}},
        "State": {"Running": running, "Status": "running"},
        "NetworkSettings": {"Networks": net},
    }


def lab_with(engine: Any) -> Lab:
    """Return a lab on a made-up engine."""
    course_lab: Any = SimpleNamespace(number="08", project="drydock-08")
    unknown: Any = None
    return Lab(course_lab, engine, unknown, unknown)


def test_a_container_has_the_names_of_a_network_and_none_on_a_network_that_it_is_not_on() -> None:
    unknown: Any = None
    found = Container(unknown, unknown, attributes("blue", parcel={"Aliases": ["proxy"], "DNSNames": None}))
    assert found.names_on("parcel") == {"blue", "proxy"}
    assert found.names_on("backend") == set()


def test_on_a_network_are_the_learners_running_containers_oldest_first() -> None:
    there = {
        each["Id"]: each
        for each in (
            attributes("green", created="2"),
            attributes("blue", created="1"),
            attributes("stopped", running=False),
            attributes("toolbox", role="toolbox"),
        )
    }
    engine: Any = SimpleNamespace(get=lambda _: {"Containers": there}, inspect=there.__getitem__)
    assert [each.name for each in lab_with(engine).on_network("parcel")] == ["blue", "green"]


def test_a_verdict_asks_once_when_the_lab_was_started() -> None:
    asked: list[str] = []

    def inspect(name: str) -> dict[str, Any]:
        asked.append(name)
        return attributes(name, created="2026-11-28T09:00:00Z")

    engine: Any = SimpleNamespace(list_all=lambda *_, **__: [{"Id": "toolbox"}], inspect=inspect)
    lab = lab_with(engine)
    for made, seen in (
        ("2026-11-28T08:00:00Z", ""),
        ("2026-11-28T10:00:00Z", "an image made 2026-11-28T10:00:00"),
    ):
        image = {"Created": made, "Config": {"Labels": {IMAGE: "parcel"}}}
        assert lab.replaced("drydock/parcel:1.0", image) == seen
    assert asked == ["toolbox"]


class Images:
    """An engine that makes images, and refuses to remove one that runs."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.gone: list[str] = []
        self.runs = ""

    def post(self, path: str, body: Any = None, **query: Any) -> dict[str, str]:
        """Note what is asked for."""
        del body
        self.asked.append((path, query))
        return {"Id": "made"}

    def delete(self, path: str, **_: Any) -> None:
        """Remove it, unless it runs."""
        if self.runs and self.runs in path:
            raise EngineError("in use")
        self.gone.append(path)


def test_a_variant_is_another_tag_of_the_same_image_and_goes_with_the_run() -> None:
    engine: Any = Images()
    lab = lab_with(engine)
    assert lab.variant("drydock/parcel:2.0", "2.37", {"PARCEL_VERSION": "2.37"}) == "drydock/parcel:2.37"
    path, query = engine.asked[-1]
    assert (path, query["repo"], query["tag"]) == ("/commit", "drydock/parcel", "2.37")
    assert "ENV PARCEL_VERSION=2.37" in query["changes"]
    assert f"{VARIANT}=true" in query["changes"]
    assert engine.gone == ["/containers/made"], "what it was made from"
    lab.close()
    assert engine.gone[1:] == ["/images/drydock/parcel:2.37"]


def test_a_variant_that_still_runs_is_left_to_lab_stop() -> None:
    engine: Any = Images()
    lab = lab_with(engine)
    lab.variant("drydock/parcel:2.0", "2.37", {})
    engine.runs = "2.37"
    lab.close()
    assert engine.gone == ["/containers/made"]


class Passes(Lab):
    """A lab that keeps its passes in memory."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, ...]] = set()

    def recall(self, *what: str) -> str | None:
        """Look among those of this test."""
        return "" if what in self.kept else None

    def remember(self, *what: str, text: str = "") -> None:
        """Keep it for this test."""
        assert not text
        self.kept.add(what)


def test_a_slow_test_runs_once_while_what_it_depends_on_is_the_same() -> None:
    lab, ran = Passes(), []
    for image in ("a", "a", "b"):
        lab.prove_once("moves", image, test=lambda image=image: ran.append(image))  # type: ignore[misc]
    assert ran == ["a", "b"]


def test_a_slow_test_that_fails_runs_again() -> None:
    def fails() -> None:
        raise LookupError

    lab = Passes()
    with pytest.raises(LookupError):
        lab.prove_once("moves", "a", test=fails)
    assert lab.recall("moves", "a") is None


def test_several_shells_of_the_scene_are_opened_for_its_services(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    lab = lab_with(None)
    monkeypatch.setattr(
        lab, "node", lambda service: SimpleNamespace(open_shell=lambda: opened.append(service))
    )
    lab.open_shells("prober", "traffic")
    assert sorted(opened) == ["prober", "traffic"]
