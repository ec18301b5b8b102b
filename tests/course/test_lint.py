"""What every lab must have before it is run: answers, ladders, labels, and checks that explain themselves."""

from __future__ import annotations

import ast
import inspect
import string
from typing import TYPE_CHECKING

import pytest
import yaml

from checker.cluster import outcomes
from checker.course.catalogue import Catalogue
from checker.course.model import Outcome
from checker.course.places import find
from checker.course.values import put_in
from checker.grading.verdicts import MARKS, Reasons
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from checker.course.catalogue import Lab

LABS = list(Catalogue(find(ROOT)))
EVERY_LAB = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
VERDICTS = {"fail": 1, "require": 2}
"""The words that end a check, and how many arguments come before the rationale's end."""

LADDERS = {"require_container", "require_reply"}
"""What says by itself, for every lab in one way, what became of a container or of a request."""

OUTCOMES = {
    name
    for name, value in vars(outcomes).items()
    if inspect.isfunction(value) and value.__module__ == outcomes.__name__ and not name.startswith("_")
}
"""What every orchestration is judged by: bodies of checks, with a rationale of their own and the lab's hint."""


UNPROVEN = {
    # An answer that put another image in the place of the course's own would leave it so for every lab after.
    ("01-first-container", "image-untouched"),
    # Versions that share a ledger do not even start, which the check before it names.
    ("03-isolation", "own-ledger"),
    # What makes users' requests fail makes the checker's own fail too, in the check before it; this one records the cost.
    ("06-by-hand", "restored"),
    # The second way is asked by the very functions that ask the first, where wrong answers prove them.
    ("12-one-goal-four-ways", "second-updated"),
    ("12-one-goal-four-ways", "second-survives"),
}
"""Checks that no wrong answer is caught by, each for a reason; whoever finds an answer takes its line out."""


def test_no_two_labs_can_need_one_port() -> None:
    taken = [(port, lab.number) for lab in LABS for port in lab.possible_ports]
    assert len({port for port, _ in taken}) == len(taken)


@pytest.mark.parametrize("lab", [lab for lab in LABS if lab.toml.values], ids=lambda lab: lab.slug)
def test_right_answers_have_a_learners_own_values_in_the_lessons_place(lab: Lab) -> None:
    own = lab.with_seed("anybody")
    for answer in own.answers:
        if answer.toml.lesson_values or answer.must_fail:
            continue
        text = "\n".join(f"{name} {entry.text or ''}" for name, entry in answer.contents.items())
        assert put_in(text, own.own) == text, f"{answer.name} has a value of the lesson"
        missing = [value for value in own.values.values() if value not in text]
        assert not missing, f"{answer.name} does without {', '.join(missing)}"


def files(lab: Lab) -> list[Path]:
    return sorted((lab.folder / "checks").rglob("*.py"))


def functions(lab: Lab) -> Iterator[ast.FunctionDef]:
    for file in files(lab):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node


def checks(lab: Lab) -> dict[str, ast.FunctionDef]:
    found = [function for function in functions(lab) if function.name.startswith("test_")]
    return {function.name.removeprefix("test_").replace("_", "-"): function for function in found}


def guards(lab: Lab) -> set[str]:
    return {
        name for name, function in checks(lab).items() if "guard" in map(ast.unparse, function.decorator_list)
    }


