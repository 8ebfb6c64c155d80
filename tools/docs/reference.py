"""The generated reference pages: the command line, and the API with its errors."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from casbah import cli
from casbah.activity.query import Bounds
from casbah.cli.commands import GROUPS
from casbah.http.api_docs import PAGES
from casbah.http.openapi import document
from casbah.http.openapi_errors import EXAMPLES
from casbah.http.routes import PUBLIC, ROUTES

_METHODS = ("get", "post", "put", "delete")
_NEEDS = re.compile(r" ?Needs (?:the scope )?(.+?)\.$")


def command_line() -> str:
    """docs/cli.md: every command with its arguments and options."""
    root: Any = typer.main.get_command(cli.application())
    parts = []
    for heading, rows in GROUPS.items():
        parts.append(f"## {heading}\n")
        for name in rows:
            parts += _command(f"casbah {name}", root.commands[name])
    return f"{_COMMAND_LINE}\n" + "\n".join(parts)


def _command(path: str, command: Any) -> Iterator[str]:
    """A command; of a group, its commands one by one."""
    if commands := getattr(command, "commands", None):
        for name, member in commands.items():
            yield from _command(f"{path} {name}", member)
        return
    text, examples = _help(command.help or "")
    yield f"### `{path}`\n\n{text}\n"
    if examples:
        yield "```text\n" + "\n".join(examples) + "\n```\n"
    parameters = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    if parameters:
        rows = "\n".join(
            f"| {_spelled(parameter)} | {_default(parameter)} | {_cell(parameter.help or '')} |"
            for parameter in parameters
        )
        yield f"| | Default | |\n|---|---|---|\n{rows}\n"


def _help(text: str) -> tuple[str, list[str]]:
    """The help without its examples, and these."""
    paragraphs, examples = [], []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        plain = " ".join(paragraph.split())
        if plain.startswith("Example: "):
            examples += [example.strip() for example in plain.split("Example: ")[1:]]
        else:
            paragraphs.append(plain)
    return "\n\n".join(paragraphs), examples


def _spelled(parameter: Any) -> str:
    """How a parameter is written."""
    value = re.sub(r"[][.]", "", parameter.metavar or "").upper()
    if parameter.param_type_name == "argument":
        return f"`{value or parameter.name.upper()}`"
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return f"`{names}`" if parameter.is_flag else f"`{names} {value or 'VALUE'}`"


def _default(parameter: Any) -> str:
    shown = parameter.show_default and not getattr(parameter, "is_flag", False)
    return f"`{parameter.default}`" if shown and parameter.default not in (None, "") else ""


def api() -> str:
    """docs/api.md: every route by subject, and every error."""
    shown = document(ROUTES, (*PUBLIC, *PAGES), bounds=Bounds(), sources=())
    sections = []
    for tag in shown["tags"]:
        rows = [
            f"| `{method.upper()} {path}` | {_cell(item[method]['summary'])} | {_needed(item[method])} |"
            for path, item in shown["paths"].items()
            for method in _METHODS
            if method in item and tag["name"] in item[method]["tags"]
        ]
        if rows:
            table = "\n".join(rows)
            sections.append(f"## {_cell(tag['description'])}\n\n| Request | | Scope |\n|---|---|---|\n{table}\n")
    errors = "\n".join(
        f"| {status} | {_cell(text)} | {meaning} |"
        for status, text, meaning in sorted(
            (example.error.status, str(example.error), _meaning(type(example.error))) for example in EXAMPLES
        )
    )
    return _API.format(sections="\n".join(sections), errors=errors)


def _needed(operation: dict[str, Any]) -> str:
    found = _NEEDS.search(operation.get("description", ""))
    return found[1] if found else "none"


def _meaning(kind: type) -> str:
    """The first sentence of an error's description."""
    return _cell(re.split(r"(?<=[.;]) ", " ".join((kind.__doc__ or "").split()))[0].rstrip(".;"))


def _cell(text: str) -> str:
    """A text in a cell of a table: on one line, and without a character that ends the cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


_COMMAND_LINE = """# The command line

`casbah --help` lists the commands, `casbah COMMAND --help` shows one. Results go to stdout, messages to stderr. The exit code is 0 for
success, 1 for a failure and 2 for invalid usage. `casbah completion SHELL` prints a script that completes commands and options.

Commands that read activities ask the server that runs on the store, or one elsewhere ([identity.md](identity.md#the-command-line-on-another-machine)).
"""

_API = """# The API

Every route of a server, by subject. `/docs` of a server shows each with parameters, examples and answers, and works offline;
[openapi.md](openapi.md) describes the document behind it. `/api/v1` is MDCA's Activities API ([compatibility](compatibility.md)) and works
under `/cas/api/v1`, too; `/api/ext/v1` is Casbah's own. A path works with and without a trailing slash. *Scope*: one of these is required
([identity.md](identity.md)).

{sections}
## Errors

An error is JSON, `{{"detail": "..."}}`. A message names the parameter, what is wrong, and what would be right. 429 and 503 have `Retry-After`. The cause of a 500
is in the server's log only.

| Status | Example of `detail` | Meaning |
|---|---|---|
{errors}
"""
