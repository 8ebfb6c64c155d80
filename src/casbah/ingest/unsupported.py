"""Objects that people often send but that are not events: what they are, and what to send instead."""

from collections.abc import Mapping
from typing import Any

from casbah.ingest.mapping.recognize import Recognition

DIGEST = "a CloudTrail digest file: it lists log files and their hashes, and holds no activities"
_NOTIFICATION = "a notification of an AWS service, which does not say who did it; send the CloudTrail log"
_OCSF = "an OCSF event of a class that does not say what a user did, such as a finding; or of a version before 1.0"
_RISKY = "a risky user or service principal of Microsoft Entra, which is a state, not an activity; send risk detections"

# fmt: off
_ROWS = tuple((Recognition(lists), reason) for reason, lists in (
    (DIGEST,       [["digestStartTime", "digestEndTime", "logFiles"]]),
    (_NOTIFICATION, [["eventSource=aws:*", "eventName"]]),
    (_OCSF,         [["class_uid", "metadata.version", "severity_id"]]),
    (_RISKY,        [["category=Risky*", "properties.riskState"], ["riskLastUpdatedDateTime", "riskState"]]),
))
# fmt: on


def reason_for(event: Mapping[str, Any]) -> str | None:
    """Why such an object, with its keys in lower case, is refused; None if it is not listed here."""
    return next((reason for recognizes, reason in _ROWS if recognizes(event)), None)
