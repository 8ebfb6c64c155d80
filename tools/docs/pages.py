"""The generated pages of `docs/`, from the tables."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from casbah.activity.forms import FORMS
from casbah.activity.language import FILTERS, OPERATORS, OPERATORS_OF, Filter
from casbah.activity.search.forms import TARGETS, FieldTarget
from casbah.ingest.apps import APPS, CASBAH
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import CsvForm
from casbah.ingest.csv_header import JSON_COLUMNS
from casbah.ingest.pull import kind as pull_kind
from casbah.ingest.pull.registry import KINDS
from casbah.ingest.verbs import VERBS
from casbah.ingest.wrappers import WRAPPERS, Wrapper
from casbah.outputs.export.columns import COLUMNS, RECORD
from casbah.outputs.export.formats import FORMATS
from casbah.settings import SETTINGS
from casbah.testing import records as seed
from tools.docs.reference import api, command_line


def filters() -> str:
    """docs/filters.md: every filter, every operator, and which go together."""
    rows = "\n".join(map(_filter_row, FILTERS.values()))
    operators = "\n".join(f"| `{row.name}` | {operator_help(row.name)} |" for row in OPERATORS.values())
    kinds = "\n".join(
        f"| {kind.value} | {', '.join(f'`{name}`' for name in names)} |" for kind, names in OPERATORS_OF.items()
    )
    return _FILTERS.format(rows=rows, operators=operators, kinds=kinds)


def search_fields() -> str:
    """The section of docs/search.md with every field."""
    names: dict[tuple[str, str], list[str]] = {}
    for name, target in TARGETS.items():
        row = target.row
        if row.short and name in {spelled.lower() for spelled in (row.name, *row.aliases)}:
            continue
        names.setdefault(_field_help(target), []).append(f"`{name}`")
    rows = "\n".join(f"| {', '.join(spelled)} | {what} | {text} |" for (what, text), spelled in names.items())
    return f"\n| Field | Filter | Description |\n|---|---|---|\n{rows}\n\n"


def _field_help(target: FieldTarget) -> tuple[str, str]:
    """The filter of a field, with its role or operator if it has one, and what it is."""
    more = {"role": target.role, "operator": target.bound}
    said = "".join(f", {what} {value}" for what, value in more.items() if value is not None)
    return f"`{target.row.name}`{said}", target.row.help


def settings() -> str:
    """docs/settings.md: every setting, its variable and default."""
    rows = "\n".join(
        f"| `{row.variable}` | {f'`{row.default}`' if row.default else ''} | {row.help} |" for row in SETTINGS.values()
    )
    return _SETTINGS.format(rows=rows)


def mimic() -> str:
    """docs/mimic.md: emulation options, each with its source."""
    rows = "\n".join(
        f"| `{row.name}` | {f'`{row.mdca}`' if row.mdca else ''} | {row.help} | {row.evidence} |"
        for row in SETTINGS.values()
        if row.evidence
    )
    return _MIMIC.format(
        rows=rows,
        seeded=_seeded(),
        sentences=_listed(sentence.format(user="<userName>") for _, _, sentence in seed.ACTIONS[1:]),
        networks=_listed(f"{net}0/24" for _, net in seed.PLACES),
        casbah=CASBAH,
    )


def _seeded() -> str:
    """The rows of the fields whose values sample activities take in turn."""
    values = {
        "user.userName": [f"{person}@contoso.com" for person in seed.PEOPLE],
        "appId, appName": [f"{number}, {name}" for number, name in seed.APPS],
        "eventTypeName": [category for category, _, _ in seed.ACTIONS],
        "eventType": [str(number + 1) for number in range(len(seed.ACTIONS))],
        "mainInfo.rawOperationName, mainInfo.prettyOperationName": [action for _, action, _ in seed.ACTIONS],
        "entityData.0.displayName": [person.title() for person in seed.PEOPLE],
        "location.countryCode, device.countryCode": [country for country, _ in seed.PLACES],
    }
    return "\n".join(f"| {_listed(names.split(', '))} | {_listed(items)} |" for names, items in values.items())


def _listed(items: Iterable[str]) -> str:
    return ", ".join(f"`{item}`" for item in items)


def export() -> str:
    """docs/export.md: how to export, the formats, and the columns."""
    forms = "\n".join(
        f"| `{row.name}` | {row.help} | {'all' if len(row.default_columns) == len(COLUMNS) else 'the record' if row.default_columns == (RECORD,) else 'all but the record'} |"
        for row in FORMATS.values()
    )
    columns = "\n".join(f"| `{row.name}` | {row.kind.value} | {row.help} |" for row in COLUMNS.values())
    return _EXPORT.format(forms=forms, columns=columns)


def pull() -> str:
    """docs/pull.md: how to pull, and every kind of source."""
    return _PULL.format(rows="\n".join(map(_kind_row, KINDS.values())))


def sources() -> str:
    """The section of docs/sources.md with every source."""
    rows = "\n".join(
        f"| `{row.name}` | [{row.title}]({row.documents[0]}) | {_apps(row.apps)} | {row.samples} |"
        for row in connectors().values()
    )
    return f"\n| Source | Description | App | Tested with |\n|---|---|---|---|\n{rows}\n\n"


def _apps(numbers: tuple[int, ...]) -> str:
    """The apps of a source; of several, as many as fit into a cell."""
    names = [f"{APPS[number]} ({number})" for number in numbers[:_MAX_APPS]]
    return (", ".join(names) + (", ..." if len(numbers) > _MAX_APPS else "")) or "as they say"


def wrappers() -> str:
    """The section of docs/sources.md with every wrapper."""
    keys = sorted({connector.wrapper for connector in connectors().values() if connector.wrapper})
    lists = f"| a saved answer of an API | the list | {', '.join(f'`{key}[]`' for key in keys)} | object |"
    rows = "\n".join((lists, *map(_wrapper_row, WRAPPERS)))
    return f"\n| Wrapper | Recognized by | Its events | Written as |\n|---|---|---|---|\n{rows}\n\n"


def csv_exports() -> str:
    """The section of docs/sources.md with every CSV export."""
    known = [(f"`{row.name}`", form) for row in connectors().values() for form in row.csv]
    rows = "\n".join(_csv_row(*row) for row in (*(("any", form) for form in JSON_COLUMNS), *known))
    return f"\n| Source | Export | Columns that it has at least | Known from | Times without a zone |\n|---|---|---|---|---|\n{rows}\n\n"


def forms() -> str:
    """The section of docs/sources.md with every form that carries less than the source's event."""
    rows = "\n".join(
        f"| `{form.name}` | {form.title} | {form.tolerance / 1_000:g} s | {', '.join(f'`{path}`' for path in form.compared)} |"
        for form in FORMS.values()
    )
    return f"\n| `sourceForm` | Form | Times differ by at most | Compared |\n|---|---|---|---|\n{rows}\n\n"


