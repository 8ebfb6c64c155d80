"""What a page of activities costs: Casbah, PostgreSQL, DuckDB, ClickHouse, OpenSearch and VictoriaLogs over the same records, and the floor.

    make bench                                        1 million activities
    make bench SCALE=10m                              10 million
    make bench ARGS='--only "user eq" --peers casbah,floor,duckdb'
    make bench ARGS='--json bench.json --markdown bench.md'
    make bench ARGS='--only-ingest --ingest-rounds 5'

| scale | records | all peers' disk | making and loading, 2 cores | asking      |
| 20k   | 50 MB   | 0.5 GB          | 2 minutes                   | 3 minutes   |
| 100k  | 0.2 GB  | 1.5 GB          | 5 minutes                   | 4 minutes   |
| 1m    | 2.3 GB  | 14 GB           | 40 minutes                  | 15 minutes  |
| 10m   | 23 GB   | 140 GB          | 7 hours                     | 1 hour      |
| 100m  | 230 GB  | 1.4 TB          | 3 days                      | 4 hours     |

Disk and times are of all peers but ClickHouse and VictoriaLogs, which need about 3 GB more for a million.
The records are kept gzipped (a sixth). Records and loaded peers stay in the work folder, by default
/var/tmp/casbah-bench-<user id>, and are used again; remove the folder to be rid of them. A peer that cannot be run here is
left out, saying what to install.

Every query is asked over HTTP of servers behind the same handler; Casbah is `casbah serve`. First everything is asked once of
everybody and must be answered alike: the same total and the same activities in the same order. Then all are asked in turn,
round after round, in one run on one machine: only ratios mean something. Medians, with the middle half of the rounds. The
floor is bare tantivy on Casbah's own index, without HTTP.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from tools.bench import data, report
from tools.bench.peers import table
from tools.bench.run import Run

WORK = Path(f"/var/tmp/casbah-bench-{os.getuid()}")
SCALES = {"20k": 20_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000, "100m": 100_000_000}


def main() -> int:
    """Run from the command line."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that every server is ended.
    chosen.work.mkdir(parents=True, exist_ok=True)
    records = data.made(chosen.work, count=chosen.count, seed=chosen.seed)
    with Run(
        records,
        work=chosen.work,
        peers=chosen.peers,
        rounds=chosen.rounds,
        ingest_rounds=chosen.ingest_rounds,
        anew=chosen.load_again,
    ) as run:
        found = run.report(only=chosen.only, ask=not chosen.only_ingest, ingest=not chosen.skip_ingest)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text(report.markdown(found), encoding="utf-8")
    report.show(found)
    return 1 if found["disagreements"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    everybody = (*table.PEERS, report.FLOOR)
    about_the_data(parser, scale=os.environ.get("SCALE") or "1m")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--peers", type=_names(everybody), default=everybody, help=",".join(everybody))
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="ask only the shapes that have it in their name, and nothing else"
    )
    storing = parser.add_mutually_exclusive_group()
    storing.add_argument("--skip-ingest", action="store_true")
    storing.add_argument("--only-ingest", action="store_true")
    parser.add_argument("--ingest-rounds", type=int, default=3)
    parser.add_argument(
        "--load-again", type=_names(everybody), default=(), metavar="PEERS", help="though they are loaded"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


def about_the_data(parser: argparse.ArgumentParser, *, scale: str) -> None:
    """The options of everything that runs on the data: how much, of which seed, where it is, where the report goes."""
    parser.add_argument("--scale", dest="count", type=_count, default=scale, help="20k to 100m, or a number")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=WORK, help="where everything is kept")
    parser.add_argument("--json", type=Path, metavar="FILE")


def _count(text: str) -> int:
    if text.lower() in SCALES:
        return SCALES[text.lower()]
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}: one of {', '.join(SCALES)}, or a number of activities")
    return int(text)


def _names(known: tuple[str, ...]):
    def names(text: str) -> tuple[str, ...]:
        found = tuple(each.strip() for each in text.split(",") if each.strip())
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
        return found

    return names


if __name__ == "__main__":
    sys.exit(main())
