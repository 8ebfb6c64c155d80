"""Reads the files of a log and checks them against each other and the checkpoint. A server may add to the log meanwhile.

Every entry must have the hash in row 0, each full tile of a row the hash in the row above, and the rows the root that was
signed. `bundles` and `replaced` only help to find entries: their content must follow from the entries. Runs are not read: those
that are damaged are made again.
"""

import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from casbah.base.checked_json import read_json
from casbah.errors import DamagedFileError
from casbah.evidence import entries as layout
from casbah.evidence import merkle, notes, replacements
from casbah.evidence.conflict import conflicts_in
from casbah.evidence.log_files import (
    BUNDLES,
    ENTRIES,
    HASH,
    LENGTH,
    REPLACED,
    STATE,
    LogState,
    has_entries,
    lengths,
)
from casbah.evidence.replacements import PAIR, ROW
from casbah.evidence.tenant_log import CURRENT
from casbah.evidence.witnessed_trees import WitnessedTrees

Problem = tuple[Path, str]
"""A file, and what is wrong with it."""

_Content = Mapping[str, mmap.mmap | bytes]
_SHORT: Final = "it is shorter than the state of the log says"


def log_folders(tenant_logs: Path) -> list[Path]:
    """The folders of a tenant's logs: the current one, and those that it continues."""
    return sorted(file.parent for file in tenant_logs.glob(f"*/{STATE}"))


def log_file_sizes(tenant_logs: Path) -> Iterator[int]:
    """The sizes of the files that are read, but for those in JSON."""
    for folder in log_folders(tenant_logs):
        yield from (file.stat().st_size for file in folder.iterdir() if not file.suffix)


def problems(tenant_logs: Path, read: Callable[[int], None]) -> Iterator[Problem]:
    """What is wrong with the logs of a tenant. `read` is called with the number of bytes of each file."""
    try:
        yield from _problems_of_current(tenant_logs)
    except DamagedFileError as error:
        yield Path(error.path), error.problem
    for folder in log_folders(tenant_logs):
        try:
            state = LogState(**read_json(folder / STATE))
            yield from _problems_of_log(folder, state)
            WitnessedTrees(folder)
        except DamagedFileError as error:
            yield Path(error.path), error.problem
        for file in folder.iterdir():
            if not file.suffix:
                read(file.stat().st_size)


def _problems_of_current(tenant_logs: Path) -> Iterator[Problem]:
    """The file that names the current log. An empty log that was just begun has none."""
    file, folders = tenant_logs / CURRENT, log_folders(tenant_logs)
    if file.exists():
        current = read_json(file)
        if "log" in current and tenant_logs / current["log"] not in folders:
            yield tenant_logs / current["log"] / STATE, "it is missing"
        if "log" in current:
            conflicts = conflicts_in(tenant_logs / current["log"]).values()
            yield from ((tenant_logs / current["log"], conflict.problem) for conflict in conflicts)
    elif has_entries(tenant_logs):
        yield file, "it is missing"


def _problems_of_log(folder: Path, state: LogState) -> Iterator[Problem]:
    with ExitStack() as stack:
        content: dict[str, mmap.mmap | bytes] = {}
        for name, size in lengths(state).items():
            content[name] = b""
            if size:
                try:
                    opened = stack.enter_context((folder / name).open("rb"))
                    content[name] = stack.enter_context(mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ))
                except (FileNotFoundError, ValueError):  # The latter if it is shorter.
                    raise DamagedFileError(folder / name, _SHORT) from None
        all_problems = list(_in_entries(content, state)) or list(_in_rows(content, state))
        yield from ((folder / name, problem) for name, problem in all_problems)


def _in_entries(content: _Content, state: LogState) -> Iterator[tuple[str, str]]:
    """Entries that do not match their hashes, and what does not follow from the entries."""
    place, number, before, replaced = 0, 0, 0, 0
    for index in range(state.size):
        if index % merkle.WIDTH == 0:
            at, before = PAIR.unpack_from(content[BUNDLES], index // merkle.WIDTH * PAIR.size)
            if at != place or before < number:
                yield BUNDLES, f"bundle {index // merkle.WIDTH} does not begin where it says"
        entry = _entry(content[ENTRIES], place, state.bytes)
        if merkle.leaf_hash(entry) != content["row0"][index * HASH : (index + 1) * HASH]:
            name = ENTRIES if _is_right(_hashes_in(content), index, state) else "row0"
            yield name, f"entry {index} and its hash in row0 do not match"
            return  # Where the next one begins is not known.
        place += LENGTH.size + len(entry)
        if entry[0] == layout.REPLACED:
            expected = replacements.row(layout.number_of(entry) or 0, index)
            if expected != content[REPLACED][replaced : replaced + ROW.size]:
                yield REPLACED, f"row {replaced // ROW.size} does not follow from the entries"
            replaced += ROW.size
        elif entry[0] == layout.ACTIVITY:
            number = layout.number_of(entry) or 0
            if number <= before:
                yield BUNDLES, f"entry {index} is of an activity before its bundle"
    if replaced != len(content[REPLACED]):
        yield REPLACED, "it has more rows than there are replacements"


def _entry(content: mmap.mmap | bytes, place: int, end: int) -> bytes:
    """The entry at a place; an empty one if it has no length there."""
    if place + LENGTH.size > end:
        return b""
    (length,) = LENGTH.unpack_from(content, place)
    return bytes(content[place + LENGTH.size : place + LENGTH.size + length])


def _in_rows(content: _Content, state: LogState) -> Iterator[tuple[str, str]]:
    """Hashes that do not match the tile below, where row 0 matches the entries; rows that do not lead to the signed root."""
    hashes = _hashes_in(content)
    row, size = 0, state.size // merkle.WIDTH
    while size:
        for tile in range(size):
            if not _is_tile_right(hashes, row, tile):
                yield f"row{row + 1}", f"hash {tile} does not match its tile in row{row}"
        row, size = row + 1, size // merkle.WIDTH
    if state.checkpoint and merkle.root(hashes, state.size) != notes.root_in(state.checkpoint):
        yield "row0", "the rows do not lead to the root of the checkpoint"


def _is_right(hashes: merkle.Rows, index: int, state: LogState) -> bool:
    """Whether what is above it agrees with a hash in row 0."""
    if (tile := index // merkle.WIDTH) < state.size // merkle.WIDTH:
        return _is_tile_right(hashes, 0, tile)
    return merkle.root(hashes, state.size) == notes.root_in(state.checkpoint)


def _is_tile_right(hashes: merkle.Rows, row: int, tile: int) -> bool:
    first = tile * merkle.WIDTH
    return [merkle.tree_hash(hashes(row, first, first + merkle.WIDTH))] == hashes(row + 1, tile, tile + 1)


def _hashes_in(content: _Content) -> merkle.Rows:
    def hashes(row: int, start: int, end: int) -> list[bytes]:
        data = content[f"row{row}"]
        return [data[place * HASH : (place + 1) * HASH] for place in range(start, end)]

    return hashes
