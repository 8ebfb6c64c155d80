"""Plays the files of `scenarios/` against a server and says, by file, what it answered as they say and what it did not.

    make scenarios                                            servers of our own, with every setting that a file asks for
    make scenarios ARGS='--url https://... --token ...'       another; CASBAH_URL and CASBAH_TOKEN say the same
    make scenarios ARGS='--url https://... --only 030,050'    some of the files

With the owner's key of a Casbah (in `server.json` of its store) everything is played that needs no other settings, in tenants
of its own. With any other key, and of any other server, only what reads: see `foreign.py`. `--mdca` takes a server for such
a one without asking. A throttled request waits as it is told. Exit status: 0, 1 where something differs, 2 if nothing
could be asked.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from scenarios.foreign import Guest, Plan, as_guest, as_owner
from scenarios.runner import BAD_KEY, Target, play, seconds_to_wait
from scenarios.scenario import LIST, Scenario, Step, scenarios
from scenarios.server import Servers

_PATIENCE = 20
_THROTTLED = 429


@dataclass
class Outcome:
    """What came of a step: how many of its requests were asked, what was not as it says, why the others were not asked."""

    name: str
    source: str
    asked: int = 0
    problems: Sequence[str] = ()
    unasked: Sequence[str] = ()

    @property
    def kind(self) -> str:
        if not self.asked:
            return "not asked"
        return "differs" if self.problems else "as it says"


@dataclass
class Report:
    """What came of all files."""

    url: str
    owner: bool
    files: dict[str, list[Outcome]] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        return any(step.problems for steps in self.files.values() for step in steps)


class UnplayableError(Exception):
    """Nothing can be asked: the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        chosen = _chosen(options.only)
        report = against(options, chosen) if options.url else on_our_own(chosen)
    except (UnplayableError, httpx.HTTPError) as error:
        sys.stderr.write(f"scenarios: {error}\n")
        return 2
    sys.stdout.write(json.dumps(_as_json(report), indent=1) + "\n" if options.json else _as_text(report))
    return 1 if report.differs else 0


def _chosen(beginnings: Sequence[str]) -> list[Scenario]:
    found = scenarios(*beginnings)
    if not found:
        raise UnplayableError(f"no file begins with {' or '.join(beginnings)}")
    return found


def on_our_own(chosen: Sequence[Scenario]) -> Report:
    """All of it, on servers that are started for it."""
    report = Report("servers of our own", owner=True)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = Servers(stack, lambda: Path(tempfile.mkdtemp(dir=folder)))
        begins = _progress(sum(len(each.steps) for each in chosen))
        for scenario in chosen:
            target, prepared = servers.target(scenario)
            report.files[scenario.file] = _played(scenario, Plan(scenario, {}), target, prepared, begins)
    return report


def against(options: argparse.Namespace, chosen: Sequence[Scenario]) -> Report:
    """What can be asked of the server at an address."""
    with httpx.Client(base_url=options.url, timeout=60, headers={"Authorization": f"Token {options.token}"}) as client:
        owner = not options.mdca and owns(client)
        guest = None if owner else Guest(activity(client), feedback=options.feedback)
    plans = [as_owner(each) if guest is None else as_guest(each, guest) for each in chosen]
    begins = _progress(sum(len(plan.scenario.steps) for plan in plans))
    report = Report(options.url, owner)
    target = Target(options.url, options.token, owner=owner, patience=_PATIENCE)
    for scenario, plan in zip(chosen, plans, strict=True):
        report.files[scenario.file] = _played(scenario, plan, target, lambda: None, begins)
    return report


def owns(client: httpx.Client) -> bool:
    """Whether the key is that of a Casbah's owner, who alone chooses a tenant, and is told where none can be called so."""
    answer = _got(client, "GET", "/api/v1/activities/metadata/", headers={"Casbah-Tenant": "no/tenant"})
    return answer.status_code == httpx.codes.BAD_REQUEST and "casbah-tenant" in answer.text


