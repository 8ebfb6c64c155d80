"""The objects that an AWS CloudTrail event names: in its resources, its request and what that created."""

from collections.abc import Iterator, Mapping
from typing import Any

from casbah.ingest.fields import Fields, first_text, folded, listed, objects, text
from casbah.ingest.record_builder import (
    FILE,
    GROUP,
    NAMED_ACCOUNT,
    PERMISSION,
    ROLE,
    ROLE_ACTED_ON,
    ROLE_CONTEXT,
    RULE,
    TARGET,
    Target,
)

_S3_OBJECT = "AWS::S3::Object"
_NAMING_ENDS = ("id", "arn", "name")
_CRITERIA = "filterSet"  # Its names are what a search looks at.

# fmt: off
_PARAMETERS: Mapping[str, tuple[int, int, str]] = {
    "groupname":   (TARGET,        ROLE_CONTEXT,  GROUP),
    "policyarn":   (TARGET,        ROLE_CONTEXT,  PERMISSION),
    "policyname":  (TARGET,        ROLE_CONTEXT,  PERMISSION),
    "rolearn":     (TARGET,        ROLE_CONTEXT,  ROLE),
    "rolename":    (TARGET,        ROLE_CONTEXT,  ROLE),
    "rulename":    (TARGET,        ROLE_CONTEXT,  RULE),
    "username":    (NAMED_ACCOUNT, ROLE_ACTED_ON, ""),
}
"""Type, role and part of what a parameter names; what other parameters name is a target."""

_RESOURCES: Mapping[str, tuple[int, str]] = {
    "AWS::IAM::Group":   (TARGET, GROUP),
    "AWS::IAM::Policy":  (TARGET, PERMISSION),
    "AWS::IAM::Role":    (TARGET, ROLE),
    "AWS::IAM::User":    (NAMED_ACCOUNT, ""),
    _S3_OBJECT:          (FILE, ""),
}
# fmt: on


def targets_of(fields: Fields, answer: Fields) -> Iterator[Target]:
    """The objects of an event, whose response is `answer`."""
    yield from map(_resource, objects(fields.get("resources")))
    spelled = fields.get("requestparameters")
    parameters = folded(spelled)
    bucket, key = text(parameters.get("bucketname")), text(parameters.get("key"))
    if bucket and key and text(fields.get("eventsource")).startswith("s3."):
        yield Target(FILE, ROLE_CONTEXT, f"arn:aws:s3:::{bucket}/{key}", key, service_type=_S3_OBJECT)
    if type(spelled) is dict:
        for name, value in spelled.items():
            yield from _parameter(name, value)
    if answer:
        yield from _created(answer)


def _resource(resource: Fields) -> Target:
    arn, kind = first_text(resource, "arn", "resourcename"), first_text(resource, "type", "resourcetype")
    number, part = _RESOURCES.get(kind, (TARGET, ""))
    name = arn.partition("/")[2] or arn if number == FILE else arn.rpartition("/" if part else ":")[2]
    return Target(number, ROLE_CONTEXT, arn, name, service_type=kind, part=part)


def _parameter(name: str, value: Any) -> Iterator[Target]:
    """The objects named in a request: `userName`, `roleArn`, `instancesSet.items[].instanceId`."""
    if type(value) is str and value and name.lower().endswith(_NAMING_ENDS):
        number, role, part = _PARAMETERS.get(name.lower(), (TARGET, ROLE_CONTEXT, ""))
        yield Target(number, role, value, value, service_type=name, part=part)
    if type(value) is dict and name != _CRITERIA:
        for item in listed(value.get("items")):
            for key, named in item.items() if type(item) is dict else ():
                if type(named) is str:
                    yield from _parameter(key, named)


def _created(answer: Fields) -> Iterator[Target]:
    """What the request created and cannot name: instances, an access key."""
    yield from _parameter("instancesSet", answer.get("instancesset"))
    yield from _parameter("accessKeyId", folded(answer.get("accesskey")).get("accesskeyid"))
