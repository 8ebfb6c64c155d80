"""Every setting: name, type, default, help. Read once, at startup, from the environment; `docs/settings.md` follows.

A setting `store` is read from `CASBAH_STORE`. Command-line options of the same name win over the environment, and both over
what `mimic` sets: it stands for a row of other settings, those that make the server as narrow as the one it names.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from casbah.errors import BadSettingError

PREFIX = "CASBAH_"
_RATE = re.compile(r"(\d{1,9})\s*/\s*(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_MOST_PORT = 65_535
_MOST_DIGITS = 18
_MOST_WORKERS = 8
_LOG_LEVELS = ("debug", "info", "warning", "error")
AUDIT_LEVELS = ("off", "changes", "all")
_SPAN = re.compile(r"(\d{1,12})\s*(ms|s|m|h|d)")
_SPAN_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FAILURE = re.compile(r"(4\d\d|5\d\d)\s*:\s*(0?\.\d{1,6}|1(?:\.0*)?|0)")
_CLUSTER = "opensearch+"
_ADDRESS = re.compile(
    r"opensearch\+(https?)://(?:([^\s/:@,]+)@)?([\w.\[\]-]+(?::\d{1,5})?(?:,[\w.\[\]-]+(?::\d{1,5})?)*)"
    r"/?([a-z0-9][a-z0-9._-]{0,63})?"
)
_PAGE_LIMITS = ("100", "250")
_OFF = ("", "off")
_SELF = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is: the addresses of its nodes, the user, and how the names of its indices begin."""

    hosts: tuple[str, ...]
    user: str
    prefix: str

    @property
    def shown(self) -> str:
        """For display."""
        return f"{', '.join(self.hosts)}, indices {self.prefix}~*"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` is text, read by `read` like any other; `read` raises ValueError saying what it expected.

    `mdca` is what `mimic=mdca` makes of it, and `quirk` where it is known from that MDCA does so: D documented, C seen in
    clients, O our decision.
    """

    name: str
    default: str
    read: Callable[[str], Any]
    help: str
    mdca: str | None = None
    quirk: str = ""

    @property
    def secret(self) -> bool:
        """Whether its value must not be shown."""
        return self.read is _secret

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as read; one attribute a row of SETTINGS."""

    store: Path
    cluster: Cluster | None
    cluster_password: str = field(repr=False)
    cluster_ca: Path | None
    cluster_replicas: int
    sources: Path | None
    agents: bool
    places: tuple[Path, ...]
    people: Path | None
    pull: Path | None
    push: Path | None
    host: str
    port: int
    drain: int
    tls_certificate: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[str, ...]
    session: int | None
    throttle: Rate | None
    bad_keys: Rate | None
    max_body: int
    max_ingest_body: int
    bodies_memory: int
    max_event: int
    max_filters: int
    max_values: int
    max_value_length: int
    max_feedback: int
    max_feedback_length: int
    max_queries: int
    max_queries_size: int
    batch: int
    rejects_bytes: int
    rejects_keep: int | None
    max_connections: int | None
    max_connections_per_address: int | None
    head_timeout: int | None
    body_rate: int | None
    workers: int
    worker_timeout: int | None
    search_threads: int
    search_queue: int
    tenant_queue: int | None
    search_seconds: int
    ingest_threads: int
    ingest_queue: int
    ingest_processes: int
    writer_memory: int
    cache_memory: int
    export_threads: int
    export_keep: int | None
    export_spare: int
    audit: str
    metrics: str
    traces: str
    log_level: str
    log_format: str
    log_requests: bool
    oidc_issuer: str
    oidc_audience: tuple[str, ...]
    oidc_jwks: str
    oidc_tenant_claim: str
    oidc_tenants: Mapping[str, str]
    oidc_leeway: int
    oidc_refresh: int
    oidc_client: str
    oidc_secret: str = field(repr=False)
    oidc_scopes: tuple[str, ...]
    mimic: str
    mimic_page_limit: int
    mimic_list_end: int | None
    mimic_window: int | None
    mimic_scan_total: bool
    mimic_total: int | None
    mimic_late: int | None
    mimic_slow: int | None
    mimic_fail: tuple[tuple[int, float], ...]


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
        return row.read(text)
    except ValueError as error:
        raise BadSettingError(row.variable, text, str(error)) from None


def _folder(text: str) -> Path:
    if text:
        return Path(text).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "casbah"


def _optional_folder(text: str) -> Path | None:
    if not text:
        return None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise ValueError("a folder that exists, or nothing")
    return folder


def _optional_file(text: str) -> Path | None:
    if not text:
        return None
    return _file(text)


def _files(text: str) -> tuple[Path, ...]:
    return tuple(map(_file, _names(text)))


def _file(text: str) -> Path:
    file = Path(text).expanduser()
    if not file.is_file():
        raise ValueError("a file that exists, or nothing")
    return file


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    if not _is_number(digits) or int(digits) == 0:
        raise ValueError("a whole number above 0")
    return int(digits)


def _optional_whole(text: str) -> int | None:
    return None if text.lower() in _OFF else _whole(text)


def _count(text: str) -> int:
    if not _is_number(text):
        raise ValueError("a whole number")
    return int(text)


def _port(text: str) -> int:
    if not _is_number(text) or int(text) > _MOST_PORT:
        raise ValueError("a port, 0 to 65535 (0: any free one)")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _host(text: str) -> str:
    if not text:
        raise ValueError("an address to listen on")
    return text


def _rate(text: str) -> Rate | None:
    if text.lower() in _OFF:
        return None
    match = _RATE.fullmatch(text.strip().lower())
    if not match or int(match.group(1)) == 0:
        raise ValueError("a rate such as 30/minute, or off")
    return Rate(int(match.group(1)), _SECONDS[match.group(2)])


def _one_of(*words: str) -> Callable[[str], str]:
    """Reads one of these words, however it is spelled."""

    def read_word(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text.lower()

    return read_word


def _url(text: str) -> str:
    """An address that credentials may depend on: encrypted, or on this machine."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("an https:// address") from None
    if text and not (
        parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _SELF))
    ):
        raise ValueError("an https:// address")
    return text


def _collector(text: str) -> str:
    parts = urlsplit(text) if text.isprintable() and " " not in text else urlsplit("")
    if text and not (parts.scheme in ("http", "https") and parts.netloc):
        raise ValueError("an http:// or https:// address, such as http://127.0.0.1:4318/v1/traces")
    return text


def _cluster(text: str) -> Cluster | None:
    """`opensearch+https://user@host:9200,host:9200/prefix`."""
    if not text:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(
            "opensearch+https://user@host:9200/prefix, with further hosts after commas; the password stands in "
            "CASBAH_CLUSTER_PASSWORD"
        )
    scheme, user, hosts, prefix = match.groups()
    names = [host.rpartition(":")[0] or host for host in hosts.split(",")]
    if user and scheme == "http" and not set(names) <= set(_SELF):
        raise ValueError("https:// where there is a password to send")
    return Cluster(tuple(f"{scheme}://{host}" for host in hosts.split(",")), user or "", prefix or "casbah")


