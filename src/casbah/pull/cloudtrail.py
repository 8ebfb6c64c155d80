"""CloudTrail's files in S3 (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html), found by
listing the bucket or told of by a queue.

Files lie under `AWSLogs/[<organisation>/]<account>/CloudTrail/<region>/<year>/<month>/<day>/`. They arrive out of order and
more than once, so a folder is listed again from some time before the last round on, and what was read is remembered as long.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote_plus

import msgspec

from casbah.pull.contract import ApiRefusedError, ApiUnreachableError, Checkpoint, Fetched

_LOGS = "AWSLogs/"
_TRAIL = "CloudTrail/"
_DEPTH = 3
_FILE = ".json.gz"
_MOST_BYTES = 512_000_000
_MOST_TOLD = 10
_NOT_FOUND = 404


class _File(msgspec.Struct, rename={"records": "Records"}):
    records: list[msgspec.Raw] = []


class Objects(Protocol):
    """What is used of boto3's S3 client."""

    def list_objects_v2(self, **asked: Any) -> Mapping[str, Any]: ...

    def get_object(self, **asked: Any) -> Mapping[str, Any]: ...


class Queue(Protocol):
    """What is used of boto3's SQS client."""

    def receive_message(self, **asked: Any) -> Mapping[str, Any]: ...

    def delete_message(self, **asked: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Files found by listing. A checkpoint has what waits, what was read of late, and the moment of the last listing. A file
    that cannot be read whole waits behind the others.
    """

    objects: Objects
    bucket: str
    prefix: str
    clock: Callable[[], int]
    back: int
    overlap: int
    connector: str = "cloudtrail"

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """See `Source`: one file."""
        waiting, read = list(checkpoint.get("waiting", ())), list(checkpoint.get("read", ()))
        listed = checkpoint.get("listed")
        if not waiting:
            now = self.clock()
            since = now - self.back if listed is None else listed - self.overlap
            found = _asked(lambda: sorted(self._since(since)))
            read = [key for key in read if _day(key) >= _spelt(since)]
            waiting, listed = sorted(set(found) - set(read)), now
            if not waiting:
                return Fetched((), {"waiting": [], "read": read, "listed": listed}, more=False)
        key, *rest = waiting
        following = {"waiting": rest, "read": [*read, key], "listed": listed}
        try:
            return Fetched(_asked(lambda: _events(self.objects, self.bucket, key)), following, more=True)
        except ApiUnreachableError as error:
            error.resume = {"waiting": [*rest, key], "read": read, "listed": listed}
            raise
        except ApiRefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            return Fetched((), following, more=True, gap=f"s3://{self.bucket}/{key} is no longer there")

    def _since(self, moment: int) -> Iterator[str]:
        """The files of the days from a moment on."""
        for region in self._regions():
            for key in self._keys(region, start_after=f"{region}{_spelt(moment)}/"):
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
        return [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]

    def _keys(self, folder: str, *, start_after: str) -> list[str]:
        pages = self._pages(Prefix=folder, StartAfter=start_after)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def _pages(self, **asked: Any) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self.objects.list_objects_v2(Bucket=self.bucket, **asked, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}


@dataclass(frozen=True, slots=True)
class Notified:
    """Files told of by a queue that the bucket notifies. A message is deleted once its events are on disk; one whose file
    cannot be read whole comes back by itself, as often as the queue says.
    """

    objects: Objects
    queue: Queue
    address: str
    connector: str = "cloudtrail"

    def fetch(self, checkpoint: Checkpoint) -> Fetched:
        """See `Source`: the files of a few messages."""
        asked = {"QueueUrl": self.address, "MaxNumberOfMessages": _MOST_TOLD, "WaitTimeSeconds": 0}
        messages = _asked(lambda: self.queue.receive_message(**asked)).get("Messages", ())
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
                _asked(partial(self.queue.delete_message, QueueUrl=self.address, ReceiptHandle=handle))

        return Fetched(events, checkpoint, more=bool(done), gap="; ".join(gaps), stored=delete)

    def _events_of(self, message: Mapping[str, Any]) -> list[bytes]:
        return [
            event
            for bucket, key in _told(message["Body"])
            if key.endswith(_FILE)
            for event in _asked(partial(_events, self.objects, bucket, key))
        ]


def _told(body: str) -> Iterator[tuple[str, str]]:
    """The objects that a notification names, sent by S3 itself or by way of SNS."""
    try:
        found = json.loads(body)
        found = json.loads(found["Message"]) if "Message" in found else found
        for each in found.get("Records", ()):
            yield each["s3"]["bucket"]["name"], unquote_plus(each["s3"]["object"]["key"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _events(objects: Objects, bucket: str, key: str) -> list[bytes]:
    body: bytes = objects.get_object(Bucket=bucket, Key=key)["Body"].read(_MOST_BYTES)
    try:
        found = msgspec.json.decode(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body, type=_File)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError):
        raise ApiUnreachableError(f"s3://{bucket}/{key} cannot be read whole; it is tried again") from None
    return [bytes(record) for record in found.records]


def _asked(call: Callable[[], Any]) -> Any:
    """What AWS answers. boto3 has tried several times by itself."""
    try:
        return call()
    except Exception as error:
        response = getattr(error, "response", None)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else None
        if status in (400, 401, 403, 404):
            said = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
            raise ApiRefusedError(
                f"AWS refuses with {said} (HTTP {status}); check credentials and names", status
            ) from None
        if type(error).__module__.partition(".")[0] in ("botocore", "boto3", "urllib3"):
            raise ApiUnreachableError(f"AWS did not answer well: {type(error).__name__}") from None
        raise


def _spelt(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y/%m/%d")


def _day(key: str) -> str:
    """The day that a file's folder names."""
    return "/".join(key.split("/")[-4:-1])
