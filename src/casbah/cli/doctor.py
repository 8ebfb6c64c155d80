"""casbah doctor."""

import json
import os
import platform
import shutil
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.markup import escape

from casbah import __version__, compose
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.cli import compare, options
from casbah.cli.connection import running
from casbah.cli.printable import amount
from casbah.cli.profiles import TOKEN, URL
from casbah.cli.table import listing, show
from casbah.errors import CasbahError, nearest
from casbah.evidence.logs import STOPPED
from casbah.ingest.pull import config as pull
from casbah.outputs.push import config as push
from casbah.serving.local_tls import trusted
from casbah.serving.server import checked
from casbah.setting_parsers import processors
from casbah.settings import PREFIX, SETTINGS, Settings
from casbah.store.contract import CheckState, Finding

_LITTLE, _VERY_LITTLE = 10 * 1 << 30, 1 << 30
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SHOWN = {CheckState.OK: "[green]OK[/]", CheckState.WARNING: "[yellow]warning[/]", CheckState.ERROR: "[red]error[/]"}
_SECONDS = 10.0
_OF_COMMANDS = (URL, TOKEN, compare.TOKEN)
"""Variables that are not settings of a server."""
_OF_FILES = ("CASBAH_PULL_", "CASBAH_PUSH_")
"""How variables begin that hold secrets of the files of pulls and pushes."""
Check = Callable[[Settings], Iterator[Finding]]


def doctor(*, as_json: options.AsJson = False, store: options.Store = None) -> None:
    """Check settings, folder, store and server, and report problems with their fixes.

    Exits with 1 if there is an error.

    Example: casbah doctor
    """
    chosen = options.existing(store=store)
    findings = [finding for check, fix in _CHECKS for finding in _checked(check, fix, chosen)]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        _show(findings)
    if any(finding.state == CheckState.ERROR for finding in findings):
        raise typer.Exit(1)


def _show(findings: Sequence[Finding]) -> None:
    table = listing("check", "status", "details")
    for finding in findings:
        fix = f"\nFix: {finding.fix}" if finding.fix else ""
        table.add_row(finding.what, _SHOWN[finding.state], escape(f"{finding.seen}{fix}"))
    show(table)
    count = Counter(finding.state for finding in findings)
    sys.stderr.write(
        f"casbah: {len(findings)} checks, {amount(count[CheckState.ERROR], 'error')}, "
        f"{amount(count[CheckState.WARNING], 'warning')}\n"
    )


def _checked(check: Check, fix: str, settings: Settings) -> Iterator[Finding]:
    """The findings of a check; an exception is a finding too, with the check's docstring as its label."""
    try:
        yield from check(settings)
    except (CasbahError, OSError, httpx.HTTPError) as error:
        yield Finding((check.__doc__ or "").rstrip("."), CheckState.ERROR, str(error), fix)


def _program(_: Settings) -> Iterator[Finding]:
    """Casbah."""
    yield Finding(
        "Casbah", CheckState.OK, f"{__version__}, Python {platform.python_version()}, {processors()} processors"
    )


def _environment(_: Settings) -> Iterator[Finding]:
    """The environment."""
    known = (*(row.variable for row in SETTINGS.values()), *_OF_COMMANDS)
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(_OF_FILES):
            hint = nearest(name, known).removeprefix("; ")
            yield Finding(
                "environment",
                CheckState.WARNING,
                f"{name} is not a setting",
                hint or "unset it; `casbah settings` lists all",
            )


def _folder(settings: Settings) -> Iterator[Finding]:
    """The folder."""
    folder = settings.store
    if not folder.exists():
        parent = next(ancestor for ancestor in folder.parents if ancestor.exists())
        if os.access(parent, os.W_OK):
            yield Finding("folder", CheckState.OK, f"{folder} does not exist yet")
        else:
            seen = f"{folder} does not exist yet, and {parent} cannot be written to"
            yield Finding("folder", CheckState.ERROR, seen, "name another folder in CASBAH_STORE")
        return
    if os.access(folder, os.W_OK):
        yield Finding("folder", CheckState.OK, f"{folder}")
    else:
        yield Finding(
            "folder", CheckState.ERROR, f"{folder} cannot be written to", f"run as the user that owns {folder}"
        )
    mode = folder.stat().st_mode
    if mode & _OTHERS:
        seen = f"{stat.filemode(mode)}: other users have access"
        yield Finding("permissions", CheckState.WARNING, seen, f"chmod 700 {folder}")
    else:
        yield Finding("permissions", CheckState.OK, stat.filemode(mode))
    free = shutil.disk_usage(folder).free
    state = CheckState.ERROR if free < _VERY_LITTLE else CheckState.WARNING if free < _LITTLE else CheckState.OK
    fix = "" if state == CheckState.OK else "free or add space, or delete old activities (docs/retention.md)"
    yield Finding("disk space", state, f"{free / (1 << 30):,.1f} GiB free", fix)


