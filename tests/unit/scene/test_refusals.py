"""Which setting of an engine is named when it starts no container."""

from __future__ import annotations

import pytest

from checker.scene import refusals


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("failed to initialize logging driver: journald is not enabled on this host", "log-driver"),
        ("failed to create task for container: failed to initialize logging driver: dial tcp: refused", "log-driver"),
        ("unknown or invalid runtime name: gv", "default-runtime"),
        ("failed to start shim: start failed: fork/exec /opt/runsc: no such file or directory", "default-runtime"),
        ("authorization denied by plugin hbm: volumes are not allowed", "own socket"),
        ("<h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.", "own socket"),
        ("iptables failed: iptables --wait -t nat: iptables: No chain/target/match by that name.", "Restart the engine"),
        ("listen tcp4 192.168.77.1:8081: bind: cannot assign requested address", "Remove `ip`"),
        ("no available IPv4 addresses on this network's address pools: bridge (ef3c)", "`bip` with /24"),
        ("mkdir /var/lib/docker/overlay2/x: no space left on device", "images prune"),
    ],
)  # fmt: skip
def test_the_setting_is_named_with_the_way_out(said: str, words: str) -> None:
    found = refusals.trouble(f"Container drydock-01-toolbox-1  Starting\n{said}")
    assert found is not None
    assert words in found.remedy
    assert found.detail in said


@pytest.mark.parametrize(
    "said",
    [
        "container drydock-06-front-1 is unhealthy",
        'failed to create shim task: OCI runtime create failed: runc create failed: exec: "x": executable file not found in $PATH',
        'failed to create shim task: OCI runtime create failed: error mounting "/a": no such file or directory',
    ],
)
def test_other_words_of_an_engine_mean_no_setting(said: str) -> None:
    assert refusals.trouble(said) is None
