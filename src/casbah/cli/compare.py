"""casbah compare."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer

from casbah.activity.query import parse
from casbah.activity.value import MS_PER_DAY
from casbah.cli import condition, options
from casbah.cli.both_servers import BothServers, Pace
from casbah.cli.connection import connected
from casbah.cli.page_difference import FieldComparison, PageDifference, page_difference
from casbah.cli.printable import amount, moment, plain
from casbah.cli.progress import progress_of
from casbah.cli.query_set import ComparedQuery, Scope, conditions, orders, parts, untested
from casbah.client import Casbah, Retry, UsageError
from casbah.errors import CasbahError, OperatorError

TOKEN = "CASBAH_MDCA_TOKEN"  # noqa: S105  the variable's name
_MS_PER_MINUTE, _NS_PER_MS = 60_000, 1_000_000
_MAX_DAYS = 29
"""MDCA lists activities of 30 days; those of the first day would leave while they are compared."""

_PATIENCE = 3_600.0
_SHOWN = 10


class NoMdcaTokenError(OperatorError):
    """There is no token for MDCA."""

    def __init__(self) -> None:
        super().__init__(f"set {TOKEN} to an API token of MDCA that may read activities")


_NOT_COMPARED = 2


def compare(  # noqa: PLR0913  one parameter per option
    *,
    mdca: Annotated[str, typer.Option(metavar="URL", help="The portal's address, or another Activities API.")],
    days: Annotated[int, typer.Option(min=1, max=_MAX_DAYS, help="How many days back.")] = 7,
    settled: Annotated[
        int, typer.Option(min=0, metavar="MINUTES", help="Leave out the last minutes, whose activities still arrive.")
    ] = 60,
    own: options.Conditions = None,
    filters: options.Filters = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only list and scan, without testing each filter.")] = False,
    undocumented: Annotated[
        bool, typer.Option("--undocumented", help="Also send operators that MDCA does not document.")
    ] = False,
    rate: Annotated[int, typer.Option(min=1, help="Requests per minute; MDCA allows a tenant 30.")] = 25,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Send the same queries to MDCA and to Casbah, and show where the answers differ: totals, activities and fields.

    MDCA's token is read from CASBAH_MDCA_TOKEN. The queries list and scan in each order, and test each filter with each
    operator that MDCA documents, with values that are stored. --filter narrows every query: if one server has apps that the
    other lacks, name those of both. The exit code is 0 if the answers are equal, 1 if they differ or MDCA failed at one, 2 if
    they could not be compared.

    Example: casbah compare --mdca https://contoso.portal.cloudappsecurity.com

    Example: casbah compare --mdca https://contoso.portal.cloudappsecurity.com --quick --filter 'service eq 11161'
    """
    with _comparable():
        key = os.environ.get(TOKEN, "").strip()
        if not key:
            raise NoMdcaTokenError
        if settled * _MS_PER_MINUTE >= days * MS_PER_DAY:
            raise typer.BadParameter("leaves out all of the days compared", param_hint="--settled")
        settings = options.existing(store=store)
        now = time.time_ns() // _NS_PER_MS
        scope = Scope(now - days * MS_PER_DAY, now - settled * _MS_PER_MINUTE, condition.filters(own or [], filters))
        parse({"filters": scope.own}, now=now)  # A mistake is reported before anything is sent.
        with connected(settings, tenant=tenant) as api, closing(_client(mdca, key)) as client:
            both = BothServers(client, api, Pace(rate))
            values = {} if quick else both.stored_values(scope)
            tested = list(conditions(scope, values, undocumented=undocumented))
            left_out = [] if quick else untested(tested, undocumented=undocumented)
            pages, fields = _compared(both, [*orders(scope), *parts(scope), *tested])
    result = CompareResult(scope, pages, fields, left_out)
    (_write_json if as_json else _write_lines)(result)
    _summarize(result)
    raise typer.Exit(0 if result.equal else 1)


@contextmanager
def _comparable() -> Iterator[None]:
    """Exit with 2, as `diff` does, if the servers cannot be compared."""
    try:
        yield
    except (CasbahError, httpx.HTTPError) as error:
        sys.stderr.write(f"casbah: nothing was compared: {str(error) or type(error).__name__}\n")
        raise typer.Exit(_NOT_COMPARED) from None


