"""The apps that activities happen in, by MDCA's app id.

Ids below 900,000 are MDCA's, from the enumeration in Microsoft's MCAS PowerShell module and from `appName` in its records.
The other apps have no public MDCA id, so they get one from 900,000, a range that MDCA does not use. A mapping file may add
an app that is missing here, preferably with an id from 990,000.
"""

from collections.abc import Mapping

CASBAH = 900_013
"""The app of activities in Casbah itself."""

# fmt: off
APPS: Mapping[int, str] = {
    10489: "Box",
    10980: "Okta",
    11114: "Salesforce",
    11161: "Office 365",
    11522: "Microsoft Yammer",
    11599: "Amazon Web Services",
    11627: "Dropbox",
    11770: "Google Workspace",
    12260: "Microsoft Azure",
    14509: "ServiceNow",
    15600: "Microsoft OneDrive for Business",
    20595: "Microsoft Defender for Cloud Apps",
    20892: "Microsoft SharePoint Online",
    20893: "Microsoft Exchange Online",
    25275: "Microsoft Skype for Business",
    26324: "Microsoft Power BI",
    28375: "Microsoft Teams",
    900_001: "GitHub",
    900_002: "Google Cloud Platform",
    900_003: "Slack",
    900_004: "Zoom",
    900_005: "Atlassian",
    900_006: "OneLogin",
    900_007: "Auth0",
    900_008: "1Password",
    900_009: "Snowflake",
    900_010: "Zendesk",
    900_011: "Notion",
    900_012: "DocuSign",
    900_013: "Casbah",
    900_014: "Kubernetes",
    900_015: "Duo",
    900_016: "Databricks",
    900_017: "Bitbucket",
    900_018: "GitLab",
    900_019: "Cloudflare",
    900_020: "Microsoft Intune",
    900_021: "Claude",
    900_022: "OpenAI",
    900_023: "Jira",
    900_024: "Confluence",
    900_025: "OCSF",
    900_026: "Elastic Common Schema",
}
# fmt: on
