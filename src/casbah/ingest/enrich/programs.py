# ruff: noqa: E501  (rows of a hand-aligned table)
"""Our own tables of the programs and systems in user agents of cloud apps.

The first row whose pattern occurs wins. Rows go from special to general, because nearly every browser also claims the names
of others.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """A program by a pattern for its user agent; group 1, if any, is the version."""

    family: str
    name: str
    pattern: re.Pattern[str]
    type: str = "Browser"
    device: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """An operating system by a pattern for the user agent; group 1, if any, is the version."""

    family: str
    name: str
    pattern: re.Pattern[str]
    device: str


def _mark(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_V = r"[/ ]v?(\d[\w.]*)"
_MAYBE_V = rf"(?:{_V})?"

# fmt: off
PROGRAMS = (
    # An SDK or command line also names its host's system, but that does not tell the user's device.
    Program("AWS_CLI",       "AWS CLI",            _mark(rf"\baws-cli{_MAYBE_V}"), "Application", "OTHER"),
    Program("BOTO3",         "Boto3",              _mark(rf"\bboto(?:3|core){_MAYBE_V}"), "Application", "OTHER"),
    Program("TERRAFORM",     "Terraform",          _mark(rf"\b(?:HashiCorp )?Terraform{_MAYBE_V}"), "Application", "OTHER"),
    Program("AWS_SDK",       "AWS SDK",            _mark(r"\baws-sdk-[\w-]+(?:/v?(\d[\w.]*))?"), "Application", "OTHER"),
    Program("AWS_CONSOLE",   "AWS Console",        _mark(rf"\bS3Console{_MAYBE_V}|\bconsole\.[\w.]*amazonaws\.com|signin\.amazonaws\.com"), "Application", "OTHER"),
    Program("AWS_SERVICE",   "AWS service",        _mark(r"^AWS Internal$|^[\w.-]+\.amazonaws\.com$|\baws-internal\b"), "Application", "OTHER"),
    Program("PYTHON",        "Python Requests",    _mark(rf"\bpython[- ]requests{_MAYBE_V}"), "Application", "OTHER"),
    Program("PYTHON",        "Python",             _mark(rf"\b(?:python-urllib|aiohttp|httpx|python){_MAYBE_V}"), "Application", "OTHER"),
    Program("CURL",          "curl",               _mark(rf"\bcurl{_MAYBE_V}"), "Application", "OTHER"),
    Program("WGET",          "Wget",               _mark(rf"\bwget{_MAYBE_V}"), "Application", "OTHER"),
    Program("GO_HTTP",       "Go HTTP client",     _mark(rf"\bGo-http-client{_MAYBE_V}"), "Application", "OTHER"),
    Program("JAVA",          "Java",               _mark(rf"\b(?:okhttp|apache-httpclient|java){_V}"), "Application", "OTHER"),
    Program("POWERSHELL",    "PowerShell",         _mark(rf"\b(?:Windows)?PowerShell{_MAYBE_V}"), "Application"),
    Program("AZURE_CLI",     "Azure CLI",          _mark(rf"\b(?:azurecli|azure-cli|azsdk-[\w-]+){_MAYBE_V}"), "Application", "OTHER"),
    Program("STRATUS",       "Stratus Red Team",   _mark(r"\bstratus-red-team"), "Application", "OTHER"),
    Program("ROBOT",         "Robot",              _mark(r"\b\w*(?:bot|crawler|spider)\b"), "Robot", "OTHER"),

    Program("MICROSOFT_ONEDRIVE_FOR_BUSINESS", "Microsoft OneDrive for Business",
            _mark(rf"\bOneDriveMpc-[\w-]+{_MAYBE_V}|\bMicrosoft SkyDriveSync{_MAYBE_V}|\bODMTADocCache{_MAYBE_V}|^OneDrive{_MAYBE_V}"), "Application"),
    Program("MICROSOFT_TEAMS",      "Microsoft Teams",       _mark(rf"\bTeams(?:Mobile-\w+)?{_V}|\bSkypeSpaces{_MAYBE_V}|\bMicrosoft Teams"), "Application"),
    Program("MICROSOFT_OUTLOOK",    "Microsoft Outlook",     _mark(rf"\bOutlook(?:-iOS|-Android)?{_MAYBE_V}|Client=MSExchangeRPC|Client=MAPI|Client=OutlookService"), "Application"),
    Program("EXCHANGE_MOBILE",      "Exchange ActiveSync",   _mark(r"Client=ActiveSync|\bEAS\b"), "Application"),
    Program("EXCHANGE_SERVICES",    "Exchange web services", _mark(r"Client=(?:REST|WebServices|POP3|IMAP4|SMTP|Management|Monitoring|TBA|HubTransport|EBA)\b|\bExchangeServicesClient"), "Application", "OTHER"),
    Program("MICROSOFT_OFFICE",     "Microsoft Office",      _mark(rf"\bMicrosoft Office{_MAYBE_V}|\bMSWAC\b|\bMSOffice|\bMicrosoft (?:Word|Excel|PowerPoint|OneNote)|\bOffice{_V}"), "Application"),
    Program("WEBDAV",               "Microsoft WebDAV",      _mark(rf"\bMicrosoft-WebDAV-MiniRedir{_MAYBE_V}"), "Application"),
    Program("SLACK",                "Slack",                 _mark(rf"\bSlack(?:_SSB)?{_V}"), "Application"),
    Program("GOOGLE_DRIVE",         "Google Drive",          _mark(r"\bGoogle ?Drive"), "Application"),
    Program("ELECTRON",             "Electron application",  _mark(rf"\bElectron{_V}"), "Application"),

    Program("EDGE",              "Edge",              _mark(r"\b(?:Edg|EdgA|EdgiOS|Edge)[/ ]?(\d[\w.]*)?")),
    Program("OPERA",             "Opera",             _mark(rf"\b(?:OPR|Opera){_V}")),
    Program("SAMSUNG_BROWSER",   "Samsung Internet",  _mark(rf"\bSamsungBrowser{_V}")),
    Program("FIREFOX",           "Firefox",           _mark(rf"\b(?:Firefox|FxiOS){_V}")),
    Program("CHROME",            "Chrome",            _mark(rf"\b(?:HeadlessChrome|Chrome|CriOS|Chromium){_V}|;Chrome;")),
    Program("INTERNET_EXPLORER", "Internet Explorer", _mark(rf"\bMSIE{_V}|\bTrident/.*?rv:(\d[\w.]*)|;IE{_V}")),
    Program("SAFARI",            "Safari",            _mark(rf"\bVersion/(\d[\w.]*).*\bSafari/|\bMobile Safari{_V}|;Safari{_MAYBE_V}")),
    Program("ANDROID_BROWSER",   "Android Browser",   _mark(r"\bAndroid\b.*\bAppleWebKit")),
    Program("SAFARI",            "Safari",            _mark(r"\bSafari/|\bMobile/\w+$")),
)

SYSTEMS = (
    System("iOS",       "iPadOS",   _mark(r"\biPad\b(?:.*?\bOS (\d[\d_]*))?"), "TABLET"),
    System("iOS",       "iOS",      _mark(r"\b(?:iPhone|iPod)\b(?:.*?\bOS (\d[\d_]*))?|(?:^|;)\s?iOS ?(\d[\d_.]*)?"), "MOBILE"),
    System("Android",   "Android",  _mark(r"\bAndroid\b(?:[ /](\d[\d.]*))?.*(?:\bTab(?:let)?\b|\bSM-[XT]\w+|\bNexus (?:7|9|10)\b)"), "TABLET"),
    System("Android",   "Android",  _mark(r"\bAndroid\b(?:[ /](\d[\d.]*))?.*\bMobile\b|;Android ?(\d[\d.]*)?|\bSM-[AGNSF]\w+"), "MOBILE"),
    System("Android",   "Android",  _mark(r"\bSM-[XT]\w+"), "TABLET"),
    System("Android",   "Android",  _mark(r"\bAndroid\b(?:[ /](\d[\d.]*))?"), "TABLET"),
    System("Windows",   "Windows Phone", _mark(r"\bWindows Phone(?: OS)? ?(\d[\d.]*)?"), "MOBILE"),
    System("Windows",   "Windows",  _mark(r"\bWindows(?: NT)? ?(\d[\d.]*)?|\bWin(?:32|64)\b"), "DESKTOP"),
    System("Chrome OS", "Chrome OS", _mark(r"\bCrOS\b(?: \w+ (\d[\d.]*))?"), "DESKTOP"),
    System("Mac OS",    "Mac OS X", _mark(r"\bMac(?:intosh|OS|OsX| ?OS ?X|-OS)?\b(?:.*?\bOS X (\d[\d_.]*))?|\bDarwin/"), "DESKTOP"),
    System("Linux",     "Linux",    _mark(r"\bLinux\b|\bUbuntu\b|\bX11\b"), "DESKTOP"),
)
# fmt: on
