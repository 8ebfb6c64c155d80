import pytest

from casbah.ingest.enrich.agents import NATIVE_CLIENT_TAG, classified

MOZILLA = "Mozilla/5.0"
AGENTS = [
    pytest.param(
        f"{MOZILLA} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0 Safari/537.36 Edg/90.0.818.49",
        "Edge 90.0.818.49 on Windows 10, DESKTOP", id="Edge on Windows",
    ),
    pytest.param(
        f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36",
        "Chrome 107.0.0.0 on Mac OS X 10.15.7, DESKTOP", id="Chrome on a Mac",
    ),
    pytest.param(
        f"{MOZILLA} (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/114.0",
        "Firefox 114.0 on Linux, DESKTOP", id="Firefox on Linux",
    ),
    pytest.param(
        f"{MOZILLA} (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36",
        "Chrome 114.0.0.0 on Chrome OS 14541.0.0, DESKTOP", id="a Chromebook",
    ),
    pytest.param(
        f"{MOZILLA} (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1",
        "Safari 16.5 on iOS 16.5, MOBILE", id="Safari on an iPhone",
    ),
    pytest.param(
        f"{MOZILLA} (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1",
        "Safari 16.5 on iPadOS 16.5, TABLET", id="Safari on an iPad",
    ),
    pytest.param(
        f"{MOZILLA} (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Mobile Safari/537.36",
        "Chrome 116.0.0.0 on Android 13, MOBILE", id="an Android phone",
    ),
    pytest.param(
        f"{MOZILLA} (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.119 Mobile Safari/537.36",
        "Chrome 80.0.3987.119 on Android 13, TABLET", id="an Android tablet that says Mobile",
    ),
    pytest.param(
        f"{MOZILLA} (Linux; Android 12; SM-T870) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0 Safari/537.36",
        "Chrome 99.0 on Android 12, TABLET", id="an Android tablet",
    ),
    pytest.param(";Windows 10;Chrome 91.0;", "Chrome 91.0 on Windows 10, DESKTOP", id="Entra's device info"),
    pytest.param(";;Python Requests 2.25;", "Python Requests 2.25 on Unknown, OTHER", id="Entra's device info of a script"),
    pytest.param(
        "Client=OWA;Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.85 Safari/537.36",
        "Chrome 90.0.4430.85 on Windows 10, DESKTOP", id="Outlook on the web",
    ),
    pytest.param("Client=REST;;", "Exchange web services on Unknown, OTHER", id="Exchange's REST"),
    pytest.param("OneDriveMpc-Transform_Thumbnail/1.0", "Microsoft OneDrive for Business 1.0 on Unknown, OTHER", id="OneDrive"),
    pytest.param(
        "aws-cli/2.11.1 Python/3.9.13 Linux/5.10.109 exe/x86_64.aws", "AWS CLI 2.11.1 on Linux, OTHER", id="a command line",
    ),
    pytest.param("Boto3/1.26.165 Python/3.10.6 Linux/5.19.0 Botocore/1.29.165", "Boto3 1.26.165 on Linux, OTHER", id="an SDK"),
    pytest.param("APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io)", "Terraform 1.1.2 on Unknown, OTHER", id="Terraform"),
    pytest.param("SampleUserAgent", "Unknown on Unknown, OTHER", id="nothing known"),
]  # fmt: skip


def said(agent):
    version = f" {agent['version']}" if "version" in agent else ""
    return f"{agent['name']}{version} on {agent['operatingSystem']['name']}, {agent['deviceType']}"


@pytest.mark.parametrize(("raw", "expected"), AGENTS)
def test_agents(raw, expected):
    assert said(classified(raw)) == expected


NATIVE = [
    pytest.param("aws-cli/2.11.1", [NATIVE_CLIENT_TAG], id="a command line"),
    pytest.param("OneDriveMpc-Transform_Thumbnail/1.0", [NATIVE_CLIENT_TAG], id="OneDrive"),
    pytest.param(";Windows 10;Chrome 91.0;", [], id="a browser"),
    pytest.param("SampleUserAgent", [], id="nothing known"),
]


@pytest.mark.parametrize(("raw", "tags"), NATIVE)
def test_native_clients_are_tagged(raw, tags):
    found = classified(raw)
    assert (found["tags"], found["nativeBrowser"]) == (tags, bool(tags))


def test_the_shape_is_that_of_a_real_record():
    assert classified(";Windows 10;Chrome 91.0;") == {
        "browser": "CHROME",
        "deviceType": "DESKTOP",
        "family": "CHROME",
        "major": "91",
        "minor": "0",
        "name": "Chrome",
        "nativeBrowser": False,
        "operatingSystem": {"family": "Windows", "name": "Windows 10", "version": "10"},
        "os": "windows",
        "tags": [],
        "type": "Browser",
        "typeName": "Browser",
        "version": "91.0",
    }


def test_a_very_long_agent_is_read_in_time():
    assert classified("Mozilla/5.0 (" + "Android " * 100_000)["deviceType"] in {"MOBILE", "TABLET"}
