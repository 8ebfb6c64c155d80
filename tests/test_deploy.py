"""The files of a deployment: what they copy, set and run exists. No container engine runs here; the steps of the image do."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from casbah import settings
from casbah.cli.commands import COMMANDS
from casbah.http.routes import PUBLIC
from casbah.settings import PREFIX, SETTINGS

ROOT = Path(__file__).parent.parent
BASH = shutil.which("bash") or "bash"
COMPOSE = {"alone": "compose.yaml", "cluster": "deploy/compose.cluster.yaml"}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in order, each with its text on one line."""
    text = re.sub(r"(?m)^ *#.*\n", "", (ROOT / "deploy" / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line]


def texts(name: str) -> list[str]:
    return [text for instruction, text in instructions() if instruction == name]


def service(name: str) -> dict:
    return yaml.safe_load((ROOT / COMPOSE[name]).read_text())["services"]["casbah"]


def documents() -> dict[str, dict]:
    """The documents of deploy/kubernetes.yaml by kind."""
    return {item["kind"]: item for item in yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())}


def pod() -> dict:
    return documents()["Deployment"]["spec"]["template"]["spec"]


def copied() -> list[str]:
    """What the image is made of, from the folder that it is built in."""
    return [path for text in texts("COPY") if not text.startswith("--from") for path in text.split()[:-1]]


def test_what_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied()) == sent
    assert [path for path in copied() if not (ROOT / path).exists()] == []


def test_the_base_has_a_digest_and_every_package_a_hash() -> None:
    (base,) = texts("ARG")
    assert re.fullmatch(r"PYTHON=\S+/python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert texts("FROM") == ["${PYTHON} AS built", "${PYTHON}"]
    installs = [step for text in texts("RUN") for step in text.split("&&") if " install " in step and "pip" in step]
    assert len(installs) == 2
    for step in installs:
        words = shlex.split(step)
        assert "--require-hashes" in words or words[-1] == "."


def test_the_image_runs_without_root_and_needs_none() -> None:
    assert [user for user in texts("USER") if user.startswith(("0", "root"))] == []
    assert re.fullmatch(r"\d{4,}:\d{4,}", texts("USER")[-1])
    assert f"--uid {texts('USER')[-1].partition(':')[0]} " in " ".join(texts("RUN"))
    assert pod()["securityContext"]["runAsNonRoot"] is True
    for security in (container["securityContext"] for container in pod()["containers"]):
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"]["drop"] == ["ALL"]


def environments() -> dict[str, dict[str, str]]:
    image = dict(pair.split("=", 1) for text in texts("ENV") for pair in text.split())
    kubernetes = {row["name"]: row.get("value", "@/dev/null") for row in pod()["containers"][0]["env"]}
    return {
        "image": image,
        "cluster": {**image, **service("cluster")["environment"]},
        "kubernetes": {**image, **kubernetes},
    }


@pytest.mark.parametrize("where", ["image", "cluster", "kubernetes"])
def test_the_settings_exist_and_take_their_values(where: str) -> None:
    chosen = {name: value for name, value in environments()[where].items() if name.startswith(PREFIX)}
    assert [name for name in chosen if name.removeprefix(PREFIX).lower() not in SETTINGS] == []
    assert str(settings.read({"CASBAH_CLUSTER_PASSWORD": "x", **chosen}).store) == texts("VOLUME")[0]


def test_the_commands_exist_and_the_port_is_the_server_s() -> None:
    for text in (*texts("CMD"), texts("HEALTHCHECK")[0].partition("CMD ")[2]):
        program, name = yaml.safe_load(text)
        assert (program, name in COMMANDS) == ("casbah", True)
    assert texts("EXPOSE") == [SETTINGS["port"].default]
    paths = {route.path for route in PUBLIC}
    for container in pod()["containers"]:
        assert container["ports"][0]["containerPort"] == int(SETTINGS["port"].default)
        assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")} <= paths


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_runs_the_image_read_only(name: str) -> None:
    file = ROOT / COMPOSE[name]
    casbah = service(name)
    context = file.parent / casbah["build"]["context"]
    assert context.resolve() == ROOT
    assert (context / casbah["build"]["dockerfile"]).samefile(ROOT / "deploy" / "Dockerfile")
    assert (casbah["read_only"], casbah["tmpfs"], casbah["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert casbah["security_opt"] == ["no-new-privileges:true"]
    assert casbah["volumes"] == [f"casbah:{texts('VOLUME')[0]}"]
    assert casbah["ports"] == [f"127.0.0.1:{SETTINGS['port'].default}:{SETTINGS['port'].default}"]
    assert "casbah" in yaml.safe_load(file.read_text())["volumes"]


def test_the_compose_file_for_one_server_is_short() -> None:
    lines = (ROOT / COMPOSE["alone"]).read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) <= 12


@pytest.mark.slow
def test_the_steps_of_the_image_install_a_server_that_runs(tmp_path: Path) -> None:
    """The steps of the first stage, in a folder with what the image copies and nothing else."""
    work, target = tmp_path / "work", tmp_path / "casbah"
    work.mkdir()
    for path in map(ROOT.joinpath, copied()):
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, work / path.name)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CASBAH_", "PYTHON"))}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for step in texts("RUN")[:2]:
        ran = subprocess.run(
            [BASH, "-euc", step.replace("/opt/casbah", str(target))],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if "NewConnectionError" in ran.stderr or "NameResolutionError" in ran.stderr:
            pytest.skip("no network to collect the packages from")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    script = f"import sys; assert sys.prefix == {str(target)!r}; import boto3, opentelemetry.sdk, casbah.compose"
    subprocess.run([target / "bin" / "python", "-c", script], cwd=tmp_path, check=True)
    ran = subprocess.run(
        [target / "bin" / "casbah", "health", "--set", "port=9"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "http://127.0.0.1:9/livez did not answer" in ran.stderr) == (1, True), ran.stderr
