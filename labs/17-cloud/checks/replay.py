"""The week that was replayed last: its bill, which the meter computes from its record, and what the users saw."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from checker.grading.author import Failure, could_not_run, fail, moment, require
from checker.grading.sheet import text_of

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Reply, Timeline, Traffic
    from checker.grading.inside import Inner

    from .rented import Rented

METER = "http://meter"
SERVICE = "http://rented:8080"
WORK_MS = 10
"""Processor time that each request of the users costs."""
BOUND = 1 / 50
"""The share of the requests that may fail."""
IDLE = 0.3
"""The share of what is reserved up to which copies do not work; those that have too little work all the time."""
ASKED_TO_END = {0, 137, 143}
"""The exit codes of what was stopped: by itself after being asked, by SIGKILL, by SIGTERM."""
NOBODY_READY = 503
"""What a load balancer answers that has no copy to pass a request on to."""
NOBODY = "met nobody: no copy was there that could answer"
WHEN_READY = "At night, few requests come, and not none. How long does a new copy take until it can answer?"
BUSY = 2.0
"""How long, as a multiple of its work, a program waits on a machine that is too busy to replay a week."""
NIGHTS = (("1:00 to 5:00", 1, 5), ("23:00 to 24:00", 23, 24))
"""Hours of the day that are judged: the load is gone for two hours at least, so that a policy may take its time."""
NIGHT_SHARE = 0.6
"""Half of the copies, and what stays the same by day and by night, such as a load balancer."""
SAME = 0.95
"""The share of the peak from which on nothing was given back."""
UNASKED_BYTES = 5000
"""What a container receives at most in a day if nobody sends it requests: the network's own questions."""
LEAST_CONNECTIONS = 0.25
"""What a container that is used accepts at least in an hour: at night the users open two connections, and a front asks each
copy twice."""
ONLY_DAYS = ("The other days cost something as well.", "`sh week.sh sh policy.sh` replays all seven days.")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PART = 4
"""Hours, of which the users may be away for less than half: the highest load lasts for as long."""
EARLIER = 60.0
"""Seconds before the week in which the users may have been paused for a part of it."""
BILL = "curl http://meter/bill"
COMPLAINT = re.compile(
    r"not found|Illegal number|integer expression|[Ss]yntax error|No such |unexpected|[Dd]enied|Error\b|(curl|jq): "
)
"""What a shell, `docker` or Python prints when a line of a policy fails; the policy itself may go on."""
AFTER_WEEK = 20.0
"""Seconds after the week from which on nothing that a policy did ends a container: `docker stop` gives it ten."""


