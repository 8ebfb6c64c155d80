"""The browser and system versions without security fixes: a table, correct as of one date.

A row is a floor: versions older than the first one that still got security fixes on that date are outdated. Unsupported
versions between two supported ones do not count, to avoid false positives. A program or system without a row is never
outdated. The result depends on the agent and this table, not on the clock.

User agents freeze versions. Windows 11 reports NT 10.0, every macOS since 10.15 reports 10.15, Chrome on any Android reports
10, and Safari on iOS 26 reports 18.6: such versions mean "this or any later" and are never outdated.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/User-Agent, https://www.chromium.org/updates/ua-reduction/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

AS_OF = "2026-10-01"
_ALL = 1_000_000
_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
_NO_NUMBER = frozenset({"XP", "Vista"})


@dataclass(frozen=True, slots=True)
class OutdatedRow:
    """A program or system, its first version that still got security fixes on AS_OF, and the source of that.

    `frozen`: versions that later ones also report. `named`: versions before the first that do not compare as numbers, such
    as Windows 98 before Windows 10.
    """

    name: str
    first: float
    source: str
    frozen: tuple[float, ...] = ()
    named: frozenset[str] = frozenset()


def _index(*rows: OutdatedRow) -> Mapping[str, OutdatedRow]:
    return {row.name: row for row in rows}


# By name as in `programs.py`, most used first.
# fmt: off
BROWSERS = _index(
    # 154 was stable; every second milestone gets fixes for eight weeks (Extended Stable), such as 152, of August.
    OutdatedRow("Chrome",            152,  "https://chromium.googlesource.com/chromium/src/+/main/docs/process/release_cycle.md"),
    # Edge follows Chromium's milestones, and so does its own Extended Stable.
    OutdatedRow("Edge",              152,  "https://learn.microsoft.com/deployedge/microsoft-edge-support-lifecycle"),
    # iOS 18, with the Safari of that number, still got fixes (18.7.10).
    OutdatedRow("Safari",            18,   "https://endoflife.date/api/v1/products/ios"),
    # ESR 140 gets fixes for three months after ESR 153, released on 2026-07-21.
    OutdatedRow("Firefox",           140,  "https://support.mozilla.org/kb/firefox-esr-release-cycle"),
    OutdatedRow("Internet Explorer", _ALL, "https://learn.microsoft.com/lifecycle/faq/internet-explorer-microsoft-edge"),
)

SYSTEMS = _index(
    # 10 ended on 2025-10-14, but the agent of 11 is the same.
    OutdatedRow("Windows",           10,   "https://learn.microsoft.com/lifecycle/products/windows-81", frozen=(10,),
        named=_NO_NUMBER | {"95", "98", "2000", "2003", "2008", "2012"}),
    OutdatedRow("Windows Phone",     _ALL, "https://www.windowscentral.com/microsoft-outlines-end-support-plans-windows-10-mobile"),
    # The latest three get fixes: 27, 26 and 15; 14 did until 27.
    OutdatedRow("Mac OS X",          15,   "https://www.macgadget.de/News/2025/08/26/Apple-macOS-Sonoma-148-und-macOS-Sequoia-157-drehen-weitere-Testrunde",
        frozen=(10.15, 10.16)),
    OutdatedRow("iOS",               18,   "https://endoflife.date/api/v1/products/ios"),
    OutdatedRow("iPadOS",            18,   "https://endoflife.date/api/v1/products/ios"),
    # 13 ended on 2026-03-02.
    OutdatedRow("Android",           14,   "https://endoflife.date/api/v1/products/android/", frozen=(10,)),
)
# fmt: on


def browser(name: str, version: str) -> bool:
    """Whether that version of a browser is outdated."""
    return _is_outdated(BROWSERS.get(name), version)


def system(name: str, version: str) -> bool:
    """Whether that version of an operating system is outdated."""
    return _is_outdated(SYSTEMS.get(name), version)


def _is_outdated(row: OutdatedRow | None, version: str) -> bool:
    if row is None:
        return False
    if row.first == _ALL or version in row.named:
        return True
    match = _NUMBERS.match(version)
    if match is None:
        return False
    number = float(match.group())
    return number < row.first and number not in row.frozen
