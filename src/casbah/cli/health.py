"""casbah health."""

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from casbah.cli import options, server_file
from casbah.errors import OperatorError
from casbah.serving.local_tls import trusted
from casbah.settings import Settings

_OK = 200
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  addresses of a server, which are not bound here


class NotHealthyError(OperatorError):
    """The server did not answer as a healthy one does."""


def health(
    *,
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Ask whether the store answers, too (/readyz), not only the process (/livez)."),
    ] = False,
    seconds: Annotated[float, typer.Option(help="How long to wait for the answer.", min=0.1)] = 4.0,
    store: options.Store = None,
    chosen: options.Chosen = None,
) -> None:
    """Ask this machine's server whether it is healthy, as a container's health check does.

    It asks the address that the running server wrote to the store's folder, otherwise that of the settings, with TLS if the
    server has it. Exits with 1 if the server is not healthy.

    Example: casbah health --ready
    """
    settings = options.read_settings(**options.with_set(chosen or (), {"store": store}))
    typer.echo(_state(settings, "/readyz" if ready else "/livez", seconds))


def _state(settings: Settings, path: str, seconds: float) -> str:
    """The state that the server reports. Raises NotHealthyError."""
    url, certificate = _server(settings)
    try:
        status, body = _answer(_reachable(url), path, certificate, seconds)
        if status == _OK:
            return str(json.loads(body)["status"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        raise NotHealthyError(f"{url}{path} did not answer: {str(error) or type(error).__name__}") from None
    raise NotHealthyError(f"{url}{path} answered {status}: {body}")


def _server(settings: Settings) -> tuple[str, str | Path | None]:
    """The address of the server, and its certificate."""
    running = server_file.read(settings.store)
    if "url" in running:
        return running["url"], running.get("certificate")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_certificate is None else "https"
    return f"{scheme}://{host}:{settings.port}", settings.tls_certificate


def _reachable(url: str) -> str:
    """An address that can be asked: a server that listens on every address answers on this machine's own."""
    parts = urlsplit(url)
    host = _LOOPBACK.get(parts.hostname or "", parts.hostname or "")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port}"


def _answer(url: str, path: str, certificate: str | Path | None, seconds: float) -> tuple[int, str]:
    """The status and the body of an answer."""
    address = urlsplit(url).netloc
    context = trusted(certificate)
    connection = (
        HTTPConnection(address, timeout=seconds)
        if isinstance(context, bool)
        else HTTPSConnection(address, timeout=seconds, context=context)
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