class Replay:
    """The last replay.

    Args:
        lab: the lab.
        rented: the rented machine.
        prober: who asks the meter.
        traffic: the users' record.
    """

    def __init__(self, lab: Lab, rented: Rented, prober: Prober, traffic: Traffic) -> None:
        self.lab = lab
        self.rented = rented
        self.prober = prober
        self.traffic = traffic

    def _get(self, path: str) -> Reply:
        reply = self.prober.get(f"{METER}{path}", timeout=5, patience=2)
        if not reply.status:
            could_not_run("The meter does not answer. `lab start 17` starts it again.")
        return reply

    # A second of the replay is an hour of the week: moments and hours are computed from each other without a factor.
    @cached_property
    def bill(self) -> dict[str, Any]:
        """The bill; without a replay of a day at least, the check that needs it fails."""
        self._require_as_given()
        state = self._get("/week").json()
        if state.get("runs"):
            could_not_run(
                f"The week is being replayed, and it is {state['now']} in it. Check again when it is over."
            )
        bill: dict[str, Any] = self._get("/bill.json").json()
        require(
            bill and bill["over"],
            "The last replay was ended before its time, so nobody knows what the rest would have cost."
            if bill
            else "The users' week has not been replayed yet.",
            expected="a week, or its first days, replayed to the end",
            seen=f"{bill['hours']:.0f} of {24 * bill['days']} hours"
            if bill
            else "no week in the meter's record",
            source=BILL,
            hint="`sh week.sh sh policy.sh` replays the week; with `--days 1`, only Monday.",
        )
        return bill

    def _require_as_given(self) -> None:
        """Require that nobody has changed the programs and price list of the meter, and the users' program."""
        for each in (self.lab.node("meter"), self.lab.node("traffic")):
            changed = self.lab.changed_files(each)
            require(
                not changed,
                f"In `{each.name}`, which is the provider's, files were changed. What it says is not what was replayed."
                if "meter" in each.name
                else f"In `{each.name}`, which sends the users' requests, files were changed.",
                expected="the meter and the users as they came",
                seen=", ".join(changed[:3]),
                source=f"docker diff {each.name}",
                hint="`lab reset 17` makes both again, and moves your files to work/set-aside/.",
            )

    @cached_property
    def seen(self) -> Timeline:
        """What the users saw in it."""
        seen = self.traffic.between(self.bill["begin"], self.bill["end"])
        if seen.begin > self.bill["begin"] + 1.0:
            could_not_run(
                "The record of the users' requests does not reach back to the replay any more. Replay the week again."
            )
        self._require_users_there(seen)
        if seen.pause > 0.2 * (self.bill["end"] - self.bill["begin"]):
            could_not_run(
                "The sender of the users' requests was paused for much of the replay. Replay the week again."
            )
        return seen

    def _require_users_there(self, seen: Timeline) -> None:
        """Require that the users sent their requests in each part of the week."""
        begin = self.bill["begin"]
        away, hour = max(
            (sum(max(0.0, min(gap.end, at + PART) - max(gap.begin, at)) for gap in seen.gaps), hour)
            for hour in range(24 * self.bill["days"])
            for at in [begin + hour]
        )
        if away < PART / 2:
            return
        when = f"{_when(hour)}, the users sent nothing for {away:.1f} of {PART} hours"
        sender = self.lab.node("traffic")
        asked = {"container": [sender.id], "event": ["pause", "die"]}
        require(
            not any(self.lab.engine.events(since=begin - EARLIER, until=self.bill["end"], filters=asked)),
            f"From {when}: `{sender.name}` was paused or stopped. Nobody knows what they would have met.",
            expected="users who send their requests all week",
            seen=f"no requests for {away:.1f} hours from {_when(hour)} on",
            source="lab timeline 17",
            hint="The users stay as they are, also while the week is replayed. Replay the week again.",
        )
        could_not_run(
            f"From {when}: your own machine was too busy, or asleep, or the users were paused. Replay the week again."
        )

    # -- the users ---------------------------------------------------------------------------------------------------

    def require_served(self) -> None:
        """Require that the users' requests were answered, all but the stated share, and by containers that are metered."""
        if len(self.seen.failures) > BOUND * len(self.seen.requests):
            self._fail_unserved()
        wanted = len(self.seen.requests) * WORK_MS / 1000
        used = sum(self.bill["used"])
        require(
            used >= wanted / 2,
            f"The requests were answered, and the containers on the rented machine used {used:.1f} vCPU-hours for it. "
            f"Parcel needs {wanted:.1f} for so much work: something else has answered.",
            expected=f"about {wanted:.0f} vCPU-hours used, in containers",
            seen=f"{used:.1f} vCPU-hours used",
            source=BILL,
            hint=f"Which program answers at {SERVICE}, and does it run in a container of the rented engine?",
        )
        reply = self.prober.get(f"{SERVICE}/work?ms={WORK_MS}", timeout=5, patience=2)
        if reply.fields.get("worked_ms") == WORK_MS:
            return
        ended = self._ended_since()
        fail(
            "The week was served, and now the users do not get Parcel's answer any more. They go on after Sunday.",
            expected=f'"worked_ms": {WORK_MS}',
            seen=reply.summary,
            source=f"curl '{SERVICE}/work?ms={WORK_MS}'",
            evidence=f"ended after the week: {', '.join(ended)}" if ended else "",
            hint=f"A restart of the engine or of your machine, or `docker stop`, ends containers. `docker --context … start {' '.join(ended)}` starts them "
            "again; the week need not be replayed."
            if ended
            else "What does your policy leave behind when it is ended? `docker --context … ps --all` shows it.",
        )

    def _ended_since(self) -> list[str]:
        """Return which containers of the week are there and ended so long after it that the policy was over."""
        over, billed = self.bill["end"] + AFTER_WEEK, {item["name"] for item in self.bill["items"]}
        return [
            each.name
            for each in self.rented.engine.containers()
            if each.name in billed
            and not each.running
            and moment(str(each.attrs["State"].get("FinishedAt") or "")) > over
        ]

    def _fail_unserved(self) -> None:
        bad, every = self.seen.failures, self.seen.requests
        # The hour with the most failures tells more than the first one.
        worst, count = Counter(int(each.at - self.bill["begin"]) for each in bad).most_common(1)[0]
        there = [each for each in every if int(each.at - self.bill["begin"]) == worst]
        reserved, used = ((self.bill[what] + [0.0] * 200)[worst] for what in ("reserved", "used"))
        when = _when(worst)
        why, hint = self._why_unserved(worst, when)
        hint = f"{self._first()}{hint}"
        fail(
            f"{len(bad)} of {len(every)} requests failed, more than 1 in 50. {why}",
            expected=f"at most {int(BOUND * len(every))} of {len(every)} requests failed",
            seen=f"{self.seen.summary}; most on {when}, {count} of {len(there)}",
            source="lab timeline 17",
            evidence=f"in that hour, {reserved:.2f} vCPU were reserved and {used:.2f} used",
            hint=hint,
        )

    def _why_unserved(self, worst: int, when: str) -> tuple[str, str]:
        """Return why most requests failed, and where to look."""
        bad = self.seen.failures
        late = sum(each.failure is Failure.TIMED_OUT for each in bad) > len(bad) / 2
        # These two are so on any machine, however busy it is.
        if not late and (broken := self._broken()):
            why = f"Most of them met nobody: {broken}."
            return (
                why,
                "What does this container need, and what do its limits and options give it? Its log may say more.",
            )
        if not late and len(bad) == len(self.seen.requests):
            if mine := self._elsewhere():
                return mine
            why = f"Not one got a good answer from {SERVICE}."
            hint = "which container publishes this port, and whom does a front ask?"
            return why, f"What does `curl -i {SERVICE}/` show, {hint}"
        around = slice(max(0, worst - 2), worst + 4)
        reserved, used = sum(self.bill["reserved"][around]), sum(self.bill["used"][around])
        if late and (names := self._paused(worst)):
            why = f"got no answer within two seconds: `{names[0]}` was paused, and what is paused answers nobody."
            return (
                f"Most of them {why}",
                "A paused container costs what it reserves. What gives back what a copy reserves?",
            )
        short = self._is_short(around)
        # Where no copy ran, none would have answered on a faster machine either.
        if late or self._met_nobody() <= len(bad) / 2:
            self._excuse_busy(around, when)
            # A machine may have stood still for the worst hour alone, and many requests wait in it.
            # Two hours have few numbers, so these have to say more.
            self._excuse_busy(slice(worst, worst + 2), when, 2 * BUSY)
        if late and not short and used < IDLE * reserved:
            why = "got no answer within two seconds. The copies had processor time left: they were paused, or waited for something else."
            hint = "What did your policy do before that hour? policy.log and `docker --context … ps --all` show it."
        elif late:
            why = "got no answer within two seconds. The copies had too little processor time for so many requests, which had to wait."
            hint = "How many requests a second can one copy answer, with its limit? `curl http://meter/plan` says how many come."
        elif sum(each.status == NOBODY_READY for each in bad) > len(bad) / 2:
            why = f"{NOBODY}, as the front says."
            hint = (
                f"{WHEN_READY} The log of the front says when it finds a copy ready, and when it loses one."
            )
        elif self._near_an_end() > len(bad) / 2:
            why = "failed in the second in which a container ended: it was stopped with requests under way."
            hint = "What does `docker stop` do that `docker rm --force` does not? Compare with lab 08."
        else:
            why, hint = f"{NOBODY}.", WHEN_READY
        return f"Most of them {why}", hint

    def _is_short(self, hours: slice) -> bool:
        """Whether less was reserved in these hours than the requests need on any machine; each has to be read and logged as well."""
        begin = self.bill["begin"] + hours.start
        wanted = sum(begin <= each.at < begin + hours.stop - hours.start for each in self.seen.requests)
        return bool(wanted * WORK_MS / 1000 > sum(self.bill["reserved"][hours]))

    def _excuse_busy(self, hours: slice, when: str, busy: float = BUSY) -> None:
        """End the check without a verdict if the copies got little of what was reserved in these hours, and programs had to wait.

        Args:
            hours: of the replay.
            when: the hour in question, as a reader knows it.
            busy: how many times as long as it worked a program had to wait there.
        """
        reserved, used = sum(self.bill["reserved"][hours]), sum(self.bill["used"][hours])
        # In an hour without a number, the meter itself got no processor time to find one.
        waited = [each for each in self.bill["waited"][hours] if each] or [busy + 1]
        if used < 0.5 * reserved and sum(waited) > busy * len(waited) and not self._is_short(hours):
            could_not_run(
                f"Around {when}, the copies had {reserved:.1f} vCPU-hours reserved and got {used:.1f}. Your own machine was too "
                f"busy to give them more: a program waited {max(waited):.0f} times as long as it worked. Replay the week when it "
                "has less to do."
            )

    def _elsewhere(self) -> tuple[str, str] | None:
        """Return why nobody was met, and where to look, when containers run on the learner's own machine alone."""
        if any(each.running for each in self.rented.engine.containers()):
            return None
        for each in self.lab.containers():
            if each.running:
                why = (
                    f"No container runs on the rented machine. `{each.name}` runs on your own machine: a `docker` command without a context "
                    "goes to the engine there."
                )
                return why, "What stands between `docker` and `run` in the lesson?"
        return None

    def _broken(self) -> str:
        """Return which container did not start, or ended by itself, and why; empty when none did."""
        begin, all_bad = self.bill["begin"], len(self.seen.failures) == len(self.seen.requests)
        for each in self.rented.engine.containers():
            state = each.attrs["State"]
            last = max(moment(each.created), moment(str(state.get("FinishedAt") or "")))
            # A start that failed in the week changes neither of these times.
            if last < begin and not each.running and not all_bad and not state.get("Error"):
                continue  # it was over before the week
            if each.oom_killed:
                limit = each.host_config["Memory"] / (1 << 20)
                return f"`{each.name}` needed more memory than its limit, {limit:.0f} MiB, so the engine ended it"
            if error := each.attrs["State"]["Error"]:
                return f"`{each.name}` did not start: {error}"
            if each.restarts or (each.status == "exited" and each.exit_code not in ASKED_TO_END):
                return f"`{each.name}` ended by itself, with exit code {each.exit_code}"
        return ""

    @cached_property
    def _record(self) -> list[dict[str, Any]]:
        """The meter's record of the replay, line by line."""
        # Its last line may be under way.
        return [json.loads(line) for line in self._get("/record").text.splitlines() if line.endswith("}")]

    def _paused(self, hour: int) -> list[str]:
        """Return which containers were paused in an hour of the replay, as far as their engine still knows."""
        begin, since = self.bill["begin"], self.bill["begin"] + hour
        said = self.rented.engine.run(
            f"docker events --since {begin:.3f} --until {since + 1:.3f} --filter type=container --filter event=pause "
            "--filter event=unpause --filter event=destroy --format '{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}'"
        )
        paused: dict[str, None] = {}
        for at, action, name in (line.split() for line in said.splitlines()):
            if action == "pause":
                paused[name] = None
            elif int(at) / 1e9 < since:
                paused.pop(name, None)
        return list(paused)

    def _first(self) -> str:
        """Return what to look at before any guess: a policy that was changed since, or else what it complained of; empty for neither."""
        programs = [
            each for each in self.lab.work.glob("*.*") if each.suffix in {".sh", ".py"} and each.is_file()
        ]
        changed = {each.stat().st_mtime: each.name for each in programs}
        if changed and max(changed) > self.bill["end"] + 1:
            return (
                f"`{changed[max(changed)]}` was changed after the replay that this is about: if it is a part of your policy, "
                "replay the week. "
            )
        log = self.lab.work / "policy.log"
        try:
            said = text_of(log).splitlines() if log.stat().st_mtime >= self.bill["begin"] else []
        except (OSError, UnicodeDecodeError):
            return ""
        wrong = [line.strip() for line in said if COMPLAINT.search(line)]
        often = f" and complains in {len(wrong)} lines" if len(wrong) > 1 else ""
        return (
            f"policy.log says `{wrong[-1][:120]}`{often}: what did your policy not do then? " if wrong else ""
        )

    def _met_nobody(self) -> int:
        """Return how many requests failed while only such containers ran as never answered one without another's help."""
        there = self._running_at([each.at for each in self.seen.requests])
        answered = {names for names, each in zip(there, self.seen.requests, strict=True) if each.good}
        failed = Counter(
            names for names, each in zip(there, self.seen.requests, strict=True) if not each.good
        )
        return sum(
            count for names, count in failed.items() if not any(enough <= names for enough in answered)
        )

    def _running_at(self, moments: list[float]) -> list[frozenset[str]]:
        """Return the names of the containers that ran at each of these moments, which are in order."""
        changes = [line for line in self._record if line["kind"] in {"runs", "ended"}]
        found, running, done = [], {}, 0
        for at in moments:
            while done < len(changes) and changes[done]["at"] <= at:
                line = changes[done]
                if line["kind"] == "runs":
                    running[line["id"]] = line["name"]
                else:
                    running.pop(line["id"], None)
                done += 1
            found.append(frozenset(running.values()))
        return found

    def _near_an_end(self) -> int:
        """Return how many requests that failed were under way when a container ended, or were sent right after."""
        ends = [line["at"] for line in self._record if line["kind"] == "ended"]
        return sum(any(each.at - 0.5 <= end <= each.end + 1.0 for end in ends) for each in self.seen.failures)

    # -- the bill ----------------------------------------------------------------------------------------------------

    def require_released(self) -> None:
        """Require that less is reserved at night."""
        reserved = self.bill["reserved"]
        most = max(reserved)
        nights = [
            (sum(hours) / len(hours), day, shown)
            for day in range(len(reserved) // 24)
            for shown, begin, end in NIGHTS
            for hours in [reserved[24 * day + begin : 24 * day + end]]
        ]
        highest, day, shown = max(nights)
        if highest < SAME * most:
            why = "It came down, and not far enough, or not in time."
        elif nights[0][0] <= NIGHT_SHARE * most:
            why = "It grew with the load, and did not come down again when the load was gone."
        else:
            why = "It was the same by night as at the peak: for two requests a second, as for twenty-five."
        require(
            highest <= NIGHT_SHARE * most,
            f"On {DAYS[day]} from {shown}, {highest:.2f} vCPU were reserved, and {most:.2f} at the peak. {why}",
            expected=f"at night, at most {NIGHT_SHARE:.0%} of what is reserved at the peak: {NIGHT_SHARE * most:.2f} vCPU",
            seen=f"{highest:.2f} vCPU",
            source="bill.svg in your work folder, or `curl http://meter/bill.svg`",
            evidence=f"vCPU from 0:00 on, by the hour: {' '.join(f'{each:.1f}' for each in reserved[24 * day : 24 * day + 24])}",
            hint=f"{self._first()}What is reserved is paid for, used or not. What does your policy do when the load falls?",
        )

    def require_nothing_forgotten(self) -> None:
        """Require that nothing is left that costs and that nobody uses."""
        items = {each["name"]: each for each in self.bill["items"]}
        now = float(self.rented.engine.run("date +%s.%N") or 0)
        for each in self.rented.engine.containers():
            item = items.get(each.name)
            # A container may be younger than what the bill says of its name: it was made again, or after the replay.
            ran = now - moment(each.started_at)
            hours = min(ran, item["hours"]) if item else ran
            holds = any(str(mount.get("Source", "")).endswith("docker.sock") for mount in each.mounts)
            if each.status not in {"running", "paused"} or hours < 12 or holds:
                continue
            if item and self._was_asked(item) and moment(each.started_at) > self.bill["end"]:
                continue  # it served in the replay, and was started again since, as by `lab start`
            used, seen = self._is_used(each, hours, item)
            require(
                used,
                f"The container `{each.name}` still runs. It ran for {item['hours']:.0f} hours of the replay, nobody sent it "
                f"requests, and it cost {item['cents']:.1f} cents."
                if item
                else f"The container `{each.name}` still runs. It was started after the replay, nobody sends it requests, and "
                "every hour of it costs.",
                expected="only containers that somebody uses",
                seen=f"{each.name}: {seen}",
                source="docker --context … ps; " + BILL,
                hint="What did you run to try something, and never remove?",
            )
        for name in self.rented.engine.run("docker volume ls --quiet --filter dangling=true").split():
            hours = self.bill["stored"].get(f"volume {name}", 0.0)
            fail(
                f"The volume `{name[:20]}` is used by no container, and is paid for until somebody removes it.",
                expected="no volume that nothing uses",
                seen=f"{name[:20]}: {hours:.2f} GiB-hours in the replay",
                source="docker --context … volume ls --filter dangling=true",
                hint="A container that is removed leaves its volumes behind. Which option of `docker rm` removes those without a name?",
            )

    def _is_used(self, container: Inner, hours: float, item: dict[str, Any] | None) -> tuple[bool, str]:
        """Return whether somebody sends a container requests, and what shows it.

        Args:
            container: it runs.
            hours: for how many hours of the replay, or seconds after it, it has run.
            item: what the bill says of it, if it ran in the replay.
        """
        network = container.host_config["NetworkMode"]
        if network == "host":
            # What the machine's own network has received and accepted was for all programs on it; so it is asked for now.
            connected = self.rented.connected(container)
            return connected > 0, f"the machine's own network, and {connected} connections to it now"
        accepted = self.rented.accepted(container)
        enough = accepted > LEAST_CONNECTIONS * hours
        if item is None:
            return enough, f"{accepted} connections accepted"
        # Who shares a network has no numbers of its own.
        asked = self._was_asked(item) or network.startswith("container:")
        return asked and enough, f"{accepted} connections accepted, {item['received']} bytes received"

    def _was_asked(self, item: dict[str, Any]) -> bool:
        """Whether somebody sent a container requests in the replay, by what the bill says of it."""
        return bool(item["received"] > UNASKED_BYTES * self.bill["days"])

    def require_within_budget(self) -> None:
        """Require that a whole week costs no more than the budget."""
        bill = self.bill
        total, budget, days = bill["total"], bill["budget"], bill["days"]
        require(
            bill["blind_hours"] < 1,
            f"For {bill['blind_hours']:.1f} hours of the replay, the engine did not answer the meter, so there is no bill for them.",
            expected="an engine that runs all the time",
            seen=f"{bill['blind_hours']:.1f} hours without an answer",
            source=BILL,
            hint="Restart the engine before the week, not in it.",
        )
        top = bill["items"][0]
        why, hint = self._why_too_dear() if total > budget else ONLY_DAYS
        hint = f"{self._first()}{hint}"
        require(
            total <= budget and days == 7,
            f"{total:.0f} cents for {days} of 7 days; the budget is {budget:.0f} cents for the whole week. {why}",
            expected=f"at most {budget:.0f} cents for 7 days",
            seen=f"{total:.2f} cents for {days} of 7 days were replayed",
            source=BILL,
            evidence=f"{top['name']}: {top['hours']:.0f} hours, {top['vcpu_hours']:.1f} vCPU-hours reserved, "
            f"{top['used_vcpu_hours']:.1f} used, {top['gib_hours']:.1f} GiB-hours",
            hint=hint,
        )
        self.lab.record("bill for the week", round(total, 1), "cents")
        self.lab.record("a virtual machine for the same", round(bill["machine"]["cents"], 1), "cents")

    def _why_too_dear(self) -> tuple[str, str]:
        """Return what most is paid for, and where to look."""
        bill = self.bill
        open_ended = [each for each in bill["items"] if each["unlimited"]]
        cents = sum(each["cents"] for each in open_ended)
        if cents > bill["total"] - bill["budget"]:
            lacks = open_ended[0]["unlimited"]
            names = ", ".join(f"`{each['name']}`" for each in open_ended[:4] if each["unlimited"] == lacks)
            why = (
                f"For {names} there is no {' and no '.join(lacks)} limit, so each reserves all {' and all '.join(lacks)} of the "
                f"machine: {cents:.0f} cents."
            )
            return why, "`docker run --help` lists the options that limit memory and processor time."
        memory, top = sum(each["gib_hours"] for each in bill["items"]), bill["items"][0]
        why = (
            f"{sum(bill['reserved']):.0f} vCPU-hours were reserved, and {sum(bill['used']):.0f} used; {memory:.0f} GiB-hours of "
            f"memory were reserved. Most was paid for `{top['name']}`: {top['cents']:.0f} cents."
        )
        return (
            why,
            "Which column of the bill has the most to save? bill.svg shows what was reserved and not used.",
        )


def _when(hour: int) -> str:
    """Return an hour of the week in words."""
    return f"{DAYS[hour // 24 % 7]} at {hour % 24:02d}:00"
