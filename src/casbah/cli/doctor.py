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
from rich.table import Table

from casbah import __version__, compose
from casbah.activity.predicate import Everything
from casbah.activity.scope import Scope
from casbah.cli import options
from casbah.cli.connection import running, trusted
from casbah.errors import CasbahError
from casbah.pull import config as pull
from casbah.push import config as push
from casbah.serving.server import checked
from casbah.settings import Settings, processors
from casbah.store.contract import Finding

_LITTLE, _VERY_LITTLE = 10 * 1 << 30, 1 << 30
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SHOWN = {"good": "[green]good[/]", "doubtful": "[yellow]doubtful[/]", "bad": "[red]bad[/]"}
_SECONDS = 10.0


def doctor(*, as_json: options.AsJson = False, store: options.Store = None) -> None:
    """Look at the settings, the folder, the store or the server on it, and say what is amiss and what helps.

    Ends with 1 if something is bad.

    Example: casbah doctor
    """
    chosen = options.existing(store=store)
    found = [finding for look in _LOOKS for finding in _looked(look, chosen)]
    if as_json:
        typer.echo(json.dumps([{"what": each.what, "state": each.state, "seen": each.seen} for each in found]))
    else:
        table = Table("what", "is", "seen")
        for each in found:
            table.add_row(each.what, _SHOWN[each.state], each.seen)
        Console().print(table)
    if any(each.state == "bad" for each in found):
        raise typer.Exit(1)


def _looked(look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """What a look finds; one that ends in an error has found that."""
    try:
        yield from look(settings)
    except (CasbahError, OSError, httpx.HTTPError) as error:
        yield Finding((look.__doc__ or "").rstrip("."), "bad", str(error))


def _program(_: Settings) -> Iterator[Finding]:
    """Casbah."""
    yield Finding("Casbah", "good", f"{__version__}, Python {platform.python_version()}, {processors()} processors")


def _folder(settings: Settings) -> Iterator[Finding]:
    """The folder."""
    folder = settings.store
    if not folder.exists():
        parent = next(each for each in folder.parents if each.exists())
        writable = os.access(parent, os.W_OK)
        seen = f"{folder} is not there yet" + (
            "" if writable else f", and {parent} cannot be written to: choose CASBAH_STORE"
        )
        yield Finding("folder", "good" if writable else "bad", seen)
        return
    writable = os.access(folder, os.W_OK)
    yield Finding("folder", "good" if writable else "bad", f"{folder}" + ("" if writable else " cannot be written to"))
    mode = folder.stat().st_mode
    shared = bool(mode & _OTHERS)
    seen = f"{stat.filemode(mode)}" + (f": others may look in; chmod 700 {folder}" if shared else "")
    yield Finding("who may open it", "doubtful" if shared else "good", seen)
    free = shutil.disk_usage(folder).free
    state = "bad" if free < _VERY_LITTLE else "doubtful" if free < _LITTLE else "good"
    yield Finding(
        "room on its disk", state, f"{free / (1 << 30):,.1f} GiB free" + ("" if state == "good" else "; make some")
    )


def _cluster(settings: Settings) -> Iterator[Finding]:
    """The cluster."""
    if settings.cluster is not None:
        yield from compose.diagnose(settings)


def _store(settings: Settings) -> Iterator[Finding]:
    """The store."""
    server = running(settings.store)
    if server is not None:
        begun = time.perf_counter()
        verify = trusted(server.get("certificate"))
        answer = httpx.get(f"{server['url']}/readyz", timeout=_SECONDS, trust_env=False, verify=verify)
        ready = answer.status_code == httpx.codes.OK
        took = (time.perf_counter() - begun) * 1_000
        yield Finding("server", "good" if ready else "bad", f"{server['url']}, {answer.status_code} in {took:.0f} ms")
        return
    yield Finding("server", "good", "none runs on this folder; `casbah serve` starts one")
    if settings.cluster is None and not settings.store.exists():
        return
    with compose.build(settings) as house:
        opened = house.services.store
        counts = [opened.count(Everything(), Scope(tenant)) for tenant in opened.tenants()]
        yield Finding("store", "good", f"opens; {sum(counts):,} activities of {len(counts)} tenants")
        live = [each for each in house.services.tokens.all() if each.revoked is None]
        helps = "" if live else "; `casbah token create NAME` makes one"
        yield Finding("tokens", "good" if live else "doubtful", f"{len(live)}{helps}")


def _files(settings: Settings) -> Iterator[Finding]:
    """Files that settings name."""
    for what, path, read in (("pull", settings.pull, _pullers), ("push", settings.push, _pushers)):
        if path is not None:
            yield Finding(f"what to {what}", "good", f"{path}: {', '.join(read(path)) or 'nothing'}")


def _pullers(path: Path) -> list[str]:
    found = pull.read(path)
    for name, entry in found.items():
        pull.secret(name, entry)
    return list(found)


def _pushers(path: Path) -> list[str]:
    return list(push.read(path))


def _open_to(settings: Settings) -> Iterator[Finding]:
    """Who reaches it."""
    if settings.tls_certificate is not None:
        checked(settings)
        yield Finding("certificate", "good", f"{settings.tls_certificate}")
    local = settings.tls_certificate is not None or settings.host in ("127.0.0.1", "::1", "localhost")
    seen = f"{settings.host}:{settings.port}" + (
        "" if local else ": others reach it, too; have TLS in front (docs/operate.md)"
    )
    yield Finding("listens on", "good" if local else "doubtful", seen)


_LOOKS = (_program, _folder, _cluster, _store, _files, _open_to)
