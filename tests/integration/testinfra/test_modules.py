"""testinfra's modules, noun by noun, over the persistent shell: the same values as over `docker exec`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.testinfra.conftest import Pair

FILES = (
    "/srv/plain.txt", "/srv/link", "/srv/pipe", "/srv/binary", "/srv", "/srv/it's here",
    '/srv/a folder/with "quotes" and $dollar', "/dev/null", "/nowhere", "/usr/local/bin/three", "/etc/shadow",
)  # fmt: skip
FACTS = (
    "exists", "is_file", "is_directory", "is_symlink", "is_pipe", "is_socket", "is_executable",
    "user", "uid", "group", "gid", "mode", "size", "mtime",
)  # fmt: skip


def outcome(look: Callable[[Any], Any], host: Any) -> tuple[str, Any]:
    """Return a value, or the kind of error: testinfra raises for what is not there, and so must we."""
    try:
        return "value", look(host)
    except Exception as error:  # noqa: BLE001 - compared below
        return "error", type(error).__name__


def same(hosts: Pair, look: Callable[[Any], Any]) -> Any:
    """Return a value that both backends give; two errors are no value."""
    ours, theirs = outcome(look, hosts.ours), outcome(look, hosts.theirs)
    assert ours == theirs
    assert ours[0] == "value", f"both fail: {ours[1]}"
    return ours[1]


def fail_alike(hosts: Pair, look: Callable[[Any], Any]) -> str:
    """Return the kind of error that both backends raise."""
    ours, theirs = outcome(look, hosts.ours), outcome(look, hosts.theirs)
    assert ours == theirs
    assert ours[0] == "error", f"both give {ours[1]!r}"
    return str(ours[1])


@pytest.mark.parametrize("path", FILES)
def test_a_file_has_the_same_facts(hosts: Pair, path: str) -> None:
    there = path != "/nowhere"
    assert same(hosts, lambda host: host.file(path).exists) is there
    for fact in FACTS:
        if there or fact.startswith(("is_", "exists")):
            same(hosts, lambda host, fact=fact: getattr(host.file(path), fact))  # type: ignore[misc]
        else:
            fail_alike(hosts, lambda host, fact=fact: getattr(host.file(path), fact))  # type: ignore[misc]


def test_a_files_content_is_the_same_to_the_byte(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.file("/srv/plain.txt").content) == "first\nsecond é\n".encode()
    assert same(hosts, lambda host: host.file("/srv/binary").content) == b"a\0b\xff"
    assert same(hosts, lambda host: host.file("/srv/plain.txt").content_string) == "first\nsecond é\n"
    assert same(hosts, lambda host: host.file("/srv/plain.txt").contains("second é")) is True
    assert same(hosts, lambda host: host.file("/srv/plain.txt").sha256sum)
    assert same(hosts, lambda host: host.file("/srv/plain.txt").md5sum)
    assert same(hosts, lambda host: host.file("/srv/link").linked_to) == "/srv/plain.txt"
    assert "it's here" in same(hosts, lambda host: sorted(host.file("/srv").listdir()))
    fail_alike(hosts, lambda host: host.file("/nowhere").content)


def test_processes_are_the_same(hosts: Pair) -> None:
    assert same(
        hosts, lambda host: [(each.comm, each.args, each.user) for each in host.process.filter(pid="1")]
    )
    assert same(hosts, lambda host: host.process.get(comm="sleep", args="worker 100000").user) == "root"
    assert same(hosts, lambda host: len(host.process.filter(comm="sleep")))
    assert same(hosts, lambda host: host.process.filter(comm="nobody-has-this-name")) == []


def test_sockets_are_the_same(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.socket("tcp://127.0.0.1:8080").is_listening) is True
    assert same(hosts, lambda host: host.socket("tcp://8080").is_listening) is False
    assert same(hosts, lambda host: host.socket("tcp://127.0.0.1:22").is_listening) is False
    assert "tcp://127.0.0.1:8080" in same(hosts, lambda host: host.socket.get_listening_sockets())


def test_services_are_the_same_without_an_init_system(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.service("ferry").is_running) is True
    assert same(hosts, lambda host: host.service("ferry").is_enabled) is True
    assert same(hosts, lambda host: host.service("barge").is_running) is False
    assert same(hosts, lambda host: host.service("barge").is_enabled) is False
    # testinfra's backends know it of systemd and others, not of init scripts.
    assert fail_alike(hosts, lambda host: host.service("ferry").exists) == "NotImplementedError"


def test_users_and_groups_are_the_same(hosts: Pair) -> None:
    facts = ("name", "uid", "gid", "group", "groups", "gids", "home", "shell", "gecos", "password", "exists")
    for name in ("zoe", "root", "nobody", "nosuchuser"):
        for fact in facts:
            there = name != "nosuchuser" or fact in {"name", "exists"}
            check = same if there else fail_alike
            check(hosts, lambda host, name=name, fact=fact: getattr(host.user(name), fact))  # type: ignore[misc]
    assert same(hosts, lambda host: (host.user("zoe").uid, sorted(host.user("zoe").groups))) == (
        4243,
        ["crew", "daemon"],
    )
    assert same(hosts, lambda host: host.user().name) == "root"
    assert same(hosts, lambda host: host.group("crew").gid) == 4242
    assert same(hosts, lambda host: host.group("crew").members) is not None
    assert same(hosts, lambda host: host.group("nosuchgroup").exists) is False


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("true",),
    ("false",),
    ("exit 42",),
    ("echo out; echo err >&2; exit 3",),
    ("three",),
    ("no-such-command",),
    ("printf %s", "a b"),
    ("printf %s '%s'",),
    ("printf '%%s|' %s %s", "one two", "three"),
    ("printf %%s %s", 'it\'s "quoted" $HOME `id` \\ * ? ~ # ! & ; | < > ( )'),
    ("printf %%s %s", "line\nbreak\ttab"),
    ("printf %%s %s", "déjà 日本 🚢"),
    ("printf %%s %s", ""),
    ("printf %%s %s", "-n"),
    ("cat %s", "/srv/it's here"),
    ("echo $COLOUR; pwd; id -un",),
    ("printf 'no newline'",),
    ("printf 'a\\000b'",),
    ("cd /tmp; FOO=bar; export FOO; set -e; exec 2>&1",),
    ("echo ${FOO-unset}; pwd",),
    ("cat",),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_the_same(hosts: Pair, command: tuple[str, ...]) -> None:
    if len(command) == 2 and command[0] == "printf %s":
        command = ("printf %%s %s", command[1])
    one = hosts.ours.run(*command)
    other = hosts.theirs.run(*command)
    assert (one.rc, one.stdout_bytes, one.stderr_bytes) == (other.rc, other.stdout_bytes, other.stderr_bytes)
    assert (one.stdout, one.stderr, one.command) == (other.stdout, other.stderr, other.command)
    assert (one.succeeded, one.failed) == (other.succeeded, other.failed)


def test_output_in_another_encoding_is_read_and_its_bytes_are_kept(hosts: Pair) -> None:
    done = hosts.ours.run("printf 'caf\\351'; printf '\\240' >&2")
    assert (done.stdout, done.stderr) == ("caf\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}")
    assert (done.stdout_bytes, done.stderr_bytes) == (b"caf\xe9", b"\xa0")


def test_what_a_test_expects_of_a_command_is_the_same(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.check_output("echo %s", "a  b")) == "a  b"
    fail_alike(hosts, lambda host: host.check_output("exit 1"))
    assert same(hosts, lambda host: host.run_test("exit 1").rc) == 1
    assert same(hosts, lambda host: host.run_expect([3, 4], "exit 3").rc) == 3
    fail_alike(hosts, lambda host: host.run_expect([0], "exit 3").rc)
    assert same(hosts, lambda host: host.exists("bash")) is True
    assert same(hosts, lambda host: host.exists("nosuchprogram")) is False
    assert same(hosts, lambda host: host.find_command("bash"))
    fail_alike(hosts, lambda host: host.find_command("nosuchprogram"))


def test_packages_are_the_same(hosts: Pair) -> None:
    for name in ("bash", "coreutils"):
        assert same(hosts, lambda host, name=name: host.package(name).version)  # type: ignore[misc]
    assert same(hosts, lambda host: host.package("nosuchpackage").is_installed) is False
    fail_alike(hosts, lambda host: host.package("nosuchpackage").version)
    # Debian's packages have no release apart from their version.
    assert fail_alike(hosts, lambda host: host.package("bash").release) == "NotImplementedError"
    assert same(hosts, lambda host: host.package("bash").is_installed) is True


def test_the_system_and_its_environment_are_the_same(hosts: Pair) -> None:
    for fact in ("type", "distribution", "release", "codename", "arch"):
        assert same(hosts, lambda host, fact=fact: getattr(host.system_info, fact))  # type: ignore[misc]
    assert same(hosts, lambda host: host.environment()["COLOUR"]) == "deep blue"
    ours, theirs = hosts.ours.environment(), hosts.theirs.environment()
    # Its own mark is all that the persistent shell adds; `_` and SHLVL are a shell's own.
    assert set(ours) - set(theirs) <= {"DRYDOCK_SHELL", "OLDPWD", "PWD", "SHLVL", "_"}
    assert set(theirs) - set(ours) <= {"OLDPWD", "PWD", "SHLVL", "_"}


def test_kernel_settings_are_the_same(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.sysctl("kernel.osrelease"))
    same(hosts, lambda host: host.sysctl("net.ipv4.ip_forward"))
    fail_alike(hosts, lambda host: host.sysctl("no.such.setting"))


def test_mount_points_are_the_same(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.mount_point("/scratch").exists) is True
    assert same(hosts, lambda host: host.mount_point("/scratch").filesystem) == "tmpfs"
    assert "noexec" in same(hosts, lambda host: host.mount_point("/scratch").options)
    assert same(hosts, lambda host: host.mount_point("/nowhere").exists) is False
    assert same(hosts, lambda host: [each.path for each in host.mount_point.get_mountpoints()])


def test_interfaces_and_addresses_are_the_same(hosts: Pair) -> None:
    assert same(hosts, lambda host: host.interface("lo").exists) is True
    assert same(hosts, lambda host: host.interface("lo").addresses)
    assert same(hosts, lambda host: sorted(host.interface.names()))
    assert same(hosts, lambda host: host.interface("eth0").addresses)
    assert same(hosts, lambda host: host.interface("nosuch0").exists) is False
    assert same(hosts, lambda host: host.addr("localhost").is_resolvable) is True
    assert same(hosts, lambda host: sorted(host.addr("localhost").ip_addresses))
    assert same(hosts, lambda host: host.addr("nobody.invalid").is_resolvable) is False
    same(hosts, lambda host: host.addr("localhost").is_reachable)


def test_what_the_container_lacks_is_lacking_the_same(hosts: Pair) -> None:
    fail_alike(hosts, lambda host: host.pip.get_packages())
    fail_alike(hosts, lambda host: host.pip("pip").is_installed)
    fail_alike(hosts, lambda host: host.block_device("/dev/sda").size)
    fail_alike(hosts, lambda host: host.iptables.rules())
    fail_alike(hosts, lambda host: host.supervisor.get_services())
    fail_alike(hosts, lambda host: host.docker("nosuch").is_running)
    fail_alike(hosts, lambda host: host.puppet_resource("user"))


def test_sudo_is_the_same(hosts: Pair) -> None:
    def as_zoe(host: Any) -> str:
        with host.sudo("zoe"):
            return str(host.check_output("id -un"))

    fail_alike(hosts, as_zoe)  # the container has no sudo
    assert same(hosts, lambda host: host.check_output("id -un")) == "root"


def test_another_user_is_named_before_the_container(hosts: Pair) -> None:
    import testinfra

    for user in ("zoe", "4243"):
        ours = testinfra.get_host(f"drydock://{user}@{hosts.name}")
        theirs = testinfra.get_host(f"docker://{user}@{hosts.name}")
        assert ours.check_output("id -un") == theirs.check_output("id -un") == "zoe"
        assert ours.run("cat /etc/shadow").rc == theirs.run("cat /etc/shadow").rc == 1


def test_the_backend_tells_who_it_is(hosts: Pair) -> None:
    assert hosts.ours.backend.get_connection_type() == "drydock"
    assert hosts.ours.backend.hostname == hosts.theirs.backend.hostname
    assert hosts.ours.backend.get_pytest_id() == f"drydock://{hosts.name}"
