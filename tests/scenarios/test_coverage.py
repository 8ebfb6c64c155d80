"""The scenarios cover the wire contract: every rule is shown, every step shows one, every statement is a rule's."""

import re
from collections import Counter

import pytest

from scenarios.coverage import amendments, defined, later, rules, statements
from scenarios.scenario import MARKS, Scenario, Step, scenarios

SCENARIOS = scenarios()
STEPS = {(scenario.file, step.name): step for scenario in SCENARIOS for step in scenario.steps}
RULES = rules(SCENARIOS)
LATER = later()
BY_RULE = pytest.mark.parametrize("rule", [pytest.param(rule, id=f"{rule.section} {rule.rule}") for rule in RULES])


@BY_RULE
def test_a_rule_is_shown(rule):
    assert bool(rule.steps or rule.tests) is not bool(rule.superseded)
    assert [step for step in rule.steps if step not in STEPS] == []
    assert [test for test in rule.tests if not defined(test)] == []


@BY_RULE
def test_a_rule_is_as_sure_as_some_step_that_shows_it(rule):
    shown = {mark for step in rule.steps if step in STEPS for mark in STEPS[step].marks}
    assert set(rule.sure) <= set(MARKS)
    assert set(rule.sure) <= shown or not rule.steps


def test_every_step_shows_a_rule():
    shown = {step for rule in RULES for step in rule.steps}
    assert sorted(STEPS.keys() - shown) == []


@pytest.mark.parametrize("step", [pytest.param(step, id=f"{file}: {step.name}") for (file, _), step in STEPS.items()])
def test_a_step_says_where_it_is_from(step):
    assert step.marks
    assert re.search(r"; .*\b(\d|Filters)\b", step.source)
    assert step.why


def test_every_statement_of_the_specification_is_some_rule(shared):
    wire = (shared / "spec" / "wire.md").read_text(encoding="utf-8")
    unclaimed = [said for number, said in statements(wire) if not _claiming(number, said)]
    assert unclaimed == []


def test_every_quote_is_in_the_specification_once(shared):
    found = list(statements((shared / "spec" / "wire.md").read_text(encoding="utf-8")))
    counted = {
        (rule.section, quote): sum(number == rule.section[0] and quote in said for number, said in found)
        for rule in RULES
        for quote in rule.quotes
    }
    assert {quote: count for quote, count in counted.items() if count != 1} == {}
    assert [quote for quote, count in Counter(q for rule in RULES for q in rule.quotes).items() if count > 1] == []


def test_every_statement_of_an_amendment_that_is_built_is_some_rule(shared):
    unclaimed = [(number, text) for number, text in _amendments(shared) if number not in LATER]
    assert [(number, text) for number, text in unclaimed if not _amending(number, text)] == []


def test_every_quote_of_an_amendment_is_in_it_once(shared):
    known = _amendments(shared)
    counted = {
        (number, quote): sum(number == other and quote in text for other, text in known)
        for rule in RULES
        for number, quotes in rule.amendments.items()
        for quote in quotes
    }
    assert {quote: count for quote, count in counted.items() if count != 1} == {}


def test_amendments_not_built_yet_are_known_and_named_by_no_rule(shared):
    named = {number for rule in RULES for number in (*rule.amendments, rule.superseded) if number}
    known = {number for number, _ in _amendments(shared)}
    assert set(LATER) <= known
    assert named <= known - set(LATER)


@BY_RULE
def test_a_rule_that_no_longer_holds_names_an_amendment_and_what_it_said(rule):
    assert not rule.superseded or (rule.quotes and not rule.amendments)


def _amendments(shared):
    return list(amendments((shared / "spec" / "amendments.md").read_text(encoding="utf-8")))


def _amending(number, text):
    return [rule for rule in RULES if any(quote in text for quote in rule.amendments.get(number, ()))]


def _claiming(number, said):
    return [rule for rule in RULES if rule.section[0] == number and any(quote in said for quote in rule.quotes)]


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param(
            "# T\nBefore.\n## 1. A\nOne. Two; three.", [("1", "One."), ("1", "Two;"), ("1", "three.")], id="clauses"
        ),
        pytest.param(
            "## 1. A\n| H | I |\n|---|---|\n| a; b. c | d |", [("1", "| a; b. c | d |")], id="rows, not heads"
        ),
        pytest.param(
            "## 2. A\n- one\n  more\n- two (a. b; c) `d. e`.",
            [("2", "one more"), ("2", "two (a. b; c) `d. e`.")],
            id="items",
        ),
        pytest.param("## 2. A\n1. one\n2. two", [("2", "one"), ("2", "two")], id="numbered items"),
        pytest.param("## 2. A\n**One.** Two.", [("2", "One."), ("2", "Two.")], id="bold"),
    ],
)
def test_statements(text, expected):
    assert list(statements(text)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param(
            "- **A1. Size** (wire 4). One; two (x; y).", [("A1", "One;"), ("A1", "two (x; y).")], id="a title"
        ),
        pytest.param(
            "- **A12. Keys** (a, b): one\n  two.\n  Three.", [("A12", "one two."), ("A12", "Three.")], id="lines"
        ),
        pytest.param("# A1. Not\n\nA2. this either\n- nor this", [], id="no amendment"),
    ],
)
def test_amendments(text, expected):
    assert list(amendments(text)) == expected


def test_a_new_line_of_an_amendment_is_noticed(shared):
    text = (shared / "spec" / "amendments.md").read_text(
        encoding="utf-8"
    ) + "- **A0. New** (wire 1): it may be sideways.\n"
    unclaimed = [item for item in amendments(text) if item[0] not in LATER and not _amending(*item)]
    assert unclaimed == [("A0", "it may be sideways.")]


def test_a_new_line_of_the_specification_is_noticed(shared):
    wire = (shared / "spec" / "wire.md").read_text(encoding="utf-8")
    grown = wire.replace("## 5. Scan", "- A page may also be sideways.\n\n## 5. Scan")
    assert [said for number, said in statements(grown) if not _claiming(number, said)] == [
        "A page may also be sideways."
    ]


@pytest.mark.parametrize(
    "test, there",
    [
        pytest.param("tests/scenarios/test_coverage.py::test_statements", True, id="there"),
        pytest.param("tests/scenarios/test_coverage.py::test_no_such", False, id="no such test"),
        pytest.param("tests/scenarios/test_no_such.py::test_statements", False, id="no such file"),
    ],
)
def test_a_test_elsewhere_is_looked_up(test, there):
    assert defined(test) is there


@pytest.mark.parametrize("source", ["", "D", "X; wire.md 1", "D,C; wire.md 1", "D; somewhere"])
def test_a_source_that_says_nothing_is_refused(source):
    with pytest.raises(ValueError, match="is not like"):
        _ = Step(name="x", why="y", source=source).marks


def test_rules_of_a_file_that_is_not_there_are_found_out(tmp_path):
    table = tmp_path / "coverage.yaml"
    section = "{section: 1. A, rules: [{rule: x, sure: [D], quotes: [], steps: {no-such: all}}]}"
    table.write_text(f"later: []\nsections: [{section}]")
    assert rules([Scenario("010", "x", ())], table)[0].steps == (("no-such", "(there is no such file)"),)
