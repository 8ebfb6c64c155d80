import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import casbah.ingest.connectors
from casbah.ingest.connectors import connectors


def test_the_folder_is_the_registry():
    found = connectors()
    assert list(found) == [
        "anthropic",
        "atlassian",
        "atlassian_datacenter",
        "auth0",
        "azure_activity",
        "box",
        "cef",
        "cloud_app_events",
        "cloudflare",
        "cloudtrail",
        "cloudtrail_insights",
        "confluence",
        "databricks",
        "docusign",
        "dropbox",
        "duo",
        "ecs",
        "entra_audit",
        "entra_risk",
        "entra_signin",
        "gcp",
        "github",
        "gitlab",
        "google_workspace",
        "graph_activity",
        "intune",
        "jira",
        "kubernetes",
        "mdca",
        "microsoft365",
        "notion",
        "ocsf",
        "ocsf_signin",
        "okta",
        "onelogin",
        "onepassword",
        "openai",
        "salesforce",
        "slack",
        "snowflake",
        "zendesk",
        "zoom",
    ]
    assert all(name == each.name for name, each in found.items())


def test_importing_the_room_imports_no_connector():
    program = "import casbah.ingest.connectors, sys; print([m for m in sys.modules if m.startswith('casbah.ingest.connectors.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_package_brings_a_connector(monkeypatch):
    point = EntryPoint("mine", "casbah.ingest.connectors.mdca:CONNECTOR", casbah.ingest.connectors.GROUP)
    monkeypatch.setattr(casbah.ingest.connectors, "entry_points", lambda **_: [point])
    assert "mdca" in connectors()


def test_what_is_no_connector_is_refused(monkeypatch):
    point = EntryPoint("mine", "casbah.ingest.connectors.mdca:recognizes", casbah.ingest.connectors.GROUP)
    monkeypatch.setattr(casbah.ingest.connectors, "entry_points", lambda **_: [point])
    with pytest.raises(TypeError, match="recognizes is not a"):
        connectors()
