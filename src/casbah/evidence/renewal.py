"""Ends a log that can no longer be signed: the next one names its last checkpoint that a witness knows."""

from collections.abc import Sequence
from pathlib import Path

from casbah.base.checked_json import read_json, write_json
from casbah.errors import CannotRenewError
from casbah.evidence import notes
from casbah.evidence.log_files import LogFiles
from casbah.evidence.tenant_log import CURRENT
from casbah.evidence.witnessed_log import WitnessedLog


def renew(folder: Path, keys: Sequence[notes.SigningKey], known: str | None = None) -> str:
    """End the current log of a tenant's folder. Returns the checkpoint that the next log names.

    That is `known`, one of this log that was kept elsewhere, or else the last one that was witnessed, or else signed.
    Raises CannotRenewError or DamagedFileError.
    """
    current = read_json(folder / CURRENT) if (folder / CURRENT).exists() else {}
    if "log" not in current:
        raise CannotRenewError("there is no log to end")
    files = LogFiles.open(folder / current["log"])
    try:
        checkpoint = known or WitnessedLog(files, keys).last_witnessed
        if known is not None and not _is_of(known, files.state.origin, keys):
            raise CannotRenewError(f"this is no checkpoint of {files.state.origin} that is signed with its key")
    finally:
        files.close()
    write_json(folder / CURRENT, {"checkpoint": checkpoint})
    return checkpoint


def _is_of(checkpoint: str, origin: str, keys: Sequence[notes.SigningKey]) -> bool:
    """Whether a checkpoint is of a log, and signed with one of its keys."""
    try:
        is_signed = notes.is_signed(checkpoint, [key.public_key() for key in keys])
    except ValueError:  # What should be Base64 is not.
        return False
    return is_signed and checkpoint.startswith(f"{origin}\n")
