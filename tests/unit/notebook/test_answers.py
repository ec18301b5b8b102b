"""What the answers of notebooks compute, on small records worked out by hand: quick, where a whole run takes minutes."""

from __future__ import annotations

import itertools
import json
import math
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from checker.site.executed import read
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BEGIN = 1_000_000.0
GIB = 2**30


def run_cells(slug: str, names: dict[str, Any], *cells: str) -> dict[str, Any]:
    """Run some cells of a notebook, completed where they have gaps, with these names there; return all names."""
    notebook = read(ROOT / "notebooks" / f"{slug}.ipynb")
    for cell in cells:
        source = notebook.answers.get(cell) or str(notebook.cells[notebook.index(cell)].source)
        exec(compile(source, f"{slug}, cell {cell}", "exec"), names)  # noqa: S102 - the course's own cells
    return names


# -- 14: copies, and what another target would have done ---------------------------------------------------------


def tide(rows: Sequence[tuple[float, float, float]], **more: Any) -> dict[str, Any]:
    """Return the names that the cells of notebook 14 find, with these looks: seconds, use in %, cores."""
    looks = pd.DataFrame(rows, columns=["at [s]", "use [%]", "cores"])
    return {
        "math": math,
        "pd": pd,
        "looks": looks,
        "LOWEST": 2,
        "HIGHEST": 6,
        "TARGET": 60,
        "REQUEST": 0.1,
        "LIMIT": 0.2,
        "WINDOW": 45,
        "END": 240,
        "noticed": 47.0,
        "ready": 51.0,
        "clock": pd.DataFrame({"at [s]": [0.0], "requests a second": [1.0]}).set_index("at [s]"),
        "requests": pd.DataFrame({"good": [True]}),
        "first": lambda frame, what: float(frame[frame[what] > frame[what].iloc[0]]["at [s]"].iloc[0]),
    } | more


def test_the_sheet_of_a_tide_has_the_first_changes_and_all_copy_seconds(tmp_path: Path) -> None:
    copies = pd.DataFrame(
        [(0.0, 2, 2), (40.0, 4, 2), (45.5, 4, 4), (100.0, 6, 4), (104.0, 6, 6), (200.0, 2, 6), (250.0, 3, 3)],
        columns=["at [s]", "wanted", "ready"],
    )
    found = run_cells("14-autoscaling", tide([], copies=copies, work=tmp_path, machine_s=21.5), "sheet")
    # The last change comes after the end, and counts for nothing.
    assert found["taken"] == 2 * 40 + 4 * 60 + 6 * 100 + 2 * 40
    assert found["fixed"] == 6 * 240
    sheet = tomllib.loads((tmp_path / "measurements.toml").read_text())
    assert sheet == {"copy": {"wanted_s": 40.0, "ready_s": 45.5}, "machine": {"answered_s": 21.5}}


def test_a_forecast_follows_the_autoscalers_formula_its_tolerance_and_its_memory() -> None:
    # At 60 %, each copy does 60m: 250m are five copies, and 126m stay within the tenth that changes nothing.
    looks = [
        (1.0, 20, 0.04),
        (30.0, 63, 0.126),
        (45.0, 125, 0.25),
        (60.0, 30, 0.09),
        (80.0, 29, 0.088),
        (120.0, 9, 0.02),
    ]
    found = run_cells("14-autoscaling", tide(looks), "forecast-setup", "formula")
    at_60 = found["forecasts"][60]
    assert list(at_60["wanted"]) == [2, 2, 2, 5, 5, 5, 2]
    at_30 = found["forecasts"][30]
    assert list(at_30["wanted"]) == [2, 2, 5, 6, 6, 6, 3]
    assert list(found["forecasts"][80]["wanted"]) == [2, 2, 2, 4, 4, 4, 2]


def test_a_look_that_measured_nothing_new_decides_nothing() -> None:
    looks = [(1.0, 20, 0.04), (15.0, 130, 0.26), (18.0, 130, 0.26), (21.0, 130, 0.30), (30.0, 60, 0.30)]
    found = run_cells("14-autoscaling", tide(looks), "forecast-setup", "formula")
    assert list(found["forecasts"][60]["at [s]"]) == [0.0, 1.0, 15.0, 30.0]


