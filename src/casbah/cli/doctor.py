"""casbah doctor."""

import json
import os
import platform
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import typer
from rich.console import Console

from casbah import __version__, compose
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.cli import options
from casbah.cli.connection import running
from casbah.cli.table import listing
from casbah.errors import CasbahError
from casbah.ingest.pull import config as pull
from casbah.outputs.push import config as push
from casbah.serving.local_tls import trusted
from casbah.serving.server import checked
from casbah.setting_parsers import processors
from casbah.settings import Settings
from casbah.store.contract import CheckState, Finding

_LITTLE, _VERY_LITTLE = 10 * 1 << 30, 1 << 30
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SHOWN = {CheckState.OK: "[green]OK[/]", CheckState.WARNING: "[yellow]warning[/]", CheckState.ERROR: "[red]error[/]"}
_SECONDS = 10.0


def doctor(*, as_json: options.AsJson = False, store: options.Store = None) -> None:
    """Check settings, folder, store and server, and report problems with their fixes.

    Exits with 1 if there is an error.

    Example: casbah doctor
    """
    chosen = options.existing(store=store)
    findings = [finding for check in _CHECKS for finding in _checked(check, chosen)]
    if as_json:
        typer.echo(
            json.dumps([{"what": finding.what, "state": finding.state, "seen": finding.seen} for finding in findings])
        )
    else:
        table = listing("check", "status", "details")
        for finding in findings:
            table.add_row(finding.what, _SHOWN[finding.state], finding.seen)
        Console().print(table)
    if any(finding.state == CheckState.ERROR for finding in findings):
        raise typer.Exit(1)


def _checked(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """The findings of a check; an exception is a finding too, with the check's docstring as its label."""
    try:
        yield from check(settings)
    except (CasbahError, OSError, httpx.HTTPError) as error:
        yield Finding((check.__doc__ or "").rstrip("."), CheckState.ERROR, str(error))


def _program(_: Settings) -> Iterator[Finding]:
    """Casbah."""
    yield Finding(
        "Casbah", CheckState.OK, f"{__version__}, Python {platform.python_version()}, {processors()} processors"
    )


def _folder(settings: Settings) -> Iterator[Finding]:
    """The folder."""
    folder = settings.store
    if not folder.exists():
        parent = next(ancestor for ancestor in folder.parents if ancestor.exists())
        writable = os.access(parent, os.W_OK)
        seen = f"{folder} does not exist yet" + (
            "" if writable else f", and {parent} cannot be written to: choose CASBAH_STORE"
        )
        yield Finding("folder", CheckState.OK if writable else CheckState.ERROR, seen)
        return
    writable = os.access(folder, os.W_OK)
    yield Finding(
        "folder",
        CheckState.OK if writable else CheckState.ERROR,
        f"{folder}" + ("" if writable else " cannot be written to"),
    )
    mode = folder.stat().st_mode
    shared = bool(mode & _OTHERS)
    seen = f"{stat.filemode(mode)}" + (f": other users have access; run chmod 700 {folder}" if shared else "")
    yield Finding("permissions", CheckState.WARNING if shared else CheckState.OK, seen)
    free = shutil.disk_usage(folder).free
    state = CheckState.ERROR if free < _VERY_LITTLE else CheckState.WARNING if free < _LITTLE else CheckState.OK
    yield Finding(
        "disk space",
        state,
        f"{free / (1 << 30):,.1f} GiB free" + ("" if state == CheckState.OK else "; free some space"),
    )


def _cluster(settings: Settings) -> Iterator[Finding]:
    """The cluster."""
    if settings.cluster is not None:
        yield from compose.diagnose(settings)


def _store(settings: Settings) -> Iterator[Finding]:
    """The store."""
    server = running(settings.store)
    if server is not None:
        started = time.perf_counter()
        verify = trusted(server.get("certificate"))
        answer = httpx.get(f"{server['url']}/readyz", timeout=_SECONDS, trust_env=False, verify=verify)
        ready = answer.status_code == httpx.codes.OK
        elapsed = (time.perf_counter() - started) * 1_000
        yield Finding(
            "server",
            CheckState.OK if ready else CheckState.ERROR,
            f"{server['url']}, {answer.status_code} in {elapsed:.0f} ms",
        )
        return
    yield Finding("server", CheckState.OK, "no server runs on this folder; `casbah serve` starts one")
    if settings.cluster is None and not settings.store.exists():
        return
    with compose.build(settings) as application:
        store = application.writer.store
        counts = [store.tenant(TenantId(tenant)).count(Everything()) for tenant in store.tenants()]
        yield Finding("store", CheckState.OK, f"opens; {sum(counts):,} activities in {len(counts)} tenants")
        live = [token for token in application.services.tokens.all() if token.revoked is None]
        hint = "" if live else "; `casbah token create NAME` makes one"
        yield Finding("tokens", CheckState.OK if live else CheckState.WARNING, f"{len(live)}{hint}")


def _files(settings: Settings) -> Iterator[Finding]:
    """Files that settings name."""
    for what, path, read in (("pull", settings.pull, _pullers), ("push", settings.push, _pushers)):
        if path is not None:
            yield Finding(f"{what} file", CheckState.OK, f"{path}: {', '.join(read(path)) or 'no entries'}")


def _pullers(path: Path) -> list[str]:
    entries = pull.read(path)
    for name, entry in entries.items():
        pull.secret(name, entry)
    return list(entries)


def _pushers(path: Path) -> list[str]:
    return list(push.read(path))


def _open_to(settings: Settings) -> Iterator[Finding]:
    """Network."""
    if settings.tls_certificate is not None:
        checked(settings)
        yield Finding("certificate", CheckState.OK, f"{settings.tls_certificate}")
    local = settings.tls_certificate is not None or settings.host in ("127.0.0.1", "::1", "localhost")
    seen = f"{settings.host}:{settings.port}" + (
        "" if local else ": reachable from other machines without TLS (docs/production.md)"
    )
    yield Finding("listens on", CheckState.OK if local else CheckState.WARNING, seen)


_CHECKS = (_program, _folder, _cluster, _store, _files, _open_to)
