"""Builds a source from an entry of the config file. The only module that knows every kind."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from casbah.pull import graph
from casbah.pull.cloudtrail import Listed, Notified
from casbah.pull.config import BadPullFileError, PullSource, Secret, span
from casbah.pull.contract import Source
from casbah.pull.credentials import Exchanged, Plain, client_credentials, service_account
from casbah.pull.github import GitHub
from casbah.pull.google import APPLICATIONS, Google
from casbah.pull.mdca import Mdca
from casbah.pull.office365 import Office365
from casbah.pull.okta import Okta
from casbah.pull.slack import Slack
from casbah.pull.web import Web
from casbah.pull.windows import Pages, Windowed

_MINUTE, _DAY = 60_000, 86_400_000
_MICROSOFT = "https://login.microsoftonline.com"
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"


@dataclass(frozen=True, slots=True)
class Span:
    """How late events arrive, how long the vendor keeps them, and the longest window of one request; in ms."""

    overlap: int
    keeps: int
    most: int


# fmt: off
SPANS: Mapping[str, Span] = {
    "cloudtrail":       Span(overlap=_DAY,          keeps=3_650 * _DAY, most=3_650 * _DAY),
    "entra_audits":     Span(overlap=60 * _MINUTE,  keeps=30 * _DAY,    most=_DAY),
    "entra_signins":    Span(overlap=60 * _MINUTE,  keeps=30 * _DAY,    most=_DAY),
    "github":           Span(overlap=30 * _MINUTE,  keeps=180 * _DAY,   most=180 * _DAY),
    "google_workspace": Span(overlap=180 * _MINUTE, keeps=180 * _DAY,   most=_DAY),
    "mdca":             Span(overlap=60 * _MINUTE,  keeps=30 * _DAY,    most=_DAY),
    "office365":        Span(overlap=10 * _MINUTE,  keeps=7 * _DAY,     most=_DAY),
    "okta":             Span(overlap=10 * _MINUTE,  keeps=90 * _DAY,    most=90 * _DAY),
    "slack":            Span(overlap=30 * _MINUTE,  keeps=3_650 * _DAY, most=7 * _DAY),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Tools:
    """The dependencies of pullers, replaceable in tests."""

    client: httpx.Client
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    dice: random.Random
    aws: Callable[..., Any]


def source(entry: PullSource, secret: Secret, tools: Tools) -> Source:
    """The source of an entry. Raises BadPullFileError."""
    spans = SPANS[entry.kind]
    back = span(entry.since)
    overlap = span(entry.overlap) if entry.overlap else spans.overlap
    if entry.kind == "okta":
        return Okta(_web(entry, tools, entry.url, Plain("SSWS", secret)), tools.clock, back, overlap)
    if entry.kind == "cloudtrail":
        return _cloudtrail(entry, tools, back, overlap)
    if overlap >= spans.most:
        raise BadPullFileError(f"{entry.kind}: overlap: less than {spans.most // _MINUTE}m")
    pages = _PAGES[entry.kind](entry, secret, tools)
    return Windowed(pages, tools.clock, min(back, spans.keeps), overlap, spans.keeps, spans.most)


def _web(entry: PullSource, tools: Tools, base: str, authorize: Callable[[], Mapping[str, str]]) -> Web:
    return Web(
        tools.client,
        entry.url or base,
        authorize=authorize,
        clock=tools.clock,
        sleep=tools.sleep,
        dice=tools.dice,
    )


def _microsoft(entry: PullSource, secret: Secret, tools: Tools, scope: str) -> Exchanged:
    address = f"{entry.login or _MICROSOFT}/{entry.tenant}/oauth2/v2.0/token"
    return Exchanged(tools.client, address, client_credentials(entry.client_id, secret, scope), clock=tools.clock)


def _graph(entry: PullSource, secret: Secret, tools: Tools) -> Pages:
    base = "https://graph.microsoft.com"
    web = _web(entry, tools, base, _microsoft(entry, secret, tools, f"{base}/.default"))
    return graph.signins(web) if entry.kind == "entra_signins" else graph.audits(web)


def _office365(entry: PullSource, secret: Secret, tools: Tools) -> Pages:
    base = "https://manage.office.com"
    return Office365(_web(entry, tools, base, _microsoft(entry, secret, tools, f"{base}/.default")), entry.tenant)


def _github(entry: PullSource, secret: Secret, tools: Tools) -> Pages:
    return GitHub(_web(entry, tools, "https://api.github.com", Plain("Bearer", secret)), entry.organisation)


def _slack(entry: PullSource, secret: Secret, tools: Tools) -> Pages:
    return Slack(_web(entry, tools, "https://api.slack.com", Plain("Bearer", secret)))


def _mdca(entry: PullSource, secret: Secret, tools: Tools) -> Pages:
    return Mdca(_web(entry, tools, entry.url, Plain("Token", secret)))


def _google(entry: PullSource, secret: Secret, tools: Tools) -> Pages:
    address = entry.login or _GOOGLE_TOKENS
    try:
        account = json.loads(secret)
        form = service_account(
            account["client_email"],
            account["private_key"],
            subject=entry.subject,
            scope=_GOOGLE_SCOPE,
            address=address,
            clock=tools.clock,
        )
    except (ValueError, KeyError, TypeError):
        raise BadPullFileError("google_workspace: the secret must be a service account's JSON key file") from None
    exchanged = Exchanged(tools.client, address, form, clock=tools.clock)
    web = _web(entry, tools, "https://admin.googleapis.com", exchanged)
    return Google(web, tuple(entry.applications) or APPLICATIONS)


def _cloudtrail(entry: PullSource, tools: Tools, back: int, overlap: int) -> Source:
    chosen = {"region_name": entry.region} if entry.region else {}
    objects = tools.aws("s3", **chosen)
    if entry.queue:
        return Notified(objects, tools.aws("sqs", **chosen), entry.queue)
    return Listed(objects, entry.bucket, entry.prefix, tools.clock, back, overlap)


def aws(service: str, **chosen: Any) -> Any:
    """boto3's client, with its own search for credentials (environment, profile, role)."""
    try:
        import boto3  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise BadPullFileError("cloudtrail needs boto3: pip install 'casbah[aws]'") from None
    return boto3.client(service, **chosen)


_PAGES: Mapping[str, Callable[[PullSource, Secret, Tools], Pages]] = {
    "entra_audits": _graph,
    "entra_signins": _graph,
    "github": _github,
    "google_workspace": _google,
    "mdca": _mdca,
    "office365": _office365,
    "slack": _slack,
}
