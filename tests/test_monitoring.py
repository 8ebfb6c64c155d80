"""The dashboards and alerts: every metric and label in them is exported, and every request in them finds something."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from casbah import compose, settings
from casbah.cli.commands import COMMANDS
from casbah.settings import PREFIX, SETTINGS
from casbah.testing.server import casbah_server
from making import record
from scenarios.inprocess import Asker

ROOT = Path(__file__).parent.parent
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yaml").read_text())["groups"]
PLUGINS = {"prometheus", "yesoreyeram-infinity-datasource"}
COLUMNS = 24
_METRIC = re.compile(r"\bcasbah_\w+")
_LABELS = re.compile(r"\b(casbah_\w+)\{([^}]*)\}")
_OF_THE_SCRAPE = {"job", "instance"}
_NAMED_METRIC = re.compile(r"`(casbah_\w+)(?:\{([\w, ]+)\})?`")


def dashboard(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def panels() -> list[dict[str, Any]]:
    return [panel for path in DASHBOARDS for panel in dashboard(path)["panels"]]


def expressions() -> list[Any]:
    """The queries of the dashboard and of the alerts, in PromQL."""
    shown = [
        (f"{panel['title']} {target['refId']}", target["expr"])
        for panel in panels()
        for target in panel["targets"]
        if "expr" in target
    ]
    rules = [(rule["alert"], rule["expr"]) for group in RULES for rule in group["rules"]]
    return [pytest.param(text, id=name) for name, text in (*shown, *rules)]


def requests() -> list[Any]:
    """The requests of the dashboard over the API."""
    return [
        pytest.param(target, id=panel["title"])
        for panel in panels()
        for target in panel["targets"]
        if "url_options" in target
    ]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of samples that a server with every optional part exports."""
    chosen = settings.read(
        {}, store=str(tmp_path_factory.mktemp("store")), metrics="open", scrub="1", log_name="log.example"
    )
    with compose.build(chosen) as application:
        text = Asker(application.app, application.local_key)("GET", "/metrics").body.decode()
    suffixes = {
        "counter": ("_total",),
        "histogram": ("_bucket", "_sum", "_count"),
        "gauge": ("",),
    }
    families = list(text_string_to_metric_families(text))
    names = {f"{family.name}{suffix}" for family in families for suffix in suffixes[family.type]}
    return {name for name in names if not name.endswith("_created")}


def labels() -> dict[str, set[str]]:
    """The labels of every metric, from the table in docs/operate.md."""
    text = (ROOT / "docs" / "operate.md").read_text()
    return {
        name: set(names.replace(" ", "").split(",")) if names else set() for name, names in _NAMED_METRIC.findall(text)
    }


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_is_exported_with_its_labels(expression: str, exported: set[str]) -> None:
    assert _METRIC.findall(expression) or "up{" in expression
    assert set(_METRIC.findall(expression)) <= exported
    known = labels()
    for name, chosen in _LABELS.findall(expression):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert set(re.findall(r"(\w+) *[=!]", chosen)) <= known[family] | _OF_THE_SCRAPE
    for names in re.findall(r"by \(([^)]*)\)", expression):
        families = [known[re.sub(r"_(bucket|sum|count)$", "", name)] for name in _METRIC.findall(expression)]
        assert set(names.replace(" ", "").split(",")) <= set.union(*families, _OF_THE_SCRAPE, {"le"})


def test_every_exported_metric_is_shown_and_described(exported: set[str]) -> None:
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    shown = {name for param in expressions() for name in _METRIC.findall(param.values[0])}
    assert bare - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} == set()
    assert bare == set(labels())


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_what_grafana_requires(path: Path) -> None:
    content = dashboard(path)
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time", "tags"} <= set(content)
    assert re.fullmatch(r"[a-z0-9-]{1,40}", content["uid"])
    (source,) = [row for row in content["templating"]["list"] if row["type"] == "datasource"]
    assert (source["name"], source["query"] in PLUGINS) == ("datasource", True)
    ids = [panel["id"] for panel in content["panels"]]
    assert len(set(ids)) == len(ids) > 0
    taken: set[tuple[int, int]] = set()
    for panel in content["panels"]:
        assert {"title", "type", "gridPos", "fieldConfig", "options", "targets"} <= set(panel)
        assert panel["datasource"] == {"type": source["query"], "uid": "${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize("rule", [rule for group in RULES for rule in group["rules"]], ids=lambda rule: rule["alert"])
def test_an_alert_says_what_helps(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "fix"}
    fix = rule["annotations"]["fix"]
    assert [name for name in re.findall(rf"{PREFIX}([A-Z_]+)", fix) if name.lower() not in SETTINGS] == []
    assert [name for name in re.findall(r"`casbah (\w+)", fix) if name not in COMMANDS] == []
    assert [page for page in re.findall(r"docs/\w+\.md", fix) if not (ROOT / page).exists()] == []


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with casbah_server() as running:
        running.add(
            record(
                number,
                appName="Office 365",
                isAdminOperation=True,
                description="Sign-in failed",
                genericEventType="ENUM_ACTIVITY_GENERIC_TYPE_FAILED_LOGIN",
                verb="sign-in-failed",
                user={"userName": "ann@contoso.example"},
                device={"clientIP": "192.0.2.7"},
                location={"countryCode": "DE"},
            )
            for number in range(3)
        )
        wanted = {"name": "grafana", "scopes": ["Investigation.read"]}
        answer = httpx.post(f"{running.url}/api/ext/v1/tokens", json=wanted, headers=running.headers, trust_env=False)
        yield running.url, {"Authorization": f"Bearer {answer.json()['token']}"}


@pytest.mark.parametrize("search", ["", 'user:"ann@contoso.example"'], ids=["everything", "a search"])
@pytest.mark.parametrize("target", requests())
def test_a_request_finds_what_its_columns_show(target: dict[str, Any], search: str, server: Any) -> None:
    """With the token that docs/monitoring.md says."""
    url, headers = server
    body = target["url_options"]["data"].replace("${search:json}", json.dumps(search))
    body = body.replace("${__from}", "0").replace("${__to}", str(2**42))
    assert "$" not in body
    assert (target["url_options"]["method"], target["parser"]) == ("POST", "backend")
    answer = httpx.post(url + target["url"], content=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    rows = selected(answer.json(), target["root_selector"])
    for row in rows if isinstance(rows, list) else [rows]:
        for column in target["columns"]:
            assert selected(row, column["selector"]) not in (None, "", 0)
    assert rows


def selected(value: Any, selector: str) -> Any:
    """What the plugin's selectors find, of which the dashboard uses names and positions alone."""
    for name in re.findall(r"[^.[\]]+", selector):
        value = value[int(name)] if name.isdigit() else value[name]
    return value
