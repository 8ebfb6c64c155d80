"""casbah prove, casbah log keys | renew | rotate | write."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from casbah.base.fsync import write_file
from casbah.cli import options
from casbah.cli.connection import Api, connected
from casbah.cli.log_copy import LogCopy, open_copy
from casbah.evidence import notes
from casbah.evidence.keys import FILE, SigningAlgorithm, add_key, signing_keys
from casbah.evidence.logs import log_folder
from casbah.evidence.merkle import LEVELS, WIDTH, tile_path
from casbah.evidence.renewal import renew as renewed
from casbah.store.integrity.salvage import unused

app = options.group("The transparency log of a tenant's records (docs/evidence.md).")
LOG = "/api/ext/v1/log"
NO_LOG = "the server keeps no transparency log; CASBAH_LOG_NAME sets its name and turns it on (docs/evidence.md)"
_ENTRIES = "entries"


def prove(
    activity_id: Annotated[str, typer.Argument(metavar="ID", help="The activity's _id.")],
    *,
    record: Annotated[Path | None, typer.Option(help="Write the record to this file, byte for byte as stored.")] = None,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Write a proof to stdout that an activity is in the transparency log (c2sp.org/tlog-proof).

    Example: casbah prove 97134000_15600_97ee2049 --record record.json > record.tlog-proof
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        api.ask("GET", f"{LOG}/keys", missing=NO_LOG)
        quoted, missing = quote(activity_id, safe=""), f"no activity {activity_id!r} in tenant {tenant}"
        proof = api.ask("GET", f"{LOG}/proofs/{quoted}", missing=missing).text
        if record is not None:
            write_file(record, api.ask("GET", f"/api/v1/activities/{quoted}/", missing=missing).content)
    typer.echo(proof, nl=False)


@app.command()
def keys(*, tenant: options.Tenant = options.TENANT, store: options.Store = None, url: options.Url = None) -> None:
    """Show the public keys of a log, as checkers take them; the newest key last.

    Example: casbah log keys > acme.vkey
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        typer.echo(api.ask("GET", f"{LOG}/keys", missing=NO_LOG).text, nl=False)


@app.command()
def renew(
    *,
    checkpoint: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A later checkpoint of the log that was kept elsewhere."),
    ] = None,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
) -> None:
    """End a log, so that the server begins a new one which names the last witnessed checkpoint. Stop the server first.

    For a log that is stopped, as a witness knows another history of it. The new log has all records, and a new name: give its
    keys to checkers, and to the witnesses.

    Example: casbah log renew --checkpoint kept/2026-11-29
    """
    settings = options.existing(store=store)
    known = None if checkpoint is None else checkpoint.read_text(encoding="utf-8")
    with unused(settings.store):
        named = renewed(log_folder(settings.store, tenant), signing_keys(settings.store), known)
    size = notes.size_in(named)
    typer.echo(f"ended {notes.origin_in(named)}; the next log names its checkpoint of {size:,} entries")


@app.command()
def rotate(
    *,
    algorithm: Annotated[
        SigningAlgorithm,
        typer.Option(help="ml-dsa-44 also withstands quantum computers; its signatures have 2,420 bytes."),
    ] = SigningAlgorithm.ED25519,
    store: options.Store = None,
) -> None:
    """Add a signing key. Checkpoints have the signatures of all keys until the old ones are removed from the file.

    The server uses the key once it is started again.

    Example: casbah log rotate --algorithm ml-dsa-44
    """
    settings = options.existing(store=store)
    add_key(settings.store, algorithm)
    typer.echo(f"added a key to {settings.store / FILE}; start the server again")


@app.command()
def write(
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="A folder, or s3://bucket/prefix; what is there is kept.")
    ],
    *,
    endpoint: options.Endpoint = None,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Write a log to a folder or a bucket, to be kept elsewhere or served as static files.

    Repeatable: only what is new is written.

    Example: casbah log write /srv/logs/acme
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        checkpoint = api.ask("GET", f"{LOG}/checkpoint", missing=NO_LOG)
        size = notes.size_in(checkpoint.text)
        copy = open_copy(place, endpoint=endpoint)
        count = _write_tiles(api, copy, _ENTRIES, size)
        for level in range(LEVELS):
            count += _write_tiles(api, copy, str(level), size // WIDTH**level)
    copy.put("checkpoint", checkpoint.content)  # Last: what it commits to is there.
    typer.echo(f"wrote {count:,} tiles of a log of {size:,} entries to {place}")


def _write_tiles(api: Api, copy: LogCopy, level: str, hashes: int) -> int:
    """Write the tiles of a level. Returns how many were new."""
    full, rest = divmod(hashes, WIDTH)
    tiles = [tile_path(level, number) for number in range(full)] + ([tile_path(level, full, rest)] if rest else [])
    paths = [f"tile/{tile}" for tile in tiles if not copy.has(f"tile/{tile}")]
    for path in paths:
        copy.put(path, api.ask("GET", f"{LOG}/{path}").content)
    return len(paths)
