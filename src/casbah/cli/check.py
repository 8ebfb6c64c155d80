"""casbah check."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from casbah.cli import options
from casbah.proof_checker import NotProvenError, Proven
from casbah.proof_checker import check as checked

_File = typer.Argument(exists=True, dir_okay=False, show_default=False)


def check(
    proof: Annotated[Path, _File],
    record: Annotated[Path, _File],
    *,
    key: Annotated[list[str], typer.Option(help="A verifier key of the log; repeatable.")],
    witness: Annotated[list[str] | None, typer.Option(help="The verifier key of a witness; repeatable.")] = None,
    quorum: Annotated[int, typer.Option(help="How many of the witnesses must have signed. Default: all.")] = -1,
    as_json: options.AsJson = False,
) -> None:
    """Check offline that a record is in a transparency log, unchanged.

    Exits with 1 if that is not proven.

    Example: casbah check a1.tlog-proof a1.json --key "$LOG_KEY"
    Example: casbah check a1.tlog-proof a1.json --key "$LOG_KEY" --witness "$WITNESS_KEY"
    """
    try:
        proven = checked(proof.read_bytes(), record.read_bytes(), key, witness or [], quorum=quorum)
    except NotProvenError as error:
        typer.echo(f"casbah: not proven: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(asdict(proven)) if as_json else "\n".join(_lines(proven)))


def _lines(proven: Proven) -> list[str]:
    replaces = "" if proven.replaces is None else f", which replaced entry {proven.replaces:,}"
    return [
        f"the record is entry {proven.index:,} of {proven.size:,} in {proven.origin}{replaces}",
        *(f"witnessed since {moment} by {name}" for name, moment in proven.witnesses.items()),
    ]
