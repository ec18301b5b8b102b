"""The bill: what a record of the meter costs by a price list. The same record gives the same bill.

`python3 bill.py RECORD` prints it.
"""

from __future__ import annotations

import json
import math
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

GIB = 1 << 30
HOURS_A_DAY = 24


@dataclass(frozen=True)
class Prices:
    """The price list: cents, the machine that a container without a limit reserves, and the virtual machine beside it."""

    vcpu_hour: float
    gib_hour: float
    stored_gib_hour: float
    sent_gib: float
    machine_vcpu: float
    machine_gib: float
    vm_step: float
    vm_own_gib: float

    @classmethod
    def read(cls, file: Path) -> Prices:
        """Read the TOML file."""
        data = tomllib.loads(file.read_text("utf-8"))
        machine, virtual = data["machine"], data["virtual_machine"]
        return cls(
            **data["cents"],
            machine_vcpu=machine["vcpu"],
            machine_gib=machine["gib"],
            vm_step=virtual["vcpu_step"],
            vm_own_gib=virtual["own_gib"],
        )


@dataclass
class Item:
    """What the containers of one name cost.

    Attributes:
        name: their name.
        hours: hours that they ran.
        vcpu_hours: what they reserved.
        gib_hours: the same of memory.
        used_vcpu_hours: what they used.
        received: bytes that they received.
        unlimited: which limits were not set.
        holds_engine: whether the engine's socket was mounted in one.
        cents: what it costs.
    """

    name: str
    hours: float = 0.0
    vcpu_hours: float = 0.0
    gib_hours: float = 0.0
    used_vcpu_hours: float = 0.0
    received: int = 0
    unlimited: list[str] = field(default_factory=list)
    holds_engine: bool = False
    cents: float = 0.0


@dataclass
class Bill:
    """A bill.

    Attributes:
        days: how many days were to be replayed.
        hours: how many hours of them the record covers.
        over: whether it covers all of them.
        begin: when the replay began, in seconds since 1970.
        end: until when the record goes.
        budget: cents that a week may cost.
        items: what the containers cost.
        stored: GiB-hours that were stored, by what it was.
        sent_gib: what was sent.
        cents: what each part costs: containers, stored, sent.
        total: their sum.
        reserved: vCPU that were reserved on average, for each hour.
        used: vCPU that were used, for each hour.
        waited: how long the meter waited for processor time in each hour, as a multiple of what it needed.
        blind_hours: hours in which the meter could not see the engine.
        machine: the virtual machine that has room for the most that was reserved: vcpu, gib, cents for these hours.
    """

    days: int = 0
    hours: float = 0.0
    over: bool = False
    begin: float = 0.0
    end: float = 0.0
    budget: float = 0.0
    items: list[Item] = field(default_factory=list)
    stored: dict[str, float] = field(default_factory=dict)
    sent_gib: float = 0.0
    cents: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    reserved: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    blind_hours: float = 0.0
    machine: dict[str, float] = field(default_factory=dict)


