"""Every setting: name, type, default, parser, help. Read once, at startup, from the environment; `docs/settings.md` follows.

A setting `store` is read from `CASBAH_STORE`. Command-line options of the same name win over the environment, and both over
what `mimic` sets: it stands for a row of other settings, those that make the server as narrow as the one it names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from casbah import setting_parsers as parse
from casbah.errors import BadSettingError
from casbah.setting_parsers import ClusterAddress, Rate, WitnessAddress

Value = TypeVar("Value")

PREFIX = "CASBAH_"
AUDIT_LEVELS = ("off", "changes", "all")
_CLUSTER = "opensearch+"
_EMULATION = "mimic"


@dataclass(frozen=True, slots=True)
class Setting:
    """The declaration of one setting. `default` is text, parsed like any other.

    `mdca` is its value with `mimic=mdca`. `evidence` says how we know that MDCA does so: D documented, C seen in clients, O our
    decision.
    """

    name: str
    default: str
    parse: Callable[[str], Any]
    help: str
    mdca: str | None = None
    evidence: str = ""

    @property
    def secret(self) -> bool:
        """Whether its value must not be shown."""
        return self.parse is parse.secret

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


def setting(
    default: str, parser: Callable[[str], Value], purpose: str, *, mdca: str | None = None, evidence: str = ""
) -> Value:
    """Declares a field of Settings. Its arguments are those of Setting; the type of the field is what `parser` returns."""
    return field(
        default_factory=lambda: parser(default),
        repr=parser is not parse.secret,
        metadata={"default": default, "parse": parser, "help": purpose, "mdca": mdca, "evidence": evidence},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, declared. An instance has their values, the defaults where no other is given."""

    # fmt: off
    store: Path                     = setting("", parse.store_folder, "The folder that stores everything; default: the user's data folder. Or a cluster's address, as in CASBAH_CLUSTER")
    cluster: ClusterAddress | None  = setting("", parse.cluster, "The OpenSearch cluster that stores the activities, such as opensearch+https://user@host:9200/prefix; the folder then stores the rest (docs/cluster.md)")
    cluster_password: str           = setting("", parse.secret, "The password of the cluster's user, or @FILE")
    cluster_ca: Path | None         = setting("", parse.optional_file, "CA bundle (PEM) for the cluster's certificate; default: the system's")
    cluster_replicas: int           = setting("1", parse.count, "Additional copies that the cluster keeps of every index")
    sources: Path | None            = setting("", parse.optional_folder, "A folder with mapping files (.toml) for your own sources, in addition to the built-in ones (docs/sources.md)")
    agents: bool                    = setting("on", parse.flag, "Whether to parse user agents that the source did not: program, system, device, outdated (docs/enrichment.md)")
    places: tuple[Path, ...]        = setting("", parse.files, "Files in MaxMind's format (.mmdb), separated by commas, with the location and owner of addresses; the first one wins")
    people: Path | None             = setting("", parse.optional_file, "A file with the groups and the organizational unit of users: CSV, or SCIM JSON")
    pull: Path | None               = setting("", parse.optional_file, "The configuration file of pull sources: what a server fetches from hosted apps (docs/pull.md)")
    push: Path | None               = setting("", parse.optional_file, "The configuration file of push destinations: webhooks and syslog collectors (docs/push.md)")
    host: str                       = setting("127.0.0.1", parse.host, "The address to listen on")
    port: int                       = setting("8765", parse.port, "The port to listen on; 0 takes any free one")
    drain: int | None               = setting("off", parse.duration, "How long a stopping server (SIGTERM) still answers requests while /readyz is 503, such as 10s; set it longer than your load balancer takes to notice")
    tls_certificate: Path | None    = setting("", parse.optional_file, "The server's certificate (PEM, with the intermediate certificates); the server then accepts only HTTPS")
    tls_key: Path | None            = setting("", parse.optional_file, "The key of the server's certificate (PEM), if it is not in the same file")
    trusted_proxies: tuple[str, ...] = setting("", parse.networks, "Addresses or networks of reverse proxies, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto headers are used; from other addresses they are ignored (docs/production.md)")
    session: int | None             = setting("12h", parse.duration, "How long a session of the web UI lasts, such as 12h; off: no sign-in")
    throttle: Rate | None           = setting("off", parse.rate, "Requests a tenant may make, such as 30/minute (MDCA's own), or off",
        mdca="30/minute", evidence="D: 30 requests a minute for each tenant")
    bad_keys: Rate | None           = setting("60/minute", parse.rate, "Failed authentications allowed per client address; more get 429. Valid keys are never refused, and trusted proxies are exempt")
    max_body: int                   = setting("1_048_576", parse.positive, "Bytes in the body of a request, except ingest")
    max_ingest_body: int            = setting("268_435_456", parse.positive, "Bytes in the body of an ingest request, after decompression")
    bodies_memory: int              = setting("536_870_912", parse.positive, "Bytes of memory for the bodies of all running requests, in all processes; beyond that, 503 with Retry-After; at least CASBAH_MAX_INGEST_BODY")
    max_event: int                  = setting("16_777_216", parse.positive, "Bytes in one event; a larger one is refused")
    max_filters: int                = setting("64", parse.positive, "Filters in one request")
    max_values: int                 = setting("1_000", parse.positive, "Values of one operator")
    max_value_length: int           = setting("4_096", parse.positive, "Characters in one value")
    max_distinct: int               = setting("50_000", parse.positive, "Entities, groups or operations that one list considers; if there are more, those with the most activities, and moreThanTotal is true")
    max_grouped: int                = setting("1_000_000", parse.positive, "Activities that one request may group (by:); a request for more is refused, as each takes memory")
    max_feedback: int               = setting("100", parse.positive, "Feedback entries for one activity")
    max_feedback_length: int        = setting("4_000", parse.positive, "Characters in one feedback entry, as JSON")
    max_queries: int                = setting("1_000", parse.positive, "Saved queries of one owner")
    max_queries_size: int           = setting("1_000_000", parse.positive, "Bytes of the saved queries of one owner, as JSON; the same limit applies to all shared queries of a tenant")
    scrub: int                      = setting("0", parse.count, "Megabytes per second that a server reads in the background to check the whole store against its checksums, repeatedly; 0: off")
    log_name: str                   = setting("", parse.origin, "The name of this server in the transparency logs of its tenants' records, such as casbah.example.com (docs/evidence.md); empty: no log")
    log_delay: int                  = setting("5", parse.positive, "Seconds after which a stored activity is in a signed checkpoint of the log")
    log_witnesses: tuple[WitnessAddress, ...] = setting("", parse.witnesses, "The witnesses that cosign the checkpoints of the log, as <verifier key> <address>, separated by commas: name+hash+key https://witness.example (docs/evidence.md)")
    log_quorum: int                 = setting("1", parse.positive, "How many of the witnesses must have cosigned a checkpoint before proofs refer to it")
    log_readers: str                = setting("read", parse.one_of("read", "admin"), "Who may read the log, which shows how much was stored when: callers with Investigation.read (read), or with Admin.manage (admin)")
    batch: int                      = setting("10_000", parse.positive, "Activities per commit of an ingest request")
    rejects_bytes: int              = setting("16_777_216", parse.positive, "Bytes of refused events kept per tenant, of ingest over HTTP; the oldest are removed first")
    rejects_keep: int | None        = setting("30d", parse.duration, "How long refused events are kept, such as 30d; off: until CASBAH_REJECTS_BYTES is reached")
    max_connections: int | None     = setting("off", parse.optional_positive, "Client connections in total; beyond that, the one that has waited longest for the head of a request is closed; off: as many as the limit of open files allows")
    max_connections_per_address: int | None = setting("1_000", parse.optional_positive, "Connections from one address, except trusted proxies; beyond that, the one of them that has waited longest is closed; off: no limit")
    head_timeout: int | None        = setting("30s", parse.duration, "How long the head of a request may take, such as 30s; beyond that, 408; off: no limit")
    body_rate: int | None           = setting("500", parse.optional_positive, "Minimum rate of a request body in bytes per second, averaged over 20 s; below that, 408; off: no minimum")
    workers: int                    = setting("auto", parse.workers, "Processes that accept connections; auto: one per processor, at most 8. With more than one, a separate process stores. A throttle, mimic or audit=all require a single process (docs/operate.md)")
    worker_timeout: int | None      = setting("30s", parse.duration, "How long a process of the server may be unresponsive before it is replaced, such as 30s; off: it never is")
    search_threads: int             = setting("8", parse.positive, "Searches that run at a time; the engine shares the processors among them")
    search_queue: int               = setting("256", parse.positive, "Searches that may wait for a thread; beyond that, 503 with Retry-After")
    tenant_queue: int | None        = setting("off", parse.optional_positive, "Searches and ingest bodies of one tenant that may wait or run; beyond that, 503 with Retry-After for this tenant only. Each worker has an equal share")
    search_seconds: int             = setting("30", parse.positive, "Seconds that one search may take; beyond that, 503 with Retry-After")
    ingest_threads: int             = setting("64", parse.positive, "Ingest requests that run at a time; small ones share a commit")
    ingest_queue: int               = setting("1_024", parse.positive, "Ingest requests that may wait for a thread; beyond that, 503 with Retry-After")
    ingest_processes: int           = setting("auto", parse.processes, "Processes that read files for casbah ingest, and bodies for a server with a single process (workers read bodies themselves); auto: one less than there are processors")
    writer_memory: int              = setting("64_000_000", parse.positive, "Bytes that each open index writer of the store may buffer before it writes a segment")
    cache_memory: int               = setting("134_217_728", parse.positive, "Bytes of the store's cache of counts, term dictionaries and histograms")
    export_threads: int             = setting("1", parse.positive, "Exports written at a time; others wait")
    export_keep: int | None         = setting("7d", parse.duration, "How long a finished export is kept, such as 7d; off: until it is deleted")
    export_spare: int               = setting("1_073_741_824", parse.positive, "Bytes of disk space that exports leave free")
    audit: str                      = setting("changes", parse.one_of(*AUDIT_LEVELS), "The audit trail of acts in Casbah itself: off, changes, or all (reads as well) (docs/reliability.md)")
    metrics: str                    = setting("token", parse.one_of("off", "token", "open"), "Who may read /metrics: callers with Admin.manage (token), everyone (open), or no one (off)")
    traces: str                     = setting("", parse.collector, "Where to send OpenTelemetry traces, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; needs the extra `otel`")
    log_level: str                  = setting("info", parse.one_of("debug", "info", "warning", "error"), "The least severe messages that are logged: debug, info, warning or error")
    log_format: str                 = setting("text", parse.one_of("text", "json"), "The format of the server's log: text for people, or one JSON object per line")
    log_requests: bool              = setting("on", parse.flag, "Whether to log every request: its id, route, status and time, never its parameters")
    oidc_issuer: str                = setting("", parse.secure_url, "The issuer (`iss`) whose bearer JWTs are accepted; empty: none")
    oidc_audience: tuple[str, ...]  = setting("", parse.names, "The accepted audiences (`aud`) of a JWT, separated by commas; required with an issuer")
    oidc_jwks: str                  = setting("", parse.keys, "The issuer's key set: a URL or a file; default: the one in its discovery document")
    oidc_tenant_claim: str          = setting("tid", parse.name, "The claim of a JWT that names the tenant")
    oidc_tenants: Mapping[str, str] = setting("", parse.tenants, "The tenants for values of that claim, as value=tenant,...; others are refused. Empty: the value is the tenant")
    oidc_leeway: int                = setting("60", parse.seconds, "Seconds by which the issuer's clock may differ from this server's")
    oidc_refresh: int               = setting("3_600", parse.positive, "Seconds after which the issuer's keys are fetched again; an unknown key triggers a fetch at once, at most one per minute")
    oidc_client: str                = setting("", str.strip, "This server's client id at the issuer, for sign-in to the web UI; empty: sign-in only with tokens")
    oidc_secret: str                = setting("", parse.secret, "The client's secret, if it has one, or @FILE")
    oidc_scopes: tuple[str, ...]    = setting("", parse.names, "The scopes that the web UI requests in addition to openid, separated by commas, such as api://casbah/Investigation.read")
    mimic: str                      = setting("off", parse.emulated, "Emulate another server's limits, to test clients: mdca, or off. Sets throttle and the settings mimic_*")
    mimic_page_limit: int           = setting("250", parse.page_limit, "The largest page of a list of activities, entities or groups, 100 or 250; a larger `limit` is treated as this one",
        mdca="250", evidence="C: clients page by 250, and observers of the live service report 250; the documentation says 100 (D)")
    mimic_list_end: int | None      = setting("off", parse.optional_positive, "How many activities of a list can be reached; if skip + limit is more, 400",
        mdca="5_000", evidence="D: lists end there, scans are for more (api-activities-investigate-script). C: a client itself refuses skip + size beyond it. That the server refuses it is O")
    mimic_window: int | None        = setting("off", parse.duration, "The age up to which activities are listed and counted, such as 30d; entities and groups are those of such activities. `archived_activities/` has older activities, up to 180 days",
        mdca="30d", evidence="O: 30 days can be searched; how a request past them is answered is not public, here as if there were nothing. D: the activity log goes back 180 days. C: an exporter reads older activities from `archived_activities/`; that these are exactly the others is O")
    mimic_scan_total: bool          = setting("on", parse.flag, "Whether a scan's answer has `total`",
        mdca="off", evidence="D: api-activities-investigate-script names data, hasNext and nextQueryFilters alone")
    mimic_list_totals: bool         = setting("off", parse.flag, "Whether a list's answer has `max` and `moreThanTotal`; a count's answer always has `moreThanTotal`",
        mdca="on", evidence="D: api-alerts-list shows both keys. C: they were recorded in lists of entities, and an exporter requires `moreThanTotal` of a count. That lists of activities have them is O")
    mimic_form_errors: bool         = setting("off", parse.flag, "Whether a 400 is an object with a list of errors for each field, and `error`",
        mdca="on", evidence="C: a README of XSOAR's integration shows such an answer of the live service, to a request without filters. That all of them are such, and codes other than CONSOLE_FORMS_FIELD_REQUIRED, are O")
    mimic_total: int | None         = setting("off", parse.optional_positive, "Totals above this are rounded down to two digits, and the answer has the header Casbah-Total: approximate",
        evidence="O: large totals are approximate; in which way is not public")
    mimic_late: int | None          = setting("off", parse.duration, "How long a stored activity stays invisible, such as 30s",
        evidence="O: activities arrive minutes and hours after they happened")
    mimic_slow: int | None          = setting("off", parse.duration, "The minimum duration of every answer of the Activities API, such as 2s",
        evidence="O: clients must wait")
    mimic_fail: tuple[tuple[int, float], ...] = setting("off", parse.failures, "How often the Activities API fails, by status: 429:0.05,502:0.01,504:0.01",
        evidence="O: clients must come back; 429 is JSON with Retry-After, 502 to 504 are a gateway's HTML")
    # fmt: on

    @property
    def emulates(self) -> bool:
        """Whether any emulation option is on."""
        defaults = Settings()
        return any(getattr(self, name) != getattr(defaults, name) for name in SETTINGS if name.startswith(_EMULATION))


