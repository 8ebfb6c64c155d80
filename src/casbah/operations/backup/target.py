"""Targets of backups: a folder, or a bucket of S3-compatible storage."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import urlsplit

from casbah.base.fsync import make_folder, sync_folder, sync_into
from casbah.errors import BackupError

_PIECE = 1 << 20


class BackupTarget(Protocol):
    """Stores files under keys such as `files/ab/cdef`. On return, a stored file survives a power failure."""

    def size(self, key: str) -> int | None:
        """The size in bytes of what is stored under the key, or None."""
        ...

    def put(self, key: str, file: Path) -> None:
        """Store a copy of a file."""
        ...

    def read(self, key: str) -> Iterator[bytes]:
        """The content in chunks. Raises BackupError if nothing is stored under the key."""
        ...

    def keys(self, beginning: str) -> list[str]:
        """All keys that start with `beginning`, sorted."""
        ...


def is_bucket(text: str) -> bool:
    """Whether this names a bucket."""
    return text.startswith("s3://")


def open_target(text: str, *, endpoint: str | None = None) -> BackupTarget:
    """The target that `text` names: a folder, or `s3://bucket/prefix`. Raises BackupError."""
    if not is_bucket(text):
        return FolderTarget(Path(text).expanduser())
    parts = urlsplit(text)
    if not parts.netloc:
        raise BackupError(f"{text}: expected s3://bucket/prefix")
    return BucketTarget(parts.netloc, parts.path.strip("/"), endpoint=endpoint)


class FolderTarget:
    """A local or mounted folder. Files and folders created in it are readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, key: str) -> int | None:
        file = self._folder / key
        return file.stat().st_size if file.is_file() else None

    def put(self, key: str, file: Path) -> None:
        into = self._folder / key
        for folder in (self._folder, *reversed([above for above in into.parents if self._folder in above.parents])):
            make_folder(folder, mode=0o700)
        partial = into.with_name(f"{into.name}.new")
        with file.open("rb") as content:
            sync_into(partial, iter(lambda: content.read(_PIECE), b""), mode=0o600)
        partial.replace(into)
        sync_folder(into.parent)

    def read(self, key: str) -> Iterator[bytes]:
        try:
            with (self._folder / key).open("rb") as content:
                yield from iter(lambda: content.read(_PIECE), b"")
        except FileNotFoundError:
            raise BackupError(f"{self._folder / key} is missing") from None

    def keys(self, beginning: str) -> list[str]:
        folder = self._folder / beginning
        return sorted(f"{beginning}{item.name}" for item in folder.glob("*") if item.suffix != ".new")


class BucketTarget:
    """A bucket. boto3 finds credentials and region (environment, profile, instance)."""

    def __init__(self, bucket: str, prefix: str, *, endpoint: str | None, client: Any = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = client or _client(endpoint)

    def size(self, key: str) -> int | None:
        objects = self._call("list_objects_v2", Prefix=self._prefix + key, MaxKeys=1).get("Contents", [])
        return int(objects[0]["Size"]) if objects and objects[0]["Key"] == self._prefix + key else None

    def put(self, key: str, file: Path) -> None:
        self._call("upload_file", str(file), Key=self._prefix + key)

    def read(self, key: str) -> Iterator[bytes]:
        body = cast("BinaryIO", self._call("get_object", Key=self._prefix + key)["Body"])
        yield from iter(lambda: body.read(_PIECE), b"")

    def keys(self, beginning: str) -> list[str]:
        names: list[str] = []
        after: Mapping[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=self._prefix + beginning, **after)
            names += [item["Key"].removeprefix(self._prefix) for item in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return sorted(names)
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def _call(self, call: str, *arguments: Any, **options: Any) -> Any:
        from boto3.exceptions import Boto3Error  # noqa: PLC0415  an extra: needed by nobody else
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return getattr(self._client, call)(*arguments, Bucket=self._bucket, **options)
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise BackupError(f"s3://{self._bucket}/{options.get('Key', options.get('Prefix', ''))}: {error}") from None


def _client(endpoint: str | None) -> Any:
    try:
        import boto3  # noqa: PLC0415  an extra: needed by nobody else
    except ImportError:
        raise BackupError("s3:// needs boto3; install the extra `aws` (docs/production.md, Installing)") from None
    return boto3.client("s3", endpoint_url=endpoint)
