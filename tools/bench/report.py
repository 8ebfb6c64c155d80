"""The report of a run: what is derived from the figures, and how it is shown to people."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.bench import machine

Report = Mapping[str, Any]
Grid = tuple[str, Sequence[str], list[Sequence[str]]]
"""A table: its title, the names of its columns, its rows."""

FLOOR, OURS = "floor", "casbah"
_MAX_MORE, _MORE_MS = 1.25, 2.0
_WIDE = 160
_WORKED = ("server's processor ms", "client's")


def ratios(shapes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Casbah against the best peer of each shape, and against the floor; geometric means over the shapes."""
    against_best = {}
    over_floor = {}
    for name, row in shapes.items():
        medians = {way: each["median"] for way, each in row["ms"].items() if "median" in each}
        ours = medians.pop(OURS, None)
        bare = medians.pop(FLOOR, None)
        if ours and medians:
            best = min(medians, key=lambda way: medians[way])
            against_best[name] = {"best": best, "ratio": round(medians[best] / ours, 2)}
        if ours and bare:
            over_floor[name] = float(f"{ours / bare:.3g}")  # Never 0, however far ahead.
    return {
        "best_peer": against_best,
        "best_peer_mean": _mean([each["ratio"] for each in against_best.values()]),
        "behind": [name for name, each in against_best.items() if each["ratio"] < 1],
        "floor": over_floor,
        "floor_mean": _mean(list(over_floor.values())),
        "over_the_floor": [name for name, row in shapes.items() if _too_dear(row["ms"])],
    }


def show(report: Report) -> None:
    """The report as tables."""
    console = Console()
    if not console.is_terminal:
        console.width = _WIDE
    console.print(_about(report))
    for title, columns, rows in grids(report):
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in _words(report):
        console.print(line, markup=False)


def markdown(report: Report) -> str:
    """The report as a part of a page."""
    parts = [_about(report), ""]
    for title, columns, rows in grids(report):
        lines = [f"### {title}", "", *map(_line, (columns, ["---"] * len(columns), *rows)), ""]
        parts += lines
    return "\n".join([*parts, *(f"- {line}" for line in _words(report))]) + "\n"


def grids(report: Report) -> Iterator[Grid]:
    """The tables of a report, in order."""
    yield _peers(report)
    if report["shapes"]:
        yield _shapes(report)
    if "fetch" in report:
        names = list(report["fetch"])
        yield "Fetch by id, ms", names, [[_cell(report["fetch"][name]) for name in names]]
    if "clients" in report:
        yield _clients(report["clients"])
    if "pages" in report:
        told = report["pages"]
        row = [f"{told['opened']}", f"{told['filtered']}", f"{told['p50']}", f"{told['p95']}", f"{told['most']}"]
        columns = ["opening the log to its first row", "filters set", "to the rows, p50", "p95", "at most"]
        yield "The pages in Chromium, ms", columns, [row]
    if "scan" in report:
        names = [name for name in report["scan"] if name != "ratio"]
        rows = [
            [n, f"{report['scan'][n]['records_per_second']:,}", str(report["scan"][n]["mb_per_second"])] for n in names
        ]
        yield f"Scan (Casbah at {report['scan']['ratio']} of the floor)", ["", "records/s", "MB/s"], rows
    if "ingest" in report:
        title = f"Bulk ingest, {report['ingest']['records']:,} records in batches, {report['ingest']['rounds']} rounds"
        yield _stored(title, ("", "how"), report["ingest"])
    if "raw" in report:
        title = f"`casbah ingest`, {report['raw']['records']:,} raw events, {report['raw']['rounds']} rounds"
        yield _stored(title, ("source", "as"), report["raw"])
    if "posts" in report:
        rows = [[n, *map(str, each.values())] for n, each in report["posts"].items() if n != "ratio"]
        title = f"Posts of one event ({report['posts']['ratio']}x the rate of one connection)"
        yield title, ["connections", "posts/s", "p50 ms", "p99 ms", "errors", *_WORKED], rows
    if "enrichment" in report:
        told = report["enrichment"]
        title = f"Enrichment of Microsoft 365 events ({told['cost']:.0%} of the rate)"
        spread = f"{told['costs'][0]:.0%} to {told['costs'][-1]:.0%}"
        row = [f"{told['nothing']:,}", f"{told['everything']:,}", spread]
        yield title, ["nothing added, events/s", "everything added, events/s", "cost in each round"], [row]


