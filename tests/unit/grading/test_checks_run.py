"""How checks end, whatever they do: judged, refused, hung, broken, loud. No engine is needed."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.errors import LabError
from checker.grading.container import Shells
from checker.grading.early import Early
from checker.grading.run import grade
from checker.results import CheckResult, Kind, Report, Status
from checker.scene.locks import lab_lock, locked
from tests.conftest import FAKE, Course

HEAD = """
import os, socket, subprocess, sys, time
import pytest
from checker.errors import LabError
from checker.grading.author import could_not_run, fail, guard, needs, not_judged, require, timeout
"""

NOWHERE = Endpoint("tcp://127.0.0.1:1", "test")


def judge(course: Course, checks: str, *ids: str, helpers: str = "", **options: Any) -> Report:
    files = {"checks/conftest.py": HEAD + helpers} if helpers else {}
    lab = course.lab(HEAD + checks, ids=ids, files=files)
    return grade(lab, Engine(NOWHERE), course.root / "work", **options)


@pytest.mark.parametrize(
    "name", ["for $HOME", "a [copy] of", "100 %s", 'it\'s "mine"', "two\nlines", "für Zoë", "a*b?", "{x}~;&"]
)
def test_a_course_in_a_folder_with_any_characters_in_its_name_is_judged(tmp_path: Path, name: str) -> None:
    checks = 'def test_a():\n    "T"\n    require(True, "r", hint="h")\n'
    assert judge(Course(tmp_path / name, FAKE), checks, "a").passed
    assert "PYTEST_ROOT_OF_LAB" not in os.environ


def only(report: Report) -> CheckResult:
    assert len(report.checks) == 1
    return report.checks[0]


def test_a_check_that_returns_has_passed(course: Course) -> None:
    report = judge(course, 'def test_a_b():\n    """It holds.\n\n    More."""', "a-b")
    check = only(report)
    assert (check.id, check.title, check.status, check.step) == ("a-b", "It holds", Status.PASSED, 1)
    assert report.passed
    assert report.lab == "97-fake"


def test_a_failure_carries_everything_that_the_check_said(course: Course) -> None:
    report = judge(
        course,
        """
def test_a():
    "T"
    require(False, "why", hint="where", expected="this", seen="that", source="cmd", evidence="line\\n")
""",
        "a",
    )
    check = only(report)
    assert check.status is Status.FAILED
    assert check.failure is not None
    assert (check.failure.rationale, check.failure.hint, check.failure.expected) == ("why", "where", "this")
    assert (check.failure.seen, check.failure.source, check.failure.evidence) == ("that", "cmd", "line")


def test_a_reason_of_a_file_is_given_with_what_the_check_found(course: Course) -> None:
    checks = """
from pathlib import Path
from checker.grading.author import Reasons
WHY = Reasons(Path(__file__).with_name("reasons.toml"))
def test_a():
    "T"
    WHY.require(True, "two")
    WHY.require(False, "two", number=2, seen="a, b", evidence="line")
"""
    text = '[two]\nrationale = "{number} of them"\nhint = "where"\nsource = "{{{{json}}}}"\n'
    lab = course.lab(HEAD + checks, ids=("a",), files={"checks/reasons.toml": text})
    failure = only(grade(lab, Engine(NOWHERE), course.root / "work")).failure
    assert failure is not None
    assert (failure.rationale, failure.hint, failure.expected) == ("2 of them", "where", "")
    assert (failure.seen, failure.source, failure.evidence) == ("a, b", "{{json}}", "line")
    assert failure.reason == "two"


def test_a_verdict_leaves_the_process_in_its_folder(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert judge(course, 'def test_a():\n    "T"\n', "a").passed
    assert Path.cwd() == tmp_path


def test_a_slow_test_that_passed_is_not_run_again(course: Course) -> None:
    checks = """
def test_a(lab):
    "T"
    for word in "xxy":
        lab.prove_once("slow", word, test=lambda: print(word, file=open(lab.work.parent / "runs", "a")))
