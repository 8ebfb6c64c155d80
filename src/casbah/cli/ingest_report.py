"""What `casbah ingest` reports: counts per file and source, what was not read, and why."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from casbah.cli.printable import cell, plain
from casbah.cli.table import listing
from casbah.ingest.times import SUSPICIONS

_MAX_REASONS = 20
_MAX_FILES = 50
_WIDTH = 1_000


@dataclass(slots=True)
class Tally:
    """Counts of events; `read` is the sum of the other three."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        """The number of events after unwrapping."""
        return self.stored + self.duplicates + self.refused

    def add(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.refused += other.refused


@dataclass(slots=True)
class FileReport:
    """The result for one file: its counts, the number of events per source, and of refused ones per reason."""

    origin: str
    tally: Tally = field(default_factory=Tally)
    sources: Counter[str] = field(default_factory=Counter)
    suspicions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: str = ""

    def source(self) -> str:
        """The source, or several sources with their event counts; "?" if no event was recognized."""
        if len(self.sources) > 1:
            return ", ".join(f"{name} {count:,}" for name, count in sorted(self.sources.items()))
        return next(iter(self.sources), "?")

    def refuse(self, reason: str) -> None:
        """Count a refused event."""
        self.reasons[reason] += 1
        self.tally.refused += 1


def total(files: Iterable[FileReport]) -> Tally:
    """The counts of all files."""
    result = Tally()
    for file in files:
        result.add(file.tally)
    return result


def counts(files: list[FileReport]) -> dict[str, object]:
    """The result as JSON values."""
    in_all = total(files)
    return {
        "read": in_all.read,
        "stored": in_all.stored,
        "duplicates": in_all.duplicates,
        "refused": in_all.refused,
        "skipped": sum(bool(file.skipped) for file in files),
        "suspicious": _suspicions(files),
    }


def details(files: list[FileReport]) -> dict[str, object]:
    """The result per source and per file as JSON values. `skipped` of a file is the reason, or ""."""
    return {
        "sources": _summed(file.sources for file in files),
        "reasons": _summed(file.reasons for file in files),
        "files": [
            {
                "file": file.origin,
                **{name: getattr(file.tally, name) for name in ("read", "stored", "duplicates", "refused")},
                "sources": file.sources,
                "reasons": file.reasons,
                "skipped": file.skipped,
            }
            for file in files
        ],
    }


def show(files: list[FileReport], *, dry: bool) -> None:
    """Print the result to stderr. Of a dry run, with the reasons of each file."""
    # Only a terminal is so narrow that names must be folded; in a file they are searched, and searches want them whole.
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    read = [file for file in files if not file.skipped]
    if read:
        console.print(_table(read, total(files), dry=dry))
    _warn(console, (*_skipped(files), *_odd_times(files), *(_refused_by_file(read) if dry else _refused(read))))
    if dry:
        console.print(
            "dry run: nothing was stored; duplicates are events that repeat within the input",
            highlight=False,
            soft_wrap=True,
        )


def show_unread(files: list[FileReport]) -> None:
    """Print to stderr what was not read, and why, per file."""
    _warn(Console(stderr=True), (*_skipped(files), *_refused_by_file(files)))


def _warn(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _table(read: list[FileReport], in_all: Tally, *, dry: bool = False) -> Table:
    table = listing()
    table.add_column("file", overflow="fold")
    table.add_column("source")
    for title in ("read", "would be stored" if dry else "stored", "duplicates", "refused"):
        table.add_column(title, justify="right")
    shown = _first(read)
    for file in shown:
        table.add_row(cell(file.origin), cell(file.source()), *_cells(file.tally))
    if len(read) > len(shown):
        table.add_row(f"and {len(read) - len(shown):,} more files")
    if len(read) > 1:
        table.add_row(f"{len(read):,} files", "", *_cells(in_all))
    return table


def _first(files: list[FileReport]) -> list[FileReport]:
    """The files to show individually. All, if the line for the rest would replace a single file."""
    return files[:_MAX_FILES] if len(files) > _MAX_FILES + 1 else files


def _skipped(files: list[FileReport]) -> Iterator[str]:
    skipped = [file for file in files if file.skipped]
    shown = _first(skipped)
    for file in shown:
        yield f"skipped {plain(file.origin)}: {file.skipped}"
    if len(skipped) > len(shown):
        yield f"and {len(skipped) - len(shown):,} more skipped"


def _odd_times(files: list[FileReport]) -> Iterator[str]:
    for name, count in _suspicions(files).items():
        yield f"{count:,} activities have times that {SUSPICIONS[name]}"


def _refused(files: list[FileReport]) -> Iterator[str]:
    yield from _most_common(_summed(file.reasons for file in files))


def _most_common(reasons: Counter[str]) -> Iterator[str]:
    for reason, count in reasons.most_common(_MAX_REASONS):
        yield f"{count:,} refused: {plain(reason)}"
    others = sorted(reasons.values(), reverse=True)[_MAX_REASONS:]
    if others:
        yield f"{sum(others):,} refused for {len(others):,} other reasons"


def _refused_by_file(files: list[FileReport]) -> Iterator[str]:
    refusing = [file for file in files if file.reasons]
    shown = _first(refusing)
    for file in shown:
        yield from (f"{plain(file.origin)}: {line}" for line in _most_common(file.reasons))
    if len(refusing) > len(shown):
        yield f"and {len(refusing) - len(shown):,} more files with refused events"


def _suspicions(files: Iterable[FileReport]) -> dict[str, int]:
    in_all = _summed(file.suspicions for file in files)
    return {name: in_all[name] for name in SUSPICIONS if in_all[name]}


def _summed(counters: Iterable[Counter[str]]) -> Counter[str]:
    result = Counter[str]()
    for counter in counters:
        result.update(counter)
    return result


def _cells(tally: Tally) -> tuple[str, ...]:
    return tuple(f"{count:,}" for count in (tally.read, tally.stored, tally.duplicates, tally.refused))