def _csv_row(source: str, form: CsvForm) -> str:
    columns = ", ".join(f"`{column}`" for column in form.columns)
    evidence = "an export" if form.seen else "documentation"
    return f"| {source} | [{form.title}]({form.documents}) | {columns} | {evidence} | {form.times} |"


def rules() -> str:
    """docs/sources.md, section Flags, outcomes and users: the rules of every source, with their reasons."""
    rows = "\n".join(
        f"| `{connector.name}` | {rule.says} | {_cell(rule.when)} | {_cell(rule.reason)} |"
        for connector in connectors().values()
        for rule in connector.rules
    )
    return f"\n| Source | A record says | When | Why |\n|---|---|---|---|\n{rows}\n\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def verbs() -> str:
    """The section of docs/sources.md with every verb, and how many activities of each source and form have one."""
    rows = "\n".join(
        f"| `{row.name}` | {row.meaning} | {', '.join(f'`{name}`' for name in row.categories)} |"
        for row in VERBS.values()
    )
    measured = "\n".join(map(_measured_row, _measured()))
    return (
        f"\n| Verb | Meaning | MDCA's categories |\n|---|---|---|\n{rows}\n"
        "\n| Source | Form | Activities | With a verb | With a user | With an address | With an object |\n"
        f"|---|---|---|---|---|---|---|\n{measured}\n\n"
    )


