"""The virtual machine: a kernel of its own, a key of its own, and an honest word on how its processor comes about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from checker.images.supply import ensure
from tests.integration.images.test_contents import AS_BUILT, Docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.api import Engine
    from checker.engine.client import Client

pytestmark = pytest.mark.engine

SSH = ("dbclient", "-y", "-y", "-T", "-i", "/var/lib/vm/key.dropbear", "root@127.0.0.1")

# Stands in for qemu, on a machine whose /dev/kvm can be opened, and where a guest does what the test says.
PRETENDING = """
touch /dev/kvm
cat > /usr/local/bin/qemu-system-$(uname -m) << 'END'
#!/bin/sh
case "$*" in
    *drydock.probe*) GUEST ;;
esac
END
printf '#!/bin/sh\\nshift\\nexec /usr/bin/timeout 1 "$@"\\n' > /usr/local/bin/timeout
chmod +x /usr/local/bin/*
exec vm-start
"""


@pytest.fixture
def docker(client: Client) -> Docker:
    return Docker(client)


@pytest.fixture
def image(engine: Engine) -> str:
    return ensure(["vm:1.0"], engine=engine)[0].reference


def test_a_machine_serves_parcel_on_a_kernel_of_its_own_and_is_switched_off_in_order(
    docker: Docker, engine: Engine, run: Callable[..., str], image: str
) -> None:
    machine = run(image, **AS_BUILT, Env=["PARCEL_INSTANCE=first", "VM_PORTS=7003", "VM_ACCEL=tcg"])
    docker.until(
        "inspect", "--format", "{{.State.Health.Status}}", machine, holds=lambda said: said == "healthy\n"
    )
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/').read().decode())"
    answer = json.loads(docker("exec", machine, "python3", "-c", ask))
    assert (answer["service"], answer["version"], answer["instance"]) == ("parcel", "1.0", "first")
    inside = docker("exec", machine, *SSH, "uname -r; cat /proc/sys/kernel/random/boot_id /etc/motd").split(
        "\n"
    )
    outside = docker("exec", machine, "sh", "-c", "uname -r; cat /proc/sys/kernel/random/boot_id").split("\n")
    assert "-cloud-" in inside[0]
    assert inside[1] != outside[1]
    assert "emulated" in inside[3]
    # Without it, one boot in some dozens ended in a panic while the machine was busy: the emulated timer was late.
    given = docker("exec", machine, *SSH, "uname -m; cat /proc/cmdline")
    assert "no_timer_check" in given or not given.startswith("x86_64")
    docker("exec", machine, *SSH, "setsid python3 -m http.server 7003 > /dev/null 2>&1 < /dev/null &")
    reached = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:7003/', timeout=2).status)"
    docker.until("exec", machine, "python3", "-c", reached, holds=lambda said: said == "200\n")
    # What it writes is on its own disk, and there again when it is switched on again.
    docker("exec", machine, *SSH, "echo kept > /root/note; sync")
    docker("stop", "--time", "20", machine)
    assert engine.inspect(machine)["State"]["ExitCode"] == 0
    docker("start", machine)
    docker.until("exec", machine, *SSH, "cat /root/note", holds=lambda said: said == "kept\n")


def test_no_key_is_in_the_image_and_each_machine_makes_its_own(
    docker: Docker, run: Callable[..., str], image: str
) -> None:
    search = "find / -xdev -name '*key.dropbear*' -o -xdev -name 'host-key' -o -xdev -path /var/lib/vm"
    looking = run(image, "sh", "-c", search)
    docker("wait", looking)
    assert docker("logs", looking) == ""
    machines = [run(image, **AS_BUILT, Env=["VM_ACCEL=tcg"]) for _ in range(2)]
    keys = {
        docker.until("exec", machine, "cat", "/var/lib/vm/key", holds=lambda said: "END" in said)
        for machine in machines
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("guest", "verdict"),
    [("echo drydock-guest-alive", "by KVM"), ("sleep 1000", "is emulated"), ("exit 1", "is emulated")],
    ids=["boots", "stands still", "fails"],
)
def test_kvm_is_used_only_where_a_guest_was_seen_to_boot_with_it(
    docker: Docker, run: Callable[..., str], image: str, guest: str, verdict: str
) -> None:
    machine = run(image, "sh", "-c", PRETENDING.replace("GUEST", guest))
    docker("wait", machine)
    assert verdict in docker("logs", machine)


def test_a_wrong_word_for_the_processor_is_refused(
    docker: Docker, run: Callable[..., str], image: str
) -> None:
    machine = run(image, **AS_BUILT, Env=["VM_ACCEL=fast"])
    assert docker("wait", machine) == "2\n"
    assert "kvm, tcg or auto" in docker("logs", machine)
