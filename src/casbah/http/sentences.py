"""Activities as sentences: one page of a list, with who did what to what instead of whole records."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from casbah.activity.deadline import Deadline
from casbah.activity.query import Query, parse
from casbah.activity.record import integer, string
from casbah.activity.sentence import Piece, plain, sentence
from casbah.base import jsontext
from casbah.http.answers import Answer, Count, Moment
from casbah.http.context import RequestContext
from casbah.http.request_body import read_parameters
from casbah.http.request_schemas import parameters
from casbah.http.search_parameters import SEARCH_PARAMETERS, filters_in
from casbah.store.contract import Page

_SCAN = "isScan"
SENTENCE_PARAMETERS = (*(row for row in parameters() if row.name != _SCAN), *SEARCH_PARAMETERS)


class PieceAnswer(Answer):
    text: str
    part: Annotated[str, Meta(description="What a name is to the activity, such as actor or file")] | UnsetType = UNSET
    filter: Annotated[str, Meta(description="The filter whose `eq` finds activities with the same")] | UnsetType = UNSET
    value: Annotated[Any, Meta(description="What that `eq` takes")] | UnsetType = UNSET


class SentenceAnswer(Answer):
    activity_id: str | int
    timestamp: Moment
    verb: str | None
    text: Annotated[str, Meta(description="The sentence")]
    pieces: Annotated[Sequence[PieceAnswer], Meta(description="The same in pieces: words, and names from the record")]


class SentencePage(Answer):
    data: Annotated[Sequence[SentenceAnswer], Meta(description="The activities of this page")]
    has_next: bool
    total: Annotated[Count, Meta(description="How many match in all; exact")]


async def list_sentences(context: RequestContext) -> SentencePage:
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    wanted = {key: value for key, value in body.items() if key != _SCAN} | {"filters": await filters_in(body, context)}
    query = parse(wanted, now=context.services.clock(), bounds=context.services.bounds, groups=True)
    query = context.emulation.limited(query)
    page = await context.search(_find, query, context, context.deadline)
    more = query.skip + len(page.records) < page.total and bool(page.records)
    return SentencePage([_sentence(record) for record in page.records], more, page.total)


def _find(query: Query, context: RequestContext, deadline: Deadline) -> Page:
    return context.tenant.find(query, deadline=deadline)


def _sentence(stored: bytes) -> SentenceAnswer:
    record = jsontext.parse_object(stored)
    pieces = sentence(record)
    return SentenceAnswer(
        activity_id=record["_id"],
        timestamp=integer(record["timestamp"]) or 0,
        verb=string(record.get("verb")),
        text=plain(pieces),
        pieces=[_piece(piece) for piece in pieces],
    )


def _piece(piece: Piece) -> PieceAnswer:
    return PieceAnswer(
        piece.text,
        part=piece.part or UNSET,
        filter=piece.filter or UNSET,
        value=piece.value if piece.filter else UNSET,
    )
