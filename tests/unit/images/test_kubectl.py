"""The toolbox's `kubectl`: which cluster it speaks to, and what of the learner's it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[3] / "images/kubernetes/toolbox/rootfs/usr/local/bin/kubectl"
GIVEN = "clusters:\n- cluster:\n    server: https://127.0.0.1:6443\n"

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="the toolbox's shell script needs a shell")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "real").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    (tmp_path / "real").chmod(0o755)
    (tmp_path / "k3s.yaml").write_text(GIVEN)
    return tmp_path


def call(home: Path, *words: str, **more: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DRYDOCK_KUBECONFIG": str(home / "k3s.yaml"),
        "DRYDOCK_KUBECTL": str(home / "real"),
        **more,
    }
    done = subprocess.run(
        ["sh", str(WRAPPER), *words], env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout


def config(home: Path) -> Path:
    return home / ".kube" / "config"


def test_the_cluster_s_kubeconfig_is_copied_with_the_control_plane_s_name(home: Path) -> None:
    assert call(home, "get", "pods", "a b") == "<get><pods><a b>"
    assert "server: https://control-plane:6443" in config(home).read_text()
    assert config(home).stat().st_mode & 0o077 == 0, "others may read the key"


def test_what_the_learner_changes_stays_until_the_cluster_is_another_one(home: Path) -> None:
    call(home, "version")
    config(home).write_text("mine")
    call(home, "version")
    assert config(home).read_text() == "mine"
    (home / "k3s.yaml").write_text(GIVEN + "# another\n")
    call(home, "version")
    assert "# another" in config(home).read_text()


def test_a_kubeconfig_that_the_learner_names_is_all_that_matters(home: Path) -> None:
    call(home, "version", KUBECONFIG="/somewhere/else")
    assert not config(home).exists()
