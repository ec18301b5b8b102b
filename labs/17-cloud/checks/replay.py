"""The week that was replayed last: its bill, which the meter computes from its record, and what the users saw."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run, fail, require

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Reply, Timeline, Traffic

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

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BILL = "curl http://meter/bill"


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
        state = self._get("/week").json()
        if state.get("runs"):
            could_not_run(
                f"The week is being replayed, and it is {state['now']} in it. Check again when it is over."
            )
        bill: dict[str, Any] = self._get("/bill.json").json()
        hint = "`sh week.sh sh policy.sh` replays the week; with `--days 1`, only Monday."
        require(
            bill,
            "The users' week has not been replayed yet.",
            expected="a week, or its first days, replayed to the end",
            seen="no week in the meter's record",
            source=BILL,
            hint=hint,
        )
        require(
            bill["over"],
            "The last replay was ended before its time, so nobody knows what the rest would have cost.",
            expected=f"{bill['days']} days",
            seen=f"{bill['hours'] / 24:.1f} days",
            source=BILL,
            hint=hint,
        )
        return bill

    @cached_property
    def seen(self) -> Timeline:
        """What the users saw in it."""
        seen = self.traffic.between(self.bill["begin"], self.bill["end"])
        if seen.pause > 0.2 * (self.bill["end"] - self.bill["begin"]):
            could_not_run(
                "The sender of the users' requests was paused for much of the replay. Replay the week again."
            )
        return seen

    # -- the users ---------------------------------------------------------------------------------------------------

    def require_served(self) -> None:
        """Require that the users' requests were answered, all but the stated share, and by containers that are metered."""
        bad, every = self.seen.failures, self.seen.requests
        if len(bad) > BOUND * len(every):
            self._fail_unserved()
        wanted = len(every) * WORK_MS / 1000
        used = sum(self.bill["used"])
        require(
            used >= wanted / 2,
            f"The requests were answered, and the containers on the rented machine used {used:.1f} vCPU-hours for it. "
            f"Parcel needs {wanted:.1f} for so much work: something else has answered.",
            expected=f"about {wanted:.0f} vCPU-hours used, in containers",
            seen=f"{used:.1f} vCPU-hours used",
            source=BILL,
            hint="Which program answers at http://rented:8080, and does it run in a container of the rented engine?",
        )
        reply = self.prober.get(f"{SERVICE}/work?ms={WORK_MS}", timeout=5, patience=2)
        said = reply.json() if reply.ok else {}
        require(
            isinstance(said, dict) and said.get("worked_ms") == WORK_MS,
            "The week was served, and now the users do not get Parcel's answer any more. They go on after Sunday.",
            expected=f'"worked_ms": {WORK_MS}',
            seen=reply.summary,
            source=f"curl '{SERVICE}/work?ms={WORK_MS}'",
            hint="What does your policy leave behind when it is ended? `docker --context … ps --all` shows it.",
        )

    def _fail_unserved(self) -> None:
        bad, every = self.seen.failures, self.seen.requests
        # The hour with the most failures tells more than the first one.
        worst, count = Counter(int(each.at - self.bill["begin"]) for each in bad).most_common(1)[0]
        there = [each for each in every if int(each.at - self.bill["begin"]) == worst]
        reserved, used = ((self.bill[what] + [0.0] * 200)[worst] for what in ("reserved", "used"))
        self._require_machine(worst)
        why, hint = self._why_unserved(worst)
        fail(
            f"{len(bad)} of {len(every)} requests failed, more than 1 in 50. {why}",
            expected=f"at most {int(BOUND * len(every))} of {len(every)} requests failed",
            seen=f"{self.seen.summary}; most on {DAYS[worst // 24 % 7]} at {worst % 24:02d}:00, {count} of {len(there)}",
            source="lab timeline 17",
            evidence=f"in that hour, {reserved:.2f} vCPU were reserved and {used:.2f} used",
            hint=hint,
        )

    def _why_unserved(self, worst: int) -> tuple[str, str]:
        """Return why requests failed, and where to look."""
        bad = self.seen.failures
        late = sum(each.failure == "timed-out" for each in bad) > len(bad) / 2
        reserved, used = self._around(worst)
        if late and used < IDLE * reserved:
            why = (
                "Most of them got no answer within two seconds, and the copies had processor time left: around that hour, they "
                f"used {used:.2f} of {reserved:.2f} vCPU-hours. They were paused, or waited for something else."
            )
            hint = "What did your policy do before that hour? policy.log and `docker --context … ps --all` show it."
        elif late:
            why = (
                "Most of them got no answer within two seconds: the copies that ran had too little processor time for so "
                "many requests, and the rest waited in a queue."
            )
            hint = "How many requests a second can one copy answer, with its limit? `curl http://meter/plan` says how many come."
        elif broken := self._broken():
            why = f"Most of them met nobody: {broken}."
            hint = "What does this container need, and what do its limits and options give it? Its log may say more."
        elif self._near_an_end(bad) > len(bad) / 2:
            why = "Most of them failed in the second in which a container ended: it was stopped with requests under way."
            hint = "What does `docker stop` do that `docker rm --force` does not? Compare with lab 08."
        elif len(bad) == len(self.seen.requests):
            why = f"Not one got a good answer from {SERVICE}."
            hint = f"What does `curl -i {SERVICE}/` show, which container publishes this port, and whom does a front ask?"
        else:
            why = "Most of them met nobody: no copy was there that could answer."
            hint = "At night, few requests come, and not none. How long does a new copy take until it can answer?"
        return why, hint

    def _broken(self) -> str:
        """Return which container did not start, or ended by itself, and why; empty when none did."""
        for each in self.rented.ask("/containers/json?all=1"):
            record = self.rented.ask(f"/containers/{each['Id']}/json")
            name, state = each["Names"][0].lstrip("/"), record["State"]
            if state["OOMKilled"]:
                limit = record["HostConfig"]["Memory"] / (1 << 20)
                return f"`{name}` needed more memory than its limit, {limit:.0f} MiB, so the engine ended it"
            if state["Error"]:
                return f"`{name}` did not start: {state['Error']}"
            if record["RestartCount"] or (not state["Running"] and state["ExitCode"] not in ASKED_TO_END):
                return f"`{name}` ended by itself, with exit code {state['ExitCode']}"
        return ""

    def _around(self, hour: int) -> tuple[float, float]:
        """Return the vCPU-hours that were reserved, and that were used, in the hours around one."""
        hours = slice(max(0, hour - 2), hour + 4)
        return sum(self.bill["reserved"][hours]), sum(self.bill["used"][hours])

    def _require_machine(self, worst: int) -> None:
        """Require that this machine gave the copies what they had reserved while requests failed."""
        reserved, used = self._around(worst)
        # In an hour without a number, the meter itself got no processor time to find one.
        waited = [each for each in self.bill["waited"][max(0, worst - 2) : worst + 4] if each] or [BUSY + 1]
        if used < 0.5 * reserved and sum(waited) > BUSY * len(waited):
            could_not_run(
                f"Around {DAYS[worst // 24 % 7]} {worst % 24:02d}:00, the copies had {reserved:.1f} vCPU-hours reserved and got "
                f"{used:.1f}. Your own machine was too busy to give them more: a program waited {max(waited):.0f} times as long as it "
                "worked. Replay the week when it has less to do."
            )

    def _near_an_end(self, bad: Any) -> int:
        """Return how many requests were under way when a container ended, or were sent right after."""
        record = self._get("/record").text.splitlines()
        ends = [float(line.split('"at": ')[1].split(",")[0]) for line in record if '"kind": "ended"' in line]
        return sum(any(each.at - 0.5 <= end <= each.end + 1.0 for end in ends) for each in bad)

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
        if highest <= NIGHT_SHARE * most:
            return
        if highest < SAME * most:
            why = "It came down, and not far enough, or not in time."
        elif nights[0][0] <= NIGHT_SHARE * most:
            why = "It grew with the load, and did not come down again when the load was gone."
        else:
            why = "It was the same by night as at the peak: for two requests a second, as for twenty-five."
        fail(
            f"On {DAYS[day]} from {shown}, {highest:.2f} vCPU were reserved, and {most:.2f} at the peak. {why}",
            expected=f"at night, at most {NIGHT_SHARE:.0%} of what is reserved at the peak: {NIGHT_SHARE * most:.2f} vCPU",
            seen=f"{highest:.2f} vCPU",
            source="bill.svg in your work folder, or `curl http://meter/bill.svg`",
            evidence=f"vCPU from 0:00 on, by the hour: {' '.join(f'{each:.1f}' for each in reserved[24 * day : 24 * day + 24])}",
            hint="What is reserved is paid for, used or not. What does your policy do when the load falls?",
        )

    def require_nothing_forgotten(self) -> None:
        """Require that nothing is left that costs and that nobody uses."""
        items = {each["name"]: each for each in self.bill["items"]}
        for each in self.rented.ask("/containers/json"):
            item = items.get(each["Names"][0].lstrip("/"))
            if item is None or item["hours"] < 12 or item["holds_engine"]:
                continue
            network, accepted = each["HostConfig"]["NetworkMode"], self.rented.accepted(each["Id"])
            # Who shares a network has no numbers of its own.
            received = item["received"] > UNASKED_BYTES * self.bill["days"] or network.startswith(
                "container:"
            )
            require(
                network == "host" or (received and accepted > LEAST_CONNECTIONS * item["hours"]),
                f"The container `{item['name']}` still runs. It ran for {item['hours']:.0f} hours of the replay, nobody sent it "
                f"requests, and it cost {item['cents']:.1f} cents.",
                expected="only containers that somebody uses",
                seen=f"{item['name']}: {accepted} connections accepted, {item['received']} bytes received",
                source="docker --context … ps; " + BILL,
                hint="What did you run to try something, and never remove?",
            )
        for volume in self.rented.ask("/volumes", dangling=["true"])["Volumes"] or []:
            name = volume["Name"]
            hours = self.bill["stored"].get(f"volume {name}", 0.0)
            fail(
                f"The volume `{name[:20]}` is used by no container, and is paid for until somebody removes it.",
                expected="no volume that nothing uses",
                seen=f"{name[:20]}: {hours:.2f} GiB-hours in the replay",
                source="docker --context … volume ls --filter dangling=true",
                hint="A container that is removed leaves its volumes behind. Which option of `docker rm` removes those without a name?",
            )

    def require_within_budget(self) -> None:
        """Require that a whole week costs no more than the budget."""
        bill = self.bill
        total, budget, whole = bill["total"], bill["budget"], bill["days"] == 7
        require(
            bill["blind_hours"] < 1,
            f"For {bill['blind_hours']:.1f} hours of the replay, the engine did not answer the meter, so there is no bill for them.",
            expected="an engine that runs all the time",
            seen=f"{bill['blind_hours']:.1f} hours without an answer",
            source=BILL,
            hint="Restart the engine before the week, not in it.",
        )
        facts = {"expected": f"at most {budget:.0f} cents for the week", "source": BILL}
        if total > budget:
            self._fail_too_dear(facts)
        require(
            whole,
            f"{bill['days']} of 7 days were replayed, and the budget is for the whole week.",
            seen=f"{total:.2f} cents for {bill['days']} of 7 days",
            hint="`sh week.sh sh policy.sh` replays all seven days.",
            **facts,
        )
        self.lab.record("bill for the week", round(total, 1), "cents")
        self.lab.record("a virtual machine for the same", round(bill["machine"]["cents"], 1), "cents")

    def _fail_too_dear(self, facts: dict[str, str]) -> None:
        bill = self.bill
        top = bill["items"][0]
        open_ended = [each for each in bill["items"] if each["unlimited"]]
        cents = sum(each["cents"] for each in open_ended)
        if cents > bill["total"] - bill["budget"]:
            lacks = open_ended[0]["unlimited"]
            names = ", ".join(f"`{each['name']}`" for each in open_ended[:4] if each["unlimited"] == lacks)
            why = (
                f"For {names} there is no {' and no '.join(lacks)} limit, so each reserves all {' and all '.join(lacks)} of the "
                f"machine: {cents:.0f} of {bill['total']:.0f} cents."
            )
            hint = "`docker run --help` lists the options that limit memory and processor time."
        else:
            memory = sum(each["gib_hours"] for each in bill["items"])
            why = (
                f"{sum(bill['reserved']):.0f} vCPU-hours were reserved, and {sum(bill['used']):.0f} used; {memory:.0f} GiB-hours "
                f"of memory were reserved. Most was paid for `{top['name']}`: {top['cents']:.0f} cents."
            )
            hint = "Which column of the bill has the most to save? bill.svg shows where vCPU were reserved and not used."
        days = "the week" if bill["days"] == 7 else f"only {bill['days']} of 7 days"
        fail(
            f"{bill['total']:.0f} cents for {days} is more than the budget. {why}",
            seen=f"{bill['total']:.2f} cents",
            evidence=f"{top['name']}: {top['hours']:.0f} hours, {top['vcpu_hours']:.1f} vCPU-hours reserved, "
            f"{top['used_vcpu_hours']:.1f} used, {top['gib_hours']:.1f} GiB-hours",
            hint=hint,
            **facts,
        )