def _client(url: str, key: str) -> Casbah:
    try:
        return Casbah(url, token=key, retry=Retry(patience=_PATIENCE))
    except UsageError as error:
        raise typer.BadParameter(str(error), param_hint="--mdca") from None


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What was compared, and the filters that no query tested."""

    scope: Scope
    pages: Sequence[PageDifference]
    fields: FieldComparison
    untested: Sequence[str]

    @property
    def equal(self) -> bool:
        return not self.fields.different and all(page.equal for page in self.pages)


def _compared(both: BothServers, queries: Sequence[ComparedQuery]) -> tuple[Sequence[PageDifference], FieldComparison]:
    pages, fields = [], FieldComparison()
    with progress_of("queries") as progress:
        for number, query in enumerate(queries):
            progress(number, len(queries))
            mdca, casbah = both.of_mdca(query), both.of_casbah(query)
            pages.append(page_difference(query, mdca, casbah))
            fields.add(mdca, casbah)
    one_sided = {name for page in pages if not page.query.filter for name in (*page.only_mdca, *page.only_casbah)}
    return [page.apart_from(one_sided) if page.query.filter else page for page in pages], fields


def _write_lines(result: CompareResult) -> None:
    for page in result.pages:
        if not page.equal:
            typer.echo("\n".join(map(plain, _lines(page))))
    for path, difference in result.fields.different.items():
        mdca, casbah = _shown(difference.values.mdca), _shown(difference.values.casbah)
        records = f"{difference.records:,} of {len(result.fields.seen):,} records"
        typer.echo(plain(f"field {path}: {mdca} in MDCA, {casbah} in Casbah ({difference.id}; {records})"))


def _lines(page: PageDifference) -> Iterator[str]:
    counts = f"{_count(page.totals.mdca)} in MDCA, {_count(page.totals.casbah)} in Casbah"
    yield f"{page.query.name}: {counts}"
    for server, message in (("MDCA", page.refused.mdca), ("Casbah", page.refused.casbah)):
        if message:
            yield f"  {server} refuses it: {message}"
    for server, message in (("MDCA", page.failed.mdca), ("Casbah", page.failed.casbah)):
        if message:
            yield f"  {server} failed: {message}"
    for server, ids in (("MDCA", page.only_mdca), ("Casbah", page.only_casbah)):
        yield from (f"  only in {server}: {name}" for name in ids[:_SHOWN])
        if len(ids) > _SHOWN:
            yield f"  only in {server}: {len(ids) - _SHOWN:,} more on this page"


def _count(total: int | None) -> str:
    return "an unknown number" if total is None else f"{total:,}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _write_json(result: CompareResult) -> None:
    fields = result.fields
    typer.echo(
        json.dumps(
            {
                "equal": result.equal,
                "from": result.scope.start,
                "to": result.scope.end,
                "queries": list(map(_page_json, result.pages)),
                "fields": [
                    {
                        "path": path,
                        "records": row.records,
                        "id": row.id,
                        "mdca": row.values.mdca,
                        "casbah": row.values.casbah,
                    }
                    for path, row in fields.different.items()
                ],
                "addedFields": [{"path": path, "records": count} for path, count in fields.added.most_common()],
                "recordsCompared": len(fields.seen),
                "untested": list(result.untested),
            }
        )
    )


def _page_json(page: PageDifference) -> dict[str, Any]:
    return {
        "name": page.query.name,
        "filter": page.query.filter,
        "operator": page.query.operator,
        "body": page.query.body,
        "equal": page.equal,
        "mdca": {
            "total": page.totals.mdca,
            "only": page.only_mdca,
            "refused": page.refused.mdca,
            "failed": page.failed.mdca,
        },
        "casbah": {
            "total": page.totals.casbah,
            "only": page.only_casbah,
            "refused": page.refused.casbah,
            "failed": page.failed.casbah,
        },
        "compared": page.compared,
    }


def _summarize(result: CompareResult) -> None:
    sys.stderr.writelines(f"casbah: {line}\n" for line in _summary(result))


def _summary(result: CompareResult) -> Iterator[str]:
    scope, fields = result.scope, result.fields
    different = [page for page in result.pages if not page.equal]
    first, last = (moment(at, seconds=False) for at in (scope.start, scope.end))
    yield f"activities from {first} to {last} (UTC), without Casbah's own acts"
    if not fields.seen:
        yield "no activity is on both servers, so no fields were compared"
    if result.untested:
        yield f"not tested, as no values are stored: {', '.join(result.untested)}"
    if names := dict.fromkeys(page.query.filter for page in different if page.query.filter):
        yield f"filters that differ: {', '.join(names)}"
    yield (
        f"{amount(len(result.pages), 'query', 'queries')}, {len(different):,} of them {_differ(len(different))}; "
        f"{amount(len(fields.seen), 'record')} compared, "
        f"{amount(len(fields.different), 'field')} {_differ(len(fields.different))}"
    )


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"