"""
    assert judge(course, checks, "a").passed
    assert (course.root / "runs").read_text(encoding="utf-8") == "x\ny\n"


def test_figures_of_a_slow_test_that_passed_are_those_of_then(course: Course) -> None:
    checks = """
def test_a(lab):
    "T"
    figures = [lab.measure_once("slow", test=lambda: (1.5, number)) for number in (2, 3)]
    print(figures, file=open(lab.work.parent / "runs", "w"))
"""
    assert judge(course, checks, "a").passed
    assert (course.root / "runs").read_text(encoding="utf-8") == "[[1.5, 2.0], [1.5, 2.0]]\n"


def test_each_reason_of_a_check_is_known_by_where_it_is_said(course: Course) -> None:
    report = judge(
        course,
        """
def test_a():
    "The first"
    require(False, "why", hint="h")
def test_b():
    "The second"
    fail("why", hint="h")
""",
        *"ab",
    )
    places = [check.failure.reason for check in report.checks if check.failure]
    assert len(set(places)) == 2
    assert all(place.startswith("test_fake:") for place in places)


def test_a_guard_that_fails_is_a_violation_and_comes_first(course: Course) -> None:
    report = judge(
        course, 'def test_a():\n    "T"\n@guard\ndef test_g():\n    "G"\n    fail("w", hint="h")', "a"
    )
    assert [(check.id, check.kind, check.status) for check in report.checks] == [
        ("g", Kind.GUARD, Status.VIOLATED),
        ("a", Kind.GOAL, Status.PASSED),
    ]


def test_a_check_that_needs_a_failed_one_is_not_run_and_names_it(course: Course) -> None:
    report = judge(
        course,
        """
def test_a():
    "The first"
    fail("w", hint="h")
@needs("a")
def test_b():
    "The second"
    raise AssertionError
@needs("b")
def test_c():
    "The third"
    raise AssertionError
def test_d():
    "The fourth"
""",
        *"abcd",
    )
    assert [check.status for check in report.checks] == [
        Status.FAILED,
        Status.NOT_RUN,
        Status.NOT_RUN,
        Status.PASSED,
    ]
    assert report.checks[1].reason == "waits for “The first”"


def test_checks_run_in_the_order_of_the_task_and_not_of_the_file(course: Course) -> None:
    text = "".join(f'def test_{name}():\n    "T"\n' for name in "cab")
    assert [check.id for check in judge(course, text, *"abc").checks] == ["a", "b", "c"]


BROKEN = {
    "an assert": ("assert 1 == 2", "AssertionError"),
    "an exception": ("{}['x']", "KeyError: 'x'"),
    "a deep exception": ("import json; json.loads('x')", "JSONDecodeError"),
    "sys.exit": ("sys.exit(0)", "SystemExit: 0"),
    "os-level exit by pytest": ("pytest.exit('bye')", "Exit: bye"),
    "a skip": ("pytest.skip('no')", "Skipped: no"),
    "a pytest failure": ("pytest.fail('no')", "Failed: no"),
    "an xfail": ("pytest.xfail('no')", "XFailed: no"),
    "endless recursion": ("test_a()", "RecursionError"),
    "a generator's end": ("raise GeneratorExit", "GeneratorExit"),
    "a base exception": ("raise BaseException('odd')", "BaseException: odd"),
}


@pytest.mark.parametrize("body", BROKEN, ids=BROKEN)
def test_a_check_that_breaks_could_not_run_with_its_place_and_the_next_goes_on(
    course: Course, body: str
) -> None:
    text, said = BROKEN[body]
    report = judge(course, f'def test_a():\n    "T"\n    {text}\ndef test_b():\n    "T"\n', *"ab")
    broken, after = report.checks
    assert broken.status is Status.COULD_NOT_RUN
    assert "the check itself failed with an error" in broken.reason
    assert said in broken.reason
    assert "(test_fake.py:" in broken.reason
    assert after.status is Status.PASSED
    assert not report.passed


def test_a_check_that_cannot_judge_says_why(course: Course) -> None:
    check = only(judge(course, 'def test_a():\n    "T"\n    could_not_run("no prober")', "a"))
    assert (check.status, check.reason) == (Status.COULD_NOT_RUN, "no prober")


def test_an_engine_that_is_lost_in_the_middle_of_a_check_is_not_the_learners_fault(course: Course) -> None:
    check = only(judge(course, 'def test_a(lab):\n    "T"\n    lab.container("x")', "a"))
    assert check.status is Status.COULD_NOT_RUN
    assert "does not answer" in check.reason
    assert "lab doctor" in check.reason


HANGS = {
    "pure Python": "while True: pass",
    "a system call": "time.sleep(60)",
    "a read": "os.read(os.pipe()[0], 1)",
    "a program": "subprocess.run(['sleep', '60'])",
    "Python that catches everything": "while True:\n        try: time.sleep(60)\n        except Exception: pass",
}


@pytest.mark.parametrize("body", HANGS, ids=HANGS)
def test_a_check_that_hangs_is_ended_and_the_next_goes_on(course: Course, body: str) -> None:
    checks = f'@timeout(0.08)\ndef test_a():\n    "T"\n    {HANGS[body]}\ndef test_b():\n    "T"\n'
    first, second = judge(course, checks, *"ab").checks
    assert (first.status, first.reason) == (
        Status.COULD_NOT_RUN,
        "it took longer than 0.08 s and was ended",
    )
    assert second.status is Status.PASSED


def test_a_run_that_has_used_up_its_time_judges_no_more(course: Course) -> None:
    checks = 'def test_a():\n    "T"\n    time.sleep(60)\ndef test_b():\n    "T"\n'
    first, second = judge(course, checks, *"ab", seconds=0.08).checks
    assert first.status is second.status is Status.COULD_NOT_RUN
    assert "used up its 0.08 s" in second.reason


def test_megabytes_that_a_check_prints_reach_nobody(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = """
def test_a():
    "T"
    for _ in range(50):
        print("x" * 1_000_000)
        sys.stderr.write("y" * 1_000_000)
