"""A person's kubeconfig: several files, relative paths, what is inlined, and what is said when something is missing."""

from __future__ import annotations

import base64
import os
import ssl
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from checker.errors import LabError, MisuseError
from checker.external import credentials, kubeconfig
from checker.external.kubeconfig import Context, User

if TYPE_CHECKING:
    from pathlib import Path


def config(
    name: str = "one", *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> str:
    return str(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "contexts": [
                    {"name": name, "context": {"cluster": f"{name}-cluster", "user": f"{name}-user"}}
                ],
                "clusters": [
                    {
                        "name": f"{name}-cluster",
                        "cluster": {"server": f"https://{name}:6443", **(cluster or {})},
                    }
                ],
                "users": [{"name": f"{name}-user", "user": user or {"token": f"{name}'s"}}],
            }
        )
    )


def written(folder: Path, text: str, name: str = "config") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


# -- which files ----------------------------------------------------------------------------------------------


def test_several_files_are_read_as_one_and_the_first_that_knows_a_name_decides(tmp_path: Path) -> None:
    first = written(tmp_path, config("one"), "a")
    missing = tmp_path / "not there"
    second = written(tmp_path, config("one", cluster={"server": "https://other:1"}), "b")
    third = written(tmp_path, config("two"), "c")
    named = os.pathsep.join(map(str, (first, missing, "", second, third)))
    found = kubeconfig.files({"KUBECONFIG": named})
    assert found == [first, missing, second, third]
    assert kubeconfig.read("one", found).server == "https://one:6443"
    two = kubeconfig.read("two", found)
    assert (two.server, two.user.token) == ("https://two:6443", "two's")
    assert two.files == (first, second, third)


def test_a_context_of_one_file_finds_its_cluster_in_another(tmp_path: Path) -> None:
    document = yaml.safe_load(config("one"))
    clusters = {"clusters": document.pop("clusters")}
    files = [
        written(tmp_path, yaml.safe_dump(document), "a"),
        written(tmp_path, yaml.safe_dump(clusters), "b"),
    ]
    assert kubeconfig.read("one", files).server == "https://one:6443"
    with pytest.raises(LabError, match="names the cluster `one-cluster`, which is not in your kubeconfig"):
        kubeconfig.read("one", files[:1])


def test_without_the_variable_it_is_the_usual_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig.files({}) == [tmp_path / ".kube" / "config"]
    with pytest.raises(LabError, match="There is no kubeconfig") as caught:
        kubeconfig.read("one", kubeconfig.files({}))
    assert "KUBECONFIG" in caught.value.remedy


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("kind-knd", "Did you mean `kind-kind`?"),
        ("kind", "Did you mean `kind-kind`?"),
        ("zzz", "It has kind-kind."),
    ],
)
def test_a_wrong_name_is_told_what_comes_near(tmp_path: Path, wanted: str, said: str) -> None:
    with pytest.raises(MisuseError, match=f"no context `{wanted}`") as caught:
        kubeconfig.read(wanted, [written(tmp_path, config("kind-kind"))])
    assert said in caught.value.remedy
    assert "kind-kind" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("contexts: [", "is not YAML, line 1"),
        ("- a list", "is not a kubeconfig"),
        (
            "contexts: [{name: one, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: nowhere}}]",
            "no server",
        ),
        (config("one", cluster={"proxy-url": "http://proxy:3128"}), "through the proxy http://proxy:3128"),
        (config("one", user={"as": "admin", "token": "t"}), "impersonates another user"),
        (config("one", user={"auth-provider": {"name": "gcp"}}), "auth-provider `gcp`"),
        (config("one", cluster={"certificate-authority-data": "a"}), "is not base64"),
        (config("one", cluster={"certificate-authority": "gone.pem"}), "gone.pem, which cannot be read"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LabError, match=said) as caught:
        kubeconfig.read("one", [written(tmp_path, text)])
    assert caught.value.remedy


def test_an_empty_file_has_no_context(tmp_path: Path) -> None:
    with pytest.raises(MisuseError) as caught:
        kubeconfig.read("one", [written(tmp_path, "")])
    assert "It has no contexts" in caught.value.remedy


# -- what is in them ------------------------------------------------------------------------------------------


