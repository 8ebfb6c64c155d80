"""Writes `docs/compatibility.md` from the scenarios and their coverage, or checks that it is current (`--check`)."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from scenarios.coverage import ROOT, Rule, rules
from scenarios.scenario import MARKS, Scenario, Unlike, scenarios

PAGE = ROOT / "docs" / "compatibility.md"
_HOW_SURE = ("documented", "seen", "our decision")


def page() -> str:
    """The whole page."""
    files = scenarios()
    table = [rule for rule in rules(files) if not rule.superseded]
    return _PAGE.format(
        rules=len(table),
        steps=sum(len(path.steps) for path in files),
        files=len(files),
        overview="\n".join(_overview(table)),
        sections="\n".join(_sections(table)),
        differences="\n".join(_differences(files)),
    )


def main(arguments: Sequence[str]) -> int:
    """Write the page; with `--check`, only say whether it is current."""
    current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
    if "--check" in arguments:
        if not current:
            sys.stderr.write("docs/compatibility.md is not current; `make docs` writes it\n")
        return 0 if current else 1
    if not current:
        PAGE.write_text(page(), encoding="utf-8")
        sys.stdout.write("wrote docs/compatibility.md\n")
    return 0


def _overview(table: Sequence[Rule]) -> Iterator[str]:
    total: Counter[str] = Counter()
    for section, found in groupby(table, lambda rule: rule.section):
        part = list(found)
        counts = Counter(_how_sure(rule) for rule in part)
        steps = len({step for rule in part for step in rule.steps})
        yield f"| {section} | {len(part)} | {' | '.join(str(counts[each]) for each in _HOW_SURE)} | {steps} |"
        total.update(counts)
    steps = len({step for rule in table for step in rule.steps})
    yield f"| all | {len(table)} | {' | '.join(str(total[each]) for each in _HOW_SURE)} | {steps} |"


def _sections(table: Sequence[Rule]) -> Iterator[str]:
    for section, found in groupby(table, lambda rule: rule.section):
        yield from (f"### {section}", "", "| Rule | How sure | Steps | Shown by |", "|---|---|---|---|")
        yield from (
            f"| {_cell(rule.rule)} | {', '.join(MARKS[mark] for mark in rule.sure)} | {len(rule.steps) or ''} | {_shown(rule)} |"
            for rule in found
        )
        yield ""


def _shown(rule: Rule) -> str:
    files = dict.fromkeys(file for file, _ in rule.steps)
    tests = dict.fromkeys(test.partition("::")[0] for test in rule.tests)
    return ", ".join([*(file.partition("-")[0] for file in files), *(f"`{test}`" for test in tests)])


def _differences(files: Sequence[Scenario]) -> Iterator[str]:
    """Each difference once, however many steps show it."""
    shown: dict[Unlike, list[str]] = {}
    for path in files:
        for step in path.steps:
            if step.unlike:
                shown.setdefault(step.unlike, []).append(f"{path.file.partition('-')[0]}: {step.name}")
    for unlike, steps in shown.items():
        cells = (unlike.mdca, unlike.casbah, unlike.why, "; ".join(steps))
        yield f"| {' | '.join(map(_cell, cells))} |"


def _how_sure(rule: Rule) -> str:
    if "D" in rule.sure:
        return "documented"
    return "seen" if {"C", "R"} & set(rule.sure) else "our decision"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_PAGE = """<!-- Written by `make docs` from scenarios/; change those. -->

# Compatibility with the Activities API of MDCA

A client that was written for Microsoft Defender for Cloud Apps (MDCA) changes the host and the key. It can then rely on
{rules} rules, which the {files} files of [scenarios/](../scenarios/README.md) show in {steps} steps: requests, with the answers they must get. All of
them are played over a real socket by `make test`.

How sure we are that MDCA does the same:

- **documented**: Microsoft's public documentation says so;
- **seen**: public clients send it or rely on it, or real records show it;
- **our decision**: nothing public settles it. It may be otherwise at MDCA, and a client should not rely on it there.

| Section | Rules | Documented | Seen | Our decision | Steps |
|---|---|---|---|---|---|
{overview}

A rule with several marks counts once, under the surest of them; a step may show several rules.

## Rule by rule

The numbers are those of the files in `scenarios/`.

{sections}
## Where Casbah differs from MDCA on purpose

MDCA's behavior is stated as far as it is public. `casbah serve --mimic mdca` has MDCA's limits where they are known, to
test clients.

| MDCA | Casbah | Why | Shown by |
|---|---|---|---|
{differences}

## Playing the files against any server

```sh
make scenarios                                                    # servers of our own, every file
make scenarios ARGS='--url https://casbah.example --token KEY'    # a Casbah that runs
make scenarios ARGS='--mdca --url https://tenant.example --token KEY --only 030,040'
```

`CASBAH_URL` and `CASBAH_TOKEN` say the same as `--url` and `--token`. With the key of a Casbah's owner (`server.json` in its store),
files are played in tenants of their own, apart from those that need other settings. With any other key, and against
MDCA, nothing is stored and nothing written: requests that only read are asked, and answers must have the documented shape, order and
size; errors must have their status and words. `--feedback` allows feedback to be given, which stays. A throttled request is sent again
after the requested wait, so at MDCA's 30 a minute a complete run takes long; `--only` plays some files. At the end, a table shows which answers
agreed with the files, which did not, and which requests were not sent; `--json` is for machines. The exit status is 1 if anything differs.
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