def _keys(text: str) -> str:
    return _url(text) if "://" in text else text


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(text: str) -> tuple[str, ...]:
    """Networks in their canonical spelling; an address is a network of one."""
    try:
        return tuple(str(ip_network(name)) for name in _names(text))
    except ValueError as error:
        raise ValueError(f"addresses or networks such as 127.0.0.1, 10.1.0.0/16 or 2001:db8::/64: {error}") from None


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("a name")
    return text.strip()


def _tenants(text: str) -> Mapping[str, str]:
    pairs = [pair.partition("=") for pair in _names(text)]
    if not all(claim.strip() and tenant.strip() for claim, _, tenant in pairs):
        raise ValueError("<value of the claim>=<tenant>, separated by commas")
    return {claim.strip(): tenant.strip() for claim, _, tenant in pairs}


def _secret(text: str) -> str:
    """A secret, or what stands in the file that `@FILE` names."""
    if not text.startswith("@"):
        return text.strip()
    try:
        return Path(text[1:]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError("a secret, or @FILE with the name of a file that can be read") from None


def _seconds(text: str) -> int:
    if not _is_number(text):
        raise ValueError("a whole number of seconds")
    return int(text)


def _mimic(text: str) -> str:
    if text.lower() not in (*_OFF, "mdca"):
        raise ValueError("mdca, or off")
    return "" if text.lower() in _OFF else text.lower()


def _page_limit(text: str) -> int:
    if text not in _PAGE_LIMITS:
        raise ValueError(" or ".join(_PAGE_LIMITS))
    return int(text)


def _bound(text: str) -> int | None:
    return None if text.lower() in _OFF else _whole(text)


def _span(text: str) -> int | None:
    """A duration in ms."""
    if text.lower() in _OFF:
        return None
    match = _SPAN.fullmatch(text.strip().lower())
    if not match or int(match.group(1)) == 0:
        raise ValueError("a duration such as 500ms, 30s, 5m, 2h or 30d, or off")
    return int(match.group(1)) * _SPAN_MS[match.group(2)]


def processors(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many processors this process may use: a container may be given the time of fewer than it sees.

    `quota` is where Linux says so (https://docs.kernel.org/admin-guide/cgroup-v2.html): microseconds of each period, or `max`.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = quota.read_text("ascii").split()
        allowed = -(-int(most) // int(period))
    except (OSError, ValueError):  # No container, no bound, or another system.
        return seen
    return max(1, min(seen, allowed))


def _processes(text: str) -> int:
    return _number_or_auto(text, processors() - 1)


def _workers(text: str) -> int:
    count = _number_or_auto(text, min(processors(), _MOST_WORKERS))
    if not count:
        raise ValueError("how many processes, at least 1, or auto")
    return count


def _number_or_auto(text: str, automatic: int) -> int:
    if text.lower() == "auto":
        return automatic
    if not _is_number(text):
        raise ValueError("how many processes, 0 for none, or auto")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise ValueError("on or off")
    return text.lower() == "on"


def _failures(text: str) -> tuple[tuple[int, float], ...]:
    matches = [_FAILURE.fullmatch(item) for item in _names(text if text.lower() not in _OFF else "")]
    pairs = tuple((int(item.group(1)), float(item.group(2))) for item in matches if item)
    if len(pairs) < len(matches) or sum(chance for _, chance in pairs) > 1:
        raise ValueError("statuses and how often, such as 502:0.1,429:0.05 (together at most 1), or off")
    return pairs


def _table(*rows: Setting) -> dict[str, Setting]:
    table = {row.name: row for row in rows}
    if list(table) != [item.name for item in fields(Settings)]:
        raise AssertionError("SETTINGS and Settings name different settings, or in another order")
    return table


# fmt: off
SETTINGS = _table(
    Setting("store",            "",            _folder, "The folder that holds everything; by default the user's data folder. Or a cluster's address, as in CASBAH_CLUSTER"),
    Setting("cluster",          "",            _cluster, "The OpenSearch cluster that holds the activities, such as opensearch+https://user@host:9200/prefix; the folder then holds the rest (docs/cluster.md)"),
    Setting("cluster_password", "",            _secret, "The password of the cluster's user, or @FILE"),
    Setting("cluster_ca",       "",            _optional_file, "The certificates to judge the cluster's by, if it has some of its own"),
    Setting("cluster_replicas", "1",           _count,  "Copies that the cluster keeps of every index beside the first one"),
    Setting("sources",          "",            _optional_folder, "A folder with mapping files (.toml) of your own sources, beside the built-in ones (docs/sources.md)"),
    Setting("agents",           "on",          _flag,   "Whether user agents are parsed, where the source did not: program, system, device, outdated (docs/enrichment.md)"),
    Setting("places",           "",            _files,  "Files in MaxMind's format (.mmdb), separated by commas: where an address is, and whose; the first one is believed"),
    Setting("people",           "",            _optional_file, "A file that says to which groups and which unit users belong: CSV, or JSON as SCIM has it"),
    Setting("pull",             "",            _optional_file, "A file that says what a server fetches from hosted apps while it runs (docs/pull.md)"),
    Setting("push",             "",            _optional_file, "A file that says where a server sends what is stored: webhooks, collectors of syslog (docs/push.md)"),
    Setting("host",             "127.0.0.1",   _host,   "The address to listen on"),
    Setting("port",             "8765",        _port,   "The port to listen on; 0 takes any free one"),
    Setting("drain",            "off",         _span,  "How long a server that is told to stop (SIGTERM) says on /readyz that it is not ready, and ends connections as it answers, before it takes no more: longer than a balancer takes to notice"),
    Setting("tls_certificate",  "",            _optional_file, "The server's certificate (PEM, with what is between it and the root): it then speaks HTTPS alone"),
    Setting("tls_key",          "",            _optional_file, "The key of the server's certificate (PEM), if it is not in the same file"),
    Setting("trusted_proxies",  "",            _networks, "Addresses or networks of reverse proxies, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto headers are used; from other addresses they are ignored (docs/operate.md)"),
    Setting("session",          "12h",         _span,   "How long somebody stays signed in to the pages, such as 12h; off: nobody can sign in there"),
    Setting("throttle",         "off",         _rate,   "Requests a tenant may make, such as 30/minute (MDCA's own), or off",
            mdca="30/minute", quirk="D: 30 requests a minute for each tenant"),
    Setting("bad_keys",         "60/minute",   _rate,   "Failed authentications of a client address that are answered with 401; more get 429. Good keys are never refused, and trusted proxies are exempt"),
    Setting("max_body",         "1_048_576",   _whole,  "Bytes in the body of a request, ingest apart"),
    Setting("max_ingest_body",  "268_435_456", _whole,  "Bytes in the body of an ingest request, after decompression"),
    Setting("bodies_memory",    "536_870_912", _whole,  "Bytes that the bodies of all requests under way may take in memory, of all processes; past that, 503 with Retry-After; at least CASBAH_MAX_INGEST_BODY"),
    Setting("max_event",        "16_777_216",  _whole,  "Bytes in one event; a larger one is refused"),
    Setting("max_filters",      "64",          _whole,  "Filters in one request"),
    Setting("max_values",       "1_000",       _whole,  "Values of one operator"),
    Setting("max_value_length", "4_096",       _whole,  "Characters in one value"),
    Setting("max_feedback",     "100",         _whole,  "Feedback entries for one activity"),
    Setting("max_feedback_length", "4_000",    _whole,  "Characters in one feedback entry, as JSON"),
    Setting("max_queries",      "1_000",       _whole,  "Saved queries of one owner"),
    Setting("max_queries_size", "1_000_000",   _whole,  "Bytes of the saved queries of one owner, as JSON; those that a tenant shares have the same bound together"),
    Setting("batch",            "5_000",       _whole,  "Activities that ingest commits at a time"),
    Setting("rejects_bytes",    "16_777_216",  _whole,  "Bytes of refused events that ingest over HTTP keeps per tenant; the oldest go first"),
    Setting("rejects_keep",     "30d",         _span,   "How long refused events are kept, such as 30d; off: as long as there is room"),
    Setting("max_connections",  "off",         _optional_whole, "Connections of clients in total; past that, the one that has waited longest for the head of a request is closed; off: as many as the limit of open files allows"),
    Setting("max_connections_per_address", "1_000", _optional_whole, "Connections from one address, but for trusted proxies; past that, the same among these; off: no limit"),
    Setting("head_timeout",     "30s",         _span,   "How long the head of a request may take, such as 30s; past that, 408; off: for ever"),
    Setting("body_rate",        "500",         _optional_whole, "Bytes per second that a body must come with, over 20 s; below that, 408; off: as slowly as it may"),
    Setting("workers",          "auto",        _workers, "Processes that accept connections; auto: as many as there are processors, 8 at most. With more than one, another process stores, and a throttle, mimic, a cluster or audit=all mean one (docs/operate.md)"),
    Setting("worker_timeout",   "30s",         _span,   "How long a process of the server may not react, such as 30s, before it is replaced; off: for ever"),
    Setting("search_threads",   "8",           _whole,  "Searches that are worked on at a time; the engine shares the processors among them"),
    Setting("search_queue",     "256",         _whole,  "Searches that may wait for a thread; past that, 503 with Retry-After"),
    Setting("tenant_queue",     "off",         _optional_whole, "Searches, and bodies to be stored, that one tenant may have waiting or under way; past that, 503 with Retry-After for this tenant alone. workers share it out among themselves"),
    Setting("search_seconds",   "30",          _whole,  "Seconds that one search may take; past that, 503 with Retry-After"),
    Setting("ingest_threads",   "64",          _whole,  "Ingest requests that are worked on at a time; small ones share a commit"),
    Setting("ingest_queue",     "1_024",       _whole,  "Ingest requests that may wait for a thread; past that, 503 with Retry-After"),
    Setting("ingest_processes", "auto",        _processes, "Processes that prepare ingest bodies for a server of one process; workers prepare them themselves; auto: one less than there are processors"),
    Setting("writer_memory",    "64_000_000",  _whole,  "Bytes that each open writer of the store may fill before it writes a segment"),
    Setting("cache_memory",     "134_217_728", _whole,  "Bytes that the store may keep of what it worked out: counts, vocabularies, histograms"),
    Setting("export_threads",   "1",           _whole,  "Exports that are written at a time; others wait"),
    Setting("export_keep",      "7d",          _span,   "How long an export is kept once it is ready, such as 7d; off: until it is deleted"),
    Setting("export_spare",     "1_073_741_824", _whole, "Bytes of the disk that exports leave free"),
    Setting("audit",            "changes",     _one_of(*AUDIT_LEVELS), "What is done here becomes activities of Casbah's own: off, changes, or all, reading too (docs/reliability.md)"),
    Setting("metrics",          "token",       _one_of("off", "token", "open"), "Who may read /metrics: callers with Admin.manage (token), everybody (open), or nobody (off)"),
    Setting("traces",           "",            _collector, "Where to send OpenTelemetry traces, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; needs the extra `otel`"),
    Setting("log_level",        "info",        _one_of(*_LOG_LEVELS), "How much the server tells: debug, info, warning or error"),
    Setting("log_format",       "text",        _one_of("text", "json"), "How the server's log is written: for people, or one JSON object per line"),
    Setting("log_requests",     "on",          _flag,   "Whether every request is logged: its id, route, status and time, never its parameters"),
    Setting("oidc_issuer",      "",            _url,    "The issuer (its `iss`) whose bearer JWTs are accepted; none if empty"),
    Setting("oidc_audience",    "",            _names,  "The audiences (`aud`) a JWT may be meant for, separated by commas; needed with an issuer"),
    Setting("oidc_jwks",        "",            _keys,   "Where the issuer's keys are: an address or a file; by default what its discovery document says"),
    Setting("oidc_tenant_claim", "tid",        _name,   "The claim of a JWT that says whose activities its bearer may see"),
    Setting("oidc_tenants",     "",            _tenants, "The tenants of the claim's values, as value=tenant,...; others are refused. If empty, the value is the tenant"),
    Setting("oidc_leeway",      "60",          _seconds, "Seconds by which the issuer's clock may differ from ours"),
    Setting("oidc_refresh",     "3_600",       _whole,  "Seconds after which the issuer's keys are fetched again; on an unknown key at once, but at most once a minute"),
    Setting("oidc_client",      "",            str.strip,   "This server's client id at the issuer: with it, people sign in to the pages there; if empty, with tokens alone"),
    Setting("oidc_secret",      "",            _secret,   "The client's secret, if it has one; best in the environment, or as @FILE"),
    Setting("oidc_scopes",      "",            _names,  "The scopes that the pages ask the issuer for, beside openid, separated by commas: api://casbah/Investigation.read"),
    Setting("mimic",            "off",         _mimic,  "Emulate another server's limits, to test clients: mdca, or off. Sets the settings below, and throttle"),
    Setting("mimic_page_limit", "250",         _page_limit, "The largest page of a list, 100 or 250; a larger `limit` is treated as this one",
            mdca="250",       quirk="C: clients page by 250, and observers of the live service report 250; the documentation says 100 (D)"),
    Setting("mimic_list_end",   "off",         _bound,  "How many activities of a list can be reached: where skip + limit is more, 400",
            mdca="5_000",     quirk="D: lists end there, scans are for more (api-activities-investigate-script). C: a client refuses skip + size past it by itself. That the server refuses it is O"),
    Setting("mimic_window",     "off",         _span,   "How long ago an activity may have happened to be listed or counted, such as 30d",
            mdca="30d",       quirk="O: 30 days can be searched; how a request past them is answered is not public, here as if there were nothing"),
    Setting("mimic_scan_total", "on",          _flag,   "Whether a scan's answer has `total`",
            mdca="off",       quirk="D: api-activities-investigate-script names data, hasNext and nextQueryFilters alone"),
    Setting("mimic_total",      "off",         _bound,  "Totals past this many are rounded down to two digits, and the answer's header Casbah-Total says approximate",
            quirk="O: large totals are approximate; in which way is not public"),
    Setting("mimic_late",       "off",         _span,   "How long after it was stored an activity is not yet seen, such as 30s",
            quirk="O: activities arrive minutes and hours after they happened"),
    Setting("mimic_slow",       "off",         _span,   "How long every answer of the Activities API takes at least, such as 2s",
            quirk="O: clients must wait"),
    Setting("mimic_fail",       "off",         _failures, "How often the Activities API fails, by status: 429:0.05,502:0.01,504:0.01",
            quirk="O: clients must come back; 429 is JSON with Retry-After, 502 to 504 are a gateway's HTML"),
)
# fmt: on
