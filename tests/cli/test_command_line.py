"""The command line as a whole: what it imports, shows, completes and suggests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from casbah.cli.commands import COMMANDS, GROUPS
from command_line import app

BASH = shutil.which("bash") or "bash"
HEAVY = {
    "tantivy", "pyarrow", "uvicorn", "uvloop", "starlette", "httpx", "httpcore", "joserfc", "cryptography", "maxminddb", "msgspec", "orjson",
    "opensearchpy", "prometheus_client", "rbloom", "rich", "sqlite3", "structlog", "ua_parser", "zstandard", "asyncio", "multiprocessing",
}  # fmt: skip
"""Packages that take time to import."""

SERVING = {"tantivy", "pyarrow", "uvicorn", "starlette", "joserfc", "cryptography", "maxminddb", "opensearchpy", "prometheus_client", "rbloom", "structlog", "ua_parser"}  # fmt: skip
"""Those that only the process with the store needs."""

PROBE = """
import sys
from casbah.cli import main
sys.argv = ["casbah", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: str, **environment: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return {name.partition(".")[0] for name in ran.stderr.splitlines()[-1].split()}


def names_of_all() -> list[tuple[str, ...]]:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    inner = {name: getattr(command, "commands", {}) for name, command in commands.items()}
    return [(name,) for name in inner] + [(name, each) for name, group in inner.items() for each in group]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--version"], ["no-such-command"], ["completion", "fish"]], ids=" ".join
)
def test_what_shows_help_imports_nothing_that_takes_time(arguments: list[str]) -> None:
    assert imported(*arguments) & HEAVY == set()


@pytest.mark.parametrize("arguments", [["list"], ["top", "service"], ["tail"]], ids=" ".join)
def test_a_command_that_asks_a_server_loads_no_store(arguments: list[str]) -> None:
    modules = imported(*arguments, CASBAH_URL="http://127.0.0.1:9", CASBAH_TOKEN="x")
    assert (modules & SERVING, "httpx" in modules) == (set(), True)


def test_summaries_are_those_of_the_commands() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {name: row.summary for name, row in COMMANDS.items()} == {
        name: command.get_short_help_str(1_000) for name, command in commands.items()
    }


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_summaries_are_whole_under_their_headings(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = CliRunner().invoke(app, ["--help"]).output
    text = " ".join(shown.split())
    for heading, rows in GROUPS.items():
        assert f"\n{heading}:\n" in shown
        for row in rows.values():
            assert row.summary in text


@pytest.mark.parametrize("words", names_of_all(), ids=" ".join)
def test_the_short_option_is_the_long_one(words: tuple[str, ...]) -> None:
    short, full = (CliRunner().invoke(app, [*words, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.output) == (0, full.output)
    assert "..." not in short.output.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        pytest.param(["lst"], "Did you mean 'list'?", id="a command"),
        pytest.param(["token", "crate"], "Did you mean 'create'?", id="a command of a group"),
        pytest.param(["list", "--lmit", "3"], "--limit", id="an option"),
    ],
)
def test_what_was_meant_is_suggested(arguments: list[str], suggested: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, suggested in result.output) == (2, True), result.output


def completed(shell: str, line: str) -> str:
    """What the command answers to the script of a shell."""
    words = (
        {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))} if shell == "bash" else {"_TYPER_COMPLETE_ARGS": line}
    )
    action = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"} if shell == "fish" else {}
    environment = {**os.environ, "_CASBAH_COMPLETE": f"complete_{shell}", **words, **action}
    ran = subprocess.run([sys.executable, "-m", "casbah"], env=environment, capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_commands_and_options(shell: str) -> None:
    script = CliRunner().invoke(app, ["completion", shell]).output
    assert f"_CASBAH_COMPLETE=complete_{shell}" in script
    commands = completed(shell, "casbah re")
    assert all(name in commands for name in ("rejects", "retention", "reconcile"))
    assert "list" not in commands
    assert "create" in completed(shell, "casbah token cr")
    assert "--limit" in completed(shell, "casbah list --li")


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    (tmp_path / "casbah").write_text(f'#!/bin/sh\nexec {sys.executable} -m casbah "$@"\n')
    (tmp_path / "casbah").chmod(0o755)
    script = """
        source <(casbah completion bash)
        COMP_WORDS=(casbah hist) COMP_CWORD=1
        complete -p casbah > /dev/null && _casbah_completion casbah
        echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([BASH, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "histogram\n", ran.stderr
