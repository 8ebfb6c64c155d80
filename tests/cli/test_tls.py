"""A server with a certificate: over TLS alone, and the command line finds it all the same."""

import re
import shlex
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from casbah import settings
from casbah.cli.connection import running
from casbah.errors import BadSettingError
from casbah.serving.server import checked
from command_line import app


@pytest.mark.slow
def test_it_speaks_tls_alone_and_commands_find_it(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    pem, secret = certificate
    chosen = [f"--set=tls_certificate={pem}", f"--set=tls_key={secret}"]
    command = [sys.executable, "-m", "casbah", "serve", "--port", "0", "--store", str(tmp_path), *chosen]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        patience = time.monotonic() + 30
        while (found := running(tmp_path)) is None and time.monotonic() < patience:
            time.sleep(0.1)
        assert found is not None
        assert found["url"].startswith("https://")
        result = CliRunner().invoke(app, ["list", "--store", str(tmp_path), "--json"])
        assert (result.exit_code, '"total":0' in result.stdout) == (0, True)
        assert CliRunner().invoke(app, ["doctor", "--store", str(tmp_path), "--json"]).exit_code == 0
        with pytest.raises(httpx.HTTPError):
            httpx.get(found["url"].replace("https", "http") + "/livez", trust_env=False)
        with pytest.raises(httpx.ConnectError):  # Nobody else knows the certificate.
            httpx.get(found["url"] + "/livez", trust_env=False)
        answer = httpx.get(found["url"] + "/livez", trust_env=False, verify=False)  # noqa: S501  what it says is the question
        assert answer.headers["strict-transport-security"]
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_a_host_name_of_the_vendor(tmp_path: Path) -> None:
    """The recipe of docs/clients.md: its certificate, made by its command, and a client that looks for that name."""
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
    (make,) = re.findall(r"^ *(openssl req .*?)^ *```", page, re.MULTILINE | re.DOTALL)
    (host,) = set(re.findall(r"DNS:([a-z.]+)", make))
    subprocess.run(shlex.split(make.replace("\\\n", "")), cwd=tmp_path, check=True, capture_output=True)
    chosen = [f"--set=tls_certificate={tmp_path / 'casbah.pem'}", f"--set=tls_key={tmp_path / 'casbah.key'}"]
    command = [sys.executable, "-m", "casbah", "serve", "--port", "0", "--store", str(tmp_path / "store"), *chosen]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        patience = time.monotonic() + 60
        while (found := running(tmp_path / "store")) is None and time.monotonic() < patience:
            time.sleep(0.1)
        assert found is not None
        known = ssl.create_default_context(cafile=str(tmp_path / "casbah.pem"))
        headers = {"Authorization": f"Token {found['key']}", "Host": host}
        with httpx.Client(trust_env=False, verify=known, base_url=found["url"]) as client:
            answer = client.post("/cas/api/v1/activities/", headers=headers, extensions={"sni_hostname": host})
        assert (answer.status_code, answer.json()) == (200, {"data": [], "hasNext": False, "total": 0})
        with (
            httpx.Client(trust_env=False, verify=known, base_url=found["url"]) as client,
            pytest.raises(httpx.ConnectError, match="certificate"),
        ):
            client.get("/livez", extensions={"sni_hostname": f"x.{host}"})
    finally:
        server.terminate()
        server.wait(30)


def test_a_certificate_that_is_none_stops_nothing_half_way(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    pem, secret = certificate
    (tmp_path / "x.pem").write_text("no certificate")
    for wrong in ({"tls_certificate": str(tmp_path / "x.pem")}, {"tls_certificate": str(pem)}):
        with pytest.raises(BadSettingError, match="a certificate and its key"):
            checked(settings.read({}, **wrong))
    checked(settings.read({}, tls_certificate=str(pem), tls_key=str(secret)))
