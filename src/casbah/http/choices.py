"""Choices: the values of filters that have few, each with a display name."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from casbah.activity.fields import source_type
from casbah.http.context import RequestContext, json_response
from casbah.ingest.apps import APPS
from casbah.ingest.enrich import agents, countries
from casbah.ingest.mapping.file import CATEGORIES

# fmt: off
_FIXED: Mapping[str, Mapping[Any, str]] = {
    "service": APPS,
    "activity.eventActionType": {f"event_category_{name.lower()}": name.replace("_", " ").capitalize() for name in CATEGORIES},
    "activity.impersonated": {True: "Impersonated", False: "Not impersonated"},
    "activity.type": {True: "Administrative", False: "Not administrative"},
    "activity.takenAction": {
        "block": "Blocked", "proxy": "Redirected to session control", "bypassproxy": "Bypass session control",
        "encrypt": "Encrypted", "decrypt": "Decrypted", "verified": "Verified", "encryptionfailed": "Encryption failed",
        "protect": "Protected", "verify": "Require step-up authentication", None: "No action",
    },
    "device.type": {"desktop": "PC", "mobile": "Mobile", "tablet": "Tablet", "other": "Other", None: "No value"},
    "userAgent.tags": agents.TAGS,
    "ip.category": {0: "None", 1: "Corporate", 2: "Administrative", 3: "Risky", 4: "VPN", 5: "Cloud provider", 6: "Other"},
    "source": {
        source_type(number): name
        for number, name in (
            (0, "Access control"), (1, "Session control"), (2, "App connector"), (3, "App connector analysis"),
            (5, "Discovery"), (6, "MDATP"),
        )
    },
}
# fmt: on


async def list_choices(context: RequestContext) -> Response:
    """The named values of filters: apps, countries, categories, tags. A filter that is not listed takes any value."""
    tags = await context.quick(context.services.ranges.tags, context.tenant_id)
    named = {**_FIXED, "location.country": _countries(), "ip.tags": tags}
    data = [{"filter": name, "values": _values(names.items())} for name, names in named.items()]
    return json_response({"data": data, "hasNext": False, "total": len(data)})


def _countries() -> Mapping[Any, str]:
    return {short.lower(): name for short, name in countries.names().items()}


def _values(pairs: Iterable[tuple[Any, str]]) -> list[dict[str, Any]]:
    """Sorted by name; "no value" comes last."""
    ordered = sorted(pairs, key=lambda pair: (pair[0] is None, pair[1]))
    return [{"value": value, "name": name} for value, name in ordered]
