"""Settings: the table, where each is read from, and what is refused."""

from dataclasses import asdict
from pathlib import Path

import pytest

from casbah.errors import BadSettingError
from casbah.setting_parsers import Rate, processors
from casbah.settings import SETTINGS, Settings, read


def test_every_setting_has_a_default_that_reads():
    assert asdict(read({})).keys() == SETTINGS.keys()


def test_settings_without_values_are_the_defaults():
    assert Settings() == read({})


@pytest.mark.parametrize("name", [row.name for row in SETTINGS.values() if row.secret])
def test_a_secret_is_not_displayed(name):
    assert "tulip" not in repr(read({}, **{name: "tulip"}))


@pytest.mark.parametrize("row", SETTINGS.values(), ids=lambda row: row.name)
def test_every_setting_explains_itself(row):
    assert row.help
    assert not row.help.endswith(".")
    assert row.variable == f"CASBAH_{row.name.upper()}"


def test_the_environment_wins_over_the_default_and_an_option_over_both():
    environment = {"CASBAH_PORT": "9000", "CASBAH_HOST": "::1"}
    assert read({}).port == 8765
    assert read(environment).port == 9000
    assert read(environment, port="9001").port == 9001
    assert read(environment, port="9001").host == "::1"


def test_an_option_that_was_not_given_changes_nothing():
    assert read({"CASBAH_PORT": "9000"}, port=None).port == 9000


def test_other_variables_are_not_read():
    assert read({"PORT": "1", "casbah_port": "1", "CASBAH_": "1"}).port == 8765


VALUES = [
    pytest.param("throttle", "30/minute", Rate(30, 60), id="MDCA's own rate"),
    pytest.param("throttle", " 1 / SECOND ", Rate(1, 1), id="a rate with blanks, in capitals"),
    pytest.param("throttle", "5/hour", Rate(5, 3_600), id="by the hour"),
    pytest.param("throttle", "5/day", Rate(5, 86_400), id="by the day"),
    pytest.param("throttle", "off", None, id="off"),
    pytest.param("throttle", "OFF", None, id="off in capitals"),
    pytest.param("throttle", "", None, id="an empty rate is off"),
    pytest.param("port", "0", 0, id="any free port"),
    pytest.param("trusted_proxies", "", (), id="no trusted proxy"),
    pytest.param("trusted_proxies", "127.0.0.1, ::1", ("127.0.0.1/32", "::1/128"), id="trusted proxies by address"),
    pytest.param("trusted_proxies", "10.0.0.0/8,2001:DB8::/32", ("10.0.0.0/8", "2001:db8::/32"), id="and by network"),
    pytest.param("port", "65535", 65_535, id="the last port"),
    pytest.param("max_body", "1_000", 1_000, id="underscores in numbers"),
    pytest.param("batch", "1", 1, id="the least batch"),
    pytest.param("log_level", "DEBUG", "debug", id="a level in capitals"),
    pytest.param("store", "some/folder", Path("some/folder"), id="a folder"),
    pytest.param("oidc_issuer", "https://login.contoso.com/v2.0", "https://login.contoso.com/v2.0", id="an issuer"),
    pytest.param("oidc_issuer", "http://localhost:8080/x", "http://localhost:8080/x", id="an issuer on this machine"),
    pytest.param("oidc_jwks", "keys.json", "keys.json", id="keys in a file"),
    pytest.param("oidc_audience", "a, b,", ("a", "b"), id="two audiences"),
    pytest.param("oidc_tenants", "", {}, id="any tenant"),
    pytest.param("oidc_tenants", "6f=contoso, 7a = lab", {"6f": "contoso", "7a": "lab"}, id="two tenants"),
    pytest.param("oidc_leeway", "0", 0, id="clocks that agree"),
    pytest.param("mimic", "MDCA", "mdca", id="a mimicked server in capitals"),
    pytest.param("mimic", "off", "", id="nobody mimicked"),
    pytest.param("mimic_page_limit", "100", 100, id="one of two numbers"),
    pytest.param("mimic_list_end", "off", None, id="no bound"),
    pytest.param("mimic_list_end", "5_000", 5_000, id="a bound"),
    pytest.param("mimic_window", "30d", 30 * 86_400_000, id="days"),
    pytest.param("mimic_late", "500 ms", 500, id="milliseconds"),
    pytest.param("mimic_slow", "2H", 7_200_000, id="hours in capitals"),
    pytest.param("mimic_scan_total", "OFF", False, id="a switch"),
    pytest.param("mimic_fail", "off", (), id="no failures"),
    pytest.param("mimic_fail", "429:0.05, 502:.5", ((429, 0.05), (502, 0.5)), id="two failures"),
    pytest.param("mimic_fail", "504:1", ((504, 1.0),), id="nothing but failures"),
]