def test_paths_are_relative_to_their_file_and_what_they_name_is_taken_in(tmp_path: Path) -> None:
    written(tmp_path / "deep" / "pki", "CA", "ca.crt")
    written(tmp_path / "deep", "CERT", "me.crt")
    key = written(tmp_path / "elsewhere", "KEY", "me.key")
    text = config(
        "one",
        cluster={"certificate-authority": "pki/ca.crt", "tls-server-name": "inside"},
        user={"client-certificate": "./me.crt", "client-key": str(key)},
    )
    found = kubeconfig.read("one", [written(tmp_path / "deep", text)])
    assert (found.authority, found.user.certificate, found.user.key) == (b"CA", b"CERT", b"KEY")
    assert found.expected_name == "inside"


def test_data_in_the_file_comes_before_a_path(tmp_path: Path) -> None:
    data = base64.b64encode(b"inline").decode()
    text = config("one", cluster={"certificate-authority-data": data, "certificate-authority": "gone"})
    assert kubeconfig.read("one", [written(tmp_path, text)]).authority == b"inline"


def test_a_token_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    written(tmp_path, "secret\n", "token")
    found = kubeconfig.read("one", [written(tmp_path, config("one", user={"tokenFile": "token"}))])
    assert credentials.headers(found.user) == {"Authorization": "Bearer secret"}


def test_nothing_secret_is_shown_with_a_user() -> None:
    shown = repr(User(certificate=b"CERT", key=b"KEY", token="TOKEN", name="me", password="PASS"))  # noqa: S106
    assert not [each for each in ("CERT", "KEY", "TOKEN", "PASS") if each in shown]


# -- login programs -------------------------------------------------------------------------------------------


def plugged(folder: Path, script: str, **more: Any) -> Context:
    """Return a context whose user logs in by a program beside the kubeconfig."""
    # A first line that names Python would end at a space in its path; the shell's two quotes are a string to Python.
    first = f"#!/bin/sh\n''':'\nexec \"{sys.executable}\" \"$0\" \"$@\"\n'''\n"
    program = written(folder, f"{first}import json, os, sys\n{script}\n", "bin/cloud-login")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "./bin/cloud-login",
            "args": ["get-token", "--cluster=lab"],
            "env": [{"name": "CLOUD_PROFILE", "value": "class"}],
            **more,
        }
    }
    return kubeconfig.read("one", [written(folder, config("one", user=user))])


def test_a_login_program_is_run_as_kubectl_runs_it(tmp_path: Path) -> None:
    context = plugged(
        tmp_path,
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "token = ' '.join([*sys.argv[1:], os.environ['CLOUD_PROFILE'], asked['kind'], asked['apiVersion']])\n"
        "print(json.dumps({'kind': 'ExecCredential', 'status': {'token': token}}))",
    )
    said = credentials.headers(credentials.logged_in(context))["Authorization"]
    assert said == "Bearer get-token --cluster=lab class ExecCredential client.authentication.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit(3)", "ended with code 3 and returned no credentials"),
        ("print('Please log in')", "returned no credentials"),
        ("print('[]')", "returned no credentials"),
        ("print(json.dumps({'kind': 'ExecCredential'}))", "returned no token and no certificate"),
    ],
)
def test_a_login_program_that_gives_nothing_is_named(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(LabError, match=said) as caught:
        credentials.logged_in(plugged(tmp_path, script))
    assert "cloud-login" in caught.value.what
    assert "kubectl --context one" in caught.value.remedy


def test_a_login_program_that_is_missing_is_told_in_its_makers_words(tmp_path: Path) -> None:
    context = plugged(tmp_path, "", command="no-such-cloud-login", installHint="Install it\nfrom our page.")
    with pytest.raises(LabError, match="the program no-such-cloud-login, which was not found") as caught:
        credentials.logged_in(context)
    assert caught.value.remedy == "Install it from our page."


def test_a_certificate_that_is_none_is_told_with_its_context() -> None:
    with pytest.raises(LabError, match="certificate of the context `one`"):
        broken = User(certificate=b"no PEM", key=b"")
        credentials.encryption(Context("one", "https://one", broken), broken)


def test_a_server_that_is_not_looked_at_is_so_only_when_the_person_says_so() -> None:
    careful = credentials.encryption(Context("one", "https://one", User()), User())
    assert careful.verify_mode is ssl.CERT_REQUIRED
    assert careful.check_hostname
    careless = credentials.encryption(Context("one", "https://one", User(), insecure=True), User())
    assert careless.verify_mode is ssl.CERT_NONE
