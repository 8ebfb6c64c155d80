"""casbah doctor, casbah settings: what is, and what is amiss."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.cli.doctor import _folder, _server
from casbah.cli.server_file import announced
from casbah.settings import SETTINGS
from casbah.store.contract import CheckState
from command_line import app
from scenarios.server import serving


def told(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


def found(*words: str, code: int = 0) -> dict[str, dict[str, str]]:
    return {each["what"]: each for each in told("doctor", *words, code=code)}


def test_every_setting_is_shown_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_CLUSTER_PASSWORD", "hush")
    monkeypatch.setenv("CASBAH_THROTTLE", "30/minute")
    rows = told("settings")
    assert [row["setting"] for row in rows] == [row.variable for row in SETTINGS.values()]
    assert "hush" not in json.dumps(rows)
    assert {each["setting"] for each in told("settings", "--chosen")} >= {"CASBAH_CLUSTER_PASSWORD", "CASBAH_THROTTLE"}
    assert "CASBAH_PORT" in [each["setting"] for each in told("settings", "port")]


def test_what_stands_for_other_settings_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_MIMIC", "mdca")
    (row,) = (each for each in told("settings", "throttle") if each["setting"] == "CASBAH_THROTTLE")
    assert row["from"] == "another setting"


def test_nothing_is_amiss_with_a_new_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with compose.build(settings.read({}, store=str(store))) as house:
        house.services.tokens.create("ci", tenant="default")
    looked = found("--store", str(store))
    assert {each["state"] for each in looked.values()} == {"ok"}
    assert looked["tokens"]["seen"] == "1"


def test_what_is_amiss_is_said_with_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store"
    with compose.build(settings.read({}, store=str(store))):
        pass
    store.chmod(0o755)
    pull = tmp_path / "pull.toml"
    pull.write_text("[one]\nfrom = 'nowhere'\n")
    monkeypatch.setenv("CASBAH_PULL", str(pull))
    monkeypatch.setenv("CASBAH_HOST", "0.0.0.0")
    (store / "format.json").write_text('{"format": 99, "fields": []}')
    looked = found("--store", str(store), code=1)
    assert looked["permissions"]["fix"] == f"chmod 700 {store}"
    assert "format 99" in looked["The store"]["seen"]
    assert looked["Files that settings name"]["state"] == "error"
    assert looked["listens on"]["state"] == "warning"
    assert [name for name, row in looked.items() if (row["state"] == "ok") == bool(row["fix"])] == []
    shown = CliRunner().invoke(app, ["doctor", "--store", str(store)], env={"COLUMNS": "300"})
    assert {"OK", "warning", "error"} <= set(shown.stdout.split())
    assert shown.stdout.count("Fix: ") == len([row for row in looked.values() if row["fix"]]) >= 4
    assert f"casbah: {len(looked)} checks, 2 errors, " in shown.stderr


def test_a_running_server_is_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, house), announced(tmp_path, url=url, key=house.local_key):
        assert found("--store", str(tmp_path))["server"]["seen"].startswith(f"{url}, 200 in ")
        house.services.leaving.set()
        server = found("--store", str(tmp_path), code=1)["server"]
        assert (server["state"], ", 503 in " in server["seen"], bool(server["fix"])) == ("error", True, True)


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ({"status": "ready", "writable": False, "reason": "No space left on device"}, "cannot store: No space left"),
        ({"status": "ready", "writable": True, "damaged": 2}, "damaged in 2 places"),
    ],
)
def test_a_server_that_is_ready_and_not_well(body: dict[str, Any], seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.Response(200, json=body)
    monkeypatch.setattr(httpx, "get", lambda *_, **__: answer)
    (finding,) = _server({"url": "http://127.0.0.1:1"})
    assert (finding.state, seen in finding.seen, bool(finding.fix)) == (CheckState.ERROR, True, True)


@pytest.mark.parametrize(
    ("free", "state"), [(20 << 30, CheckState.OK), (5 << 30, CheckState.WARNING), (1 << 20, CheckState.ERROR)]
)
def test_disk_space(free: int, state: CheckState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("casbah.cli.doctor.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    (finding,) = [row for row in _folder(settings.read({}, store=str(tmp_path))) if row.what == "disk space"]
    assert (finding.state, bool(finding.fix)) == (state, state != CheckState.OK)


def test_a_cluster_that_is_away_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_CLUSTER", "opensearch+http://127.0.0.1:9/x")
    finding = found("--store", str(tmp_path), code=1)["The cluster"]
    assert (finding["state"], "CASBAH_CLUSTER" in finding["fix"]) == ("error", True)