def _peers(report: Report) -> Grid:
    rows = [
        [
            peer["title"],
            peer["version"],
            f"{peer['load_seconds']:,.0f}",
            f"{peer['bytes_on_disk'] / report['activities']:,.0f}",
            f"{peer['held'] / 2**20:,.0f}",
            f"{peer['seen'] / 2**20:,.0f}",
        ]
        for peer in report["peers"].values()
    ]
    return "Peers", ["", "version", "load s", "disk bytes/record", "memory MiB", "with mapped files MiB"], rows


def _shapes(report: Report) -> Grid:
    ways = list(next(iter(report["shapes"].values()))["ms"])
    best, bare = report["ratios"]["best_peer"], report["ratios"]["floor"]
    rows = []
    for name, row in report["shapes"].items():
        peer = best.get(name)
        said = f"{peer['ratio']}x {peer['best']}" if peer else ""
        over = f"{bare[name]}x" if name in bare else ""
        rows.append([name, row["totals"], *(_cell(row["ms"][way]) for way in ways), said, over])
    return (
        "List: page and exact total, ms (half the width of the middle half)",
        ["", "totals", *ways, "ahead of the best", "over the floor"],
        rows,
    )


def _clients(found: Mapping[str, Any]) -> Grid:
    rows = [
        [name, count, *map(str, each[count].values()), "" if count == "1" else f"{each['ratio']}x"]
        for name, each in found.items()
        for count in each
        if count != "ratio"
    ]
    return (
        "All shapes, one client and several",
        ["", "clients", "requests/s", "p50 ms", "p99 ms", "errors", *_WORKED, "ratio"],
        rows,
    )


def _stored(title: str, names: tuple[str, str], found: Mapping[str, Any]) -> Grid:
    columns = [*names, "into a store", "records/s", "processors, us/record", "disk, bytes/record", *found["ratios"]]
    return title, columns, [[*row["what"], *_costs(row, found["ratios"])] for row in found["rows"]]


def _costs(row: Mapping[str, Any], ratios: Sequence[str]) -> list[str]:
    if "error" in row:
        return ["failed", *[""] * (2 + len(ratios))]
    figures = [_figure(row[name], "{:,.0f}") for name in ("per_second", "microseconds", "bytes")]
    return [*figures, *(_figure(row[name], "{:.2f}x") if name in row else "" for name in ratios)]


def _figure(spread: Mapping[str, float], form: str) -> str:
    """The median, and half of the middle half's width as a share of it."""
    median, half = spread["median"], (spread["high"] - spread["low"]) / 2
    return f"{form.format(median)} ±{half / median:.0%}" if median else form.format(0)


def _about(report: Report) -> str:
    return (
        f"{report['activities']:,} activities of {report['record_bytes']:,} bytes on average; "
        f"{machine.in_words(report['machine'])}; {report['rounds']} rounds."
    )


def _words(report: Report) -> Iterator[str]:
    """What the tables come to."""
    found = report["ratios"]
    if found["best_peer_mean"]:
        yield f"Ahead of the best peer of each shape by {found['best_peer_mean']}x (geometric mean)."
        yield f"Behind the best peer: {', '.join(found['behind']) or 'nowhere'}."
    if found["floor_mean"]:
        yield f"Over HTTP {found['floor_mean']}x the floor (geometric mean)."
        yield f"More than 1.25x and more than 2 ms over the floor: {', '.join(found['over_the_floor']) or 'nowhere'}."
    yield f"Disagreements: {len(report['disagreements'])}."
    yield from report["disagreements"][:20]
    yield from (f"Failed: {name} ({error})." for name, error in report["failed"].items())
    for row in (row for part in ("ingest", "raw") for row in report.get(part, {}).get("rows", ()) if "error" in row):
        yield f"Failed: {', '.join(row['what'])} ({row['error']})."
    yield from (f"Left out: {title} ({reason})." for title, reason in report["left_out"].items())


def _too_dear(ms: Mapping[str, Any]) -> bool:
    ours, bare = (ms.get(name, {}).get("median") for name in (OURS, FLOOR))
    return bool(ours and bare) and ours > max(bare * _MAX_MORE, bare + _MORE_MS)


def _cell(summary: Mapping[str, Any]) -> str:
    """The median, and half of the middle half's width as a share of it."""
    if "median" not in summary:
        return "failed" if summary["error"] != "not asked" else "-"
    spread = (summary["high"] - summary["low"]) / 2 / summary["median"]
    return f"{_short(summary['median'])} ±{spread:.0%}"


def _short(ms: float) -> str:
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}"


def _mean(found: Sequence[float]) -> float | None:
    return round(statistics.geometric_mean(found), 2) if found else None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