"""
    assert judge(course, checks, "a").passed
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize(
    ("checks", "ids", "said"),
    [
        ("", ("a",), "lists checks that no test defines: a"),
        ("", (), "There is no check in"),
        ('def test_a():\n    "T"\n', ("a", "b"), "lists checks that no test defines: b"),
        ('def test_a():\n    "T"\ndef test_b():\n    "T"\n', ("a",), "belong to no step in lab.toml: b"),
        ('@needs("z")\ndef test_a():\n    "T"\n', ("a",), "Check a needs z, which no test defines"),
        (
            '@needs("b")\ndef test_a():\n    "T"\ndef test_b():\n    "T"\n',
            ("a", "b"),
            "Check a needs b, which does not come before it",
        ),
        ('@needs("a")\ndef test_a():\n    "T"\n', ("a",), "Check a needs a, which does not come before it"),
        ("def test_a(:", ("a",), "SyntaxError"),
        ("import nothing_of_this_name", ("a",), "nothing_of_this_name"),
        ("raise RuntimeError('at import')", ("a",), "at import"),
        ("class TestX:\n    def test_a(self):\n        'T'\ndef test_a():\n    'T'\n", ("a",), "Two checks"),
    ],
)
def test_checks_that_do_not_fit_together_are_the_courses_fault(
    course: Course, checks: str, ids: tuple[str, ...], said: str
) -> None:
    with pytest.raises(LabError, match="cannot be used") as caught:
        judge(course, checks, *ids)
    assert said in caught.value.detail
    assert "not of your answer" in caught.value.remedy


def test_a_broken_conftest_is_the_courses_fault(course: Course) -> None:
    with pytest.raises(LabError, match="cannot be used") as caught:
        judge(course, 'def test_a():\n    "T"\n', "a", helpers="raise RuntimeError('in conftest')")
    assert "in conftest" in caught.value.detail


def test_a_lab_without_checks_is_an_error(course: Course) -> None:
    lab = course.lab()
    (lab.folder / "checks" / "test_fake.py").unlink()
    (lab.folder / "checks").rmdir()
    with pytest.raises(LabError, match="no checks/ folder"):
        grade(lab, Engine(NOWHERE), course.root / "work")


FIXTURES = """
@pytest.fixture
def broken():
    raise LabError("The scene is gone.", remedy="Start it.")

