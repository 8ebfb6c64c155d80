"""Parses a raw user agent into program, system and device, as in a record's `userAgent`.

Our own table (`programs.py`) comes first, because it knows the clients of cloud apps. If it does not know the program or the
system, ua-parser supplies the missing part. `outdated.py` decides what is outdated.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from casbah.ingest.enrich import outdated
from casbah.ingest.enrich.programs import PROGRAMS, SYSTEMS, Program, System

if TYPE_CHECKING:
    from ua_parser import Result

NATIVE_CLIENT_TAG = "000000000000000000000000"
OUTDATED_BROWSER_TAG = "000000010000000000000000"
OUTDATED_SYSTEM_TAG = "000000020000000000000000"
ROBOT_TAG = "0000002b0000000000000000"
TAGS: Mapping[str, str] = {
    NATIVE_CLIENT_TAG: "Native client",
    OUTDATED_BROWSER_TAG: "Outdated browser",
    OUTDATED_SYSTEM_TAG: "Outdated operating system",
    ROBOT_TAG: "Robot",
}
"""Display names of the tags, by id."""

_MAX_TEXT = 2_000
_NOT_A_DEVICE_OF_ITS_OWN = "OTHER"
_NEVER = re.compile("(?!)")

_WINDOWS_RELEASES: Mapping[str, str] = {
    "10.0": "10",
    "6.3": "8.1",
    "6.2": "8",
    "6.1": "7",
    "6.0": "Vista",
    "5.2": "XP",
    "5.1": "XP",
}
_UNKNOWN_SYSTEM = {"name": "Unknown", "family": "Unknown"}

# By ua-parser's name of the system. Systems not listed here have an unknown device.
_DEVICES: Mapping[str, str] = {
    **dict.fromkeys(("Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Red Hat", "SUSE"), "DESKTOP"),
    **dict.fromkeys(("FreeBSD", "NetBSD", "OpenBSD", "Solaris", "Chrome OS"), "DESKTOP"),
    **dict.fromkeys(("iOS", "Android", "HarmonyOS", "KaiOS", "Tizen", "BlackBerry OS", "Firefox OS"), "MOBILE"),
    **dict.fromkeys(("Windows Phone", "Windows Mobile", "Symbian OS", "Sailfish", "webOS", "MeeGo", "Bada"), "MOBILE"),
    "BlackBerry Tablet OS": "TABLET",
}
_TABLETS = ("iPad", "Kindle", "PlayBook")
_SPIDER = "Spider"


@lru_cache(maxsize=16_384)
def classified(raw: str) -> Mapping[str, Any]:
    """The record's `userAgent` for a raw agent. The result is cached and shared: do not modify it."""
    text = raw[:_MAX_TEXT]
    program, version = _first_program(text)
    system, release = _first_system(text)
    if program is None or system is None:
        parsed = _parsed(text)
        if program is None:
            program, version = _other_program(text, parsed)
        if system is None:
            system, release = _other_system(parsed)
    return _user_agent(program, version, system, release)


@cache
def origin() -> str:
    """The name of this source in a record's notes: the versions of both tables."""
    return f"ua-parser {installed('ua-parser-builtins')} + casbah {outdated.AS_OF}"


def _user_agent(program: Program | None, version: str, system: System | None, release: str) -> Mapping[str, Any]:
    if system and system.family == "Windows":
        release = _WINDOWS_RELEASES.get(release, release)
    family = program.family if program else "UNKNOWN"
    kind = program.type if program else "Unknown"
    return {
        "family": family,
        "name": program.name if program else "Unknown",
        **_versions(version),
        "operatingSystem": _operating_system(system, release),
        "os": system.family.lower() if system else "OTHER",
        "type": kind,
        "typeName": kind,
        "deviceType": _device(program, system),
        "browser": family,
        "nativeBrowser": kind == "Application",
        "tags": _tags(program, version, system, release),
    }


def _first_program(text: str) -> tuple[Program | None, str]:
    for program in PROGRAMS:
        match = program.pattern.search(text)
        if match:
            return program, _group(match)
    return None, ""


def _first_system(text: str) -> tuple[System | None, str]:
    for system in SYSTEMS:
        match = system.pattern.search(text)
        if match:
            return system, _group(match).replace("_", ".").rstrip(".")
    return None, ""


def _group(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _parsed(text: str) -> "Result":
    """Parse with ua-parser. It takes most of a second to load, so it is loaded on first use."""
    from ua_parser import parse  # noqa: PLC0415

    return parse(text)


def _other_program(text: str, parsed: "Result") -> tuple[Program | None, str]:
    """All but a few ancient browsers begin with Mozilla or Opera; other programs are applications."""
    agent, device = parsed.user_agent, parsed.device
    robot = device is not None and device.family == _SPIDER
    if agent is None:
        return (_ROBOT, "") if robot else (None, "")
    kind = "Browser" if text.startswith(("Mozilla/", "Opera/")) else "Application"
    family = "_".join(re.findall(r"[A-Z0-9]+", agent.family.upper())) or "UNKNOWN"
    built = Program(family, agent.family, _NEVER, "Robot" if robot else kind, "OTHER" if robot else None)
    return built, _dotted(agent.major, agent.minor, agent.patch)


def _other_system(parsed: "Result") -> tuple[System | None, str]:
    system, device = parsed.os, parsed.device
    if system is None:
        return None, ""
    kind = _DEVICES.get(system.family, _NOT_A_DEVICE_OF_ITS_OWN)
    if device is not None and device.family.startswith(_TABLETS):
        kind = "TABLET"
    release = _dotted(system.major, system.minor, system.patch)
    return System(system.family, system.family, _NEVER, kind), release


def _dotted(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _versions(version: str) -> dict[str, str]:
    if not version:
        return {}
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return {"version": version, "major": major, **({"minor": minor} if minor else {})}


def _operating_system(system: System | None, release: str) -> dict[str, str]:
    if system is None:
        return _UNKNOWN_SYSTEM
    if not release:
        return {"name": system.name, "family": system.family}
    return {"name": f"{system.name} {release}", "family": system.family, "version": release}


def _device(program: Program | None, system: System | None) -> str:
    if program and program.device:
        return program.device
    return system.device if system else _NOT_A_DEVICE_OF_ITS_OWN


def _tags(program: Program | None, version: str, system: System | None, release: str) -> list[str]:
    """A robot gets no other tag: the browser and system it claims are made up to get access."""
    if program and program.type == "Robot":
        return [ROBOT_TAG]
    rows = (
        (NATIVE_CLIENT_TAG, program is not None and program.type == "Application"),
        (OUTDATED_BROWSER_TAG, program is not None and outdated.browser(program.name, version)),
        (OUTDATED_SYSTEM_TAG, system is not None and outdated.system(system.name, release)),
    )
    return [tag for tag, holds in rows if holds]


_ROBOT = Program("ROBOT", "Robot", _NEVER, "Robot", "OTHER")
