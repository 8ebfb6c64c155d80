"""The identities in the made-up cloud accounts, as in CloudTrail's `userIdentity`."""

from collections.abc import Mapping
from typing import Any

from tools.demo.dice import Dice

# The account numbers that Amazon's own documentation uses.
ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("us-east-1", "us-east-1", "us-east-1", "eu-west-1", "eu-central-1", "ap-south-1")
SERVICES = (
    ("secretsmanager.amazonaws.com", "AWSServiceRoleForSecretsManager"),
    ("inspector2.amazonaws.com", "AWSServiceRoleForAmazonInspector2"),
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"),
    ("config.amazonaws.com", "AWSServiceRoleForConfig"),
)
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def identity(name: str, kind: str, chance: Dice) -> Mapping[str, Any]:
    """The identity of a person: IAM users for services and administrators, an SSO role for engineers."""
    account = chance.pick(ACCOUNTS)
    local = name.partition("@")[0]
    if kind in {"service", "admin"}:
        return _user(local, account, chance)
    return role(f"AWSReservedSSO_PowerUser_{chance.digits(16)}", name, account, chance)


def _user(name: str, account: str, chance: Dice) -> Mapping[str, Any]:
    return {
        "type": "IAMUser",
        "principalId": _unique("AIDA", chance),
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
        "accessKeyId": f"AKIAEXAMPLE{chance.digits(9).upper()}",
        "userName": name,
    }


def role(name: str, session: str, account: str, chance: Dice) -> dict[str, Any]:
    """The identity of a person or service in an assumed role."""
    unique = _unique("AROA", chance)
    return {
        "type": "AssumedRole",
        "principalId": f"{unique}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": f"ASIAEXAMPLE{chance.digits(9).upper()}",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": unique,
                "arn": f"arn:aws:iam::{account}:role/{name}",
                "accountId": account,
                "userName": name,
            },
            "webIdFederationData": {},
            "attributes": {"mfaAuthenticated": "true"},
        },
    }


def _unique(prefix: str, chance: Dice) -> str:
    return prefix + "".join(chance.pick(_BASE32) for _ in range(17))
