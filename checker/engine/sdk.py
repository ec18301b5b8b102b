"""The Docker SDK for Python on the engine that the course uses, for people who know its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.engine.endpoint import Endpoint


def connect_sdk(endpoint: Endpoint, **options: Any) -> Any:
    """Return a client of the Docker SDK for an engine, once the engine has answered it.

    `docker.from_env()` only reads `DOCKER_HOST`. This takes the engine that `lab` found: the docker context's, or the
    sockets of Colima, OrbStack, Rancher Desktop and Podman.

    Args:
        endpoint: the engine.
        options: passed to `docker.DockerClient`, such as `timeout=5` (seconds).

    Raises:
        LabError: the SDK is not installed in this Python, or the engine does not answer it.
    """
    try:
        import docker  # noqa: PLC0415 - 75 ms on top of what a verdict imports; most never ask for it
        from docker.errors import DockerException  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise LabError(
            f"The Docker SDK for Python is not installed here ({error.name} is missing).",
            remedy="In a checkout, `./lab notebook` installs it; else: pip install 'drydock-course[notebook]'.",
        ) from error
    try:
        client = docker.DockerClient(base_url=endpoint.host, tls=_tls(docker, endpoint), **options)
        client.ping()
    except DockerException as error:
        raise LabError(
            f"The engine at {endpoint.host} does not answer the Docker SDK.",
            remedy="`lab doctor` looks at the engine.",
            detail=str(error),
        ) from error
    return client


def _tls(docker: Any, endpoint: Endpoint) -> Any:
    """Return the SDK's form of an endpoint's certificates; None where it has none."""
    if endpoint.tls is None:
        return None
    ca, cert, key = (endpoint.tls.folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    return docker.tls.TLSConfig(
        client_cert=(str(cert), str(key)) if cert.is_file() and key.is_file() else None,
        ca_cert=str(ca) if ca.is_file() else None,
        verify=endpoint.tls.verify,
    )