def called(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for inside in ast.walk(node):
        if isinstance(inside, ast.Call):
            target = inside.func
            name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            yield name, inside


def handed_over(node: ast.AST) -> Iterator[str]:
    """Yield the names of what is called, and of what is given to it, such as a test that is run once."""
    for name, call in called(node):
        yield name
        for given in (*call.args, *(word.value for word in call.keywords)):
            if isinstance(given, ast.Name | ast.Attribute):
                yield given.id if isinstance(given, ast.Name) else given.attr


def reasons_given(lab: Lab) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call that gives a reason of the lab's reasons.toml, and where it is."""
    for file in files(lab):
        for name, call in called(ast.parse(file.read_text(encoding="utf-8"))):
            if name in VERDICTS and ast.unparse(call.func).startswith("WHY."):
                yield f"{file.relative_to(ROOT)}:{call.lineno}", call


def test_there_are_labs() -> None:
    assert len(LABS) >= 3
    assert MARKS


@EVERY_LAB
def test_every_check_has_a_line_for_the_learner(lab: Lab) -> None:
    found = checks(lab)
    assert found
    for name, function in found.items():
        line = (ast.get_docstring(function) or "").partition("\n")[0]
        assert 10 <= len(line) <= 90, f"{name}: “{line}”"


@EVERY_LAB
def test_every_check_judges_with_a_rationale_and_a_hint(lab: Lab) -> None:
    by_name: dict[str, list[ast.FunctionDef]] = {}
    for function in functions(lab):
        by_name.setdefault(function.name, []).append(function)

    def judges(function: ast.FunctionDef, seen: frozenset[str]) -> bool:
        return any(
            name in VERDICTS
            or name in OUTCOMES
            or name in LADDERS
            or (
                name in by_name
                and name not in seen
                and any(judges(helper, seen | {name}) for helper in by_name[name])
            )
            for name in handed_over(function)
        )

    for name, function in checks(lab).items():
        assert judges(function, frozenset({function.name})), f"{name} never says what is wrong"


@EVERY_LAB
def test_every_verdict_says_why_and_where_to_look(lab: Lab) -> None:
    counted = 0
    for file in files(lab):
        for name, call in called(ast.parse(file.read_text(encoding="utf-8"))):
            if name not in VERDICTS or not isinstance(call.func, ast.Name):
                continue
            counted += 1
            where = f"{file.relative_to(ROOT)}:{call.lineno}"
            words = {word.arg for word in call.keywords}
            assert len(call.args) >= VERDICTS[name] or "rationale" in words, f"{where}: no rationale"
            assert "hint" in words or None in words, f"{where}: no hint"
            for argument in [*call.args, *(word.value for word in call.keywords)]:
                empty = isinstance(argument, ast.Constant) and argument.value == ""
                assert not empty, f"{where}: an empty text"
    assert counted or list(reasons_given(lab))


@pytest.mark.parametrize(
    "lab",
    [lab for lab in LABS if (lab.folder / "checks" / "reasons.toml").is_file()],
    ids=lambda lab: lab.slug,
)
def test_reasons_in_a_file_are_those_that_the_checks_give(lab: Lab) -> None:
    reasons = Reasons(lab.folder / "checks" / "reasons.toml").texts
    for name, reason in reasons.items():
        assert {"rationale", "hint"} <= set(reason) <= {"rationale", "hint", "expected", "source"}, name
        assert all(text.strip() for text in reason.values()), f"{name}: an empty text"
    texts = [node for each in files(lab) for node in ast.walk(ast.parse(each.read_text(encoding="utf-8")))]
    named = {node.value for node in texts if isinstance(node, ast.Constant)}
    # A check may put the last part of a name together from what it has found.
    assert [name for name in reasons if not {name, name.rpartition(".")[2]} & named] == []
    unseen = dict(reasons)
    found_out = []
    for where, call in reasons_given(lab):
        given = {word.arg for word in call.keywords}
        names = names_in(call.args[-1])
        if None in names:
            found_out.append(given)
        for name in filter(None, names):
            assert name in reasons, f"{where}: there is no {name}"
            missing = words_of(reasons[name]) - given
            assert not missing, f"{where}: {name} needs {missing}"
            unseen.pop(name, None)
    for name, reason in unseen.items():
        assert any(words_of(reason) <= given for given in found_out), f"{name}: no call gives its words"


def names_in(argument: ast.expr) -> list[str | None]:
    """Return the reasons that an expression chooses from, with None for each that it puts together or got from elsewhere."""
    if isinstance(argument, ast.IfExp):
        return [*names_in(argument.body), *names_in(argument.orelse)]
    if isinstance(argument, ast.BoolOp):
        return [name for each in argument.values for name in names_in(each)]
    return [str(argument.value) if isinstance(argument, ast.Constant) else None]


def words_of(reason: dict[str, str]) -> set[str]:
    """Return what a check has to give for the names in braces of a reason's texts."""
    parsed = (part for text in reason.values() for part in string.Formatter().parse(text))
    return {name.partition(".")[0] for _, name, _, _ in parsed if name is not None}


@EVERY_LAB
def test_no_check_asserts_or_sleeps(lab: Lab) -> None:
    for file in files(lab):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            where = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Assert), f"{where}: a bare assert tells the learner nothing"
            if isinstance(node, ast.Call):
                assert not ast.unparse(node.func).endswith("sleep"), f"{where}: wait for a condition"


@EVERY_LAB
def test_no_check_keeps_in_its_module_what_it_found(lab: Lab) -> None:
    for file in files(lab):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        where = file.relative_to(ROOT)
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)], f"{where}: global"
        for node in tree.body:
            value = getattr(node, "value", None)
            if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None:
                empty = ast.unparse(value) in {"{}", "[]", "set()", "dict()", "list()"}
                assert not empty, f"{where}:{node.lineno}: it would still be there in the next verdict"


@EVERY_LAB
def test_every_goal_belongs_to_one_step_and_has_a_ladder(lab: Lab) -> None:
    goals = set(checks(lab)) - guards(lab)
    assert sorted(lab.check_ids) == sorted(goals)
    assert set(lab.toml.hints) == goals
    for name, rungs in lab.toml.hints.items():
        assert len({rung.strip() for rung in rungs}) == 3, f"{name}: three different rungs"
        assert all(len(rung) > 20 for rung in rungs), name


@EVERY_LAB
def test_every_step_can_be_gone_to(lab: Lab) -> None:
    for number in range(2, len(lab.toml.steps) + 1):
        assert lab.step_answer(number) is not None


