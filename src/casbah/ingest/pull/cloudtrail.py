"""Pulls CloudTrail's files from S3 (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html), by
listing the bucket or from notifications in a queue.

Files are under `AWSLogs/[<organization>/]<account>/CloudTrail/<region>/<year>/<month>/<day>/`. They arrive out of order and
more than once, so each listing starts some time before the previous one, and read files are remembered as long.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote_plus

import msgspec

from casbah.base import gzip
from casbah.ingest.pull.contract import ApiRefusedError, ApiUnreachableError, Checkpoint, Fetched, Fetcher
from casbah.ingest.pull.entry import BadPullFileError, PullEntry, Secret
from casbah.ingest.pull.kind import DAY, PullKind, Tools, utc

_LOGS = "AWSLogs/"
_TRAIL = "CloudTrail/"
_DEPTH = 3
_FILE = ".json.gz"
_DAY = "%Y/%m/%d"
_MAX_BYTES = 512_000_000
_MAX_MESSAGES = 10
_NOT_FOUND = 404


class _File(msgspec.Struct, rename={"records": "Records"}):
    records: list[msgspec.Raw] = []


class Objects(Protocol):
    """The part of boto3's S3 client used here."""

    def list_objects_v2(self, **parameters: Any) -> Mapping[str, Any]: ...

    def get_object(self, **parameters: Any) -> Mapping[str, Any]: ...


