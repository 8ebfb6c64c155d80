"""The servers that `casbah login` has signed in to, each with its token, in a file that only its owner can read."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from casbah.base.fsync import sync_folder, sync_into
from casbah.errors import OperatorError
from casbah.errors.wording import nearest

URL, TOKEN = "CASBAH_URL", "CASBAH_TOKEN"
_ADDRESS = re.compile(r"[a-z]+://")
_OWNER_ONLY = 0o077
"""Permissions that the file must not give."""


class ProfileError(OperatorError):
    """A server that is not known, or a file of servers that cannot be used."""


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server, and a token for it."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Profiles:
    """Servers by name; commands without --url, CASBAH_URL or a store ask the current one."""

    servers: Mapping[str, KnownServer]
    current: str | None = None

    def named(self, name: str) -> KnownServer:
        """The server of a name. Raises ProfileError."""
        if name not in self.servers:
            known = f"known: {', '.join(self.servers)}" if self.servers else "no login is saved"
            raise ProfileError(
                f"no server {name!r}{nearest(name, tuple(self.servers))}; {known}; `casbah login URL` adds one"
            )
        return self.servers[name]

    def token_of(self, url: str) -> str | None:
        """The token for the server at an address, if one is known."""
        return next((server.token for server in self.servers.values() if server.url == url), None)


def server_at(address: str) -> KnownServer:
    """The server of a name or an address, with CASBAH_TOKEN or the token of its login. Raises ProfileError."""
    known = load()
    if address in known.servers or not _ADDRESS.match(address):
        return known.named(address)
    url = normalized(address)
    token = os.environ.get(TOKEN, "").strip() or known.token_of(url)
    if not token:
        raise ProfileError(f"no token for {url}; run `casbah login {url}`, or set {TOKEN}")
    return KnownServer(url, token)


def path() -> Path:
    """Where the servers are kept."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "casbah" / "servers.json"


def load() -> Profiles:
    """The servers. Raises ProfileError if others can read the file, or it is damaged."""
    file = path()
    try:
        if file.stat().st_mode & _OWNER_ONLY:
            raise ProfileError(f"{file} has tokens and others can read it; run: chmod 600 {file}")
        content = json.loads(file.read_text("utf-8"))
        servers = {name: KnownServer(str(row["url"]), str(row["token"])) for name, row in content["servers"].items()}
        return Profiles(servers, content.get("current"))
    except FileNotFoundError:
        return Profiles({})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProfileError(f"{file} is damaged; delete it and run `casbah login URL` again") from None


def save(profiles: Profiles) -> None:
    """Replace the file atomically, readable by its owner only."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    rows = {name: asdict(server) for name, server in profiles.servers.items()}
    sync_into(draft, [json.dumps({"current": profiles.current, "servers": rows}, indent=1).encode()], mode=0o600)
    draft.replace(file)
    sync_folder(file.parent)


def normalized(url: str) -> str:
    """The address of a server, without the slash at its end. Raises ProfileError."""
    try:
        parts = urlsplit(url.strip())
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, usable = urlsplit(""), False
    extra = parts.username or parts.query or parts.fragment
    if not usable or extra or parts.scheme not in ("http", "https"):
        raise ProfileError(f"{url!r}: expected the address of a server, such as https://casbah.example.com")
    return url.strip().rstrip("/")