@EVERY_LAB
def test_there_are_right_answers_of_several_kinds_and_wrong_ones_for_every_check(lab: Lab) -> None:
    kinds = [answer.kind for answer in lab.answers]
    assert kinds.count("solution") == 1
    assert kinds.count("alternative") >= 2
    assert kinds.count("wrong") >= 5
    known = checks(lab)
    wrong = [answer for answer in lab.answers if answer.kind == "wrong"]
    for answer in wrong:
        assert answer.toml.check in known, f"{answer.name}: there is no check `{answer.toml.check}`"
        guarded = answer.toml.check in guards(lab)
        # A guard may also be unable to say: what it would have to break is broken already.
        guarding = (
            {Outcome.VIOLATED, Outcome.COULD_NOT_RUN} if guarded else {Outcome.FAILED, Outcome.COULD_NOT_RUN}
        )
        assert answer.toml.outcome in guarding, f"{answer.name}: outcome"
        assert len(answer.toml.reason) >= 8, f"{answer.name}: a reason that could be found in anything"
    # The lab as shipped proves the first goal.
    unproven = set(known) - {answer.toml.check for answer in wrong} - {lab.check_ids[0]}
    assert unproven == {check for slug, check in UNPROVEN if slug == lab.slug}


@EVERY_LAB
def test_answers_have_titles_of_their_own(lab: Lab) -> None:
    titles = [answer.toml.title for answer in lab.answers]
    assert len(set(titles)) == len(titles)


@EVERY_LAB
def test_labs_to_do_first_exist(lab: Lab) -> None:
    assert set(lab.toml.requires) <= {other.slug for other in LABS if other.slug < lab.slug}


ROLES = frozenset({
    "toolbox", "prober", "checker", "front",
    "node", "vm", "control-plane", "worker", "server", "client", "manager",
})  # fmt: skip
"""What a container of a scene may be; design pages and the glossary use these words."""

SCENES = sorted([*(ROOT / "labs").glob("*/compose*.yaml"), *(ROOT / "labs" / "scenes").glob("*.yaml")])


def _is_laid_over(file: Path, service: str) -> bool:
    """Whether a file says only what differs of a service: the whole of it is in the scene of its name, or in the lab's."""
    bases = (ROOT / "labs" / "scenes" / f"{service}.yaml", file.parent / "compose.yaml")
    return any(
        service in (yaml.safe_load(base.read_text(encoding="utf-8")).get("services") or {})
        for base in bases
        if base != file and base.is_file()
    )


@pytest.mark.parametrize("file", SCENES, ids=lambda file: file.relative_to(ROOT / "labs").as_posix())
def test_what_a_scene_makes_carries_the_labs_label(file: Path) -> None:
    scene = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert file.parent.name == "scenes" or scene.get("include") or scene.get("services")
    for name, service in (scene.get("services") or {}).items():
        if "extends" in service:
            continue  # what it extends is a scene's own file, and is looked at there
        labels = service.get("labels") or {}
        if _is_laid_over(file, name):
            assert not set(labels) & {"io.drydock.lab", "io.drydock.role"}, f"{name}: said once, below"
            assert service.get("image", "drydock/").startswith("drydock/"), name
            continue
        assert labels.get("io.drydock.lab") == "${DRYDOCK_LAB}", name
        assert labels.get("io.drydock.role") in ROLES, name
        assert service["image"].startswith("drydock/"), name
        assert service.get("pull_policy") == "never", name
        # Docker adds the image's own command to a health check that has none; Podman refuses to make the container.
        assert "test" in service.get("healthcheck", {"test": ""}), name
    for kind in ("networks", "volumes"):
        for name, made in (scene.get(kind) or {}).items():
            external = (made or {}).get("external")
            labels = (made or {}).get("labels", {})
            # What outlives every lab belongs to none.
            assert external or "io.drydock.lab" in labels or "io.drydock.kept" in labels, f"{kind} {name}"


@EVERY_LAB
def test_every_way_has_its_scene_and_answers_name_ways_that_there_are(lab: Lab) -> None:
    for name in lab.toml.ways:
        assert (lab.folder / f"compose.{name}.yaml").is_file()
    numbers = range(2, len(lab.toml.steps) + 1)
    answers = [*lab.answers, *filter(None, map(lab.step_answer, numbers))]
    # Without ways of its own, an answer gets the usual ones; of several, an answer needs some and names them.
    needed = {answer.name: set(answer.toml.ways or lab.toml.usual) for answer in answers}
    for answer in answers:
        assert needed[answer.name] <= set(lab.toml.ways), answer.name
        assert answer.toml.ways or len(lab.toml.usual) < 2, (
            f"{answer.name}: the ways that it needs, no more are started"
        )
    right = [ways for name, ways in needed.items() if name.startswith(("solution", "alternative"))]
    assert set().union(*right) == set(lab.toml.ways), "each way is in some right answer"
