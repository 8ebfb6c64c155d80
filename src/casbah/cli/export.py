"""casbah export."""

import hashlib
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from casbah.cli import condition, options
from casbah.cli.connection import Api, connected
from casbah.cli.counts import Conditions, Filters
from casbah.errors import ServerRefusedError
from casbah.export.formats import COMPRESSIONS, FORMATS

_PATH = "/api/ext/v1/exports"
_PART = 8 << 20
_LOOK_SECONDS, _LOOK_MOST = 0.1, 2.0
_TRIES, _PAUSE = 8, 0.5


def export(  # noqa: PLR0913  one parameter an option
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; its ending says the format, as in all.ndjson.zst.")
    ],
    *,
    conditions: Conditions = None,
    filters: Filters = None,
    form: Annotated[
        str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}; by default what the file's ending says.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns with commas between (docs/export.md); by default all that the format usually has."),
    ] = None,
    sort: Annotated[str, typer.Option(help="date or created.")] = "date",
    ascending: Annotated[bool, typer.Option("--asc", help="Oldest first.")] = False,
    go_on: Annotated[
        str | None, typer.Option("--resume", metavar="ID", help="Go on with an export that broke off.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the export on the server, too.")] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
) -> None:
    """Write everything that matches to a file, and check what came by its SHA-256.

    Example: casbah export failed.parquet --filter 'activity.eventActionType eq EVENT_CATEGORY_FAILED_LOGIN'
    """
    guessed, compress = _by_name(file)
    body = {
        "filters": condition.filters(conditions or [], filters),
        "format": form or guessed,
        "compress": compress,
        "columns": [each.strip() for each in columns.split(",")] if columns else None,
        "sortField": sort,
        "sortDirection": "asc" if ascending else "desc",
    }
    if go_on is None and not body["format"]:
        endings = ", ".join(f".{name}" for name in FORMATS)
        raise typer.BadParameter(f"its ending says no format; give it one of {endings}, or --format", param_hint="FILE")
    _check_target(file, guessed, form)
    with connected(options.existing(store=store), tenant=tenant) as api:
        begun = go_on or api.ask("POST", _PATH, json=body).json()["id"]
        try:
            done = _ready(api, begun, tenant)
            _fetch(api, done, file)
        except (KeyboardInterrupt, httpx.HTTPError):
            sys.stderr.write(f"casbah: to go on with it: casbah export {file} --resume {begun}\n")
            raise
        if not keep:
            api.ask("DELETE", f"{_PATH}/{begun}")
    sys.stderr.write(f"casbah: {done['rows']:,} activities, {done['bytes']:,} bytes, SHA-256 {done['sha256']}\n")


def _by_name(file: Path) -> tuple[str | None, str | None]:
    """Format and compression by a file's endings, None where they say nothing."""
    endings = file.name.lower().split(".")[1:]
    compress = next((row.name for row in COMPRESSIONS.values() if endings and row.suffix == f".{endings[-1]}"), None)
    named = endings[:-1] if compress else endings
    return (named[-1] if named and named[-1] in FORMATS else None), compress


def _check_target(file: Path, guessed: str | None, form: str | None) -> None:
    """Raises typer.BadParameter where the file cannot be, or would replace one that is of another format by its name."""
    if not file.parent.is_dir():
        raise typer.BadParameter(f"no folder {file.parent}; make it first", param_hint="FILE")
    if file.is_dir():
        raise typer.BadParameter(f"{file} is a folder; name a file", param_hint="FILE")
    if form and guessed and form != guessed and file.exists():
        raise typer.BadParameter(
            f"{file} exists, and by its name it is {guessed}, not {form}; name another file", param_hint="FILE"
        )


def _ready(api: Api, export_id: str, tenant: str) -> dict[str, Any]:
    """The export once it is ready."""
    wait = _LOOK_SECONDS
    missing = f"no export {export_id!r} in tenant {tenant!r}; begin it again without --resume"
    with _progress("writing") as progress:
        task = progress.add_task("writing", total=None)
        while True:
            now: dict[str, Any] = api.ask("GET", f"{_PATH}/{quote(export_id, safe='')}", missing=missing).json()
            progress.update(task, completed=now["rows"], total=now["total"])
            if now["state"] == "failed":
                raise ServerRefusedError(f"the export failed: {now['error']}")
            if now["state"] == "ready":
                return now
            time.sleep(wait)
            wait = min(wait * 1.5, _LOOK_MOST)


def _fetch(api: Api, done: dict[str, Any], file: Path) -> None:
    """Fetch the file part by part, from where an earlier try ended; it has its name once its sum is right."""
    draft = file.with_name(f".{file.name}.{done['id']}.part")
    digest, size = hashlib.sha256(), 0
    with draft.open("a+b") as out, _progress("fetching") as progress:
        out.seek(0)
        while block := out.read(_PART):
            digest.update(block)
            size += len(block)
        task = progress.add_task("fetching", total=done["bytes"], completed=size)
        while size < done["bytes"]:
            block = _part(api, f"{_PATH}/{done['id']}/file", size, min(size + _PART, done["bytes"]))
            out.write(block)
            digest.update(block)
            size += len(block)
            progress.update(task, completed=size)
    if digest.hexdigest() != done["sha256"]:
        draft.unlink()
        raise ServerRefusedError("what came is not what was written: its SHA-256 differs; try again")
    draft.replace(file)


def _part(api: Api, path: str, start: int, end: int) -> bytes:
    """The bytes from `start` up to `end`; a connection that broke is tried again, later and later."""
    for attempt in range(_TRIES):
        try:
            return api.ask("GET", path, headers={"Range": f"bytes={start}-{end - 1}"}).content
        except httpx.TransportError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE * 2**attempt)
    raise AssertionError


def _progress(what: str) -> Progress:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
