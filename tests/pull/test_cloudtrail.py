"""CloudTrail from S3, by listing and by a queue, against moto on a bad day: files late, twice, out of order, cut short."""

import gzip
import io
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from casbah.ingest.pull import cloudtrail
from casbah.ingest.pull.checkpoints import Checkpoints
from casbah.ingest.pull.contract import PullError
from casbah.ingest.pull.entry import PullEntry, Secret
from casbah.ingest.pull.kind import Tools
from casbah.ingest.pull.puller import Puller
from casbah.ingest.pull.registry import open_fetcher
from pull.test_vendors import RUNS, Stored
from pull.vendors import MINUTE, SAMPLES, START, KilledError, iso

BUCKET, REGIONS = "trail", ("eu-central-1", "us-east-1")
DAY = 24 * 60 * MINUTE
PATTERN = json.loads((SAMPLES / "cloudtrail" / "events.ndjson").read_text("utf-8").splitlines()[0])
CALLS = ("list_objects_v2", "get_object", "receive_message", "delete_message")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@dataclass
class Flaky:
    """A client of boto3's, with the weather between."""

    client: Any
    dice: random.Random
    chances: Callable[[], tuple[float, float]]

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)
        if name not in CALLS:
            return call

        def flaky(**asked: Any) -> Any:
            kills, fails = self.chances()
            if self.dice.random() < kills:
                if self.dice.random() < 0.5:
                    call(**asked)
                raise KilledError
            if self.dice.random() >= fails:
                return call(**asked)
            kind = self.dice.choice(("slow down", "no connection", "truncated"))
            if kind == "slow down":
                raise ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, name)
            if kind == "no connection" or name != "get_object":
                raise EndpointConnectionError(endpoint_url="https://s3.example")
            whole = call(**asked)["Body"].read()
            return {"Body": io.BytesIO(whole[: self.dice.randrange(len(whole))])}

        return flaky


class Trail:
    """A trail that writes files into a bucket, late, out of order, an event in two of them at times."""

    def __init__(self, seed: int, *, notifies: bool) -> None:
        self.dice = random.Random(seed)
        self.now = START
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.sqs = boto3.client("sqs")
        self.queue = ""
        if notifies:
            self.queue = self.sqs.create_queue(QueueName="told", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
            arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ]
            events = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
            self.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=events)
        self.truth: set[str] = set()
        self.files = sorted((START + self.dice.randrange(2 * DAY), number) for number in range(14))

    def write(self) -> None:
        """The files that are due: each for the day before its delivery at times."""
        while self.files and self.files[0][0] <= self.now:
            due, number = self.files.pop(0)
            happened = due - self.dice.randrange(0, 15 * MINUTE)
            names = [f"e{number}-{each}" for each in range(self.dice.randrange(1, 5))]
            repeated = [self.dice.choice(sorted(self.truth))] if self.truth and self.dice.random() < 0.3 else []
            self.truth |= set(names)
            records = [{**PATTERN, "eventID": name, "eventTime": iso(START, 0)} for name in (*names, *repeated)]
            region, day = self.dice.choice(REGIONS), datetime.fromtimestamp(happened / 1_000, UTC)
            folder = f"AWSLogs/o-example/111122223333/CloudTrail/{region}/{day:%Y/%m/%d}"
            body = gzip.compress(json.dumps({"Records": records}).encode())
            suffix = self.dice.randrange(10**6)
            self.s3.put_object(
                Bucket=BUCKET,
                Key=f"{folder}/111122223333_CloudTrail_{region}_{day:%Y%m%dT%H%MZ}_{suffix}.json.gz",
                Body=body,
            )
            self.s3.put_object(
                Bucket=BUCKET,
                Key=f"{folder.replace('/CloudTrail/', '/CloudTrail-Digest/')}/{suffix}.json.gz",
                Body=b"{}",
            )


