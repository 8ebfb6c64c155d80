"""`make mutants`: plants one bug at a time in a copy of the tree, and reports those that the tests do not notice.

    make mutants                                  every mutation of mutations.toml
    make mutants ARGS='--only csv --only jwt'     those with one of these texts in their name
    make mutants ARGS='--list'                    what there is
    make mutants ARGS='--json mutants.json'       the results as JSON, too

The exit status is 0 if every mutation was noticed, or its tests hung, and they pass without one.
"""

import argparse
import json
import os
import signal
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import FrameType

from tools.mutants.mutation import LISTED, BadMutationError, Mutation, read
from tools.mutants.run import Outcome, Result, run, unmutated

TREE = Path(__file__).parents[2]
_SECONDS = 180.0
_UNMUTATED_SECONDS = 1_200.0


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    chosen = _arguments(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        mutations = _chosen(read(chosen.mutations, chosen.tree), chosen.only)
    except BadMutationError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    if chosen.list:
        for mutation in mutations:
            print(f"{mutation.name:44} {mutation.file}")
        return 0
    results = _run(mutations, chosen)
    if chosen.json:
        chosen.json.write_text(json.dumps([_as_json(result) for result in results], indent=1) + "\n", encoding="utf-8")
    return _report(results)


def _stop(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _run(mutations: list[Mutation], chosen: argparse.Namespace) -> list[Result]:
    """First the tests without a mutation; the mutations only if those pass."""
    print(f"mutants: {len(mutations)} mutations; first, their tests without any", flush=True)
    (clean,) = run([unmutated(mutations)], chosen.tree, jobs=1, seconds=max(chosen.seconds, _UNMUTATED_SECONDS))
    if clean.outcome is not Outcome.SURVIVED:
        return [replace(clean, outcome=Outcome.BROKEN)]
    results = []
    with closing(run(mutations, chosen.tree, jobs=chosen.jobs, seconds=chosen.seconds)) as done:
        for result in done:
            results.append(result)
            place = f"[{len(results)}/{len(mutations)}]"
            print(f"{place:>9} {result.outcome.value:10} {result.seconds:6.1f} s  {result.mutation.name}", flush=True)
    return results


def _report(results: list[Result]) -> int:
    bad = [result for result in results if not result.is_good]
    for result in bad:
        mutation = result.mutation
        print(f"\n{mutation.name}: {result.outcome.value}\n  {mutation.file}: {mutation.why}")
        print(f"  - {mutation.text.strip()}\n  + {mutation.replacement.strip()}\n  {' '.join(mutation.tests)}")
        if result.outcome is not Outcome.SURVIVED:
            print("\n".join(f"  | {line}" for line in result.output.splitlines()))
    print(f"\nmutants: {len(results) - len(bad)} of {len(results)} noticed")
    return 1 if bad else 0


def _as_json(result: Result) -> dict[str, object]:
    mutation = result.mutation
    return {
        "name": mutation.name,
        "file": mutation.file,
        "outcome": result.outcome.value,
        "seconds": result.seconds,
        "why": mutation.why,
        "output": result.output,
    }


def _chosen(mutations: list[Mutation], only: list[str]) -> list[Mutation]:
    named = [mutation for mutation in mutations if not only or any(text in mutation.name for text in only)]
    if not named:
        raise BadMutationError(f"no mutation has {' or '.join(only)} in its name")
    return named


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a part of a name; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the mutations, and run nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results are written as JSON")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="how many run at a time")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="how long the tests of one may take")
    parser.add_argument("--mutations", type=Path, default=LISTED, metavar="FILE", help="another list of mutations")
    parser.add_argument("--tree", type=Path, default=TREE, metavar="FOLDER", help="another tree to copy")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
