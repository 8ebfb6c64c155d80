"""The filters of the Activities API as typed values; written by `make docs` from the tables of `casbah.activity.language`.

A filter has a method per operator, which returns a Condition: `where.service.eq(11770, 20893)`. The values of one operator
are ORed; `&` combines conditions. Names are the wire's in snake case: `user.orgUnit` is `where.user.org_unit`.
"""

import casbah.client.operators as _o


class UserFilters:
    """The filters `user.*`."""

    __slots__ = ()

    org_unit = _o.PathFilter("user.orgUnit")
    """The organizational unit of the performing user. MDCA documents eq, neq, isset, isnotset."""

    username = _o.TextFilter("user.username")
    """The name of the user who performed it. MDCA documents eq, neq, isset, isnotset, startswith."""

    tags = _o.UserTagsFilter("user.tags")
    """Group ids of the performing user; {"role": 2} asks for those acted on, {"role": 3} for either. MDCA documents
    eq, neq, isset, isnotset, startswith.
    """

    domain = _o.TextFilter("user.domain")
    """The domain of the user who performed it. MDCA documents eq, neq, isset, isnotset."""


class ActivityFilters:
    """The filters `activity.*`."""

    __slots__ = ()

    event_action_type = _o.TextFilter("activity.eventActionType")
    """The type of event, for example EVENT_CATEGORY_LOGIN. MDCA documents eq, neq."""

    id = _o.IdFilter("activity.id")
    """The activity's own id. MDCA documents eq."""

    impersonated = _o.BoolFilter("activity.impersonated")
    """Done on behalf of somebody else. MDCA documents eq."""

    type = _o.BoolFilter("activity.type")
    """Done as an administrator (true) or not (false). MDCA documents eq."""

    taken_action = _o.EnumerationFilter("activity.takenAction")
    """Actions taken on it: block, proxy, BypassProxy, encrypt, decrypt, verified, encryptionFailed, protect, verify;
    null: none. MDCA documents eq, neq.
    """

    alert_id = _o.IdFilter("activity.alertId")
    """Ids of the alerts it belongs to. MDCA documents eq."""


class DeviceFilters:
    """The filters `device.*`."""

    __slots__ = ()

    type = _o.EnumerationFilter("device.type")
    """The device: DESKTOP, MOBILE, TABLET, OTHER; null: no value. MDCA documents eq, neq."""

    tags = _o.IdFilter("device.tags")
    """Device tag ids. MDCA documents eq, neq."""


class UserAgentFilters:
    """The filters `userAgent.*`."""

    __slots__ = ()

    user_agent = _o.TextFilter("userAgent.userAgent")
    """The user agent as it was sent. MDCA documents contains, ncontains."""

    tags = _o.IdFilter("userAgent.tags")
    """User agent tag ids; 000000000000000000000000 is a native client. MDCA documents eq, neq."""


class LocationFilters:
    """The filters `location.*`."""

    __slots__ = ()

    country = _o.TextFilter("location.country")
    """The country it came from, ISO 3166-1 alpha-2. MDCA documents eq, neq, isset, isnotset."""

    organizations = _o.PathFilter("location.organizations")
    """The organization (the registered ISP) it came from. MDCA documents eq, neq, isset, isnotset, contains."""


class IpFilters:
    """The filters `ip.*`."""

    __slots__ = ()

    address = _o.IpFilter("ip.address")
    """The IP addresses it came from; eq and neq also take CIDR. MDCA documents eq, startswith, doesnotstartwith,
    isset, isnotset, neq.
    """

    category = _o.IntFilter("ip.category")
    """The category of its subnet: 1 corporate, 2 administrative, 3 risky, 4 VPN, 5 cloud provider, 6 other. MDCA
    documents eq, neq.
    """

    tags = _o.IdFilter("ip.tags")
    """IP tag ids. MDCA documents eq, neq."""


user = UserFilters()
activity = ActivityFilters()
device = DeviceFilters()
user_agent = UserAgentFilters()
location = LocationFilters()
ip = IpFilters()
service = _o.IntFilter("service")
"""The app acted on, by its id, for example 11770. MDCA documents eq, neq."""
instance = _o.IntFilter("instance")
"""The instance of the app. MDCA documents eq, neq."""
action_type = _o.TextFilter("actionType")
"""The specific action: the operation's name, or <appId>:<event type>:<operation>; a part of it without a colon is a
part of the operation's name. MDCA documents contains, eq, neq, isset, isnotset.
"""
file_selector = _o.TextFilter("fileSelector")
"""Ids and names of its files and folders. MDCA documents eq, neq."""
office365url = _o.UrlFilter("office365url")
"""Its Microsoft 365 URLs. MDCA documents startswith, eq, endswith."""
file_id = _o.IdFilter("fileId")
"""Ids of its files. MDCA documents eq."""
text = _o.WordsFilter("text")
"""Free text in any string of the record. MDCA documents eq, startswithsingle, text."""
date = _o.MsFilter("date")
"""When it happened, ms since the epoch. MDCA documents lte, gte, range, lte_ndays, gte_ndays."""
policy = _o.IdFilter("policy")
"""Ids of the policies it matched. MDCA documents eq, neq, isset, isnotset."""
source = _o.SourceFilter("source")
"""How it was seen: a type (0 access control, 1 session control, 2 app connector, 3 app connector analysis, 5
discovery, 6 MDATP), a stream (s:<id>), or both (s:<id>,t:<type>). MDCA documents eq, neq.
"""
activity_object = _o.IdFilter("activityObject")
"""Ids of the objects it touched. MDCA documents eq, neq."""
file_labels = _o.IdFilter("fileLabels")
"""Label ids of its files. MDCA documents eq, neq."""
created = _o.MsFilter("created")
"""When it was stored, ms since the epoch. MDCA documents lte, gte, range, gt, lt, eq."""
entity = _o.EntityFilter("entity")
"""Who performed it, as {id, saas?, inst?}. MDCA documents eq, neq, isset, isnotset, startswith."""
session = _o.IdFilter("session")
"""Ids of the session and of the token or access key that it was done with, as the source gives them. MDCA has no
such filter.
"""
verb = _o.EnumerationFilter("verb")
"""What was done, in one vocabulary for all sources, for example download (docs/sources.md); null: no verb. MDCA has
no such filter.
"""