@pytest.mark.parametrize("name, text, value", VALUES)
def test_text_is_read_as_its_type(name, text, value):
    assert getattr(read({SETTINGS[name].variable: text}), name) == value
    assert getattr(read({}, **{name: text}), name) == value


REFUSED = [
    pytest.param("port", "65536", "a port", id="past the last port"),
    pytest.param("port", "-1", "a port", id="a negative port"),
    pytest.param("port", "http", "a port", id="a port by name"),
    pytest.param("port", "", "a port", id="an empty port"),
    pytest.param("port", "٣", "a port", id="a port in another script"),
    pytest.param("port", "9" * 5_000, "a port", id="a port of 5,000 digits"),
    pytest.param("host", "", "an address to listen on", id="an empty host"),
    pytest.param("throttle", "30", "a rate such as 30/minute, or off", id="a rate without a span"),
    pytest.param("throttle", "0/minute", "a rate such as 30/minute, or off", id="a rate of none"),
    pytest.param("throttle", "-1/minute", "a rate such as 30/minute, or off", id="a negative rate"),
    pytest.param("throttle", "30/fortnight", "a rate such as 30/minute, or off", id="a rate by the fortnight"),
    pytest.param("throttle", "1.5/minute", "a rate such as 30/minute, or off", id="half a request"),
    pytest.param("max_body", "0", "a whole number above 0", id="no bytes"),
    pytest.param("max_body", "-5", "a whole number above 0", id="fewer"),
    pytest.param("max_body", "1 MiB", "a whole number above 0", id="a unit"),
    pytest.param("max_body", "1.5", "a whole number above 0", id="half a byte"),
    pytest.param("max_body", "", "a whole number above 0", id="nothing"),
    pytest.param("max_body", "_", "a whole number above 0", id="an underscore"),
    pytest.param("max_body", "9" * 5_000, "a whole number above 0", id="a number of 5,000 digits"),
    pytest.param("log_level", "loud", "one of debug, info, warning, error", id="an unknown level"),
    pytest.param("oidc_issuer", "http://login.contoso.com", "an https:// address", id="an issuer in the clear"),
    pytest.param("oidc_issuer", "login.contoso.com", "an https:// address", id="an issuer without a scheme"),
    pytest.param("oidc_issuer", "https://[", "an https:// address", id="an issuer that is no address"),
    pytest.param("oidc_jwks", "http://login.contoso.com/keys", "an https:// address", id="keys in the clear"),
    pytest.param("oidc_tenant_claim", " ", "a name", id="a claim without a name"),
    pytest.param("oidc_tenants", "6f", "<value of the claim>=<tenant>", id="a tenant without its value"),
    pytest.param("oidc_tenants", "6f=", "<value of the claim>=<tenant>", id="a value without its tenant"),
    pytest.param("oidc_leeway", "-1", "a whole number of seconds", id="a negative leeway"),
    pytest.param("mimic", "mcas", "mdca, or off", id="an unknown server"),
    pytest.param("mimic_page_limit", "500", "100 or 250", id="neither of two numbers"),
    pytest.param("mimic_window", "30", "a duration such as", id="a stretch without a unit"),
    pytest.param("mimic_late", "0s", "a duration such as", id="no stretch"),
    pytest.param("mimic_scan_total", "1", "on or off", id="a switch by number"),
    pytest.param("mimic_fail", "502", "statuses and how often", id="a status without a chance"),
    pytest.param("mimic_fail", "502:2", "statuses and how often", id="a chance above one"),
    pytest.param("mimic_fail", "502:0.6,504:0.6", "statuses and how often", id="chances above one together"),
    pytest.param("mimic_fail", "200:0.1", "statuses and how often", id="a status that is no failure"),
]  # fmt: skip


@pytest.mark.parametrize("name, text, expected", REFUSED)
def test_what_cannot_be_read_names_the_variable_and_what_it_expects(name, text, expected):
    with pytest.raises(BadSettingError) as refused:
        read({SETTINGS[name].variable: text})
    assert str(refused.value).startswith(f"setting {SETTINGS[name].variable}: expected {expected}")
    assert len(str(refused.value)) < 300


def test_the_store_is_in_the_user_s_data_folder_by_default(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/data-home")
    assert read({}).store == Path("/data-home/casbah")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home-of-u1")
    assert read({}).store == Path("/home-of-u1/.local/share/casbah")


def test_a_tilde_is_the_user_s_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home-of-u1")
    assert read({"CASBAH_STORE": "~/log"}).store == Path("/home-of-u1/log")


@pytest.mark.parametrize(
    "told, wanted",
    [
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("max 100000", None),
        ("", None),
        ("99900000 100000", None),
    ],
)
def test_a_container_has_the_processors_that_it_is_given(tmp_path, told, wanted):
    quota = tmp_path / "cpu.max"
    quota.write_text(told)
    seen = processors(tmp_path / "nothing")
    assert seen >= 1
    assert processors(quota) == (seen if wanted is None else min(seen, wanted))
