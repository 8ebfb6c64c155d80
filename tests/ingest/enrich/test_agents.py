import re
import subprocess
import sys

import pytest

from casbah.ingest.enrich import outdated
from casbah.ingest.enrich.agents import (
    NATIVE_CLIENT_TAG,
    OUTDATED_BROWSER_TAG,
    OUTDATED_SYSTEM_TAG,
    ROBOT_TAG,
    classified,
    origin,
)

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
    pytest.param("PostmanRuntime/7.29.2", "PostmanRuntime 7.29.2 on Unknown, OTHER", id="a program that only ua-parser knows"),
    pytest.param(f"{MOZILLA} (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", "Firefox 48.0 on KaiOS 2.5, MOBILE", id="a system that only ua-parser knows"),
    pytest.param(f"{MOZILLA} (X11; Linux x86_64; rv:91.0) Gecko/20100101 Thunderbird/91.1", "Thunderbird 91.1 on Linux, DESKTOP", id="the program from ua-parser, the system from us"),
    pytest.param("Opera/9.80 (Windows NT 6.1) Presto/2.12 Version/12.16", "Opera 9.80 on Windows 7, DESKTOP", id="our table is asked first"),
    pytest.param("AppleTV6,2/11.1", "Unknown on ATV OS X, OTHER", id="a television"),
    pytest.param("facebookexternalhit/1.1", "FacebookBot 1.1 on Unknown, OTHER", id="a robot that does not say so"),
    pytest.param("", "Unknown on Unknown, OTHER", id="an empty one"),
]  # fmt: skip


def said(agent):
    version = f" {agent['version']}" if "version" in agent else ""
    return f"{agent['name']}{version} on {agent['operatingSystem']['name']}, {agent['deviceType']}"


@pytest.mark.parametrize(("raw", "expected"), AGENTS)
def test_agents(raw, expected):
    assert said(classified(raw)) == expected


CHROME = f"{MOZILLA} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%s Safari/537.36"
MAC = f"{MOZILLA} (Macintosh; Intel Mac OS X %s) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
PHONE = f"{MOZILLA} (iPhone; CPU iPhone OS %s like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%s Mobile/15E148 Safari/604.1"
ANDROID = (
    f"{MOZILLA} (Linux; Android %s; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"
)
TAGS = [
    pytest.param("aws-cli/2.11.1", [NATIVE_CLIENT_TAG], id="a command line"),
    pytest.param("OneDriveMpc-Transform_Thumbnail/1.0", [NATIVE_CLIENT_TAG], id="OneDrive"),
    pytest.param("PostmanRuntime/7.29.2", [NATIVE_CLIENT_TAG], id="a program that only ua-parser knows"),
    pytest.param("SampleUserAgent", [], id="nothing known"),
    pytest.param(CHROME % "152.0.0.0", [], id="the first browser that is supported"),
    pytest.param(CHROME % "151.0.7000.9", [OUTDATED_BROWSER_TAG], id="the last browser that is not"),
    pytest.param(CHROME % "152.0.0.0 Edg/151.0.1", [OUTDATED_BROWSER_TAG], id="an outdated Edge, whatever Chrome it claims"),
    pytest.param(f"{MOZILLA} (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", [OUTDATED_BROWSER_TAG, OUTDATED_SYSTEM_TAG], id="Internet Explorer on Windows 7"),
    pytest.param(f"{MOZILLA} (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko", [OUTDATED_BROWSER_TAG], id="every Internet Explorer is outdated"),
    pytest.param(f"{MOZILLA} (Windows NT 5.1; rv:140.0) Gecko/20100101 Firefox/140.0", [OUTDATED_SYSTEM_TAG], id="Windows XP has a name, no number"),
    pytest.param(f"{MOZILLA} (Windows 98; rv:140.0) Gecko/20100101 Firefox/140.0", [OUTDATED_SYSTEM_TAG], id="98 is less than 10"),
    pytest.param(f"{MOZILLA} (Windows NT 10.0; rv:139.0) Gecko/20100101 Firefox/139.0", [OUTDATED_BROWSER_TAG], id="a Firefox before the last ESR"),
    pytest.param(MAC % "10_15_7", [], id="every macOS from 10.15 on calls itself so"),
    pytest.param(MAC % "10_14_6", [OUTDATED_SYSTEM_TAG], id="a macOS before that"),
    pytest.param(MAC % "14_4", [OUTDATED_SYSTEM_TAG], id="a macOS that says its number"),
    pytest.param(PHONE % ("18_6", "26.0"), [], id="every iOS from 18.6 on calls itself so"),
    pytest.param(PHONE % ("17_5", "17.5"), [OUTDATED_BROWSER_TAG, OUTDATED_SYSTEM_TAG], id="an iOS and its Safari before that"),
    pytest.param(ANDROID % "10", [], id="Chrome on any Android says 10"),
    pytest.param(ANDROID % "13", [OUTDATED_SYSTEM_TAG], id="an Android before the first that is supported"),
    pytest.param(ANDROID % "14", [], id="the first Android that is supported"),
    pytest.param("Microsoft Office/16.0 (Windows NT 6.1; Microsoft Outlook 16.0.4)", [NATIVE_CLIENT_TAG, OUTDATED_SYSTEM_TAG], id="Office on Windows 7"),
    pytest.param(f"{MOZILLA} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", [ROBOT_TAG], id="a robot"),
    pytest.param("facebookexternalhit/1.1", [ROBOT_TAG], id="a robot that only ua-parser knows"),
    pytest.param(f"{MOZILLA} (Windows NT 6.1; compatible; bingbot/2.0) Chrome/90.0", [ROBOT_TAG], id="a robot is nothing else"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "tags"), TAGS)
def test_tags(raw, tags):
    found = classified(raw)
    assert (found["tags"], found["nativeBrowser"]) == (tags, NATIVE_CLIENT_TAG in tags)


ROWS = [*outdated.BROWSERS.values(), *outdated.SYSTEMS.values()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_of_what_is_outdated_says_since_when_and_who_says_so(row):
    assert row.first > 0
    assert re.fullmatch(r"https://[\w.-]+/\S+", row.source)
    assert all(frozen < row.first or row.name == "Windows" for frozen in row.frozen)


def test_what_says_so_has_two_dates():
    assert re.fullmatch(r"ua-parser \d{6} \+ casbah \d{4}-\d\d-\d\d", origin())


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
        "tags": [OUTDATED_BROWSER_TAG],
        "type": "Browser",
        "typeName": "Browser",
        "version": "91.0",
    }


def test_a_very_long_agent_is_read_in_time():
    assert classified("Mozilla/5.0 (" + "Android " * 100_000)["deviceType"] in {"MOBILE", "TABLET"}


def test_what_our_table_knows_whole_does_not_load_ua_parser():
    code = (
        "import sys; from casbah.ingest.enrich.agents import classified; "
        f"classified({CHROME % '152.0'!r}); assert 'ua_parser' not in sys.modules; "
        "classified('PostmanRuntime/7.29.2'); assert 'ua_parser' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