def test_the_table_of_a_forecast_says_when_copies_would_have_been_too_few() -> None:
    looks = [(0.0, 20, 0.04), (60.0, 200, 0.44), (75.0, 90, 0.45)]
    # 0.44 cores for 60 s and 0.45 for 15 s are 33.15 s of processor time: 30 ms for each of 1105 good answers.
    requests = pd.DataFrame({"good": [True] * 1105 + [False] * 7})
    users = pd.DataFrame({"at [s]": [50.0, 60.0, 70.0], "requests a second": [12.0, 16.0, 17.0]})
    names = tide(looks, requests=requests, clock=users.set_index("at [s]"))
    found = run_cells("14-autoscaling", names, "forecast-setup", "formula")
    row = found["told"](60, found["forecasts"][60])
    assert row["first wanted [s]"] == 60.0
    assert row["copies at most"] == 6
    assert row["copy-seconds"] == 2 * 60 + 6 * 180
    # At 60 s there are two copies still, which may use 400m together, and 480m are needed.
    assert row["busiest [% of limit]"] == 120


# -- 17: the bill ------------------------------------------------------------------------------------------------


def line(kind: str, second: float, **facts: object) -> dict[str, Any]:
    return {"at": BEGIN + second, "kind": kind, **facts}


def runs(second: float, name: str, vcpu: float | None, memory: int | None) -> dict[str, Any]:
    return line("runs", second, id=name, name=name, image="i", vcpu=vcpu, memory=memory, holds_engine=False)


def records() -> dict[str, list[dict[str, Any]]]:
    """Return records in which different things happen."""
    week, over = line("week", 0, days=1, scale=3600.0, budget=200.0), line("over", 24)
    return {
        "a limit that changes": [week, runs(0, "a", 0.4, GIB // 8), runs(10.5, "a", 0.1, GIB // 8), over],
        "a container that comes and goes": [week, runs(3, "a", 1.0, GIB), line("ended", 7.25, id="a"), over],
        "no limits": [week, runs(0, "a", None, None), over],
        "two, one before the week": [week, runs(-5, "a", 0.5, GIB), runs(6, "b", 0.25, GIB // 2), over],
        "stored and sent": [
            week,
            line("stored", 0, bytes={"images": 2 * GIB}),
            line("sent", 0.5, bytes=1000),
            line("stored", 12, bytes={"images": 2 * GIB, "volume v": GIB}),
            line("sent", 20, bytes=3_000_000),
            line("used", 22, id="a", cpu_s=1.0, received=10),
            over,
        ],
    }


@pytest.mark.parametrize("what", records())
def test_the_bill_of_the_notebook_is_the_meters(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "images" / "meter"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "bill", raising=False)
    import bill as meter  # type: ignore[import-not-found]

    monkeypatch.delitem(sys.modules, "bill")
    lines = records()[what]
    listed = tomllib.loads((folder / "prices.toml").read_text("utf-8"))
    theirs = meter.make_bill(lines, meter.Prices.read(folder / "prices.toml"))
    names = {
        "json": json,
        "pairwise": itertools.pairwise,
        "pd": pd,
        "prices": listed["cents"],
        "whole": listed["machine"],
        "monday": lines,
        "asked": lambda path: json.dumps({"cents": theirs.cents} if path == "/bill.json" else {}),
    }
    found = run_cells("17-cloud", names, "amounts", "bill")
    assert found["my_bill"](lines) == pytest.approx(theirs.cents)
    assert theirs.total > 0
    assert list(found["two_bills"](lines)["difference"]) == [0, 0, 0, 0]


def test_the_least_looks_two_hours_ahead_and_rounds_up() -> None:
    notebook = read(ROOT / "notebooks" / "17-cloud.ipynb")
    source = notebook.answers["least"].partition("best, tries")[0]
    names: dict[str, Any] = {
        "math": math,
        "pd": pd,
        "plan": pd.DataFrame({"requests a second": [2.0, 2.0, 2.0, 10.0, 2.0]}),
        "request_s": 0.012,
        "STEP": 0.01,
        "FLOOR": 0.05,
    }
    exec(compile(source, "17-cloud, cell least", "exec"), names)  # noqa: S102 - the course's own cell
    assert list(names["least"](0.6).round(2)) == [0.05, 0.2, 0.2, 0.2, 0.05]
    assert list(names["least"](1.2).round(2)) == [0.05, 0.1, 0.1, 0.1, 0.05]
