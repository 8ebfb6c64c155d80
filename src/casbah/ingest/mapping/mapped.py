"""The connector of a mapping file: turns each event into the record that the file describes."""

import re
from collections.abc import Iterator, KeysView, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from casbah.errors import BadMappingError
from casbah.ingest import times
from casbah.ingest.apps import APPS
from casbah.ingest.contract import Connector, CsvForm, Draft, Event, UnusableEventError
from casbah.ingest.enrich.addresses import distinct
from casbah.ingest.enrich.countries import code
from casbah.ingest.mapping.documented_rules import rules_of
from casbah.ingest.mapping.file import LocationPart, MappingFile, Result, read_file
from casbah.ingest.mapping.parts import (
    EventChange,
    EventObject,
    condition,
    event_change,
    event_object,
    first,
    flag,
    listed,
)
from casbah.ingest.mapping.paths import BadPathError, fold
from casbah.ingest.mapping.recognize import Recognition
from casbah.ingest.mapping.values import First, Globs, TextSource
from casbah.ingest.record_builder import (
    FAILED_LOGIN,
    LOGIN,
    PARAMETER,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    Outcome,
    RecordParts,
    Target,
    keys,
)
from casbah.ingest.verbs import VerbTable

_CATEGORY = "EVENT_CATEGORY_"
_BECOMES_FAILED = frozenset({LOGIN, f"{_CATEGORY}SSO_LOGIN"})


def connector(text: str, *, name: str, origin: str, trusted: bool = False) -> Connector:
    """The connector that a mapping file describes. A `trusted` file has no errors in what only its events need, which is read
    when the first one comes: most commands load all sources and read no events. Raises BadMappingError.
    """
    file = read_file(text, origin)
    mapped = cache(partial(Mapped, file))
    try:
        if not trusted:
            mapped()
        recognition = Recognition(file.recognize)
        verbs = VerbTable(file.verbs)
    except (BadPathError, BadMappingError) as error:
        raise BadMappingError(f"{origin}: {error}") from None
    return Connector(
        name=name,
        title=file.title,
        recognizes=recognition,
        marks=recognition.marks,
        drafts=lambda event: mapped().drafts(event),
        wrapper=file.wrapper,
        examples=tuple(file.examples),
        documents=tuple(file.documents),
        apps=(file.app.id, *dict.fromkeys(file.app.ids.values())),
        rules=tuple(rules_of(file)),
        samples=file.samples,
        origin=origin,
        csv=tuple(
            CsvForm(row.title, tuple(row.columns), row.documents, row.seen, row.times, row.complete, row.local)
            for row in file.csv
        ),
        verb=verbs,
    )