def activity(client: httpx.Client) -> str | None:
    """The id of some activity that is there; None if there is none. Says so where the key is no good."""
    answer = _got(client, "POST", LIST, json={"limit": 1})
    if answer.status_code != httpx.codes.OK:
        raise UnplayableError(f"{client.base_url} answers {answer.status_code} to a plain list: {answer.text[:200]}")
    try:
        return next((str(each["_id"]) for each in answer.json()["data"]), None)
    except (ValueError, LookupError, TypeError):
        raise UnplayableError(f"{client.base_url} answers no list of activities: {answer.text[:200]}") from None


def _got(client: httpx.Client, method: str, path: str, **content: Any) -> httpx.Response:
    for _ in range(_PATIENCE):
        answer = client.request(method, path, **content)
        if answer.status_code != _THROTTLED:
            return answer
        time.sleep(seconds_to_wait(answer.headers))
    raise UnplayableError(f"{client.base_url} throttles every request")


def _played(
    scenario: Scenario, plan: Plan, target: Target, prepared: Callable[[], None], begins: Callable[[str, Step], None]
) -> list[Outcome]:
    asked = {step.name: len(list(step.asked())) * step.times + 3 * len(step.halves) for step in plan.scenario.steps}
    problems: Mapping[str, Sequence[str]] = {}
    if asked:
        played = play(plan.scenario, target, prepared=prepared, begins=lambda step: begins(scenario.file, step))
        problems = played.problems
    return [
        Outcome(
            step.name,
            step.source,
            asked.get(step.name, 0),
            problems.get(step.name, ()),
            plan.unasked.get(step.name, ()),
        )
        for step in scenario.steps
    ]


def _progress(total: int) -> Callable[[str, Step], None]:
    """Says on standard error which step is being played: on one line of a terminal, else file by file."""
    seen: Counter[str] = Counter()

    def begins(file: str, step: Step) -> None:
        seen[file] += 1
        line = f"[{seen.total():3}/{total}] {file}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{f'{line}: {step.name}'[:110]}" + ("\n" if seen.total() == total else ""))
        elif seen[file] == 1:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    return begins


def _as_json(report: Report) -> dict[str, Any]:
    files = {name: [{**asdict(step), "kind": step.kind} for step in steps] for name, steps in report.files.items()}
    return {"url": report.url, "owner": report.owner, "differs": report.differs, "files": files}


def _as_text(report: Report) -> str:
    who = (
        "its owner, so all can be played"
        if report.owner
        else "a guest, so only what reads is asked, and of data only the shape"
    )
    return "\n".join([*_unasked(report), *_differences(report), f"{report.url}, as {who}", "", *_table(report), ""])


def _unasked(report: Report) -> list[str]:
    """What was not asked, by reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for file, steps in report.files.items():
        for step in steps:
            for reason, count in Counter(step.unasked).items():
                by_reason[reason].append(f"{file}: {step.name}" + (f" ({count} requests)" if step.asked else ""))
    return [
        line
        for reason, names in by_reason.items()
        for line in (f"not asked, {reason}:", *(f"  {name}" for name in names), "")
    ]


def _differences(report: Report) -> list[str]:
    return [
        line
        for file, steps in report.files.items()
        for step in steps
        if step.problems
        for line in (
            f"not as it says, {file}: {step.name} ({step.source})",
            *(f"  {problem}" for problem in step.problems),
            "",
        )
    ]


def _table(report: Report) -> list[str]:
    kinds = ("as it says", "differs", "not asked")
    counts = {file: Counter(step.kind for step in steps) for file, steps in report.files.items()}
    counts["all"] = sum(counts.values(), Counter())
    head = f"{'file':22} {'as it says':>12} {'not as it says':>16} {'not asked':>11}"
    rows = [f"{file:22} {row[kinds[0]]:12} {row[kinds[1]]:16} {row[kinds[2]]:11}" for file, row in counts.items()]
    return [head, *rows]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make scenarios", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default=os.environ.get("CASBAH_URL", ""), help="where the server is (CASBAH_URL)")
    parser.add_argument(
        "--token", default=os.environ.get("CASBAH_TOKEN", BAD_KEY), help="the key to ask with (CASBAH_TOKEN)"
    )
    parser.add_argument("--mdca", action="store_true", help="the server speaks MDCA's API and nothing else")
    parser.add_argument(
        "--feedback", action="store_true", help="give feedback on an activity of the server; it stays there"
    )
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=[], help="files that begin so, as in 030,050"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
