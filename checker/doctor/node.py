"""What a node, a machine that is a container, can do here: probes of one privileged container.

One script in one container answers them all, so only one container has to start. Each thing is tried, not looked up,
because a list of kernel modules shows neither what is built in nor what is forbidden.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from checker.doctor.container import Output, run
from checker.doctor.finding import Probe, Seen, fine, note, problem, unknown
from checker.engine.api import is_podman
from checker.engine.platform import System
from checker.errors import EngineError
from checker.scene import refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.doctor.machine import Machine

RUN_SECONDS = 15.0

# A copy of `mount`: the file itself takes on its owner's rights, and that is not root where the engine remaps users.
SCRIPT = r"""
say() { printf '%s\n' "$*"; }
try() { name=$1; shift; timeout 3 "$@" > /dev/null 2>&1; say "$name" $?; }
read -r first < /proc/1/comm; say first "$first"
mkdir -p /tmp/doctor; cp "$(command -v mount)" /tmp/mount; try tmpfs /tmp/mount -t tmpfs doctor /tmp/doctor
(cd /doctor && mkdir lower upper work merged) 2> /dev/null
try overlay /tmp/mount -t overlay doctor -o lowerdir=/doctor/lower,upperdir=/doctor/upper,workdir=/doctor/work /doctor/merged
groups=/sys/fs/cgroup
if [ -f $groups/cgroup.controllers ]; then
    say controllers $(cat $groups/cgroup.controllers)
    mkdir -p $groups/init
    for round in 1 2 3; do
        for pid in $(cat $groups/cgroup.procs); do echo "$pid" > $groups/init/cgroup.procs; done 2> /dev/null
    done
    echo +memory 2> /dev/null > $groups/cgroup.subtree_control; say nested $?
else
    say controllers $(cut -f1 /proc/cgroups | grep -v '#')
    try nested mkdir $groups/memory/doctor
    rmdir $groups/memory/doctor 2> /dev/null
fi
say instances "$(cat /proc/sys/fs/inotify/max_user_instances)"
say watches "$(cat /proc/sys/fs/inotify/max_user_watches)"
try nft iptables-nft -t nat -S
try legacy iptables-legacy -t nat -S
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; say bridged $?
try vxlan ip link add doctor0 type vxlan id 7 dstport 4789 dev lo
try ipvs genl ctrl get name IPVS
try netem tc qdisc add dev lo root netem delay 1ms
table=iptables-nft; timeout 3 $table -t nat -S > /dev/null 2>&1 || table=iptables-legacy
try statistic $table -A INPUT -m statistic --mode random --probability 0.5 -j ACCEPT
try recent $table -A INPUT -m recent --set -j ACCEPT
try limit $table -A INPUT -m limit --limit 1/s -j ACCEPT
[ -c /dev/kmsg ]; say kmsg $?
say files "$(ulimit -Hn)"
"""

CONTROLLERS = ("cpu", "cpuset", "memory", "pids")

MATCHES = ("statistic", "recent", "limit")

LEAST_INSTANCES = 512
LEAST_WATCHES = 524_288
"""What kind's known issues advise for clusters of several nodes; Ubuntu's defaults are 128 and 8192."""

LEAST_FILES = 64_000
"""What k3s' own compose file gives its nodes."""

_NO_TOOL = {"126", "127"}
"""What a shell answers for a program that is not there: the probe ran in another image than the node's."""

PARTS = (
    ("privileged", "privileged"),
    ("node-groups", "cgroups in nodes"),
    ("node-storage", "storage in nodes"),
    ("node-init", "first process"),
    ("inotify", "watched files"),
    ("packet-filter", "packet filter"),
    ("bridged-packets", "bridged packets"),
    ("vxlan", "VXLAN"),
    ("ipvs", "IPVS"),
    ("netem", "slow networks"),
    ("matches", "filter matches"),
    ("kernel-log", "kernel log"),
    ("open-files", "open files"),
)


def nodes(machine: Machine) -> tuple[Seen, ...]:
    """Run one privileged container, and let it try what an engine, a kubelet and a Nomad client do."""
    labs = machine.privileged_labs
    rest = len(PARTS) - 1
    try:
        output = run(
            machine.asked,
            machine.tag("node") or machine.image,
            SCRIPT,
            seconds=RUN_SECONDS,
            volumes={"/doctor": {}},
            Privileged=True,
            Init=False,
            CgroupnsMode="private",
        )
    except EngineError as error:
        refused = _weaker(
            labs, f"not possible: {error}", error.remedy or _privilege_remedy(machine, str(error))
        )
        return (refused, *[unknown("no privileged container could be run")] * rest)
    return (
        _privileged(machine, output),
        _groups(output, labs),
        _storage(output, labs),
        _first(output),
        _inotify(machine, output),
        _packet_filter(machine, output),
        _bridged(machine, output),
        _vxlan(output),
        _ipvs(machine, output),
        _netem(output),
        _matches(output),
        _kernel_log(output),
        _open_files(output),
    )