@pytest.fixture
def odd():
    raise KeyError("odd")

@pytest.fixture
def slow():
    time.sleep(60)

@pytest.fixture
def leaves():
    yield 1
    raise RuntimeError("while putting back")

@pytest.fixture(scope="session")
def once():
    could_not_run("no such machine")
"""


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [
        ("broken", "The scene is gone. Start it."),
        ("odd", "KeyError: 'odd'"),
        ("slow", "longer than 0.08 s"),
        ("once", "no such machine"),
        ("leaves", "RuntimeError: while putting back"),
        ("nowhere", "FixtureLookupError: ('nowhere'"),
    ],
)
def test_a_fixture_that_breaks_is_not_the_learners_fault_and_the_next_check_goes_on(
    course: Course, fixture: str, reason: str
) -> None:
    checks = f'@timeout(0.08)\ndef test_a({fixture}):\n    "T"\ndef test_b():\n    "T"\n'
    first, second = judge(course, checks, *"ab", helpers=FIXTURES).checks
    assert first.status is Status.COULD_NOT_RUN
    assert reason in first.reason
    assert second.status is Status.PASSED


def test_a_verdict_stands_when_putting_back_breaks(course: Course) -> None:
    checks = 'def test_a(leaves):\n    "T"\n    fail("w", hint="h")\n'
    assert only(judge(course, checks, "a", helpers=FIXTURES)).status is Status.FAILED


def test_an_interruption_passes_through(course: Course) -> None:
    with pytest.raises(KeyboardInterrupt):
        judge(course, 'def test_a():\n    "T"\n    raise KeyboardInterrupt\n', "a")


def test_an_interruption_while_the_checks_are_read_passes_through(course: Course) -> None:
    with pytest.raises(KeyboardInterrupt):
        judge(course, "raise KeyboardInterrupt\n", "a")


def test_some_checks_alone_bring_what_they_need_and_the_guards(course: Course) -> None:
    checks = """
def test_a():
    "T"
@needs("a")
def test_b():
    "T"
def test_c():
    "T"
@guard
def test_g():
    "T"
"""
    report = judge(course, checks, *"abc", only=frozenset({"b"}))
    assert [check.id for check in report.checks] == ["g", "a", "b"]


def test_a_check_file_that_changed_is_read_anew(course: Course) -> None:
    text = 'from .helper import V\ndef test_a():\n    "T"\n    require(V, "w", hint="h")\n'
    files = {"checks/__init__.py": "", "checks/helper.py": "V = 0\n"}
    lab = course.lab(HEAD + text, ids=("a",), files=files)
    engine = Engine(NOWHERE)
    before = set(sys.modules)
    assert not grade(lab, engine, course.root).passed
    course.write("checks/helper.py", "V = 'now it holds'\n")
    assert grade(lab, engine, course.root).passed
    assert not [name for name in set(sys.modules) - before if "helper" in name]


def test_a_learners_pytest_settings_change_nothing(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option -k nothing")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    (course.root / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    assert judge(course, 'def test_a():\n    "T"\n', "a").passed
    assert "no-such-option" in os.environ["PYTEST_ADDOPTS"]


def test_a_check_that_says_what_is_not_proven_is_no_pass_and_holds_nothing_up(course: Course) -> None:
    report = judge(
        course,
        'def test_a():\n    "T"\n    not_judged("no machine is killed")\n'
        '@needs("a")\ndef test_b():\n    "U"\n',
        "a",
        "b",
    )
    assert [(each.status, each.reason) for each in report.checks] == [
        (Status.NOT_JUDGED, "no machine is killed"),
        (Status.PASSED, ""),
    ]
    assert report.right
    assert not report.passed


DISTURBING = """
def test_a(lab):
    "T"
    lab.disturb("kills a node")
    (lab.work.parent / "killed").touch()
@needs("a")
def test_b():
    "U"