class Mapped:
    """Turns events into drafts."""

    def __init__(self, file: MappingFile) -> None:
        self._app = CatalogApp(file.app.id, file.app.name or _app_name(file.app.id), file.app.connector or file.app.id)
        self._app_by = first(file.app.by)
        self._apps = {
            text.lower(): CatalogApp(number, _app_name(number), self._app.connector)
            for text, number in file.app.ids.items()
        }
        activity = file.activity
        self._id, self._instance = first(activity.id), first(activity.instance)
        self._time = tuple((source, First((TextSource.of(source),))) for source in listed(activity.time))
        self._session = first(activity.session)
        self._operation, self._title = first(activity.operation), first(activity.title)
        self._description, self._event_type = first(activity.description), first(activity.event_type)
        self._category_by = first(activity.category_by or activity.operation)
        self._titles = {operation.lower(): title for operation, title in file.titles.items()}
        self._categories = {pattern.lower(): f"{_CATEGORY}{name}" for pattern, name in file.categories.items()}
        self._patterns = tuple(
            (Globs([pattern]), name) for pattern, name in self._categories.items() if set("*?[") & set(pattern)
        )
        self._category = lru_cache(maxsize=4_096)(self._category_of)
        self._user, self._user_id = first(file.user.name), first(file.user.id)
        self._addresses, self._agent = first(file.origin.addresses), first(file.origin.agent)
        self._location = _Location(file.location)
        self._outcome = (
            None
            if file.outcome is None
            else _Outcome(
                first(file.outcome.of),
                Globs(file.outcome.success),
                Globs(file.outcome.failure),
                first(file.outcome.message),
                tuple((Globs([name]), result) for name, result in file.outcome.operations.items()),
            )
        )
        self._failed_type = First() if file.outcome is None else first(file.outcome.event_type)
        self._admin, self._impersonated = flag(file.flags.admin), flag(file.flags.impersonated)
        self._objects = tuple((Globs(listed(part.operations) or ["*"]), event_object(part)) for part in file.objects)
        self._changes = tuple((Globs(listed(part.operations) or ["*"]), event_change(part)) for part in file.changes)
        self._rows = lru_cache(maxsize=4_096)(self._rows_of)

    def drafts(self, event: Event) -> Iterator[Draft]:
        """The one record of an event. Raises UnusableEventError if it has no time."""
        parsed = event.parsed
        present = fold(parsed).keys()
        app = self._app_of(parsed)
        instance = self._instance.text(parsed)
        native = self._id.text(parsed)
        scope = f"{instance or 0}_{app.id}_"
        yield Draft(
            id=f"{scope}{native}" if native else None,
            timestamp=self._moment(parsed),
            keys=keys(self._shape(parsed, app, instance, present)),
            scope=scope,
        )

    def _shape(self, event: Mapping[str, Any], app: CatalogApp, instance: str, present: KeysView[str]) -> RecordParts:
        operation = self._operation.text(event)
        outcome = self._outcome.of(event, operation) if self._outcome else None
        category = self._category(self._category_by.text(event).lower())
        if category in _BECOMES_FAILED and outcome is not None and not outcome.success:
            category = FAILED_LOGIN
        objects, changes = self._rows(operation)
        targets = [target for row in objects if row.may_be_in(present) for target in row.targets(event)]
        name, identity = self._user.text(event), self._user_id.text(event)
        return RecordParts(
            app=app,
            instance=Instance(instance, int(instance) if instance.isdecimal() and len(instance) < _MAX_NUMBER else 0),
            actor=Actor(name or identity, identity, app.id),
            operation=operation,
            title=self._title.text(event) or self._titles.get(operation.lower()) or _in_words(operation),
            category=category,
            event_type=self._type_of(event, outcome) or f"EVENT_{_upper(app.name)}_GENERIC",
            targets=targets,
            subject=_subject(targets[0]) if targets else "",
            sentence=self._description.text(event),
            addresses=distinct(self._addresses.every(event)),
            agent=self._agent.text(event),
            admin=self._admin.holds(event, operation),
            impersonated=self._impersonated.holds(event, operation),
            outcome=outcome,
            location=self._location.of(event),
            sessions=self._session.every(event),
            changes=(change for row in changes if row.may_be_in(present) for change in row.changes(event)),
        )

    def _rows_of(self, operation: str) -> tuple[tuple[EventObject, ...], tuple[EventChange, ...]]:
        """The rows of [[objects]] and [[changes]] for an operation."""
        objects = tuple(row for operations, row in self._objects if operations.match(operation))
        return objects, tuple(row for operations, row in self._changes if operations.match(operation))

    def _type_of(self, event: Mapping[str, Any], outcome: Outcome | None) -> str:
        failed = self._failed_type.text(event) if outcome is not None and not outcome.success else ""
        return failed or self._event_type.text(event)

    def _app_of(self, event: Mapping[str, Any]) -> CatalogApp:
        return self._apps.get(self._app_by.text(event).lower(), self._app) if self._apps else self._app

    def _category_of(self, operation: str) -> str:
        exact = self._categories.get(operation)
        return exact or next((name for globs, name in self._patterns if globs.match(operation)), UNSPECIFIED)

    def _moment(self, event: Mapping[str, Any]) -> int:
        unusable = ""
        for source, value in self._time:
            raw = value.raw(event)
            moment = None if raw is None else times.any_form(raw)
            if moment is not None:
                return moment
            if raw is not None:
                unusable = unusable or f"{source} is {str(raw)[:_MAX_SHOWN]!r}"
        raise UnusableEventError(f"no usable time: {unusable or f'{self._time[0][0]} is absent'}")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """[outcome], compiled."""

    result: First
    success: Globs
    failure: Globs
    message: First
    operations: tuple[tuple[Globs, Result], ...]

    def of(self, event: Any, operation: str) -> Outcome | None:
        """The outcome; None if neither the operation nor the event matches a pattern of the file."""
        result = next((result for globs, result in self.operations if globs.match(operation)), self._result(event))
        if result == "none":
            return None
        return (
            Outcome(success=True) if result == "success" else Outcome(success=False, message=self.message.text(event))
        )

    def _result(self, event: Any) -> Result:
        text = self.result.text(event)
        if self.success.match(text):
            return "success"
        return "failure" if text and self.failure.match(text) else "none"


