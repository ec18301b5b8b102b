"""What a class withstands, by the numbers of its threat model: T11 forged, T12 impersonated, T13 roster, T14 replayed, T16 hostile text."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import stat
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker.classroom import roster
from checker.classroom.protocol import BODY_BYTES, HEARD, SEAL, Batch, CheckState, Item, ItemKind, seal
from checker.results import Status
from tests.unit.classroom.classes import INVITATION, LAB, PORT, TOKEN, Class, in_class, opened, verdict

if TYPE_CHECKING:
    from pathlib import Path

Body = "Callable[[Class], Coroutine[Any, Any, None]]"


# -- T11 -----------------------------------------------------------------------------------------------------


def test_t11_a_result_that_names_what_the_course_does_not_have_is_refused(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        made_up = CheckState(id="made-up", state=Status.PASSED)
        for item in (
            verdict(lab="99-none"),
            verdict(course="e" * 64),
            verdict(checks=(made_up,)),
            Item(kind=ItemKind.HINT, lab=LAB.slug, check="made-up"),
        ):
            refused = await the.post(ada, item)
            assert refused.status_code == 422, item
            assert refused.json()["error"]
        assert (await the.state())["rows"][0]["tries"] == 0

    in_class(tmp_path, body)


def test_t11_a_hand_made_result_is_shown_as_claimed_on_the_board_and_in_files(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.post(ada, verdict(*LAB.checks))).status_code == 200
        (row,) = (await the.state())["rows"]
        assert (row["passed"], row["evidence"]) == (3, "claimed")
        (found,) = csv.DictReader(io.StringIO((await the.own.get("/api/board.csv")).text))
        assert found["Evidence"] == "claimed"
        assert [each["evidence"] for each in (await the.own.get("/api/events")).json()] == ["claimed"]

    in_class(tmp_path, body)


# -- T12 -----------------------------------------------------------------------------------------------------


def test_t12_one_learner_cannot_sign_as_another(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada, ben = await the.joined("Ada"), await the.joined("Ben")
        assert (await the.post(ada, verdict(), secret=ben.secret)).status_code == 403
        nobody = msgspec.structs.replace(ada, learner="0" * 12)
        assert (await the.post(nobody, verdict())).status_code == 403
        assert (await the.state())["summary"]["stuck"] == 0

    in_class(tmp_path, body)


def test_t12_a_changed_byte_breaks_the_seal(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        data = msgspec.json.encode(Batch(learner=ada.learner, seq_from=1, items=(verdict(),)))
        sealed = {SEAL: seal(ada.secret, ada.nonce, data), "Content-Type": "application/json"}
        changed = data.replace(b"failed", b"passed", 1)
        assert (await the.network.post("/events", content=changed, headers=sealed)).status_code == 403
        assert (await the.network.post("/events", content=data, headers=sealed)).status_code == 200

    in_class(tmp_path, body)


def test_t12_the_same_name_from_a_second_machine_waits_for_the_teacher(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        first = await the.joined("Ada", "machine-1-machine-1")
        await the.post(first, verdict("v1-answers"))
        second = await the.join(" ａＤＡ ", "machine-2-machine-2")
        assert second.status_code == 202
        assert "secret" not in second.json() or not second.json()["secret"]
        # The first machine still works while the other one waits.
        assert (await the.post(first, verdict(), seq=2)).status_code == 200
        assert [each["name"] for each in (await the.state())["pending"]] == ["Ada"]

    in_class(tmp_path, body)


def test_t12_an_exchanged_machine_goes_on_after_the_teacher_said_yes_and_the_old_one_does_not(
    tmp_path: Path,
) -> None:
    async def body(the: Class) -> None:
        first = await the.joined("Ada", "machine-1-machine-1")
        await the.post(first, verdict("v1-answers"), verdict("v1-answers", "v2-answers"))
        await the.join("Ada", "machine-2-machine-2")
        assert (await the.own.post("/api/admit", json={"machine": "machine-2-machine-2"})).json() == {
            "admitted": True
        }
        second = await the.joined("Ada", "machine-2-machine-2")
        assert (second.learner, second.seq) == (first.learner, 2)
        assert (await the.post(first, verdict(), seq=3)).status_code == 403
        assert (await the.post(second, verdict(*LAB.checks), seq=3)).json()["seq_acked"] == 3
        state = await the.state()
        assert (state["pending"], state["rows"][0]["tries"], state["rows"][0]["passed"]) == ([], 3, 3)

    in_class(tmp_path, body)


def test_t12_a_machine_that_was_turned_away_does_not_get_in(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await the.joined("Ada", "machine-1-machine-1")
        await the.join("Ada", "machine-2-machine-2")
        await the.own.post("/api/turn-away", json={"machine": "machine-2-machine-2"})
        assert (await the.state())["pending"] == []
        assert (await the.own.post("/api/admit", json={"machine": "machine-2-machine-2"})).json() == {
            "admitted": False
        }
        # It asks every few seconds, and the teacher has answered.
        again = await the.join("Ada", "machine-2-machine-2")
        assert (again.status_code, again.json()["error"]) == (
            403,
            "The teacher says that this machine is not Ada's. Join with another name.",
        )
        assert (await the.state())["pending"] == []
        assert (await the.join("Ada", "machine-3-machine-3")).status_code == 202
        assert (await the.joined("Ada B", "machine-2-machine-2")).name == "Ada B"

    in_class(tmp_path, body)


def test_t12_a_machine_that_asks_again_waits_since_its_first_time(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await the.joined("Ada", "machine-1-machine-1")
        await the.join("Ada", "machine-2-machine-2")
        first = (await the.state())["pending"]
        await the.join("Ada", "machine-2-machine-2")
        assert (await the.state())["pending"] == first

    in_class(tmp_path, body)


def test_t12_the_same_machine_may_ask_again_and_stays_the_same_learner(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        machine = "machine-1-machine-1"
        assert await the.joined("Ada", machine) == await the.joined("ada", machine)
        assert (await the.state())["summary"]["joined"] == 1

    in_class(tmp_path, body)


def test_t12_whoever_guesses_codes_has_to_wait(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        for _ in range(5):
            assert (await the.join("Ada", code="WRONGONE")).status_code == 403
        sixth = await the.join("Ada", code="WRONGONE")
        assert (sixth.status_code, sixth.headers["retry-after"]) == (429, "60")
        assert (await the.join("Ada")).status_code == 429
        the.clock.now += 61
        assert (await the.join("Ada")).status_code == 200

    in_class(tmp_path, body)


def test_t12_a_code_is_read_however_it_is_typed(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        code = the.room.about.code
        assert (await the.join("Ada", code=f" {code[:4].lower()}-{code[4:]} ")).status_code == 200

    in_class(tmp_path, body)


# -- T13 -----------------------------------------------------------------------------------------------------

BOARD = (
    "/",
    "/projector",
    "/board.js",
    "/api/state",
    "/api/stream",
    "/api/counts",
    "/api/events",
    "/api/board.csv",
    "/api/admit",
    "/api/qr",
)


def test_t13_the_network_has_no_part_of_the_board(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await the.joined("Ada")
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        for path in BOARD:
            assert (await the.network.get(path, headers=bearer)).status_code == 404, path
            assert (await the.network.post(path, json={}, headers=bearer)).status_code == 404, path
        for method, path in (("GET", "/join"), ("GET", "/events"), ("POST", "/me"), ("DELETE", "/me")):
            assert (await the.network.request(method, path)).status_code == 405, path

    in_class(tmp_path, body)


def test_t13_a_learner_sees_only_their_own_state(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada, ben = await the.joined("Ada"), await the.joined("Ben")
        await the.post(ada, verdict("v1-answers"))
        assert (await the.me(ada)).json()["labs"] == {LAB.slug: 1}
        assert (await the.me(ada, of=ben.learner)).status_code == 403
        assert "Ben" not in (await the.me(ada)).text

    in_class(tmp_path, body)


def test_t13_counts_the_join_string_and_the_qr_code_name_nobody(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await the.joined("Adalovelace")
        for path in ("/api/counts", "/api/invitation", "/api/qr"):
            response = await the.own.get(path)
            assert response.status_code == 200, path
            assert "Adalovelace" not in response.text
        assert "Adalovelace" not in INVITATION

    in_class(tmp_path, body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer x"}, 401),
        ({"Host": "evil.example:4711"}, 400),
        ({"Host": f"127.0.0.1.evil.example:{PORT}"}, 400),
        ({"Host": "127.0.0.1:9999"}, 400),
        ({"Origin": "http://127.0.0.1:8081"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_t13_only_its_own_page_may_ask_the_board(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async def body(the: Class) -> None:
        for path in BOARD[3:]:
            assert (await the.own.get(path, headers=headers)).status_code == status, path
        assert (await the.own.post("/api/message", json={"text": "x"}, headers=headers)).status_code == status
        # The pages say nothing of the class, so they need no token; they still answer only to localhost.
        assert (await the.own.get("/", headers=headers)).status_code == (200 if status == 401 else status)

    in_class(tmp_path, body)


def test_t13_forms_are_not_read(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            response = await the.own.post(
                "/api/message", content=b'{"text": "x"}', headers={"Content-Type": kind}
            )
            assert response.status_code == 415

    in_class(tmp_path, body)


def test_t13_the_file_of_a_class_is_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "class" / "register.sqlite3"

    async def body() -> None:
        async with opened(file) as the:
            await the.joined("Ada")
            for part in file.parent.iterdir():
                assert stat.S_IMODE(part.stat().st_mode) & 0o077 == 0, part

    asyncio.run(body())


# -- T14 -----------------------------------------------------------------------------------------------------


def test_t14_the_same_batch_a_hundred_times_counts_once(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        answers = {
            (await the.post(ada, verdict("v1-answers"), verdict("v1-answers"))).text for _ in range(100)
        }
        assert answers == {'{"seq_acked":2}'}
        assert (await the.state())["rows"][0]["tries"] == 2
        assert len((await the.own.get("/api/events")).json()) == 2

    in_class(tmp_path, body)


def test_t14_a_batch_of_yesterdays_class_is_refused(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.post(ada, verdict(), nonce="f" * 32)).status_code == 403

    in_class(tmp_path, body)


def test_t14_a_clock_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        late, early = "2099-01-01T00:00:00+00:00", "1970-01-01T00:00:00+00:00"
        await the.post(ada, verdict(at=late), verdict(*LAB.checks, at=early))
        (row,) = (await the.state())["rows"]
        assert row["passed"] == 3
        events = (await the.own.get("/api/events")).json()
        assert [each["seq"] for each in events] == [1, 2]
        assert all(not each["at"].startswith(("2099", "1970")) for each in events)

    in_class(tmp_path, body)


@pytest.mark.parametrize("heard", ["", "-1", "x", "²", "9" * 30])
def test_t14_a_machine_that_says_nonsense_of_what_it_has_heard_gets_the_last_ten_messages(
    tmp_path: Path, heard: str
) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        for number in range(12):
            await the.own.post("/api/message", json={"text": f"message {number}"})
        data = msgspec.json.encode(Batch(learner=ada.learner, seq_from=1, items=(verdict(),)))
        headers = [
            (SEAL.encode(), seal(ada.secret, ada.nonce, data).encode()),
            (b"content-type", b"application/json"),
            (HEARD.encode(), heard.encode()),
        ]
        response = await the.network.post("/events", content=data, headers=headers)
        assert [each["text"] for each in response.json()["messages"]] == [
            f"message {number}" for number in range(2, 12)
        ]

    in_class(tmp_path, body)


def test_t14_a_gap_is_not_taken_and_an_overlap_adds_what_is_new(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.post(ada, verdict(), seq=5)).json()["seq_acked"] == 0
        await the.post(ada, verdict(), verdict())
        assert (await the.post(ada, verdict(), verdict(), seq=2)).json()["seq_acked"] == 3
        assert (await the.state())["rows"][0]["tries"] == 3

    in_class(tmp_path, body)


def test_t14_more_than_one_post_a_second_has_to_wait(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada, ben = await the.joined("Ada"), await the.joined("Ben")
        await the.post(ada, verdict())
        the.clock.now -= 1
        again = await the.post(ada, verdict(), seq=2)
        assert (again.status_code, again.headers["retry-after"]) == (429, "1")
        the.clock.now -= 1
        assert (await the.post(ben, verdict())).status_code == 200
        # A clock that was set back does not lock anybody out.
        the.clock.now -= 3600
        assert (await the.post(ada, verdict(), seq=2)).status_code == 200

    in_class(tmp_path, body)


# -- T16 -----------------------------------------------------------------------------------------------------

HOSTILE = "\x1b]52;c;cm0=\x07<img src=x onerror=alert(1)>\u202eadA"


def test_t16_a_hostile_name_is_shown_without_what_others_obey(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await the.joined(HOSTILE)
        (row,) = (await the.state())["rows"]
        assert row["name"] == "<img src=x onerror=alert(1)>adA"
        assert (await the.join("\u202e\u200b")).status_code == 422
        assert (await the.join("x" * 1_000_000)).status_code == 413

    in_class(tmp_path, body)


def test_t16_a_hostile_reason_is_harmless_in_the_board_and_in_the_table(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("=1+1")
        await the.post(ada, verdict(said=f"=cmd|calc {HOSTILE}"))
        text = (await the.own.get("/api/state")).text
        assert "\\u001b" not in text
        assert "\u202e" not in text
        (found,) = csv.DictReader(io.StringIO((await the.own.get("/api/board.csv")).text))
        assert found["Learner"] == "'=1+1"
        assert found["Reason"].startswith("'=cmd")

    in_class(tmp_path, body)


def test_t16_a_reason_that_is_too_long_and_a_body_that_is_too_large_are_refused(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        assert (await the.post(ada, verdict(said="x" * 3000))).status_code == 422
        assert (await the.post(ada, body=b"x" * (BODY_BYTES + 1))).status_code == 413
        assert (await the.post(ada, body=b"[" * 60_000)).status_code == 422
        assert (await the.post(ada, *[verdict()] * 51)).status_code == 422
        assert (
            await the.post(
                ada, body=json.dumps({"learner": ada.learner, "seq_from": 1, "items": []}).encode()
            )
        ).status_code == 422
        assert (await the.post(ada, verdict(), seq=0)).status_code == 422

    in_class(tmp_path, body)


def test_t16_the_pages_script_writes_text_only_and_the_policy_allows_no_other(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        for path in ("/board.js", "/projector.js"):
            text = (await the.own.get(path)).text
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
                assert word not in text
        page = await the.own.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert "<script>" not in page.text
        assert "style=" not in page.text

    in_class(tmp_path, body)


def test_a_disk_that_takes_nothing_is_said_and_nothing_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(the: Class) -> None:
        ada = await the.joined("Ada")

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(roster, "add", full)
            response = await the.post(ada, verdict())
        assert response.status_code >= 500
        assert (await the.post(ada, verdict())).json()["seq_acked"] == 1

    in_class(tmp_path, body)
