"""`lab doctor` on this machine's engine: it tells the truth, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.doctor import node
from checker.engine.api import ROLE, connect

if TYPE_CHECKING:
    from checker.engine.api import Engine

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]


def doctor(**environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    import os

    done = subprocess.run(
        [sys.executable, "-P", "-m", "checker", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, {finding["id"]: finding for finding in json.loads(done.stdout)}


def state_of(engine: Engine) -> dict[str, set[str]]:
    """Return what the engine has of the doctor's, and all its volumes and images."""
    ours = {
        f"{kind} {item.get('Id') or item['Name']}"
        for kind in ("containers", "networks", "volumes")
        for item in engine.list_all(kind, labels={ROLE: "doctor"})
    }
    return {
        "ours": ours,
        "volumes": {str(item["Name"]) for item in engine.list_all("volumes")},
        "images": {str(item["Id"]) for item in engine.list_all("images")},
    }


def test_it_looks_at_the_engine_and_leaves_nothing_behind(tmp_path: Path) -> None:
    engine = connect()
    before = state_of(engine)
    since = time.time()
    code, found = doctor(DRYDOCK_WORK=str(tmp_path / "work"))
    assert found["engine"]["mark"] == "fine"
    assert found["engine-version"]["mark"] == "fine"
    assert code == (3 if any(each["mark"] == "problem" for each in found.values()) else 0)
    assert not (tmp_path / "work").exists()
    after = state_of(engine)
    assert after["ours"] <= before["ours"]
    # Others use this engine too: of what is new, none is the doctor's, and nothing was pulled.
    made = {
        str(event["Actor"]["ID"])
        for event in engine.events(since=since, until=time.time(), filters={"label": [f"{ROLE}=doctor"]})
        if event["Type"] == "container" and event["Action"] == "create"
    }
    assert made or found["privileged"]["mark"] == "unknown"
    mounted = {
        str(event["Actor"]["ID"])
        for event in engine.events(since=since, until=time.time(), filters={"type": ["volume"]})
        if event["Actor"].get("Attributes", {}).get("container") in made
    }
    assert not mounted & after["volumes"]
    pulls = engine.events(since=since, until=time.time(), filters={"event": ["pull"]})
    assert list(pulls) == []


def test_what_nodes_may_do_is_tried_on_this_engine() -> None:
    _, found = doctor()
    if found["privileged"]["mark"] == "unknown":
        pytest.skip("no image of the course is present")
    names = [name for name, _ in node.PARTS]
    assert set(names) <= set(found)
    told = [found[name] for name in names if found[name]["mark"] != "unknown"]
    assert all(each["found"] for each in told)
    # Whatever this machine lacks, the line says for what it matters or what to do.
    assert found["node-storage"]["mark"] in {"fine", "note"}


def test_a_container_really_sees_the_work_folder(tmp_path: Path) -> None:
    work = tmp_path / "Wörk für Ada"
    work.mkdir()
    _, found = doctor(DRYDOCK_WORK=str(work))
    if found["work-folder"]["mark"] == "unknown":
        pytest.skip("no image of the course is present")
    assert found["work-folder"]["mark"] == "fine", found["work-folder"]
    assert found["names"]["mark"] == "fine"
    assert list(work.iterdir()) == []


def test_without_an_engine_it_says_what_to_do_and_could_not_run(tmp_path: Path) -> None:
    code, found = doctor(DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")
    assert code == 3
    assert found["engine"]["mark"] == "problem"
    assert found["engine"]["remedy"]
    assert found["checkout-disk"]["mark"] != "unknown"