def read_record(file: Path) -> list[dict[str, Any]]:
    """Read a record; a line that its writer was stopped in is left out."""
    lines = []
    for line in file.read_text("utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


class _Reader:
    """Goes through a record once and adds up."""

    def __init__(self, week: dict[str, Any], prices: Prices) -> None:
        self.prices = prices
        self.scale = float(week["scale"]) / 3600
        self.bill = Bill(days=week["days"], begin=week["at"], budget=week["budget"])
        self.items: dict[str, Item] = {}
        self.running: dict[str, tuple[float, dict[str, Any]]] = {}
        self.used: dict[str, tuple[float, int]] = {}
        self.names: dict[str, str] = {}
        self.stored: dict[str, int] = {}
        self.stored_at = week["at"]
        self.sent: tuple[int, int] | None = None
        self.blind_at: float | None = None
        self.waited: dict[int, list[float]] = defaultdict(list)
        self.slots: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])

    def hour(self, at: float) -> float:
        """Return the hour of the week at a moment."""
        return (at - self.bill.begin) * self.scale

    def take(self, line: dict[str, Any]) -> None:
        """Add a line."""
        at = max(line["at"], self.bill.begin)
        self.bill.end = max(self.bill.end, at)
        match line["kind"]:
            case "runs":
                self.end(line["id"], at)
                self.running[line["id"]] = (at, line)
                self.names[line["id"]] = line["name"]
            case "ended":
                self.end(line["id"], at)
            case "used":
                self.use(line, at)
            case "stored":
                self.store(at)
                self.stored = line["bytes"]
            case "sent":
                first, last = self.sent or (line["bytes"], line["bytes"])
                # A machine that was switched on again counts from zero.
                self.sent = (first if line["bytes"] >= last else first - last, line["bytes"])
            case "waited":
                self.waited[int(self.hour(at))].append(line["times"])
            case "blind":
                self.blind_at = self.blind_at or at
            case "sees" if self.blind_at is not None:
                self.bill.blind_hours += (at - self.blind_at) * self.scale
                self.blind_at = None
            case "over":
                self.bill.over = True

    def end(self, name: str, at: float) -> None:
        """Add what a container reserved until a moment."""
        since, line = self.running.pop(name, (at, {}))
        if at <= since:
            return
        hours = (at - since) * self.scale
        vcpu = self.prices.machine_vcpu if line["vcpu"] is None else line["vcpu"]
        gib = self.prices.machine_gib if line["memory"] is None else line["memory"] / GIB
        item = self.items.setdefault(line["name"], Item(line["name"]))
        item.hours += hours
        item.vcpu_hours += hours * vcpu
        item.gib_hours += hours * gib
        item.holds_engine = item.holds_engine or line["holds_engine"]
        for what, limit in (("CPU", line["vcpu"]), ("memory", line["memory"])):
            if limit is None and what not in item.unlimited:
                item.unlimited.append(what)
        self.spread(self.hour(since), self.hour(at), vcpu, gib)

    def spread(self, since: float, until: float, vcpu: float, gib: float) -> None:
        """Add a reservation to each hour that it covers."""
        for slot in range(int(since), math.ceil(until)):
            part = min(until, slot + 1) - max(since, slot)
            self.slots[slot][0] += vcpu * part
            self.slots[slot][2] += gib * part

    def use(self, line: dict[str, Any], at: float) -> None:
        """Add what a container has used since it was last looked at."""
        seconds, received = self.used.get(line["id"], (line["cpu_s"] if line.get("first") else 0.0, 0))
        self.used[line["id"]] = (line["cpu_s"], line["received"])
        name = self.names.get(line["id"])
        if name is None:
            return
        item = self.items.setdefault(name, Item(name))
        hours = max(0.0, line["cpu_s"] - seconds) * self.scale
        item.used_vcpu_hours += hours
        item.received += max(0, line["received"] - received) if not line.get("first") else 0
        self.slots[int(self.hour(at))][1] += hours

    def store(self, at: float) -> None:
        """Add what was stored until a moment."""
        hours = (at - self.stored_at) * self.scale
        for what, size in self.stored.items():
            self.bill.stored[what] = self.bill.stored.get(what, 0.0) + size / GIB * hours
        self.stored_at = at

    def close(self, now: float) -> Bill:
        """Add what still runs, and the prices."""
        bill, prices = self.bill, self.prices
        end = bill.end if bill.over else max(now, bill.end)
        bill.end, bill.hours = end, self.hour(end)
        for name in list(self.running):
            self.end(name, end)
        self.store(end)
        if self.blind_at is not None:
            bill.blind_hours += (end - self.blind_at) * self.scale
        first, last = self.sent or (0, 0)
        bill.sent_gib = (last - first) * self.scale * 3600 / GIB
        for item in self.items.values():
            item.cents = item.vcpu_hours * prices.vcpu_hour + item.gib_hours * prices.gib_hour
        bill.items = sorted(
            (item for item in self.items.values() if item.hours), key=lambda item: (-item.cents, item.name)
        )
        bill.cents = {
            "containers": sum(item.cents for item in bill.items),
            "stored": sum(bill.stored.values()) * prices.stored_gib_hour,
            "sent": bill.sent_gib * prices.sent_gib,
        }
        bill.total = sum(bill.cents.values())
        whole = range(math.ceil(bill.hours - 1e-6))
        bill.reserved = [self.slots[slot][0] for slot in whole]
        bill.used = [self.slots[slot][1] for slot in whole]
        bill.waited = [max(self.waited[slot], default=0.0) for slot in whole]
        if bill.reserved:
            peak = max(whole, key=lambda slot: self.slots[slot][0])
            vcpu = max(1, math.ceil(self.slots[peak][0] / prices.vm_step - 1e-9)) * prices.vm_step
            gib = max(self.slots[slot][2] for slot in whole) + prices.vm_own_gib
            cents = bill.hours * (vcpu * prices.vcpu_hour + gib * prices.gib_hour)
            bill.machine = {"vcpu": vcpu, "gib": gib, "cents": cents + bill.cents["sent"]}
        return bill