def _measured() -> Iterator[list[str]]:
    _, *lines = _MEASURED.read_text("utf-8").splitlines()
    return (line.split("\t") for line in lines)


def _measured_row(row: list[str]) -> str:
    source, form, total, *having = row
    title = FORMS[form].title if form else "the source's own event"
    shares = " | ".join(f"{int(number) / int(total):.0%}" for number in having)
    return f"| `{source}` | {title} | {int(total):,} | {shares} |"


def _wrapper_row(row: Wrapper) -> str:
    alternatives = (" and ".join(f"`{source}`" for source in sources) for sources in row.recognized_by)
    recognized_by = "; or ".join(alternatives) or "the list"
    title = row.title.replace("|", "\\|")
    return f"| [{title}]({row.documents}) | {recognized_by} | {f'`{row.inside}`' if row.inside else 'itself'} | {row.holds.value} |"


def _filter_row(row: Filter) -> str:
    operators = ", ".join(f"**{name}**" if name in row.documented else name for name in row.operators)
    names = "<br>".join(f"`{name}`" for name in (row.name, *row.aliases))
    return f"| {names} | {row.field.kind.value} | {operators} | {row.help} |"


def _kind_row(kind: pull_kind.PullKind) -> str:
    needed = [f"`{key}`" for key in kind.needs] + (
        [", or ".join(f"`{key}`" for key in kind.any_of)] if kind.any_of else []
    )
    overlap = f"{kind.overlap // pull_kind.MINUTE} min" if kind.overlap < pull_kind.DAY else "a day"
    return f"| `{kind.name}` | {kind.data} | {', '.join(needed)} | {kind.credential} | {kind.permission} | {overlap} |"


def operator_help(name: str) -> str:
    row = OPERATORS[name]
    return f"{row.help}; the exact complement of `{row.complement_of}`" if row.complement_of else row.help


_MAX_APPS = 3
_MEASURED = Path(__file__).parents[2] / "tests" / "verbs" / "measured.tsv"

_FILTERS = """# Filters and operators

A query's `filters` is an object: `{{"<filter>": {{"<operator>": <value or list of values>}}}}`. Filters are ANDed, several operators of
one filter are ANDed, and the values of one operator are ORed. A negation is the exact complement of its positive, so it also matches
records without the field. Text comparison ignores case, and whether a letter and its mark are one character or two; id
comparison does neither. A word of `text` is a run of letters, digits and their marks; full-width letters and ligatures count as the
letters they represent. In Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese each letter is a word, and several letters match
wherever they occur in that order, also within a longer run.

## Filters

Operators in **bold** are documented by MDCA; the others are Casbah's.

| Filter | Kind | Operators | Description |
|---|---|---|---|
{rows}

## Operators

| Operator | An activity matches if the field |
|---|---|
{operators}

## Operators by kind of field

| Kind | Operators |
|---|---|
{kinds}

## Values

- Integers may be numeric strings; times are milliseconds since the epoch; `range` takes `{{"start": ms, "end": ms}}` or a list of them.
- `null` or `"null"` as a value of `device.type` or `activity.takenAction` matches records without a value.
- `ip.address` takes addresses and networks in CIDR form with `eq`, `neq` and `deq`.
- `user.tags` takes group ids and at most one modifier: `{{"role": 2}}` for the groups of users acted on, `{{"role": 3}}` for either.
  Without a modifier, or with `{{"role": 1}}`, it compares the groups of the user who performed the activity.
- `entity` takes `{{"id": "...", "saas": 11161, "inst": 0}}`; `saas` and `inst` are optional.
- `source` takes a type (`2`, `"2"`, `"t:2"`), a stream (`"s:<id>"`), or both at once (`"s:<id>,t:2"`).
- Filters compare the first 8,000 characters of a value; the record keeps all of it.
"""