class Queue(Protocol):
    """The part of boto3's SQS client used here."""

    def receive_message(self, **parameters: Any) -> Mapping[str, Any]: ...

    def delete_message(self, **parameters: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Finds files by listing. A checkpoint holds the waiting files, the recently read ones, and the time of the last listing.
    An unreadable file moves to the end of the waiting ones.
    """

    objects: Objects
    bucket: str
    prefix: str
    clock: Callable[[], int]
    back: int
    overlap: int
    connector: str = "cloudtrail"

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """See `Fetcher`. A page is one file."""
        waiting, read = list(checkpoint.get("waiting", ())), list(checkpoint.get("read", ()))
        listed = checkpoint.get("listed")
        if not waiting:
            now = self.clock()
            since = now - self.back if listed is None else listed - self.overlap
            keys = _call(lambda: sorted(self._since(since)))
            read = [key for key in read if _day(key) >= utc(since, _DAY)]
            waiting, listed = sorted(set(keys) - set(read)), now
            if not waiting:
                return Fetched((), {"waiting": [], "read": read, "listed": listed}, more=False)
        key, *rest = waiting
        following = {"waiting": rest, "read": [*read, key], "listed": listed}
        try:
            return Fetched(_call(lambda: _events(self.objects, self.bucket, key)), following, more=True)
        except ApiUnreachableError as error:
            error.resume = {"waiting": [*rest, key], "read": read, "listed": listed}
            raise
        except ApiRefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            return Fetched((), following, more=True, gap=f"s3://{self.bucket}/{key} no longer exists")

    def _since(self, moment: int) -> Iterator[str]:
        """The files from the day of a time (ms) on."""
        for region in self._regions():
            for key in self._keys(region, start_after=f"{region}{utc(moment, _DAY)}/"):
                if key.endswith(_FILE):
                    yield key

    def _regions(self) -> Iterator[str]:
        """The folder of each region of each account."""
        for account in self._accounts(f"{self.prefix}{_LOGS}", _DEPTH - 1):
            yield from self._folders(f"{account}{_TRAIL}")

    def _accounts(self, folder: str, depth: int) -> Iterator[str]:
        for inner in self._folders(folder):
            if f"{inner}{_TRAIL}" in self._folders(inner):
                yield inner
            elif depth > 1:
                yield from self._accounts(inner, depth - 1)

    def _folders(self, folder: str) -> list[str]:
        pages = self._pages(Prefix=folder, Delimiter="/")
        return [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]

    def _keys(self, folder: str, *, start_after: str) -> list[str]:
        pages = self._pages(Prefix=folder, StartAfter=start_after)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def _pages(self, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self.objects.list_objects_v2(Bucket=self.bucket, **parameters, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}


@dataclass(frozen=True, slots=True)
class Notified:
    """Finds files by a queue of the bucket's notifications. A message is deleted once its events are on disk. One whose file
    is unreadable stays in the queue, which delivers it again.
    """

    objects: Objects
    queue: Queue
    address: str
    connector: str = "cloudtrail"

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """See `Fetcher`. A page is the files of a few messages."""
        request = {"QueueUrl": self.address, "MaxNumberOfMessages": _MAX_MESSAGES, "WaitTimeSeconds": 0}
        messages = _call(lambda: self.queue.receive_message(**request)).get("Messages", ())
        events: list[bytes] = []
        done, gaps, problems = [], [], []
        for message in messages:
            try:
                events += self._events_of(message)
            except ApiRefusedError as error:
                if error.status != _NOT_FOUND:
                    raise
                gaps.append(str(error))
            except ApiUnreachableError as error:
                problems.append(error)
                continue
            done.append(message["ReceiptHandle"])
        if problems and not done:
            raise problems[0]

        def delete() -> None:
            for handle in done:
                _call(partial(self.queue.delete_message, QueueUrl=self.address, ReceiptHandle=handle))

        return Fetched(events, checkpoint, more=bool(done), gap="; ".join(gaps), stored=delete)

    def _events_of(self, message: Mapping[str, Any]) -> list[bytes]:
        return [
            event
            for bucket, key in _named_objects(message["Body"])
            if key.endswith(_FILE)
            for event in _call(partial(_events, self.objects, bucket, key))
        ]


def _named_objects(body: str) -> Iterator[tuple[str, str]]:
    """The bucket and key of each object in a notification, sent by S3 directly or through SNS."""
    try:
        message = json.loads(body)
        message = json.loads(message["Message"]) if "Message" in message else message
        for record in message.get("Records", ()):
            yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _events(objects: Objects, bucket: str, key: str) -> list[bytes]:
    body: bytes = objects.get_object(Bucket=bucket, Key=key)["Body"].read(_MAX_BYTES)
    try:
        text = gzip.unpacked(body, limit=_MAX_BYTES) if body.startswith(gzip.MAGIC) else body
        file = msgspec.json.decode(text, type=_File)
    except (OSError, EOFError, msgspec.DecodeError):
        raise ApiUnreachableError(
            f"s3://{bucket}/{key} cannot be read completely; it will be retried until it can, or is removed"
        ) from None
    return [bytes(record) for record in file.records]


def _call(call: Callable[[], Any]) -> Any:
    """Call AWS and translate its errors. boto3 retries by itself."""
    try:
        return call()
    except Exception as error:
        response = getattr(error, "response", None)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else None
        if status in (400, 401, 403, 404):
            code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
            raise ApiRefusedError(
                f"AWS refused with {code} (HTTP {status}); check credentials and names", status
            ) from None
        if type(error).__module__.partition(".")[0] in ("botocore", "boto3", "urllib3"):
            raise ApiUnreachableError(f"AWS request failed: {type(error).__name__}") from None
        raise


def _day(key: str) -> str:
    """The day in the path of a file, as `<year>/<month>/<day>`."""
    return "/".join(key.split("/")[-4:-1])


def aws(service: str, **options: Any) -> Any:
    """boto3's client, with its own search for credentials (environment, profile, role)."""
    try:
        import boto3  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise BadPullFileError(
            "cloudtrail needs boto3: install the extra `aws` (docs/production.md, Installing)"
        ) from None
    return boto3.client(service, **options)


def _fetcher(entry: PullEntry, secret: Secret, tools: Tools, back: int, overlap: int) -> Fetcher:
    del secret
    options = {"region_name": entry.region} if entry.region else {}
    objects = tools.aws("s3", **options)
    if entry.queue:
        return Notified(objects, tools.aws("sqs", **options), entry.queue)
    return Listed(objects, entry.bucket, entry.prefix, tools.clock, back, overlap)


KIND = PullKind(
    "cloudtrail",
    _fetcher,
    overlap=DAY,
    data="CloudTrail's files in S3, listed in a `bucket`, or named by notifications in a `queue` (SQS)",
    credential="AWS's credential chain",
    secret=False,
    permission="s3:ListBucket, s3:GetObject; sqs:ReceiveMessage, sqs:DeleteMessage",
    any_of=("bucket", "queue"),
)