"""


def test_a_check_that_would_disturb_the_lab_waits_where_nobody_asked(course: Course) -> None:
    report = judge(course, DISTURBING, "a", "b", looking=True)
    assert not (course.root / "killed").exists()
    assert [(each.status, each.reason, each.waits) for each in report.checks] == [
        (Status.NOT_RUN, "runs only when you ask for a check: it kills a node", True),
        (Status.NOT_RUN, "waits for “T”", False),
    ]
    assert not report.right
    assert report.first_problem is None


def test_a_check_that_disturbs_the_lab_runs_when_it_is_asked_for(course: Course) -> None:
    report = judge(course, DISTURBING, "a", "b")
    assert (course.root / "killed").exists()
    assert report.passed


def test_a_run_waits_for_another_of_the_same_lab_and_looks_at_the_scene_after_it(course: Course) -> None:
    lab = course.lab(HEAD + "def test_a():\n    'T'\n", ids=("a",))
    other = locked(lab_lock(NOWHERE.host, lab.number, "check"), "lab check 97", wait=60)
    order: list[str] = []

    def tell(said: str) -> None:
        order.append(said)
        other.__exit__(None, None, None)

    other.__enter__()
    report = grade(
        lab, Engine(NOWHERE), course.root / "work", tell=tell, first=lambda: order.append("looked")
    )
    assert report.passed
    assert [said.split(" (")[0] for said in order] == [
        "Another command is still running: `lab check 97`",
        "looked",
    ]


def test_what_was_asked_ahead_of_another_run_is_asked_again_after_it(course: Course) -> None:
    checks = "def test_a(lab):\n    'T'\n    fail(lab.shells.ahead.answer('state', lambda: 'after it'), hint='h')\n"
    lab = course.lab(HEAD + checks, ids=("a",))
    engine = Engine(NOWHERE)
    early = Early(lab, course.root / "work", Shells(engine))
    early.shells.ahead.begin("state", lambda: "before it")
    with contextlib.ExitStack() as other:
        other.enter_context(locked(lab_lock(NOWHERE.host, lab.number, "check"), "lab check 97", wait=60))
        report = grade(lab, engine, course.root / "work", early=early, tell=lambda _: other.close())
    failure = only(report).failure
    assert failure is not None
    assert failure.rationale == "after it"


def test_a_labs_early_work_is_read_anew_when_it_changed(course: Course) -> None:
    lab = course.lab(HEAD + "def test_a():\n    'T'\n", ids=("a",))
    file = lab.folder / "checks" / "early.py"
    for word in ("first", "the second"):
        file.write_text(f"def early(lab):\n    (lab.work / 'word').write_text({word!r})\n")
        work = course.root / "work"
        work.mkdir(exist_ok=True)
        grade(lab, Engine(NOWHERE), work)
        assert (work / "word").read_text() == word


PORT = """
[values.port]
title = "the port"
lesson = "8199"
choices = ["8301", "8302", "8303"]
"""


def test_titles_and_checks_have_the_learners_own_values(course: Course) -> None:
    checks = """
def test_it_answers(lab):
    \"\"\"It answers on port 8199.\"\"\"
    lab.require_value("port", lab.value("port"), says="It has", source="docker port")
    fail(lab.value("port"), hint="Look.")
"""
    lab = course.lab(HEAD + checks, ids=("it-answers",), toml=PORT)
    mine = lab.with_seed("K-1")
    for each in (lab, mine):
        check = only(grade(each, Engine(NOWHERE), course.root / "work"))
        assert check.title == f"It answers on port {each.values['port']}"
        assert check.failure is not None
        assert check.failure.rationale == each.values["port"]
    assert mine.values != lab.values


def test_what_a_slow_check_has_changed_may_be_put_back_as_slowly(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.grading.checks_run.CHECK_SECONDS", 0.02)
    helpers = """
@pytest.fixture(scope="session")
def scene():
    yield
    threading.Event().wait(0.1)
"""
    checks = '@timeout({})\ndef test_a(scene):\n    "T"\n'
    assert judge(course, checks.format(5), "a", helpers="import threading" + helpers).passed
    check = only(judge(course, checks.format(0.02), "a", helpers="import threading" + helpers))
    assert check.status is Status.COULD_NOT_RUN
    assert "took too long to put back" in check.reason