_SETTINGS = """# Settings

Casbah reads settings from the environment once, at the start. Command line options take precedence. `casbah settings` shows each value and its origin.

| Variable | Default | Description |
|---|---|---|
{rows}
"""

_PULL = """# Pulling from hosted apps

A server can pull activities from the APIs of hosted apps. Configure them in a file:

```sh
export CASBAH_PULL=pull.toml
casbah serve                       # pulls while it runs
casbah pull okta --once            # or: fetch what is available now, and stop
casbah pull --list                 # their status
```

```toml
# pull.toml: one table per pull source, with a name of your choice
[okta]
kind = "okta"
url = "https://contoso.okta.com"
since = "30d"                      # how far back the first round goes; default 7d

[github]
kind = "github"
organisation = "contoso"
into = "engineering"               # the tenant; default `default`

[m365]
kind = "office365"
tenant = "ebac1a16-81bf-449b-8d43-5732c3c1d999"
client_id = "b3d0..."
every = "5m"                       # wait between rounds; default 1m

[trail]
kind = "cloudtrail"
queue = "https://sqs.eu-central-1.amazonaws.com/111122223333/trail"
```

Secrets are never in the file. They are read from `CASBAH_PULL_<NAME>_SECRET` (`CASBAH_PULL_OKTA_SECRET` above), from the variable
that `secret_env` names, or from the file that `secret_file` names. No secret is logged, or sent to a host other than
the API's.

| `kind` | Data | Required keys | Secret | Permission | Overlap |
|---|---|---|---|---|---|
{rows}

[Connecting Microsoft 365](microsoft365.md) is step by step. Optional keys: `overlap`, `applications` (Google), `prefix` and `region` (CloudTrail), `cloud` (a
[government cloud](microsoft365.md#government-clouds) of Microsoft 365), `login` (another host of the token endpoint), `url` (another host of the API). CloudTrail needs the extra `aws` ([installing](production.md#installing)).

## MDCA

`kind = "mdca"` reads another tenant of Defender for Cloud Apps, for instance to fill Casbah before clients are moved to it (`since = "180d"`):

- The last 30 days come from the Activities API, by when MDCA stored an activity. Older ones, up to 180 days, come from the portal's archive
  (`archived_activities/`, not documented, but listed by public clients). If a tenant's archive does not answer, its days are a gap.
- Pages may have 100 or 250 records, whatever is requested, and any number of activities may share one millisecond. If more than 5,000 share
  one millisecond, no list shows those past that number, and they are a gap.
- MDCA allows 30 requests a minute. A throttled request is sent again when the server says; a page of a scan has 500 activities.
- An activity that reaches MDCA more than 29 days after it happened may be missed.
- If `url` is another Casbah, activities of its own audit log (app 900013) are refused, and so are in `rejects`: each server writes its own.

`casbah compare --mdca` then shows whether both answer alike ([moving from MDCA](mdca.md#compare-both)).

## Guarantees

- A page is on disk before its checkpoint is saved. After a failure in between, the page is read again, and known events are not stored
  again.
- Vendors return events late, twice and out of order. Each round reads the overlap (last column) again; an event that appears later is
  missed, so increase `overlap` if necessary. Okta, Office 365, CloudTrail with a queue, and MDCA are queried by storage time, so late
  events are not missed.
- 429, 5xx, broken connections and truncated answers are retried, after the requested wait or with exponential backoff and jitter. After
  eight attempts the round ends, and the next one continues there. After an expired page token, the time range is read again.
- Events that the vendor no longer keeps are a *gap*: counted, and listed with its time range by `casbah pull --list`. Events that the store
  refuses go to its `rejects` folder with the reason.
- `lag` is the age of the point in time up to which everything the vendor returned is stored.
"""

