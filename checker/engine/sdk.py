"""The Docker SDK for Python on the engine that the course uses, for people who know the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.engine.endpoint import Endpoint


def connect_sdk(endpoint: Endpoint, **options: Any) -> Any:
    """Return a client of the Docker SDK for an engine, after the engine has answered it.

    `docker.from_env()` reads only `DOCKER_HOST`. This function uses the engine that `lab` found, also through a docker
    context or on the sockets of Colima, OrbStack, Rancher Desktop and Podman.

    Args:
        endpoint: the engine.
        options: passed to `docker.DockerClient`, such as `timeout=5` (seconds).

    Raises:
        LabError: the SDK is not installed in this Python, or the engine does not answer it.
    """
    try:
        import docker  # noqa: PLC0415 - it takes 75 ms more to import, and most verdicts do not need it
        from docker.errors import DockerException  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise LabError(
            f"The Docker SDK for Python is not installed here ({error.name} is missing).",
            remedy="In a checkout, `./lab notebook` installs it. Otherwise: pip install 'drydock-course[notebook]'.",
        ) from error
    try:
        client = docker.DockerClient(base_url=endpoint.host, tls=_tls(docker, endpoint), **options)
        client.ping()
    except DockerException as error:
        raise LabError(
            f"The engine at {endpoint.host} does not answer the Docker SDK.",
            remedy="Run `lab doctor`: it examines the engine.",
            detail=str(error),
        ) from error
    return client


def _tls(docker: Any, endpoint: Endpoint) -> Any:
    """Return an endpoint's certificates in the SDK's form; None if it has none."""
    if endpoint.tls is None:
        return None
    ca, cert, key = (endpoint.tls.folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    return docker.tls.TLSConfig(
        client_cert=(str(cert), str(key)) if cert.is_file() and key.is_file() else None,
        ca_cert=str(ca) if ca.is_file() else None,
        verify=endpoint.tls.verify,
    )
