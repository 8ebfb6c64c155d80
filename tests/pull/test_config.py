"""The file that says what to pull, and where secrets are."""

from pathlib import Path

import pytest

from casbah.ingest.pull.config import read, secret
from casbah.ingest.pull.entry import BadPullFileError, PullEntry, Secret, span
from casbah.ingest.pull.registry import KINDS

GOOD = """
[okta]
kind = "okta"
url = "https://contoso.okta.com"
since = "30d"

[aws-trail]
kind = "cloudtrail"
bucket = "trail"
into = "acme"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "pull.toml"
    file.write_text(text, "utf-8")
    return file


def test_a_file_of_two(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD))
    assert list(found) == ["okta", "aws-trail"]
    assert (found["okta"].since, found["okta"].into, found["aws-trail"].into) == ("30d", "default", "acme")


BAD = [
    pytest.param("[a]\nkind = 'okto'", r"kind", id="an unknown kind"),
    pytest.param("[a]\nkind = 'okta'\nurll = 'x'", r"urll", id="an unknown key"),
    pytest.param("[a]\nkind = 'okta'", r"\[a\] okta needs url", id="a key too few"),
    pytest.param("[a]\nkind = 'cloudtrail'", r"\[a\] cloudtrail needs bucket, or queue", id="neither of two"),
    pytest.param("[a]\nkind = 'github'\norganisation = 'x'\nsince = 'ever'", r"\[a\] since: 'ever' is not a duration", id="not a duration"),
    pytest.param("[a]\nkind = 'okta'\nurl = 'http://contoso.okta.com'", r"\[a\] url: expected an https:// address", id="an open line"),
    pytest.param("[a]\nkind = 'cloudtrail'\nbucket = 'b'\nsecret_env = 'S'", r"\[a\] secret_env: cloudtrail takes no secret", id="a secret of a kind that has none"),
    pytest.param("[a]\nkind = 'cloudtrail'\nbucket = 'b'\nsecret_file = 's'", r"\[a\] secret_file: cloudtrail takes no secret", id="a secret's file of a kind that has none"),
    pytest.param("[a]\nkind = 'okta'\nurl = 'https://contoso.okta.com'\ncloud = 'gcch'", r"\[a\] cloud: expected one of worldwide, gcc, gcc_high, dod, got 'gcch'", id="an unknown cloud"),
    pytest.param("[a", r"not TOML", id="no TOML"),
]  # fmt: skip


@pytest.mark.parametrize("text, words", BAD)
def test_what_cannot_be_used_is_named_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadPullFileError, match=words):
        read(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadPullFileError, match="cannot be read"):
        read(tmp_path / "nothing.toml")


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    entry = PullEntry(kind="slack")
    assert secret("my-slack", entry, {"CASBAH_PULL_MY_SLACK_SECRET": "x\n"}) == "x"
    assert secret("a", PullEntry(kind="slack", secret_env="S"), {"S": "y"}) == "y"
    (tmp_path / "key").write_text("z\n")
    assert secret("a", PullEntry(kind="slack", secret_file=str(tmp_path / "key")), {}) == "z"
    with pytest.raises(BadPullFileError, match=r"\[my-slack\] has no secret: set CASBAH_PULL_MY_SLACK_SECRET"):
        secret("my-slack", entry, {})


def test_a_secret_shows_itself_to_nobody() -> None:
    assert "hush" not in repr(Secret("hush")) + repr([Secret("hush")])


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_needs_keys_that_an_entry_can_have(kind) -> None:
    assert {*kind.needs, *kind.any_of} <= set(PullEntry.__struct_fields__)


def test_cloudtrail_needs_no_secret() -> None:
    assert secret("trail", PullEntry(kind="cloudtrail", queue="https://sqs.example/q"), {}) == ""


@pytest.mark.parametrize("text, ms", [("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("7d", 604_800_000)])
def test_spans(text: str, ms: int) -> None:
    assert span(text) == ms