class _Location:
    """[location], compiled. A country name becomes its code."""

    def __init__(self, part: LocationPart) -> None:
        self._place, self._country = first(part.place), first(part.country)
        self._texts = tuple(
            (key, first(words))
            for key, words in (
                ("city", part.city),
                ("region", part.region),
                ("postalCode", part.postal_code),
                ("carrier", part.carrier),
                ("organizationSearchable", part.organization),
            )
            if words
        )
        self._numbers = tuple(
            (key, first(words)) for key, words in (("latitude", part.latitude), ("longitude", part.longitude)) if words
        )
        self._proxy, _ = condition(part.proxy)

    def of(self, event: Any) -> dict[str, Any] | None:
        """The location that the source reports, or None."""
        place = self._place.text(event)
        country = code(self._country.text(event) or place.rpartition(_BETWEEN_PARTS)[2])
        location: dict[str, Any] = {"countryCode": country} if country else {}
        location |= _city_and_region(place)
        location |= {key: text for key, words in self._texts if (text := words.text(event))}
        for key, words in self._numbers:
            number = _number(words.raw(event))
            if number is not None:
                location[key] = number
        if self._proxy.holds(event):
            location["anonymousProxy"] = True
        return location or None


def _number(value: Any) -> int | float | None:
    """A number, or one written in decimal, as in a CSV; None for everything else."""
    if type(value) is str and _DECIMAL.fullmatch(value):
        return float(value)
    return value if type(value) in (int, float) else None


def _city_and_region(place: str) -> dict[str, Any]:
    """The first two of three parts of a place, such as `Melbourne, Victoria, AU`; nothing if it has another form."""
    parts = place.split(_BETWEEN_PARTS)
    return {key: part for key, part in zip(("city", "region"), parts, strict=False) if part} if len(parts) == 3 else {}  # noqa: PLR2004


_BETWEEN_PARTS = ", "
_DECIMAL = re.compile(r"-?\d{1,3}(?:\.\d{1,15})?", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9]*(?:[._-]+[a-z0-9]+)+")
_BETWEEN_WORDS = re.compile(r"[._-]+")
_MAX_SHOWN = 60
_MAX_NUMBER = 18


def _in_words(operation: str) -> str:
    """A code such as `repo.add_member` in words; "" for everything else."""
    return _BETWEEN_WORDS.sub(" ", operation).capitalize() if _CODE.fullmatch(operation) else ""


def _subject(target: Target) -> str:
    return target.value if target.type == PARAMETER else target.name or target.value


def _app_name(number: int) -> str:
    if number not in APPS:
        raise BadPathError(f"[app] name: the catalog has no app {number}, so the file must name it")
    return APPS[number]


def _upper(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name.upper())