def _cluster(settings: Settings) -> Iterator[Finding]:
    """The cluster."""
    if settings.cluster is not None:
        yield from compose.diagnose(settings)


def _store(settings: Settings) -> Iterator[Finding]:
    """The store."""
    server = running(settings.store)
    if server is not None:
        yield from _server(server)
        return
    yield Finding("server", CheckState.OK, "no server runs on this folder; `casbah serve` starts one")
    if settings.cluster is None and not settings.store.exists():
        return
    with compose.build(settings) as application:
        store = application.writer.store
        counts = [store.tenant(TenantId(tenant)).count(Everything()) for tenant in store.tenants()]
        seen = f"opens; {amount(sum(counts), 'activity', 'activities')} in {amount(len(counts), 'tenant')}"
        yield Finding("store", CheckState.OK, seen)
        live = [token for token in application.services.tokens.all() if token.revoked is None]
        state = CheckState.OK if live else CheckState.WARNING
        yield Finding("tokens", state, f"{len(live)}", "" if live else "casbah token create NAME")
        if (logs := application.writer.logs) is not None and settings.log_witnesses:
            for tenant in store.tenants():
                logs.of(tenant)
            yield Finding("witnesses", CheckState.OK, ", ".join(item.name for item in settings.log_witnesses))
            yield from _log_problems(logs.problems)


def _server(server: Mapping[str, str]) -> Iterator[Finding]:
    """Whether a running server is ready, and what is wrong with its transparency logs."""
    started = time.perf_counter()
    verify = trusted(server.get("certificate"))
    answer = httpx.get(f"{server['url']}/readyz", timeout=_SECONDS, trust_env=False, verify=verify)
    seen = f"{server['url']}, {answer.status_code} in {(time.perf_counter() - started) * 1_000:.0f} ms"
    if answer.status_code != httpx.codes.OK:
        yield Finding("server", CheckState.ERROR, seen, "wait if it is starting; otherwise its log has the reason")
        return
    yield _ready(answer.json(), seen)
    yield from _log_problems(answer.json().get("log", ()))


def _ready(body: Mapping[str, Any], seen: str) -> Finding:
    """What a server that is ready says of its store."""
    if not body["writable"]:
        fix = "fix the cause; until then activities can be read, but not stored"
        return Finding("server", CheckState.ERROR, f"{seen}; cannot store: {body['reason']}", fix)
    if body.get("damaged"):
        fix = "`casbah verify` names the files; restore a backup (docs/backup.md)"
        return Finding("server", CheckState.ERROR, f"{seen}; damaged in {amount(body['damaged'], 'place')}", fix)
    return Finding("server", CheckState.OK, seen)


def _log_problems(problems: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with the transparency logs and their witnesses."""
    for problem in problems:
        state = CheckState.ERROR if problem.startswith(STOPPED) else CheckState.WARNING
        yield Finding("transparency log", state, problem, "see docs/evidence.md, Witnesses")


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
    seen = f"{settings.host}:{settings.port}"
    if settings.tls_certificate is not None or settings.host in ("127.0.0.1", "::1", "localhost"):
        yield Finding("listens on", CheckState.OK, seen)
    else:
        fix = "set CASBAH_TLS_CERTIFICATE and CASBAH_TLS_KEY, or use a reverse proxy (docs/production.md)"
        yield Finding("listens on", CheckState.WARNING, f"{seen}: reachable from other machines without TLS", fix)


_CHECKS: tuple[tuple[Check, str], ...] = (
    (_program, ""),
    (_environment, ""),
    (_folder, "name another folder in CASBAH_STORE"),
    (_cluster, "correct CASBAH_CLUSTER, its password and CASBAH_CLUSTER_CA, or start the cluster (docs/cluster.md)"),
    (_store, "docs/troubleshooting.md says what each message means; `casbah verify` names damaged files"),
    (_files, "correct the file that CASBAH_PULL or CASBAH_PUSH names (docs/pull.md, docs/push.md)"),
    (_open_to, "correct CASBAH_TLS_CERTIFICATE and CASBAH_TLS_KEY"),
)
"""The checks, in order, and what to do if one cannot be made."""
