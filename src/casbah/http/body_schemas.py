"""The schema of every request body, and the parameters of those that a GET has in its query string."""

from collections.abc import Mapping, Sequence

from casbah.http import (
    activities,
    alerts,
    enrichment,
    entity_filters,
    histogram,
    mimic,
    names,
    queries,
    ranges,
    rejects,
    retention,
    session,
    tokens,
    user_tags,
)
from casbah.http.activity_types import ACTIVITY_TYPE_PARAMETERS
from casbah.http.changes import CHANGE_PARAMETERS, TAIL_PARAMETERS
from casbah.http.completion import COMPLETION_PARAMETERS
from casbah.http.entity_filters import ENTITY_PARAMETERS
from casbah.http.exports import EXPORT_PARAMETERS
from casbah.http.facets import FACET_PARAMETERS
from casbah.http.groups import GROUP_PARAMETERS
from casbah.http.histogram import SPAN_PARAMETERS
from casbah.http.locations import LOCATION_PARAMETERS
from casbah.http.period import PERIOD_PARAMETERS
from casbah.http.range_filters import RANGE_PARAMETERS
from casbah.http.request_schemas import PAGE_PARAMETERS, Parameter, Schema, parameters, query_body
from casbah.http.search_parameters import SEARCH_PARAMETERS
from casbah.http.sentences import SENTENCE_PARAMETERS
from casbah.http.user_tags import USER_TAG_PARAMETERS

_QUERIES: Mapping[str, Sequence[Parameter]] = {
    "Query": parameters(),
    "Filtered": (),
    "FacetQuery": FACET_PARAMETERS,
    "SpanQuery": SPAN_PARAMETERS,
    "GroupQuery": GROUP_PARAMETERS,
    "ChangeQuery": CHANGE_PARAMETERS,
    "NewExport": EXPORT_PARAMETERS,
    "SearchQuery": (*parameters(), *SEARCH_PARAMETERS),
    "SentenceQuery": SENTENCE_PARAMETERS,
    "ExplainQuery": SEARCH_PARAMETERS,
    "PeriodQuery": PERIOD_PARAMETERS,
    "CompletionQuery": COMPLETION_PARAMETERS,
}
"""Bodies with filters of activities, and their other parameters. The schemas of other bodies are next to their handlers."""

_OF_MDCA = ("Query", "Filtered")
"""Bodies of MDCA's own routes, whose filters have no groups."""

FILTERS_OF: Mapping[str, str] = {
    "RangeQuery": "RangeFilters",
    "AlertQuery": "AnyFilters",
    "FilteredAlerts": "AnyFilters",
    "EntityQuery": "EntityFilters",
    "UserTagQuery": "NoFilters",
    **dict.fromkeys((*(name for name in _QUERIES if name not in _OF_MDCA), "TailQuery"), "GroupedFilters"),
}
"""The schema of the filters of a body, unless it is `Filters`."""

BODIES: Mapping[str, Schema] = {
    **{name: query_body(rows, filters=FILTERS_OF.get(name, "Filters")) for name, rows in _QUERIES.items()},
    # In forms every value is text, and there is no null.
    **{f"{name}Form": query_body(_QUERIES[name], blank={"const": ""}) for name in _OF_MDCA},
    **activities.BODIES,
    **alerts.BODIES,
    **enrichment.BODIES,
    **entity_filters.BODIES,
    **histogram.BODIES,
    **mimic.BODIES,
    **names.BODIES,
    **queries.BODIES,
    **ranges.BODIES,
    **rejects.BODIES,
    **retention.BODIES,
    **session.BODIES,
    **tokens.BODIES,
    **user_tags.BODIES,
}

IN_QUERY: Mapping[str, Sequence[Parameter]] = {
    "ActivityTypeQuery": ACTIVITY_TYPE_PARAMETERS,
    "LocationQuery": LOCATION_PARAMETERS,
}
"""Parameters of a query string alone."""

BESIDE_FILTERS: Mapping[str, Sequence[Parameter]] = {
    **_QUERIES,
    "AlertQuery": PAGE_PARAMETERS,
    "FilteredAlerts": (),
    "EntityQuery": ENTITY_PARAMETERS,
    "UserTagQuery": USER_TAG_PARAMETERS,
    "RangeQuery": RANGE_PARAMETERS,
    "TailQuery": TAIL_PARAMETERS,
}
"""Parameters of a query string besides `filters`."""
