"""The table of all kinds of pull sources, alphabetically."""

from collections.abc import Mapping

from casbah.ingest.pull import cloudtrail, github, google, graph, mdca, office365, okta, slack
from casbah.ingest.pull.contract import Fetcher
from casbah.ingest.pull.entry import PullEntry, Secret, span
from casbah.ingest.pull.kind import PullKind, Tools

KINDS: Mapping[str, PullKind] = {
    kind.name: kind
    for kind in (
        cloudtrail.KIND,
        graph.AUDITS,
        graph.SIGNINS,
        github.KIND,
        google.KIND,
        mdca.KIND,
        office365.KIND,
        okta.KIND,
        slack.KIND,
    )
}


def open_fetcher(entry: PullEntry, secret: Secret, tools: Tools) -> Fetcher:
    """Open the fetcher of an entry. Raises BadPullFileError."""
    kind = KINDS[entry.kind]
    return kind.open(entry, secret, tools, span(entry.since), span(entry.overlap) if entry.overlap else kind.overlap)