_UNTRIED = unknown("known only after the node image is built (lab images build node)")


def _ended(output: Output, name: str) -> str | None:
    """Return the exit code of a try, None when its program is not in the image or the script never reached it."""
    code = output.value(name)
    return None if code is None or code in _NO_TOOL else code


def _tried(output: Output, name: str, works: Seen, fails: Seen) -> Seen:
    """Return what a try tells: that it works, that it fails, or that it was not made."""
    ended = _ended(output, name)
    if ended is None:
        return _UNTRIED
    return works if ended == "0" else fails


def _working(output: Output, names: Sequence[str]) -> list[str] | None:
    """Return which of several tries worked; None when none was made."""
    tried = {name: _ended(output, name) for name in names}
    if set(tried.values()) == {None}:
        return None
    return [name for name, code in tried.items() if code == "0"]


def _privileged(machine: Machine, output: Output) -> Seen:
    labs = machine.privileged_labs
    if _ended(output, "tmpfs") not in {"0", None}:
        return _weaker(
            labs, "started, but cannot mount: something takes rights away", _privilege_remedy(machine, "")
        )
    return fine(f"possible (needed for lab {labs})" if labs else "possible")


def _groups(output: Output, labs: str) -> Seen:
    found = (output.value("controllers") or "").split()
    if missing := [name for name in CONTROLLERS if name not in found]:
        return note(
            f"nodes get no {', '.join(missing)} controller: engines and Kubernetes in them may refuse to start",
            "Engine in a virtual machine: update it. WSL: `kernelCommandLine = cgroup_no_v1=all` in .wslconfig. "
            "Rootless: let systemd delegate cpu, cpuset, io, memory and pids.",
        )
    return _tried(
        output,
        "nested",
        fine("nodes limit what runs in them"),
        _weaker(
            labs,
            "nodes cannot create their own cgroups: what runs in them cannot be limited",
            "Turn off Enhanced Container Isolation or rootless mode.",
        ),
    )


def _storage(output: Output, labs: str) -> Seen:
    return _tried(
        output,
        "overlay",
        fine("overlay on a volume"),
        note(
            f"no overlay on a volume: engines in nodes copy whole images{f' (lab {labs})' if labs else ''}",
            "Put the engine's data on ext4 or xfs; on network disks and layered file systems this does not work.",
        ),
    )


def _first(output: Output) -> Seen:
    first = output.value("first")
    if not first:
        return _UNTRIED
    if first != "sh":
        return note(
            f"`{first}` runs as a node's first process, although the container was started without it: "
            "Kubernetes in nodes may fail",
            'Remove `"init": true` from the engine\'s daemon.json, and restart the engine.',
        )
    return fine("a node's own")


def _inotify(machine: Machine, output: Output) -> Seen:
    said = [output.value(name) or "" for name in ("instances", "watches")]
    if not all(word.isdecimal() for word in said):
        return _UNTRIED
    instances, watches = map(int, said)
    if instances >= LEAST_INSTANCES and watches >= LEAST_WATCHES:
        return fine(f"{instances} watchers, {watches} files")
    wanted = (
        f"sysctl fs.inotify.max_user_instances={max(instances, LEAST_INSTANCES)} "
        f"fs.inotify.max_user_watches={max(watches, LEAST_WATCHES)}"
    )
    where = (
        f"sudo {wanted}"
        if machine.platform.system is System.LINUX
        else f"docker run --rm --privileged {machine.tag('node') or 'IMAGE'} {wanted}, after each start of the engine"
    )
    return note(
        f"{instances} watchers, {watches} files: enough for the course's labs; many more pods or nodes "
        "fail with `too many open files`",
        f"For clusters larger than the labs': {where}",
    )


def _packet_filter(machine: Machine, output: Output) -> Seen:
    works = _working(output, ("nft", "legacy"))
    if works is None:
        return _UNTRIED
    if not works:
        return _weaker(
            machine.privileged_labs,
            "neither iptables-nft nor iptables-legacy works in a node: networks of clusters cannot be created",
            _modules(machine, "nf_tables ip_tables"),
        )
    return fine(f"iptables-{' and iptables-'.join(works)}; nodes use the first that does all they need")


BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
"""Whether packets on a bridge pass the filter, for the network of the machine itself."""


def _bridged(machine: Machine, output: Output) -> Seen:
    # Docker's filter leaves alone what stays on a bridge. Podman's gives it the bridge's own address, so that the
    # answer of a pod on another node never comes back.
    if is_podman(machine.version) and output.value("bridged") == "0":
        if (machine.platform.read(BRIDGED) or "").strip() == "0":
            return fine("they pass no filter, so Podman leaves them alone")
        return note(
            "they pass the filter, and Podman changes the address that they come from: in lab 10, pods on "
            "different nodes do not reach each other",
            "Where Podman runs, for lab 10: sudo sysctl net.bridge.bridge-nf-call-iptables=0",
        )
    return _tried(
        output,
        "bridged",
        fine("they pass the filter"),
        note(
            "packets between containers of one bridge pass no filter: a Kubernetes service may not answer pods "
            "on its own node",
            _modules(machine, "br_netfilter"),
        ),
    )


def _vxlan(output: Output) -> Seen:
    return _tried(
        output,
        "vxlan",
        fine("networks of a swarm reach from node to node"),
        note(
            "this kernel has none: a swarm's own networks do not reach from node to node",
            "Install the kernel's extra modules (Raspberry Pi: linux-modules-extra-raspi). "
            "Kubernetes labs do not need it.",
        ),
    )


def _ipvs(machine: Machine, output: Output) -> Seen:
    return _tried(
        output,
        "ipvs",
        fine("the kernel answers for it; the lab on Swarm tries its routing mesh with a real service"),
        note(
            "this kernel has none: a swarm's services have no address of their own, and nodes publish only "
            "what runs on them",
            f"The lab on Swarm works without it, and says so. {_modules(machine, 'ip_vs ip_vs_rr xt_ipvs')}",
        ),
    )


def _netem(output: Output) -> Seen:
    return _tried(
        output,
        "netem",
        fine("packets can be delayed (netem)"),
        note("this kernel cannot delay packets (netem); labs slow things down in another way"),
    )


def _matches(output: Output) -> Seen:
    works = _working(output, MATCHES)
    if works is None:
        return _UNTRIED
    if missing := [name for name in MATCHES if name not in works]:
        return note(
            f"the packet filter lacks {', '.join(missing)}: Kubernetes spreads requests by `statistic`, "
            "and keeps a client on a pod by `recent`",
            "Use another kernel if you can. Labs judge what the kernel has.",
        )
    return fine(", ".join(MATCHES))


def _kernel_log(output: Output) -> Seen:
    return _tried(
        output,
        "kmsg",
        fine("/dev/kmsg is there"),
        note("there is no /dev/kmsg in a node, but Kubernetes needs one; nodes use another file instead"),
    )


def _open_files(output: Output) -> Seen:
    said = output.value("files") or ""
    if said == "unlimited":
        return fine("no limit")
    if not said.isdecimal():
        return _UNTRIED
    if int(said) < LEAST_FILES:
        return note(
            f"{said} for each process by default; scenes that need more set a higher limit",
            "If a node says `too many open files`, raise `default-ulimits` in the engine's daemon.json.",
        )
    return fine(f"{said} for each process")


def _modules(machine: Machine, names: str) -> str:
    if machine.platform.system is System.LINUX:
        return f"If the kernel is your own: sudo modprobe --all {names}"
    return "The kernel is the engine's: update Docker Desktop, Colima or WSL (wsl --update)."


def _weaker(labs: str, found: str, remedy: str) -> Seen:
    """Return a problem if a lab needs privileged containers, else a note."""
    if not labs:
        return note(f"{found}; no lab here needs it", remedy)
    return problem(f"{found}; needed for lab {labs}", remedy, labs)


def _privilege_remedy(machine: Machine, said: str) -> str:
    if known := refusals.trouble(said):
        return known.remedy
    if "operation not permitted" in said.lower() and machine.platform.system is System.LINUX:
        return (
            "This machine does not give the engine all rights (it runs inside a container or sandbox). "
            "Engine 26 or newer needs fewer rights: `./lab up` installs it on Debian. Otherwise ask the machine's administrator."
        )
    return "Turn off Enhanced Container Isolation, rootless mode or the policy that forbids them, or ask the administrator."


PROBES = (Probe("nodes", PARTS, nodes, needs_image=True),)
