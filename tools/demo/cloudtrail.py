"""Made-up CloudTrail events in the source's format."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.demo import cloud
from tools.demo.dice import Dice, dice
from tools.demo.document import BUCKETS, shared
from tools.demo.operation import Operation, Row, Scene, Source, source
from tools.demo.people import developers, people

NAME = "cloudtrail"
_DENIED = 0.035
_BY_SERVICE = 0.5
_NO_MFA = 0.15


@dataclass(frozen=True, slots=True)
class Call:
    """The request of an operation: its parameters, and whether it reads, is on the data plane, or is made by services."""

    asks: Callable[[Scene], dict[str, Any]]
    reads: bool = True
    data: bool = False
    by_service: bool = False


@cache
def events() -> Source:
    return source(NAME, _operations(), lambda person: person.cloud)


def _call(row: Operation, scene: Scene) -> dict[str, Any]:
    call: Call = row.detail
    chance = scene.chance
    identity: Mapping[str, Any] = scene.seat.identity
    service = None
    if call.by_service and chance.random() < _BY_SERVICE:
        identity, service = _service(scene)
    account = identity["accountId"]
    region = chance.pick(cloud.REGIONS)
    event = head(row, scene, region)
    if service:
        event |= {"userIdentity": identity, "sourceIPAddress": service, "userAgent": service}
    if chance.random() < _DENIED:
        event |= {"errorCode": "AccessDenied", "errorMessage": _denial(row, identity)}
    parameters = call.asks(scene)
    if scene.padding:
        parameters["filterSet"] = {"items": scene.padding}
    event |= {"requestParameters": parameters or None, "responseElements": None}
    if row.part == "s3.amazonaws.com":
        event |= of_s3(parameters, account, chance)
    return event | tail(row, call, account, region, chance)


def head(row: Operation, scene: Scene, region: str) -> dict[str, Any]:
    """Who called what, when and from where."""
    return {
        "eventVersion": "1.09",
        "userIdentity": scene.seat.identity,
        "eventTime": f"{scene.second}Z",
        "eventSource": row.part,
        "eventName": row.name,
        "awsRegion": region,
        "sourceIPAddress": scene.seat.address.text,
        "userAgent": scene.seat.tool,
    }


def of_s3(parameters: Mapping[str, Any], account: str, chance: Dice) -> dict[str, Any]:
    bucket = parameters["bucketName"]
    resources = [{"accountId": account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
    if "key" in parameters:
        resources.append({"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{parameters['key']}"})
    return {
        "additionalEventData": {
            "SignatureVersion": "SigV4",
            "CipherSuite": "ECDHE-RSA-AES128-GCM-SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": f"{chance.digits(72)}=",
            "bytesTransferredOut": chance.below(5_000_000),
        },
        "resources": resources,
    }


def tail(row: Operation, call: Call, account: str, region: str, chance: Dice) -> dict[str, Any]:
    return {
        "requestID": chance.uuid(),
        "eventID": chance.uuid(),
        "readOnly": call.reads,
        "eventType": "AwsApiCall",
        "managementEvent": not call.data,
        "recipientAccountId": account,
        "eventCategory": "Data" if call.data else "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": f"{row.part.partition('.')[0]}.{region}.amazonaws.com",
        },
    }


def _denial(row: Operation, identity: Mapping[str, Any]) -> str:
    action = f"{row.part.partition('.')[0]}:{row.name}"
    return (
        f"User: {identity['arn']} is not authorized to perform: {action} because no identity-based policy "
        f"allows the {action} action"
    )


def _service(scene: Scene) -> tuple[Mapping[str, Any], str]:
    name, identity = scene.chance.pick(_service_roles())
    return identity, name


@cache
def _service_roles() -> Sequence[tuple[str, Mapping[str, Any]]]:
    chance = dice(13)
    return [
        (name, cloud.role(role, f"{name.partition('.')[0]}-{chance.digits(12)}", account, chance) | {"invokedBy": name})
        for account in cloud.ACCOUNTS
        for name, role in cloud.SERVICES
    ]


def _console_login(row: Operation, scene: Scene) -> dict[str, Any]:
    return console_login(row, scene, mfa=scene.chance.random() >= _NO_MFA)


def console_login(row: Operation, scene: Scene, *, mfa: bool) -> dict[str, Any]:
    failed = bool(row.detail)
    event = head(row, scene, "us-east-1") | {"userAgent": scene.seat.browser.raw}
    if failed:
        event["errorMessage"] = "Failed authentication"
    return event | {
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Failure" if failed else "Success"},
        "additionalEventData": {
            "LoginTo": "https://console.aws.amazon.com/console/home",
            "MobileVersion": "No",
            "MFAUsed": "Yes" if mfa else "No",
        },
        "eventID": scene.chance.uuid(),
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": scene.seat.identity["accountId"],
        "eventCategory": "Management",
    }


def _object(scene: Scene) -> dict[str, Any]:
    bucket = scene.chance.pick(BUCKETS)
    return {
        "bucketName": bucket,
        "Host": f"{bucket}.s3.amazonaws.com",
        "key": scene.chance.pick(shared()).key,
    }


def _bucket(scene: Scene) -> dict[str, Any]:
    bucket = scene.chance.pick(BUCKETS)
    return {"bucketName": bucket, "Host": f"{bucket}.s3.amazonaws.com"}


def _instances(scene: Scene) -> dict[str, Any]:
    number = scene.chance.below(60)
    return {"instancesSet": {"items": [{"instanceId": f"i-0ca5b{number:012x}"}]}}


def _run(scene: Scene) -> dict[str, Any]:
    image = {"imageId": f"ami-0ca5b{scene.chance.below(9):012x}", "minCount": 1, "maxCount": 1}
    return {"instancesSet": {"items": [image]}, "instanceType": "t3.micro", "ebsOptimized": False}


def _network(scene: Scene) -> dict[str, Any]:
    return {"vpcSet": {"items": [{"vpcId": f"vpc-0ca5b{scene.chance.below(6):012x}"}]}}


def _group(scene: Scene) -> dict[str, Any]:
    ranges = {"items": [{"cidrIp": "0.0.0.0/0", "description": "TLS"}]}
    rule = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": ranges}
    group = f"sg-0ca5b{scene.chance.below(20):012x}"
    return {"groupId": group, "ipPermissions": {"items": [rule]}}


def _user(scene: Scene) -> dict[str, Any]:
    return {"userName": scene.chance.pick(people()).name.partition("@")[0]}


def _role(scene: Scene) -> dict[str, Any]:
    return {"roleName": f"contoso-task-{scene.chance.below(24):02d}"}


def _policy(scene: Scene) -> dict[str, Any]:
    return {**_user(scene), "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}


def _assumed(scene: Scene) -> dict[str, Any]:
    number, account = scene.chance.below(24), scene.chance.pick(cloud.ACCOUNTS)
    arn = f"arn:aws:iam::{account}:role/contoso-task-{number:02d}"
    return {"roleArn": arn, "roleSessionName": f"task-{scene.chance.digits(12)}", "durationSeconds": 3600}


def _secret(scene: Scene) -> dict[str, Any]:
    return {"secretId": f"contoso/service-{scene.chance.below(30):02d}/password"}


def _key(scene: Scene) -> dict[str, Any]:
    arn = f"arn:aws:secretsmanager:us-east-1:{cloud.ACCOUNTS[0]}:secret:service-{scene.chance.below(30):02d}"
    return {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {"SecretARN": arn}}


def _parameter(scene: Scene) -> dict[str, Any]:
    return {"name": f"/contoso/service-{scene.chance.below(30):02d}/setting", "withDecryption": True}


def _database(scene: Scene) -> dict[str, Any]:
    return {"dBInstanceIdentifier": f"contoso-db-{scene.chance.below(5)}", "maxRecords": 100}


def _trail(scene: Scene) -> dict[str, Any]:
    return {"name": scene.chance.pick(("contoso-audit", "contoso-data-events"))}


def _function(scene: Scene) -> dict[str, Any]:
    return {"functionName": f"contoso-worker-{scene.chance.below(12):02d}"}


@cache
def _filters() -> Sequence[Row]:
    names = ("CostCentre", "Environment", "Owner", "Project", "Service", "Stage", "Team", "Tier", "Name", "Backup")
    return [
        {"name": f"tag:{name}", "valueSet": {"items": [{"value": f"{name.lower()}-{number:02d}"}]}}
        for number in range(4)
        for name in names
    ]


def _nothing() -> Sequence[Row]:
    return ()


# fmt: off
CALLS = (
    # part, name, call, boost, risk, seen (if the profile has no count, as for object events)
    ("s3",             "GetObject",                     Call(_object, data=True),                1.0, 0.02,  160),
    ("s3",             "PutObject",                     Call(_object, reads=False, data=True),   1.0, 0.004, 70),
    ("s3",             "DeleteObject",                  Call(_object, reads=False, data=True),   1.0, 0.01,  16),
    ("s3",             "GetBucketAcl",                  Call(_bucket),                           1.0, 0.004, 0),
    ("s3",             "GetBucketPolicy",               Call(_bucket),                           1.0, 0.004, 0),
    ("s3",             "DeleteBucket",                  Call(_bucket, reads=False),              0.5, 0.2,   0),
    ("s3",             "PutBucketPolicy",               Call(_bucket, reads=False),              0.5, 0.2,   8),
    ("ec2",            "DescribeInstances",             Call(_instances, by_service=True),       2.0, 0.004, 0),
    ("ec2",            "DescribeRouteTables",           Call(_network, by_service=True),         0.7, 0.004, 0),
    ("ec2",            "DescribeVpcs",                  Call(_network),                          0.7, 0.004, 0),
    ("ec2",            "DescribeSubnets",               Call(_network),                          0.7, 0.004, 0),
    ("ec2",            "DescribeSecurityGroups",        Call(_network),                          1.0, 0.004, 0),
    ("ec2",            "GetPasswordData",               Call(_instances),                        0.4, 0.2,   0),
    ("ec2",            "RunInstances",                  Call(_run, reads=False),                 1.2, 0.02,  0),
    ("ec2",            "TerminateInstances",            Call(_instances, reads=False),           1.0, 0.02,  8),
    ("ec2",            "AuthorizeSecurityGroupIngress", Call(_group, reads=False),               1.0, 0.1,   8),
    ("ec2",            "CreateRouteTable",              Call(_network, reads=False),             0.7, 0.004, 0),
    ("iam",            "GetUser",                       Call(_user),                             0.8, 0.004, 0),
    ("iam",            "GetRole",                       Call(_role),                             0.8, 0.004, 0),
    ("iam",            "ListAttachedRolePolicies",      Call(_role),                             0.8, 0.004, 0),
    ("iam",            "CreateUser",                    Call(_user, reads=False),                1.0, 0.1,   5),
    ("iam",            "DeleteUser",                    Call(_user, reads=False),                1.0, 0.05,  3),
    ("iam",            "CreateAccessKey",               Call(_user, reads=False),                1.0, 0.1,   4),
    ("iam",            "AttachUserPolicy",              Call(_policy, reads=False),              1.0, 0.2,   3),
    ("iam",            "CreateRole",                    Call(_role, reads=False),                0.7, 0.02,  0),
    ("iam",            "DeleteRole",                    Call(_role, reads=False),                0.7, 0.02,  0),
    ("sts",            "AssumeRole",                    Call(_assumed, by_service=True),         2.5, 0.004, 0),
    ("secretsmanager", "GetSecretValue",                Call(_secret),                           1.2, 0.02,  0),
    ("secretsmanager", "DescribeSecret",                Call(_secret),                           0.7, 0.004, 0),
    ("secretsmanager", "CreateSecret",                  Call(_secret, reads=False),              0.7, 0.004, 0),
    ("secretsmanager", "DeleteSecret",                  Call(_secret, reads=False),              0.5, 0.05,  0),
    ("kms",            "Decrypt",                       Call(_key, by_service=True),             1.0, 0.004, 0),
    ("kms",            "Encrypt",                       Call(_key),                              0.7, 0.004, 0),
    ("kms",            "GenerateDataKey",               Call(_key, by_service=True),             1.0, 0.004, 0),
    ("ssm",            "GetParameter",                  Call(_parameter),                        1.0, 0.004, 0),
    ("ssm",            "DescribeParameters",            Call(_parameter),                        0.6, 0.004, 0),
    ("ssm",            "PutParameter",                  Call(_parameter, reads=False),           0.6, 0.004, 0),
    ("ssm",            "DeleteParameter",               Call(_parameter, reads=False),           0.4, 0.02,  0),
    ("rds",            "DescribeDBInstances",           Call(_database, by_service=True),        1.0, 0.004, 0),
    ("rds",            "DescribeDBSnapshots",           Call(_database),                         0.7, 0.004, 0),
    ("cloudtrail",     "DescribeTrails",                Call(_trail),                            1.0, 0.004, 0),
    ("cloudtrail",     "StopLogging",                   Call(_trail, reads=False),               0.5, 0.6,   2),
    ("lambda",         "GetFunction20150331v2",         Call(_function),                         1.0, 0.004, 0),
    ("lambda",         "UpdateFunctionCode20150331v2",  Call(_function, reads=False),            1.0, 0.02,  6),
)
# fmt: on


def _operations() -> Iterator[Operation]:
    for part, name, call, boost, risk, seen in CALLS:
        filler = _nothing if part == "s3" else _filters
        yield Operation(f"{part}.amazonaws.com", name, _call, developers, filler, boost, risk, seen=seen, detail=call)
    for failed, boost in ((False, 8.0), (True, 2.5)):
        yield Operation(
            "signin.amazonaws.com",
            "ConsoleLogin",
            _console_login,
            developers,
            _nothing,
            boost,
            0.03 if failed else 0.004,
            detail=failed,
        )