_EXPORT = """# Export

Export all activities that match a query to a file:

```console
$ casbah export all.ndjson.zst                                                        # every record, whole
$ casbah export failed.parquet --filter 'activity.eventActionType eq EVENT_CATEGORY_FAILED_LOGIN'
$ casbah export month.csv --filter 'date gte_ndays 30' --columns time,user,activity,ip
$ casbah export all.ndjson.zst --resume 9f2c4b7a1d3e5f60                              # resumes an interrupted export
```

The file's suffix sets format and compression. The download is verified by its SHA-256 before it gets its name. In the web UI, use the
button *Export*.

## Over HTTP

The server writes the file in the background; fetch it when it is ready:

```sh
api="$URL/api/ext/v1/exports"; auth="Authorization: Token $TOKEN"
id=$(curl -s -H "$auth" "$api" -d '{{"format": "parquet", "filters": {{"date": {{"gte_ndays": 30}}}}}}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
curl -s -H "$auth" "$api/$id"                                  # state, rows of total, bytes, sha256
curl -s -H "$auth" -C - -o activities.parquet "$api/$id/file"  # -C -: resumes a partial download
curl -s -H "$auth" -X DELETE "$api/$id"
```

`ETag` and `Repr-Digest` contain the file's SHA-256; `Range` fetches a part. An export is visible only to its creator. It contains the
activities stored before it started. The server's memory use does not grow with its size. After a restart or crash, an unfinished
export is written again from the beginning. An export is deleted after `CASBAH_EXPORT_KEEP`, and fails if it would leave less free disk
space than `CASBAH_EXPORT_SPARE` ([settings.md](settings.md)).

## Formats

| Format | | Default columns |
|---|---|---|
{forms}

`csv`, `ndjson` and `cef` can be compressed: `"compress": "gzip"` or `"zstd"`; the others are compressed internally.

- **CSV** follows RFC 4180, in UTF-8. Times are ISO 8601 in UTC, lists are JSON. Text that a spreadsheet would read as a formula is
  prefixed with an apostrophe; use another format for unchanged text.
- **NDJSON** has the stored records byte for byte, one per line; with columns, objects of them, times in ms.
- **CEF** has the exact line format of MDCA's retired SIEM agent: every key, in its order. It holds less than a record.
  `casbah ingest` reads such lines, including MDCA's own from a syslog collector.
- **Parquet and Arrow** have times as `timestamp[ms, UTC]`, lists as `list<string>`, numbers as `int64`, and null for missing values.

## Columns

Text is spelled as in the source.

| Column | Type | Description |
|---|---|---|
{columns}
"""

