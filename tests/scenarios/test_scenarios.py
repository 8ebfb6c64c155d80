"""The wire contract, played over a real socket (`scenarios/*.yaml`)."""

import re
from contextlib import ExitStack

import pytest

from casbah import errors
from casbah.errors import RequestError, UnavailableError
from scenarios.runner import Played, play
from scenarios.scenario import Scenario, scenarios
from scenarios.server import Servers

SCENARIOS = {each.file: each for each in scenarios()}
STEPS = [
    pytest.param(scenario, step.name, id=f"{scenario.file}: {step.name}")
    for scenario in SCENARIOS.values()
    for step in scenario.steps
]

# What each error looks like on the wire; the status is the class's own.
# fmt: off
TEXTS = {
    errors.MalformedBodyError:       r"(body|filters|limit|isScan|sortField): .*",
    errors.DamagedBodyError:         r"body: cannot be decompressed as \w+; it is damaged or cut short",
    errors.UnknownFilterError:       r"unknown filter '.*'; did you mean '.*'\?",
    errors.UnsupportedOperatorError: r"filter '.*' does not take operator '.*'; it takes .*",
    errors.BadValueError:            r"filter '.*', operator '.*': expected .*, got .*",
    errors.LimitExceededError:       r".*at most \d+ .*",
    errors.UnknownSourceError:       r"unknown source '.*'; known: .*",
    errors.NotAuthenticatedError:    r"Authentication credentials were not provided\.",
    errors.InvalidTokenError:        r"Invalid token\.",
    errors.PermissionDeniedError:    r"You do not have permission to perform this action\.",
    errors.NotFoundError:            r"Not found\.",
    errors.ActivityNotFoundError:    r"Not found\.",
    errors.RouteNotFoundError:       r"Not found\.",
    errors.MethodNotAllowedError:    r'Method "[A-Z]+" not allowed\.',
    errors.BodyTooLargeError:        r"request body is larger than \d+ bytes \(setting CASBAH_\w+\)",
    errors.ThrottledError:           r"Request was throttled\. Expected available in \d+ seconds\.",
    errors.BusyError:                r"too many requests are waiting to be answered; try again",
    errors.SearchTooLongError:       r"the search took more than \d+ seconds, the most that CASBAH_SEARCH_SECONDS allows; .+",
    errors.StoreClosedError:         r"the store is shutting down; try again",
    errors.ShuttingDownError:             r"this server is shutting down; retry, or use another server",
    errors.UnwritableError:          r"the store cannot be written to now; try again",
    errors.ReadOnlyError:            r"the store is read-only: its data directory cannot be written to, .*",
    errors.ClusterUnreachableError:         r"the cluster that holds the activities cannot answer now; try again",
    errors.NotOnClusterError:           r"the activities are on a cluster, which Casbah cannot snapshot; .+",
    errors.NoLogError:               r"this server keeps no transparency log; the setting CASBAH_LOG_NAME begins one",
    errors.NotMimickingError:        r"this server does not emulate another; start it with `casbah serve --mimic mdca`",
    errors.KeyValueStoreUnavailableError:    r"the (tokens|IP ranges|saved queries) cannot be read or written now; try again",
    errors.BadNameError:             r"name: expected .+",
    errors.NameTakenError:           r"name: there is already a token '.+'; revoke it first, or choose another name",
    errors.NoSuchSessionError:       r"Not found\.",
    errors.NoSuchRejectError:        r"Not found\.",
    errors.UnsupportedEncodingError: r"Content-Encoding '\w+' is not supported; send gzip, .+, or an uncompressed body",
    errors.CannotGrantError:         r"scopes: a token cannot have scopes that its creator lacks: .+",
    errors.UnknownParameterError:    r"unknown parameter '.*'(; did you mean '.*'\?)?; this request takes .+",
    errors.EmptyFilterError:         r"filters?[: ].*(expected at least one condition|got an empty object|restrict something).*",
    errors.ProtectedActsError:       r"filters: rules do not delete Casbah's own acts \(service 900013\); .+",
    errors.BadRangeError:            r"(name|category|subnets|tags): .*",
    errors.ForwardedHeaderError:     r"the proxy's header X-Forwarded-(For|Proto) is .*; expected .*",
    errors.NoSuchRangeError:         r"Not found\.",
    errors.NoSuchQueryError:         r"Not found\.",
    errors.NoSuchExportError:        r"Not found\.",
    errors.NoSuchRuleError:          r"Not found\.",
    errors.NoSuchSnapshotError:      r"Not found\.",
    errors.NoSuchEntityError:        r"Not found\.",
    errors.NotServedError:           r"This server does not provide .+\.",
    errors.UnanswerableFilterError:  r".*filter '\w+'.* cannot be answered from activities.*",
    errors.SearchError:              r"search, character \d+: .+",
    errors.UncountableFilterError:   r"the values of filter '\w+' cannot be counted; those of .* can",
    errors.ForeignPageError:         r"sessions are accepted only from this server's own pages; send a token instead",
    errors.IssuerUnavailableError:   r"the keys of the token issuer cannot be fetched now; try again",
    errors.LogStoppedError:          r"the transparency log is stopped, as a witness knows another history of it; `casbah doctor` on the server says more",
}
# fmt: on


@pytest.fixture(scope="session")
def played(tmp_path_factory):
    """What came of a file; each is played once, on the server that its settings ask for."""
    results: dict[str, Played] = {}
    with ExitStack() as stack:
        servers = Servers(stack, lambda: tmp_path_factory.mktemp("store"))

        def result(scenario: Scenario) -> Played:
            if scenario.file not in results:
                target, prepared = servers.target(scenario)
                results[scenario.file] = play(scenario, target, prepared=prepared)
            return results[scenario.file]

        yield result


@pytest.mark.parametrize("scenario, name", STEPS)
def test_wire_answers_as_the_scenario_says(played, scenario, name):
    problems = played(scenario).problems[name]
    assert not problems, "\n  ".join(("", *problems))


def _on_the_wire(error: type) -> list[type]:
    below = [each for each in error.__subclasses__() if each.__module__.startswith(f"{errors.__name__}.")]
    return [found for each in below for found in (each, *_on_the_wire(each))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [*_on_the_wire(RequestError), *_on_the_wire(UnavailableError)], ids=lambda e: e.__name__
)
def test_every_error_is_seen_on_the_wire(played, error):
    seen = set().union(*(played(scenario).errors for scenario in SCENARIOS.values()))
    assert any(status == error.status and re.fullmatch(TEXTS[error], text, re.DOTALL) for status, text in seen)
