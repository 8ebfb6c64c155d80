"""casbah export."""

import hashlib
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from casbah.base.backoff import Backoff
from casbah.base.fsync import write_file
from casbah.cli import condition, options
from casbah.cli.connection import Api, connected
from casbah.cli.log import LOG, NO_LOG
from casbah.cli.progress import progress_of
from casbah.errors import ServerRefusedError
from casbah.outputs.export.formats import COMPRESSIONS, FORMATS

_PATH = "/api/ext/v1/exports"
_PART = 8 << 20
_POLL_SECONDS, _POLL_MAX = 0.1, 2.0
_TRIES, _BACKOFF = 8, Backoff(0.5, 32.0, jitter=0.0)


def export(  # noqa: PLR0913  one parameter per option
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Output file; its suffix sets the format, as in all.ndjson.zst.")
    ],
    search: options.Search = None,
    *,
    conditions: options.Searches = None,
    filters: options.Filters = None,
    zone: options.Zone = None,
    form: Annotated[
        str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}; default: the file's suffix.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Comma-separated columns (docs/export.md); default: the format's usual ones."),
    ] = None,
    sort: Annotated[str, typer.Option(help="date or created.")] = "date",
    ascending: Annotated[bool, typer.Option("--asc", help="Oldest first.")] = False,
    resume: Annotated[str | None, typer.Option("--resume", metavar="ID", help="Resume an interrupted export.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the export on the server.")] = False,
    prove: Annotated[
        bool,
        typer.Option(
            "--prove", help="Write FILE.record.json, which names the file's SHA-256, and its FILE.tlog-proof."
        ),
    ] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Export all matching activities to a file and verify its SHA-256.

    Example: casbah export failed.parquet 'category:"Failed login" since:30d'
    Example: casbah export all.ndjson --prove
    """
    guessed, compress = _by_name(file)
    body = {
        **condition.searched(search, conditions or [], filters, zone),
        "format": form or guessed,
        "compress": compress,
        "columns": [name.strip() for name in columns.split(",")] if columns else None,
        "sortField": sort,
        "sortDirection": "asc" if ascending else "desc",
    }
    _check_target(file, guessed, form, is_new=resume is None)
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        if prove:
            api.ask("GET", f"{LOG}/keys", missing=NO_LOG)  # Before the export, which may take long.
        export_id = resume or api.ask("POST", _PATH, json=body).json()["id"]
        try:
            done = _ready(api, export_id, tenant)
            _fetch(api, done, file)
            if prove:
                _prove(api, export_id, file)
        except (KeyboardInterrupt, httpx.HTTPError):
            sys.stderr.write(f"casbah: to resume: casbah export {file} --resume {export_id}\n")
            raise
        if not keep:
            api.ask("DELETE", f"{_PATH}/{export_id}")
    sys.stderr.write(f"casbah: {done['rows']:,} activities, {done['bytes']:,} bytes, SHA-256 {done['sha256']}\n")


def _by_name(file: Path) -> tuple[str | None, str | None]:
    """Format and compression by a file's suffixes; None if unknown."""
    suffixes = file.name.lower().split(".")[1:]
    compress = next((row.name for row in COMPRESSIONS.values() if suffixes and row.suffix == f".{suffixes[-1]}"), None)
    rest = suffixes[:-1] if compress else suffixes
    return (rest[-1] if rest and rest[-1] in FORMATS else None), compress


def _check_target(file: Path, guessed: str | None, form: str | None, *, is_new: bool) -> None:
    """Raises typer.BadParameter if a new export has no format, or if the file cannot be written or means another format."""
    if is_new and not (form or guessed):
        suffixes = ", ".join(f".{name}" for name in FORMATS)
        raise typer.BadParameter(
            f"the suffix is not a known format; use one of {suffixes}, or --format", param_hint="FILE"
        )
    if not file.parent.is_dir():
        raise typer.BadParameter(f"no folder {file.parent}; create it first", param_hint="FILE")
    if file.is_dir():
        raise typer.BadParameter(f"{file} is a folder; name a file", param_hint="FILE")
    if form and guessed and form != guessed and file.exists():
        raise typer.BadParameter(
            f"{file} exists, and by its name it is {guessed}, not {form}; name another file", param_hint="FILE"
        )


def _ready(api: Api, export_id: str, tenant: str) -> dict[str, Any]:
    """Wait until the export is ready; returns its state. Raises ServerRefusedError if it failed or does not exist."""
    wait = _POLL_SECONDS
    missing = f"no export {export_id!r} in tenant {tenant!r}; start a new one without --resume"
    with progress_of("writing") as progress:
        while True:
            now: dict[str, Any] = api.ask("GET", f"{_PATH}/{quote(export_id, safe='')}", missing=missing).json()
            progress(now["rows"], now["total"])
            if now["state"] == "failed":
                raise ServerRefusedError(f"the export failed: {now['error']}")
            if now["state"] == "ready":
                return now
            time.sleep(wait)
            wait = min(wait * 1.5, _POLL_MAX)


def _fetch(api: Api, done: dict[str, Any], file: Path) -> None:
    """Download the file in parts, resuming an earlier attempt; it gets its name once its SHA-256 is verified."""
    draft = file.with_name(f".{file.name}.{done['id']}.part")
    digest, size = hashlib.sha256(), 0
    with draft.open("a+b") as out, progress_of("fetching") as progress:
        out.seek(0)
        while block := out.read(_PART):
            digest.update(block)
            size += len(block)
        progress(size, done["bytes"])
        while size < done["bytes"]:
            block = _part(api, f"{_PATH}/{done['id']}/file", size, min(size + _PART, done["bytes"]))
            out.write(block)
            digest.update(block)
            size += len(block)
            progress(size, done["bytes"])
    if digest.hexdigest() != done["sha256"]:
        draft.unlink()
        raise ServerRefusedError("the download is corrupt: its SHA-256 differs; try again")
    draft.replace(file)


def _prove(api: Api, export_id: str, file: Path) -> None:
    """Write a record that names the digest of the file, and the proof that this record is in the transparency log."""
    answer = api.ask("POST", f"{LOG}/exports/{export_id}", missing=NO_LOG).json()
    write_file(file.with_name(f"{file.name}.record.json"), answer["record"].encode())
    write_file(file.with_name(f"{file.name}.tlog-proof"), answer["proof"].encode())


def _part(api: Api, path: str, start: int, end: int) -> bytes:
    """The bytes from `start` up to, not including, `end`. Connection errors are retried with exponential backoff."""
    for attempt in range(1, _TRIES + 1):
        try:
            return api.ask("GET", path, headers={"Range": f"bytes={start}-{end - 1}"}).content
        except httpx.TransportError:
            if attempt == _TRIES:
                raise
            time.sleep(_BACKOFF.pause(attempt))
    raise AssertionError
