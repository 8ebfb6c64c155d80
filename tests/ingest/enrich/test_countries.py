import pytest

from casbah.ingest.enrich.countries import ROWS, code

KNOWN = [
    pytest.param("United States", "US", id="the short name"),
    pytest.param("united states of america", "US", id="the long name, in small letters"),
    pytest.param("the United States of America", "US", id="with an article"),
    pytest.param("U.S.A.", "US", id="with dots"),
    pytest.param("us", "US", id="a code in small letters"),
    pytest.param("DEU", "DE", id="a code of three letters"),
    pytest.param(" Germany ", "DE", id="with spaces around"),
    pytest.param("UK", "GB", id="reserved, not assigned"),
    pytest.param("Russia", "RU", id="as people say it"),
    pytest.param("Korea, Republic of", "KR", id="turned round, as the standard does"),
    pytest.param("Republic of Korea", "KR", id="not turned round"),
    pytest.param("Korea, Democratic People's Republic of", "KP", id="the other Korea"),
    pytest.param("Democratic People\u2019s Republic of Korea", "KP", id="with a printer's apostrophe"),
    pytest.param("Cote d'Ivoire", "CI", id="without its accent"),
    pytest.param("C\u00f4te d'Ivoire", "CI", id="with its accent"),
    pytest.param("Co\u0302te d'Ivoire", "CI", id="with its accent as a letter of its own"),
    pytest.param("T\u00fcrkiye", "TR", id="the new name"),
    pytest.param("TURKEY", "TR", id="the old name"),
    pytest.param("Congo", "CG", id="one Congo"),
    pytest.param("Democratic Republic of the Congo", "CD", id="the other Congo"),
    pytest.param("Bosnia & Herzegovina", "BA", id="with an ampersand"),
    pytest.param("St. Kitts and Nevis", "KN", id="a saint, abbreviated"),
    pytest.param("British Virgin Islands", "VG", id="one half of the Virgin Islands"),
    pytest.param("U.S. Virgin Islands", "VI", id="the other half"),
    pytest.param("Kosovo", "XK", id="without a code in the standard"),
]
UNKNOWN = [
    pytest.param("", id="nothing"),
    pytest.param("  ", id="spaces"),
    pytest.param("XX", id="two letters that are no code"),
    pytest.param("ZZ", id="the code for unknown"),
    pytest.param("T1", id="what some say for Tor"),
    pytest.param("Unknown", id="a word that is no country"),
    pytest.param("the", id="an article alone"),
    pytest.param("\u65e5\u672c", id="a country in its own script"),
    pytest.param("United States" * 1_000, id="far too long"),
]


@pytest.mark.parametrize("text, expected", KNOWN)
def test_countries(text, expected):
    assert code(text) == expected


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_no_country(text):
    assert code(text) is None


def test_every_row_is_found_by_each_of_its_names_and_codes():
    for short, long, names in ROWS:
        found = {name: code(name) for name in (short, long, short.lower(), *names)}
        assert found == dict.fromkeys(found, short)


def test_the_table_is_the_standard_and_kosovo_in_order():
    codes = [short for short, _, _ in ROWS]
    assert (len(codes), codes) == (250, sorted(set(codes)))
    assert len({long for _, long, _ in ROWS}) == 250