def make_bill(record: Iterable[dict[str, Any]], prices: Prices, now: float = 0.0) -> Bill | None:
    """Return the bill of a record; None if no week has begun in it.

    Args:
        record: its lines.
        prices: the price list.
        now: until when a week that is not over has cost something, in seconds since 1970; else, until its last line.
    """
    reader = None
    for line in record:
        if line["kind"] == "week":
            reader = _Reader(line, prices)
        elif reader is not None:
            reader.take(line)
    return reader.close(now) if reader else None


def show(bill: Bill) -> str:
    """Return the bill as text, at most 78 columns wide."""
    how = "the whole week" if bill.over and bill.days == 7 else f"{bill.hours / HOURS_A_DAY:.1f} days"
    lines = [
        f"Bill for {how}; a second of the replay counts as an hour",
        "",
        f"{'container':<22}{'hours':>8}{'vCPU-h':>9}{'used':>8}{'GiB-h':>8}{'cents':>10}",
    ]
    for item in bill.items:
        note = "" if not item.unlimited else f"  no {' or '.join(item.unlimited)} limit"
        lines.append(
            f"{item.name[:21]:<22}{item.hours:>8.1f}{item.vcpu_hours:>9.2f}{item.used_vcpu_hours:>8.2f}"
            f"{item.gib_hours:>8.2f}{item.cents:>10.2f}{note}"
        )
    lines.append("")
    everything = sum(bill.stored.values())
    for what, gib in sorted(bill.stored.items(), key=lambda each: -each[1]):
        lines.append(
            f"{f'stored, GiB-h: {what[:30]}':<47}{gib:>8.2f}{bill.cents['stored'] * gib / everything:>10.2f}"
        )
    lines += [
        f"{'sent, GiB':<47}{bill.sent_gib:>8.2f}{bill.cents['sent']:>10.2f}",
        f"{'total':<55}{bill.total:>10.2f}",
    ]
    if bill.budget and bill.days == 7:
        lines.append(f"{'budget for the week':<55}{bill.budget:>10.2f}")
    if bill.blind_hours:
        lines.append(f"for {bill.blind_hours:.1f} hours of it, the meter could not see the engine")
    if bill.machine:
        size = f"{bill.machine['vcpu']:g} vCPU, {bill.machine['gib']:.2f} GiB"
        lines += [
            "",
            f"{f'beside it, a virtual machine for the same ({size})':<55}{bill.machine['cents']:>10.2f}",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    found = make_bill(read_record(Path(sys.argv[1])), Prices.read(Path(__file__).with_name("prices.toml")))
    sys.stdout.write(show(found) if found else "There is no week in this record.\n")