SETTINGS: Mapping[str, Setting] = {item.name: Setting(item.name, **item.metadata) for item in fields(Settings)}


def read(environment: Mapping[str, str], **options: str | None) -> Settings:
    """The settings from `options` (command-line options), then `environment`, then what `mimic` sets, then defaults.

    Raises BadSettingError.
    """
    environment, chosen = _with_cluster(environment, options)
    mimic = _read(SETTINGS["mimic"], environment, chosen)
    presets = {row.name: row.mdca for row in SETTINGS.values() if row.mdca is not None} if mimic else {}
    return Settings(**{row.name: _read(row, environment, chosen, presets) for row in SETTINGS.values()})


def _with_cluster(
    environment: Mapping[str, str], options: Mapping[str, str | None]
) -> tuple[Mapping[str, str], Mapping[str, str | None]]:
    """A store that is a cluster's address stands for the cluster, with the default folder for what is not activities."""
    store = options.get("store")
    address = environment.get(f"{PREFIX}STORE", "") if store is None else store
    if not address.startswith(_CLUSTER):
        return environment, options
    rest = {key: value for key, value in environment.items() if key != f"{PREFIX}STORE"}
    return {**rest, f"{PREFIX}CLUSTER": address}, {**options, "store": None}


def _read(
    row: Setting,
    environment: Mapping[str, str],
    options: Mapping[str, str | None],
    presets: Mapping[str, str] | None = None,
) -> Any:
    text = options.get(row.name)
    if text is None:
        text = environment.get(row.variable, (presets or {}).get(row.name, row.default))
    try:
        return row.parse(text)
    except ValueError as error:
        raise BadSettingError(row.variable, text, str(error)) from None
