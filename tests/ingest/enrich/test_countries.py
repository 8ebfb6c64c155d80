"""Countries by name and code."""

import pytest

from casbah.ingest.enrich.countries import COUNTRIES, code


@pytest.mark.parametrize(
    ("said", "is_code"),
    [
        ("United States", "US"),
        ("united states of america", "US"),
        ("us", "US"),
        (" DE ", "DE"),
        ("Russia", "RU"),
        ("Korea, Republic of", "KR"),
        ("Côte d'Ivoire", "CI"),
        ("UK", "GB"),
        ("GB", "GB"),
        ("Mordor", None),
        ("ZZ", None),
        ("", None),
        ("Unknown", None),
    ],
)
def test_a_country_is_known_by_code_and_name(said: str, is_code: str | None) -> None:
    assert code(said) == is_code


def test_the_table_is_whole_and_no_name_stands_twice() -> None:
    assert len(COUNTRIES) == 249 + 1  # ISO 3166-1 has 249, and there is XK
    names = [name.casefold() for each in COUNTRIES.values() for name in each]
    assert len(names) == len(set(names))
    assert all(code(name) == found for found, each in COUNTRIES.items() for name in each)
