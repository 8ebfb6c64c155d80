"""`casbah serve`: the settings that it is given."""

import pytest

from casbah.cli import options
from casbah.errors import UnknownSettingError

CHOSEN = [
    pytest.param(["throttle=30/minute"], {}, {"throttle": "30/minute"}, id="by its name"),
    pytest.param(["CASBAH_THROTTLE=off"], {}, {"throttle": "off"}, id="by its variable"),
    pytest.param(["mimic-list-end = 10"], {}, {"mimic_list_end": "10"}, id="with a dash and blanks"),
    pytest.param(["oidc_tenants=a=b,c=d"], {}, {"oidc_tenants": "a=b,c=d"}, id="a value with an equals sign"),
    pytest.param(["throttle=off", "throttle=1/hour"], {}, {"throttle": "1/hour"}, id="the last one wins"),
    pytest.param(["port=1"], {"port": "2"}, {"port": "2"}, id="an option of its own wins"),
    pytest.param(["port=1"], {"port": None}, {"port": "1"}, id="an option that was not given does not"),
]


@pytest.mark.parametrize("pairs, given, expected", CHOSEN)
def test_settings_on_the_command_line(pairs, given, expected):
    assert options.with_set(pairs, given) == expected


@pytest.mark.parametrize("pair", ["throtle=1", "throttle", "=1", ""])
def test_what_is_no_setting_is_refused_with_the_nearest_name(pair):
    with pytest.raises(UnknownSettingError, match=r"<setting>=<value>") as refused:
        options.with_set([pair], {})
    assert ("did you mean 'throttle'" in str(refused.value)) == pair.startswith("thro")


def test_mimic_sets_what_nobody_else_has_set(monkeypatch):
    monkeypatch.setenv("CASBAH_MIMIC", "mdca")
    monkeypatch.setenv("CASBAH_MIMIC_LIST_END", "77")
    chosen = options.read_settings(throttle="off")
    assert (chosen.throttle, chosen.mimic_list_end, chosen.mimic_window) == (None, 77, 30 * 86_400_000)


def test_without_mimic_nothing_is_narrower():
    chosen = options.read_settings()
    assert (chosen.throttle, chosen.mimic_list_end, chosen.mimic_window, chosen.mimic_scan_total) == (None,) * 3 + (
        True,
    )
