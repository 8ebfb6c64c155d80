"""casbah login | logout | servers."""

import ipaddress
import json
import re
import sys
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import typer

from casbah.cli import options, profiles
from casbah.cli.connection import connected
from casbah.cli.profiles import KnownServer, Profiles, normalized
from casbah.cli.table import show_rows

_PROBE = "/api/v1/activities/metadata/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN = re.compile(r"[!-~]+")


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The server, such as https://casbah.example.com.")],
    *,
    name: Annotated[
        str | None, typer.Option(help="A name for it in --url. Default: its host.", show_default=False)
    ] = None,
) -> None:
    """Save a token for a server; other commands then ask that server.

    The token is asked for, or read from stdin: one from `casbah token create` or the web UI. It is saved in a file that only
    you can read, if the server accepts it.

    Example: casbah login https://casbah.example.com
    """
    address = normalized(url)
    name = name or urlsplit(address).netloc.replace(":", "-").strip("[]")
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("use letters, digits, dots, hyphens and underscores", param_hint="--name")
    if urlsplit(address).scheme == "http" and not _is_local(urlsplit(address).hostname or ""):
        sys.stderr.write("casbah: http:// sends the token unencrypted; use https:// outside of your own network\n")
    token = (typer.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not _TOKEN.fullmatch(token):
        raise typer.BadParameter("expected one word of printable ASCII", param_hint="the token")
    server = KnownServer(address, token)
    with connected(server, tenant=options.TENANT) as api:
        api.ask("GET", _PROBE, missing=f"{address} has no Activities API; use the address of a Casbah server")
    profiles.save(Profiles({**profiles.load().servers, name: server}, name))
    sys.stderr.write(f"casbah: saved a token for {address} as {name!r}; commands now ask it\n")


def logout(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A server of `casbah servers`. Default: the current one.")
    ] = None,
) -> None:
    """Forget the token of a server. The token itself stays valid until it is revoked.

    Example: casbah logout
    """
    known = profiles.load()
    gone = name or known.current
    if gone is None:
        raise profiles.ProfileError("no server is current; `casbah servers` lists them")
    known.named(gone)
    rest = {other: server for other, server in known.servers.items() if other != gone}
    profiles.save(Profiles(rest, None if known.current == gone else known.current))
    sys.stderr.write(f"casbah: forgot the token of {gone!r}; `casbah token revoke` on the server makes it invalid\n")


def servers(
    *,
    use: Annotated[
        str | None, typer.Option(metavar="NAME", help="Make this server the current one.", show_default=False)
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the servers of `casbah login`, or choose the one that commands ask.

    Example: casbah servers --use casbah.example.com
    """
    known = profiles.load()
    if use is not None:
        known.named(use)
        known = replace(known, current=use)
        profiles.save(known)
    if as_json:
        rows = [{"name": n, "url": s.url, "current": n == known.current} for n, s in known.servers.items()]
        typer.echo(json.dumps(rows))
        return
    listed = ((name, server.url, "yes" if name == known.current else "") for name, server in known.servers.items())
    show_rows(("name", "url", "current"), listed)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
