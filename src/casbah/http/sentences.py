"""Activities as sentences: one page of a list, with who did what to what instead of whole records."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from casbah.activity.deadline import Deadline
from casbah.activity.details import facts, things
from casbah.activity.query import Query, flag_of, parse
from casbah.activity.record import Reading, integer, string
from casbah.activity.sentence import Piece, plain, sentence
from casbah.base import jsontext
from casbah.http.answers import Answer, Count, FilterValue, Moment, answer_from
from casbah.http.context import RequestContext
from casbah.http.request_schemas import Parameter, parameters, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, filters_in
from casbah.store.contract import Page

_SCAN, _DETAILS = "isScan", "details"
SENTENCE_PARAMETERS = (
    *(row for row in parameters() if row.name != _SCAN),
    Parameter(_DETAILS, ref("Flag"), "Whether each has its facts and objects"),
    *SEARCH_PARAMETERS,
)


class PieceAnswer(Answer):
    text: str
    part: Annotated[str, Meta(description="What a name is to the activity, such as actor or file")] | UnsetType = UNSET
    filter: Annotated[str, Meta(description="The filter whose `eq` finds activities with the same")] | UnsetType = UNSET
    value: Annotated[Any, Meta(description="What that `eq` takes")] | UnsetType = UNSET


class FactAnswer(Answer):
    about: Annotated[str, Meta(description="Who, What or Where")]
    filter: str
    value: FilterValue
    name: Annotated[
        Any, Meta(description="What the activity calls an object with this id, such as a group; may be null")
    ]


class ThingAnswer(Answer):
    part: Annotated[Any, Meta(description="Its part in the activity, such as target or file; null in older records")]
    name: Annotated[Any, Meta(description="Its name, or null")]
    id: Annotated[Any, Meta(description="What `eq` of `activityObject` takes")]
    type: Annotated[Any, Meta(description="What kind of object the source calls it, or null")]


class SentenceAnswer(Answer):
    activity_id: str | int
    timestamp: Moment
    verb: str | None
    text: Annotated[str, Meta(description="The sentence")]
    pieces: Annotated[Sequence[PieceAnswer], Meta(description="The same in pieces: words, and names from the record")]
    facts: Annotated[Sequence[FactAnswer], Meta(description="With `details`: its values by filter")] | UnsetType = UNSET
    objects: (
        Annotated[
            Sequence[ThingAnswer], Meta(description="Its objects, by part; of those with one name in a part, the first")
        ]
        | UnsetType
    ) = UNSET


class SentencePage(Answer):
    data: Annotated[Sequence[SentenceAnswer], Meta(description="The activities of this page")]
    has_next: bool
    total: Annotated[Count, Meta(description="How many match in all; exact")]


async def list_sentences(context: RequestContext) -> SentencePage:
    body = await context.parameters()
    wanted = {key: value for key, value in body.items() if key not in (_SCAN, _DETAILS)} | {
        "filters": await filters_in(body, context)
    }
    details = flag_of(body, _DETAILS)
    query = parse(wanted, now=context.services.clock(), bounds=context.services.bounds, groups=True)
    query = context.emulation.limited(query)
    page = await context.search(_find, query, context, context.deadline)
    more = query.skip + len(page.records) < page.total and bool(page.records)
    return SentencePage([_sentence(record, details=details) for record in page.records], more, page.total)


def _find(query: Query, context: RequestContext, deadline: Deadline) -> Page:
    return context.tenant.find(query, deadline=deadline)


def _sentence(stored: bytes, *, details: bool) -> SentenceAnswer:
    record = jsontext.parse_object(stored)
    pieces = sentence(record)
    reading = Reading(record)
    return SentenceAnswer(
        activity_id=record["_id"],
        timestamp=integer(record["timestamp"]) or 0,
        verb=string(record.get("verb")),
        text=plain(pieces),
        pieces=[_piece(piece) for piece in pieces],
        facts=[answer_from(FactAnswer, fact) for fact in facts(reading)] if details else UNSET,
        objects=[answer_from(ThingAnswer, thing) for thing in things(reading)] if details else UNSET,
    )


def _piece(piece: Piece) -> PieceAnswer:
    return PieceAnswer(
        piece.text,
        part=piece.part or UNSET,
        filter=piece.filter or UNSET,
        value=piece.value if piece.filter else UNSET,
    )