_MIMIC = """# Emulating MDCA, to test clients

Casbah answers MDCA's Activities API without MDCA's limits: totals are exact, age is unlimited, nothing is throttled. To test a client, you need those
limits. `casbah serve --mimic mdca` turns them on; each has its own setting:

```console
$ casbah serve --mimic mdca                                # all of them
$ casbah serve --mimic mdca --set throttle=off             # all but one
$ casbah serve --set mimic_fail=429:0.05,502:0.01 --set mimic_slow=300ms
$ CASBAH_MIMIC_LIST_END=5000 casbah serve
```

## Options

Sources: D: documented by MDCA. C: seen in its clients. O: our decision, as there is no public source.

| Setting | With `--mimic mdca` | Description | Source |
|---|---|---|---|
{rows}

In any case, pages of a list have 100 records by default and at most 250, pages of a scan 500 to 5,000, and errors have MDCA's texts
([compatibility.md](compatibility.md)).

## On demand

With any of these options on, a token with `Admin.manage` can control the answers to requests of its tenant:

| Request | Effect |
|---|---|
| `POST /api/ext/v1/mimic/answers` `{{"answers": [{{"status": 502}}, {{"status": 429, "retryAfter": 3}}, {{"slow": 1500}}]}}` | the next three requests to the Activities API get these, one each; `slow` is in ms |
| `POST /api/ext/v1/mimic/arrivals?after=2&source=mdca`, activities as NDJSON | stored after two more requests have been answered: late events in the middle of a scan |
| `DELETE /api/ext/v1/mimic` | cancels both |

## In pytest

If Casbah is installed (`pip install ./casbah` from the cloned folder), pytest has the fixture `casbah_server`: a server for one test, on a free port, with its own
store. The program under test may use the [light client](client.md), which can be installed as well. It starts in about 0.1 s, the first one in under 2 s.

```python
import time

import pytest


@pytest.mark.casbah(mimic="mdca", seed=1_200, ties=40)  # settings by name; 1,200 activities, 40 in each ms
def test_my_client_survives(casbah_server):
    casbah_server.next(502, {{"status": 429, "retryAfter": 1}}, {{"slow": 2_000}})
    now = time.time_ns() // 1_000_000  # older than 30 days would not match
    late = {{"_id": "late", "timestamp": now, "appId": 11161}}
    casbah_server.late([late], after=3)  # stored just before the fourth request is answered
    result = my_client(casbah_server.url, casbah_server.token).everything()  # ids, oldest first
    assert sorted(result) == sorted(set(result))
    assert len(result) == 1_201
    assert "late" in result
    assert [request.status for request in casbah_server.requests][:3] == [502, 429, 200]
```

| Member | Description |
|---|---|
| `url`, `token`, `headers` | the address, and a token with all permissions in the tenant `default` |
| `add(activities)`, `fill(n, ties=, until=, step=)` | store records in MDCA's format: your own, which need `timestamp`, and `_id` or `appId`; or generated |
| `next(...)`, `late(activities, after=n)` | answers and late events as above (requires an option such as `mimic="mdca"`) |
| `requests` | the requests of your client: method, path, query, body, status |
| `create_token(name, tenant=, scopes=)` | other tenants, other scopes |

What your client does there is not audited. With `audit="changes"`, the default of other servers, each feedback becomes an activity of app {casbah}, which a
polling client receives as well.

### What `seed` stores

`seed=n` and `fill(n)` store the same activities each time, apart from when they happened: the newest now (`until=`), the others in steps of `step=1_000` ms before, `ties=1` of them in the same millisecond.
`created` is the time of the call. Activity *i*, counted from the oldest (0), has the *i*-th of these values, starting over after the last one:

| Field | Values |
|---|---|
{seeded}
| `description` | what MDCA writes for every sign-in, {sentences} |
| `device.clientIP` | an address of the country's network: {networks}; the last number is *i* modulo 250, plus 1 |
| `entityData.0.id` | `{{"id": <userName>, "saas": <appId>, "inst": 0}}` |
| `_id`, `uid` | `<timestamp>_<i, 8 digits>` |

So with `seed=1_200`, each user has 240 activities, each app 400, and each operation 300. The filter `actionType` finds operations, and `activity.eventActionType` the values of `eventTypeName`. Every record has a user, an address and a country, and is ASCII. Add records that lack them, or have other spellings, with `add`.

Without pytest: `import casbah.testing.server`, then `with casbah.testing.server.casbah_server(mimic="mdca") as server:`.
"""

PAGES: dict[str, Callable[[], str]] = {
    "filters.md": filters,
    "settings.md": settings,
    "mimic.md": mimic,
    "export.md": export,
    "pull.md": pull,
    "cli.md": command_line,
    "api.md": api,
}

SECTIONS: dict[str, dict[str, Callable[[], str]]] = {
    "search.md": {"`short` of src/casbah/activity/language.py": search_fields},
    "sources.md": {
        "src/casbah/ingest/connectors": sources,
        "`rules` of src/casbah/ingest/connectors": rules,
        "src/casbah/ingest/wrappers.py": wrappers,
        "`csv` of src/casbah/ingest/connectors": csv_exports,
        "src/casbah/activity/forms.py": forms,
        "src/casbah/ingest/verbs.py": verbs,
    },
}
"""Generated sections of pages that are otherwise written by hand, by what they are made from."""
