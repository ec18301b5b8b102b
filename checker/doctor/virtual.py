"""Probe of virtual machines: whether a guest really boots with KVM here, tried with the course's own small machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.doctor.container import run
from checker.doctor.finding import Probe, Seen, fine, note, unknown

if TYPE_CHECKING:
    from checker.doctor.machine import Machine

RUN_SECONDS = 20.0
"""The machine gives a guest ten seconds to say that it lives; longer than that, it stands still."""

# The machine says which processor it takes before it boots for good; then it is ended.
SCRIPT = """
vm-start > /tmp/said 2>&1 &
machine=$!
for attempt in $(seq 150); do
    grep -q '^vm: the processor' /tmp/said && break
    kill -0 $machine 2> /dev/null || break
    sleep 0.1
done
kill -KILL $machine 2> /dev/null
case $(grep -m 1 '^vm: the processor' /tmp/said) in
    *KVM\\ here) echo guest emulated ;;
    *KVM) echo guest kvm ;;
    *) echo guest none $(tail -n 1 /tmp/said) ;;
esac
"""


def guest(machine: Machine) -> tuple[Seen]:
    """Boot a guest with KVM, if the image of the virtual machine is there; a device that is there proves nothing."""
    image = machine.tag("vm")
    if not image:
        return (unknown("known only after the image vm is built (lab images build vm)"),)
    output = run(
        machine.asked,
        image,
        SCRIPT,
        seconds=RUN_SECONDS,
        DeviceCgroupRules=["c 10:232 rwm"],
        Init=True,
    )
    said = output.value("guest") or "none"
    if said == "kvm":
        return (fine("a guest boots with KVM"),)
    if said == "emulated":
        return (
            note(
                "no guest boots with KVM: a virtual machine's processor is emulated, about ten times slower",
                "Enable virtualisation in the firmware (VT-x, AMD-V), or nested virtualisation where this machine is "
                "virtual itself; Docker Desktop has KVM on Windows 11 only. The lab works without KVM.",
            ),
        )
    return (
        note(
            f"no guest was seen to boot: {said.removeprefix('none').strip() or 'it said nothing'}",
            "See what it says: docker run --rm " + image,
        ),
    )


PROBES = (Probe("nodes", (("kvm", "virtual machines"),), guest, needs_image=True),)
"""`needs_image` is of any image of the course; this probe looks for its own."""
