"""A server with a certificate: over TLS alone, and the command line finds it all the same."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from casbah import settings
from casbah.cli import app
from casbah.cli.connection import running
from casbah.errors import BadSettingError
from casbah.serving.server import checked

NAME = "log.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


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


def test_a_certificate_that_is_none_stops_nothing_half_way(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    pem, secret = certificate
    (tmp_path / "x.pem").write_text("no certificate")
    for wrong in ({"tls_certificate": str(tmp_path / "x.pem")}, {"tls_certificate": str(pem)}):
        with pytest.raises(BadSettingError, match="a certificate and its key"):
            checked(settings.read({}, **wrong))
    checked(settings.read({}, tls_certificate=str(pem), tls_key=str(secret)))
