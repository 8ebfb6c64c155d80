"""The verbs, measured with the activities that were labelled by hand, and with all real logs and the demo's."""

import csv
from pathlib import Path
from typing import Any

import pytest

from casbah.activity.matching import matches
from casbah.operations.saved.suggested import SUGGESTED
from making import query
from verbs.measuring import CONNECTORS, SHARES, Measured, Reference, labels, measure

MAX_WITHOUT = 0.08
MIN_MEASURE = 0.98
BY_VERB = [pytest.param(row.filters, id=row.id) for row in SUGGESTED if set(row.filters) == {"verb"}]
SOURCES = sorted(CONNECTORS.keys())


@pytest.fixture(scope="module")
def labelled() -> dict[Reference, str]:
    return labels()


@pytest.fixture(scope="module")
def measured(shared: Path, labelled: dict[Reference, str]) -> Measured:
    return measure(shared, labelled.keys())


def test_every_labelled_activity_is_there(measured: Measured, labelled: dict[Reference, str]) -> None:
    assert measured.labelled.keys() == labelled.keys()
    assert len(labelled) == 400


@pytest.mark.parametrize("filters", BY_VERB)
def test_suggested_queries_agree_with_the_labels(
    measured: Measured, labelled: dict[Reference, str], filters: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    predicate = query(filters).predicate
    found = {reference for reference, record in measured.labelled.items() if matches(predicate, record)}
    right = {reference for reference, verb in labelled.items() if verb in filters["verb"]["eq"]}
    precision, recall = len(found & right) / len(found), len(found & right) / len(right)
    print(f"{request.node.callspec.id}: precision {precision:.3f}, recall {recall:.3f} of {len(right)} labelled")
    assert min(precision, recall) >= MIN_MEASURE, found ^ right


def test_verbs_agree_with_the_labels(measured: Measured, labelled: dict[Reference, str]) -> None:
    different = {
        (reference[0], reference[3]): (labelled[reference], verb)
        for reference, record in measured.labelled.items()
        if (verb := record.get("verb", "-")) != labelled[reference]
    }
    print(f"{len(labelled) - len(different)} of {len(labelled)} verbs are those of the labels; not: {different}")
    assert len(different) <= (1 - MIN_MEASURE) * len(labelled)


@pytest.mark.parametrize("source", SOURCES)
def test_few_activities_of_a_source_have_no_verb(measured: Measured, source: str) -> None:
    """Those of apps that no source knows, of which MDCA's tables may have any, do not count."""
    without, total, foreign = measured.without[source], measured.total[source], measured.foreign[source]
    print(f"{source}: {without.total()} of {total} without a verb: {without.most_common(5)}")
    assert total > foreign
    assert without.total() - foreign <= MAX_WITHOUT * (total - foreign)


def test_the_shares_of_the_documents_are_measured(measured: Measured) -> None:
    with SHARES.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t")
    written = {(source, form): [int(number) for number in numbers] for source, form, *numbers in rows}
    counted = {(source, form): numbers for source, form, *numbers in measured.rows()}
    assert written.keys() == counted.keys()
    for group, (total, *having) in counted.items():
        assert [round(100 * number / total) for number in having] == [
            round(100 * number / written[group][0]) for number in written[group][1:]
        ]