def lived(seed: int, folder: Path, *, notifies: bool) -> tuple[Trail, Stored, Counter[str]]:
    trail, befell = Trail(seed, notifies=notifies), Counter[str]()
    weather = {"kills": 0.02, "fails": 0.1}
    stored = Stored(trail.dice, weather["kills"])
    entry = PullEntry(kind="cloudtrail", queue=trail.queue) if notifies else PullEntry(kind="cloudtrail", bucket=BUCKET)

    def round_of() -> None:
        kept = Checkpoints(folder)
        clients = {"s3": trail.s3, "sqs": trail.sqs}
        tools = Tools(
            httpx.Client(),
            lambda: trail.now,
            lambda _: None,
            trail.dice,
            lambda name, **_: Flaky(clients[name], trail.dice, lambda: (weather["kills"], weather["fails"])),
        )
        try:
            Puller(
                "trail", open_fetcher(entry, Secret(""), tools), sink=stored, checkpoints=kept, clock=lambda: trail.now
            ).once()
        except KilledError:
            befell["killed"] += 1
        except PullError as error:
            befell[type(error).__name__] += 1
        finally:
            tools.client.close()
            kept.close()

    while trail.files:
        trail.write()
        round_of()
        trail.now += trail.dice.randrange(3 * 60 * MINUTE)
    trail.write()
    weather.update(kills=0.0, fails=0.0)
    stored.kills = 0.0
    for _ in range(2):
        round_of()
    return trail, stored, befell


@pytest.mark.slow
@pytest.mark.parametrize("notifies", [False, True], ids=["by listing", "by a queue"])
def test_whatever_befalls_all_is_stored_once(tmp_path: Path, notifies: bool) -> None:
    befell: Counter[str] = Counter()
    for seed in range(max(1, RUNS // 5) if "CASBAH_PULL_RUNS" not in os.environ else RUNS):
        with mock_aws():
            trail, stored, told = lived(seed, tmp_path / str(seed), notifies=notifies)
        befell += told
        assert stored.refused == []
        assert {identity.rpartition("_")[2] for identity in stored.ids} == trail.truth, f"seed {seed}"
        assert len(stored.ids) == len(trail.truth), f"seed {seed}: an event under two ids"
    assert befell["killed"] >= 1, befell


def test_a_file_that_unpacks_to_more_than_memory_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bucket:
        def get_object(self, **_: str) -> dict[str, io.BytesIO]:
            return {"Body": io.BytesIO(gzip.compress(b'{"Records": []}' + b" " * 2_000))}

    assert cloudtrail._events(Bucket(), "b", "k") == []
    monkeypatch.setattr(cloudtrail, "_MAX_BYTES", 1_000)
    with pytest.raises(PullError, match="cannot be read completely"):
        cloudtrail._events(Bucket(), "b", "k")


@mock_aws
def test_a_file_that_cannot_be_read_keeps_no_other_waiting(tmp_path: Path) -> None:
    trail = Trail(1, notifies=False)
    trail.now += 2 * DAY
    trail.write()
    folder = "AWSLogs/111122223333/CloudTrail/us-east-1/2025/12/29"
    trail.s3.put_object(Bucket=BUCKET, Key=f"{folder}/0_damaged.json.gz", Body=b"\x1f\x8bno")
    stored, kept = Stored(trail.dice, 0.0), Checkpoints(tmp_path)
    tools = Tools(
        httpx.Client(), lambda: trail.now, lambda _: None, trail.dice, lambda name, **_: {"s3": trail.s3}[name]
    )
    puller = Puller(
        "trail",
        open_fetcher(PullEntry(kind="cloudtrail", bucket=BUCKET), Secret(""), tools),
        sink=stored,
        checkpoints=kept,
        clock=lambda: trail.now,
    )
    for _ in range(3):
        with pytest.raises(PullError, match="cannot be read completely"):
            puller.once()
    assert len(stored.ids) == len(trail.truth)
    assert "damaged" in kept.of("trail")[1].error
    trail.s3.delete_object(Bucket=BUCKET, Key=f"{folder}/0_damaged.json.gz")
    assert "no longer exists" in puller.once().gaps[0]
    tools.client.close()
    kept.close()
