"""Lab 15: what the commits of the checks do, and how a pipeline's runs are judged."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.verdicts import CheckFailed, CouldNotRun
from tests.conftest import ROOT
from tests.unit.labs.conftest import module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

commits, delivery, judging, in_runner = (
    module("15", name) for name in ("commits", "delivery", "judging", "in_runner")
)
SOURCE = commits.Source(ROOT / "labs" / "15-continuous-delivery" / "start" / "parcel")
OLD, NEW, OTHER, THIRD = ("sha256:" + digit * 64 for digit in "abcd")
ASKS = "from parcel import answer; print(answer('/price?grams=1500')[1]['cents'])"


def python(folder: Path, files: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Write a commit's files, and run Python among them."""
    for name, text in files.items():
        (folder / name).write_text(text)
    return subprocess.run(
        [sys.executable, "-B", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=20
    )


@pytest.mark.parametrize("kind", ["good", "broken_image", "never_starts", "wrong_answer"])
def test_the_unit_tests_of_all_commits_but_one_pass_on_the_source(kind: str, tmp_path: Path) -> None:
    done = python(tmp_path, getattr(SOURCE, kind)(), "-m", "unittest")
    assert done.returncode == 0, done.stderr


def test_the_unit_tests_of_one_commit_say_where_they_run_and_fail_though_it_answers_right(
    tmp_path: Path,
) -> None:
    files = SOURCE.failing_test("127.0.0.1")
    assert python(tmp_path, files, "-c", ASKS).stdout == "549\n"
    assert commits.MARK in files["test_parcel.py"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(20)
        said: list[str] = []

        def listen() -> None:
            text, sender = ear.recvfrom(200)
            said.append(text.decode().split()[0])
            ear.sendto(b"heard", sender)

        listener = threading.Thread(target=listen)
        listener.start()
        tests = files["test_parcel.py"].replace(str(commits.EAR_PORT), str(ear.getsockname()[1]))
        done = python(tmp_path, files | {"test_parcel.py": tests}, "-m", "unittest", "--failfast")
        listener.join()
    assert done.returncode
    assert said == [socket.gethostname()]


def test_one_commit_lacks_a_module_where_ignored_files_are_not_copied(tmp_path: Path) -> None:
    files = SOURCE.broken_image()
    for ignored in files[".dockerignore"].split():
        del files[ignored]
    done = python(tmp_path, files, "-m", "unittest")
    assert "No module named 'zones'" in done.stderr
    assert python(tmp_path, files, "-c", ASKS).stdout == "549\n"


def test_one_commit_ends_when_it_is_started(tmp_path: Path) -> None:
    done = python(tmp_path, SOURCE.never_starts(), "parcel.py")
    assert "KeyError: 'PARCEL_ADDRESS'" in done.stderr


def test_one_commit_answers_with_another_price(tmp_path: Path) -> None:
    assert python(tmp_path, SOURCE.wrong_answer(), "-c", ASKS).stdout == "5.49\n"


def test_each_commit_has_a_version_of_its_own() -> None:
    assert SOURCE.good()["parcel.py"] != SOURCE.good()["parcel.py"]


def run(*said: str, code: int | None = 0) -> Any:
    end = [] if code is None else [f"runner: pipeline ended with exit code {code} after 3 s"]
    return delivery.Run("c0ffee", [*said, *end], 0.0, 3.0)


def outcome(*runs: Any, started: Any = (), live: str = NEW, **more: Any) -> Any:
    seen = SimpleNamespace(failures=[], requests=[], summary="", good=[], pause=0.0, latest="newer")
    live_now = [{"id": live, "image": f"registry:5000/parcel@{live}", "service": "web"}]
    given = {"heard": [], "before": {OLD}, "versions": ["older", "newer"], "seen": seen} | more
    return delivery.Outcome(
        runs=list(runs), started=list(started), live=live_now, mark=SimpleNamespace(at=0.0), **given
    )


def container(image: str, *, for_users: bool = False, name: str = "f" * 64) -> dict[str, Any]:
    return {"container": name, "image": image, "id": image, "for_users": for_users}


WEB = SimpleNamespace(
    first={"live": [{"id": OLD}]}, delivered="", has_left_out=lambda found: bool(found.live)
)


def failure(function: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(CheckFailed) as failed:
        function(*arguments, **more)
    return str(failed.value.failure.rationale)


def refused(found: Any, expected: str = "refused tests") -> None:
    judging.require_refused(found, what="a bad commit", expected=expected, hint="h")


def test_a_result_is_the_last_line_that_says_one() -> None:
    assert run("result: refused build", "result: live sha256:1").result == "live sha256:1"
    assert run("no result: here").result == ""


def test_a_run_that_was_cut_off_has_no_exit_code() -> None:
    assert run(code=None).exit_code is None
    assert run(code=124).exit_code == 124


def test_a_rollback_to_a_commit_is_not_taken_for_the_pipelines_last_word() -> None:
    begins = [f"runner: {name} {'c' * 40}" for name in ("pipeline", "pipeline", "rollback")]
    log = [begins[0], "result: refused build", begins[1], "result: live sha256:1", begins[2], "broken"]
    assert delivery.last_run(log) == log[2:4]
    assert delivery.last_run([]) == []


def test_a_commit_is_refused_if_production_kept_what_it_had_and_the_pipeline_says_why() -> None:
    refused(outcome(run("result: refused tests", code=1), started=[container(NEW)], live=OLD))


def test_a_copy_in_production_counts_even_if_it_was_rolled_back() -> None:
    found = outcome(run("result: refused tests", code=1), started=[container(NEW, for_users=True)], live=OLD)
    assert "reached production" in failure(refused, found)


def test_a_refusal_with_success_or_with_another_reason_is_told_apart() -> None:
    assert "exit code 0" in failure(refused, outcome(run("result: refused tests", code=0), live=OLD))
    other = outcome(run("result: refused start", code=1), live=OLD)
    assert "says that something else" in failure(refused, other)
    assert "does not say what" in failure(refused, outcome(run("result: no", code=1), live=OLD))


def test_a_refusal_may_neither_stop_what_users_have_nor_print_the_password() -> None:
    said = run("result: refused tests", code=1)
    assert "was stopped" in failure(refused, outcome(said, before={OLD, NEW}, live=OLD))
    assert "password is in the log of commit c0ffee" in failure(
        refused, outcome(said, live=OLD, leak="in base64")
    )


def test_unit_tests_that_failed_must_have_been_seen() -> None:
    assert "no container of an image" in failure(judging.require_seen, outcome(run()))
    judging.require_seen(outcome(run(), heard=["f" * 12]))


def test_what_dockerignore_names_is_not_in_production() -> None:
    reached = outcome(run(), started=[container(NEW, for_users=True)])
    assert "zones.py" in failure(judging.require_left_out, WEB, reached)
    judging.require_left_out(WEB, outcome(run(), live=OLD))


def test_users_must_have_what_was_started_elsewhere_before() -> None:
    judging.require_same_image(outcome(run(), started=[container(NEW), container(NEW, for_users=True)]))
    nothing = outcome(run(), started=[container(NEW, for_users=True)])
    assert "nobody ever started" in failure(judging.require_same_image, nothing)
    another = outcome(run(), started=[container(OTHER)])
    assert "it was built again" in failure(judging.require_same_image, another)


@pytest.mark.parametrize(
    ("heard", "where"),
    [
        ("runner", "on the source"),
        ("buildkitsandbox", "in a step of a build"),
        ("tests " + "e" * 64, "in another image"),
        ("elsewhere", "somewhere else"),
    ],
)
def test_the_unit_tests_must_run_in_what_users_have(heard: str, where: str) -> None:
    started = [container(NEW), container(OTHER, name="e" * 64)]
    found = outcome(run(), started=started, heard=[heard])
    assert f"The unit tests ran {where}" in failure(judging.require_same_image, found)
    judging.require_same_image(outcome(run(), started=started, heard=["test " + "f" * 64]))


def test_production_must_have_changed_when_the_pipeline_says_so() -> None:
    early = outcome(run(), started=[container(NEW)], live=OLD)
    assert "still has the image from before" in failure(judging.require_same_image, early)


def test_a_commit_whose_image_is_that_of_the_one_before_was_not_built() -> None:
    built = outcome(run(f"result: live {OLD}"), started=[container(OLD)], live=OLD)
    assert "was not this commit" in failure(judging.require_same_image, built)
    own = outcome(run(f"result: live {NEW}"), started=[container(NEW)], versions=["another"])
    assert "was not this commit" in failure(judging.require_this_commit, own)


def test_a_copy_that_answered_the_front_too_late_is_the_machines_fault() -> None:
    gone = (
        'Server service/production-1 is DOWN, reason: Layer4 connection problem, info: "Connection refused".'
    )
    slow = "Server service/production-2 is DOWN, reason: Layer7 timeout, check duration: 1001ms. 1 active"
    assert delivery.late_in([gone]) == ""
    assert delivery.late_in([gone, slow]) == slow.partition(".")[0]
    seen = SimpleNamespace(
        failures=[SimpleNamespace(outcome="HTTP 503", at=1.0)], requests=[1], summary="", pause=0.0
    )
    assert "at least" in failure(judging.require_unnoticed, outcome(run(), seen=seen), "at least", "h")
    with pytest.raises(CouldNotRun, match="Layer7 timeout"):
        judging.require_unnoticed(outcome(run(), seen=seen, late=delivery.late_in([slow])), "It", "h")


def test_a_rollback_that_took_long_on_a_busy_machine_is_not_judged() -> None:
    slow = delivery.Run("c0ffee", run(f"result: live {OLD}").said, 0.0, judging.BACK_SECONDS + 4)
    seen = SimpleNamespace(failures=[], requests=[], pause=judging.BUSY_SECONDS + 1)
    paused = outcome(slow, live=OLD, before={OTHER}, seen=seen)
    loaded = outcome(slow, live=OLD, before={OTHER}, load=judging.BUSY_LOAD + 6)
    for busy, evidence in ((paused, "could send nothing for 3.0 s"), (loaded, "10 programs ran or waited")):
        with pytest.raises(
            CouldNotRun, match=rf"The rollback took 34 s\. The reason may be this machine.* {evidence}"
        ):
            judging.require_rolled_back(WEB, busy)
    idle = outcome(slow, live=OLD, before={OTHER}, load=judging.BUSY_LOAD)
    assert "took too long" in failure(judging.require_rolled_back, WEB, idle)


def test_two_runs_that_a_busy_machine_did_not_end_in_time_are_not_judged() -> None:
    older, soon = run(f"result: live {OTHER}"), run(code=137)
    newer = dataclasses.replace(soon, ended=soon.began + 121.0)
    with pytest.raises(
        CouldNotRun, match=r"ended one of two runs after 120 s\. The reason may be this machine"
    ):
        judging.require_in_order(outcome(older, newer, load=judging.BUSY_LOAD + 6))
    for each in (outcome(older, newer), outcome(older, soon, load=judging.BUSY_LOAD + 6)):
        assert "run of the newer one failed" in failure(judging.require_in_order, each)


@pytest.mark.parametrize(
    "judge",
    [
        refused,
        lambda found: judging.require_delivered(found, "a good commit"),
        lambda found: judging.require_rolled_back(WEB, found),
    ],
)
def test_a_run_that_a_busy_machine_did_not_end_in_time_is_not_judged(judge: Any) -> None:
    soon = run("built", code=124)
    cut = dataclasses.replace(soon, ended=soon.began + 121.0)
    with pytest.raises(CouldNotRun, match=r"ended the run after 120 s\. The reason may be this machine"):
        judge(outcome(cut, live=OLD, load=judging.BUSY_LOAD + 6))
    for each in (outcome(cut, live=OLD), outcome(soon, live=OLD, load=judging.BUSY_LOAD + 6)):
        assert failure(judge, each)


def test_what_reached_users_is_said_of_a_run_that_was_cut_off_on_a_busy_machine() -> None:
    cut = dataclasses.replace(run(code=124), ended=121.0)
    found = outcome(cut, started=[container(NEW, for_users=True)], load=judging.BUSY_LOAD + 6)
    assert "reached production" in failure(refused, found)


def test_a_success_that_is_none_is_said_before_what_a_busy_machine_may_have_done() -> None:
    seen = SimpleNamespace(
        failures=[SimpleNamespace(outcome="HTTP 503", at=1.0)], requests=[1], summary="", pause=9.0
    )
    found = outcome(run("result: live sha256:1"), seen=seen, live=OLD)
    assert "ended with exit code 0" in failure(refused, found)


def test_parcel_lets_more_wait_than_python_does_by_itself(tmp_path: Path) -> None:
    asked = "import parcel; print(parcel.Server.request_queue_size)"
    assert int(python(tmp_path, SOURCE.good(), "-c", asked).stdout) > 100


def test_a_missing_program_is_the_evidence() -> None:
    assert run(
        "runner: pipeline " + "c" * 40, "runner: there is no program pipeline", code=127
    ).evidence.endswith("pipeline")


def test_a_moved_tag_matters_only_if_production_followed_it() -> None:
    tested = [container(NEW)]
    judging.require_tag_ignored(WEB, outcome(run(), started=tested, moved=["parcel:1"]))
    followed = outcome(run(), started=tested, moved=["parcel:1"], live=OTHER)
    assert "A tag was moved" in failure(judging.require_tag_ignored, WEB, followed)
    also = outcome(run(), started=[*tested, container(OTHER)], moved=["parcel:1"], given=[OTHER], live=OTHER)
    assert "A tag was moved" in failure(judging.require_tag_ignored, WEB, also)


def test_the_newer_of_two_commits_must_be_live_in_the_end() -> None:
    older, newer = run(f"result: live {OTHER}"), run(f"result: live {NEW}")
    both = [container(OTHER, for_users=True), container(NEW, for_users=True)]
    judging.require_in_order(outcome(older, newer, started=both))
    judging.require_in_order(outcome(run("result: superseded"), newer))
    assert "ended with the older one" in failure(judging.require_in_order, outcome(older, newer, live=OTHER))
    mixed = outcome(older, newer, live=OLD)
    assert "another image than the one" in failure(judging.require_in_order, mixed)
    swapped = outcome(older, newer, versions=["newer", "x"])
    assert "not that of the newer commit" in failure(judging.require_in_order, swapped)
    broken = outcome(run("result: refused start", code=1), newer)
    assert "run of the older one failed" in failure(judging.require_in_order, broken)


def test_the_older_of_two_commits_is_live_only_if_users_could_have_got_it() -> None:
    """A container of its unit tests is no copy for users."""
    older, newer = run(f"result: live {OTHER}"), run(f"result: live {NEW}")
    tested = outcome(older, newer, started=[container(OTHER), container(NEW, for_users=True)])
    assert "no copy of it was ever started" in failure(judging.require_in_order, tested)


def test_a_rollback_must_name_the_image_that_users_have() -> None:
    for told in ("live", f"live {'c' * 40}", f"live {OTHER}"):
        back = outcome(run(f"result: {told}"), live=OLD, before={OTHER}, known={OLD, OTHER})
        assert "does not name it" in failure(judging.require_rolled_back, WEB, back)


def test_a_rollback_must_bring_the_same_image_in_time() -> None:
    back = run(f"result: live {OLD}")

    def rolled(live: str, told: Any = back) -> Any:
        return outcome(told, live=live, before={OTHER}, known={OLD, OTHER, THIRD})

    judging.require_rolled_back(WEB, rolled(OLD))
    assert "it was built again" in failure(judging.require_rolled_back, WEB, rolled(NEW))
    assert "that of another commit" in failure(judging.require_rolled_back, WEB, rolled(THIRD))
    assert "should replace" in failure(judging.require_rolled_back, WEB, rolled(OTHER))
    slow = delivery.Run("c0ffee", back.said, 0.0, judging.BACK_SECONDS + 1)
    assert "took too long" in failure(judging.require_rolled_back, WEB, rolled(OLD, slow))


def test_a_rollback_that_works_for_newer_commits_alone_is_told_apart() -> None:
    broken = outcome(run("cat: /srv/runner/state/released/c0ffee: No such file", code=1))
    works, fails = outcome(run(f"result: live {NEW}")), broken

    def says(second: Any) -> str:
        again = SimpleNamespace(**vars(WEB) | {"delivered": "d1ce", "roll_back": lambda _: second})
        return failure(judging.require_rolled_back, again, broken)

    assert "released earlier" in says(works)
    assert "released earlier" not in says(fails)
    assert "released earlier" not in failure(judging.require_rolled_back, WEB, broken)


def test_a_commit_that_was_refused_for_what_is_in_it_can_be_taken_back() -> None:
    def hint(said: str, *pulled: str) -> str:
        return str(judging.where_to_look(SimpleNamespace(learners_run=run(said, code=1), pulled=pulled)))

    assert "git revert" in hint("result: refused answer")
    assert "git revert" not in hint("result: failed registry")
    assert all("--allow-empty" in hint(f"result: {said}") for said in ("refused answer", "failed registry"))
    assert f"--onto {'a' * 10} {'b' * 10}`" in hint("result: refused answer", "a" * 40, "b" * 40)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Give what adds a commit with a message to main of a new repository, which is the runner's."""
    monkeypatch.setattr(in_runner, "GIT", ["git", f"--git-dir={tmp_path}/parcel.git"])
    monkeypatch.setattr(in_runner, "PROCESSES", tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    in_runner.git("init", "--quiet", "--bare")
    tree = in_runner.git("mktree", text="")

    def add(message: str) -> str:
        head = in_runner.git("for-each-ref", "--format=%(objectname)", "refs/heads/main")
        made = in_runner.git("commit-tree", tree, "-m", message, *(("-p", head) if head else ()))
        in_runner.git("update-ref", "refs/heads/main", made)
        return str(made)

    return add


def test_the_newest_commit_is_the_learners_also_after_a_check_that_was_ended(
    repository: Callable[[str], str],
) -> None:
    own = repository("Parcel 1.0")
    in_runner.settle()
    assert in_runner.git("rev-parse", "main") == own
    repository(in_runner.MESSAGE)
    repository(in_runner.MESSAGE)
    in_runner.settle()
    assert in_runner.git("rev-parse", "main") == own
    assert in_runner.pulled(own) == []


def test_commits_of_the_checks_that_were_pulled_are_found_with_the_one_below_them(
    repository: Callable[[str], str],
) -> None:
    own = repository("Parcel 1.0")
    _, newest, head = repository(in_runner.MESSAGE), repository(in_runner.MESSAGE), repository("Mine")
    in_runner.settle()
    assert in_runner.git("rev-parse", "main") == head
    assert in_runner.pulled(head) == [own, newest]


@pytest.mark.skipif(not in_runner.PROCESSES.is_dir(), reason="processes are read in /proc")
def test_runs_of_the_checks_commits_are_ended_and_not_the_learners(
    repository: Callable[[str], str], tmp_path: Path
) -> None:
    own, theirs = repository("Parcel 1.0"), repository(in_runner.MESSAGE)
    runs = [
        subprocess.Popen(["timeout", "60", "sh", "-c", "sleep 60; :", "run", each]) for each in (own, theirs)
    ]
    for each in runs:
        (tmp_path / str(each.pid)).symlink_to(f"/proc/{each.pid}")
    try:
        assert in_runner.unfinished() == [runs[1].pid]
        threading.Thread(target=runs[1].wait).start()
        in_runner.end_pushes()
        assert runs[1].wait(20)
        assert runs[0].poll() is None
    finally:
        for each in runs:
            each.terminate()
            each.wait(20)


def test_a_program_that_is_not_there_is_told_by_its_name() -> None:
    none = run("runner: there is no program rollback in the work folder", code=127)
    assert "`rollback`" in failure(judging.require_rolled_back, WEB, outcome(none))
    assert "`rollback`" in failure(judging.require_live, none, "a commit")


def test_colours_and_words_around_a_digest_do_no_harm() -> None:
    told = run(delivery.plain(f"\x1b[32mresult: live registry:5000/parcel@{NEW}\x1b[0m"))
    assert told.is_live
    assert told.digest == NEW
    assert run("result: lively").is_live is False


class Front:
    """A scene whose front has written lines at moments of the engine's clock, where it is 1000 s when the push begins."""

    def __init__(self, *said: tuple[float, str]) -> None:
        self.said = said
        self.engine = self
        self.clock = self
        self.course_lab = SimpleNamespace(folder=ROOT / "labs" / "15-continuous-delivery")
        self.id = "front"

    def node(self, _: str) -> Front:
        """Return what is asked and read."""
        return self

    def disturb(self, _: str) -> None:
        """Allow it."""

    def exec(self, *_: object) -> Any:
        """Answer that nothing was pushed before, and that nothing came of this push."""
        none: dict[str, Any] = {
            key: [] for key in ("started", "heard", "then", "moved", "unmoved", "given", "live")
        }
        told = {**none, "main": "c0ffee", "log": "", "pulled": [], "services": {}, "load": 0.0}
        told["pushes"] = [{"commit": "c0ffee", "said": [], "began": 0.0, "ended": 1.0}]
        return SimpleNamespace(rc=0, stdout=json.dumps(told), stderr="")

    def now(self) -> float:
        """Return the engine's time."""
        return 1000.0

    def logs(self, _: str, tail: int, *, since: float = 0.0) -> str:
        """Return the last lines."""
        return "\n".join([line for at, line in self.said if at >= since][-tail:])


def test_only_what_the_front_writes_from_a_push_on_excuses_what_the_push_costs() -> None:
    users = SimpleNamespace(mark=lambda _: None, now=float, between=lambda *_: None)
    slow = "Server service/production-2 is DOWN, reason: Layer7 timeout"
    requests = [(900.0 + each / 25, "GET / 200") for each in range(2500)] * 3
    for at, late in ((910.0, ""), (1001.0, slow)):
        lab = Front(*sorted([*requests, (at, slow), (1002.0, "GET / 503")]))
        assert delivery.Delivery(lab, users).roll_back("c0ffee").late == late


def test_a_last_line_without_its_end_is_read_like_any_other() -> None:
    ended = "runner: pipeline ended with exit code 0 after 20 s"
    told = delivery.Run("c0ffee", delivery.said_in(["built", f"result: live {NEW}{ended}"]), 0.0, 20.0)
    assert told.said == ["built", f"result: live {NEW}", ended]
    assert told.is_live
    assert told.result == f"live {NEW}"
