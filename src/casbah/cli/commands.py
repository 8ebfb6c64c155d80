"""The table of commands, by what they are for. `casbah --help` shows it without importing any command."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command: its module of `casbah.cli` and its function, or the Typer application of a group of commands.

    `summary` is the first sentence of the command's own help.
    """

    where: str
    summary: str


# fmt: off
GROUPS = {
    "Run": {
        "serve":      CommandRow("serve.serve",               "Serve the API until interrupted."),
        "demo":       CommandRow("demo.demo",                 "Fill a new store with sample activities, serve it, and show curl requests with their responses."),
        "settings":   CommandRow("settings.show",             "Show every setting: value, origin and purpose."),
        "doctor":     CommandRow("doctor.doctor",             "Check settings, folder, store and server, and report problems with their fixes."),
        "health":     CommandRow("health.health",             "Ask this machine's server whether it is healthy, as a container's health check does."),
        "help":       CommandRow("help.help_",                 "Show a page of the documentation, or list all pages."),
        "completion": CommandRow("completion.completion",     "Print the script that completes casbah's commands and options in a shell."),
    },
    "Bring in activities": {
        "ingest":     CommandRow("ingest.ingest",             "Read audit logs and store each event once."),
        "pull":       CommandRow("pull.pull",                 "Fetch activities from hosted apps as configured (docs/pull.md), until interrupted, or once with --once."),
        "sources":    CommandRow("sources.sources",           "Show the supported sources: built-in ones, and your own mapping files (CASBAH_SOURCES)."),
        "enrich":     CommandRow("enrich.enrich",             "Show the enrichment sources; with --again, re-enrich stored activities."),
        "ranges":     CommandRow("ranges.app",                "IP ranges: label the addresses of offices, VPNs and providers."),
        "rejects":    CommandRow("rejects.app",               "Events refused by ingestion over HTTP, with the reasons (docs/sources.md)."),
    },
    "Find activities": {
        "list":       CommandRow("activities.list_activities", "List activities, newest first, or counts of groups of them."),
        "show":       CommandRow("activities.show",           "Show one complete activity."),
        "top":        CommandRow("counts.top",                "Show the most frequent values of filters among the matching activities."),
        "histogram":  CommandRow("counts.histogram",          "Show how many activities match over time."),
        "tail":       CommandRow("tail.tail",                 "Show activities as they are stored, each once, in storage order."),
        "export":     CommandRow("export.export",             "Export all matching activities to a file and verify its SHA-256."),
        "feedback":   CommandRow("activities.feedback",       "Give feedback on an activity, or list it."),
    },
    "Look after the store": {
        "backup":     CommandRow("backup.app",                "Online backups, and restoring them (docs/backup.md)."),
        "retention":  CommandRow("retention.app",             "Retention rules and legal holds (docs/retention.md)."),
        "delete":     CommandRow("retention.delete",          "Delete activities permanently: shows how many, and asks."),
        "copy":       CommandRow("copy.copy",                 "Copy all activities and their feedback from one store to another: folder to cluster, or back."),
        "push":       CommandRow("push.app",                  "Status and dead letters of push destinations (docs/push.md)."),
        "migrate":    CommandRow("migrate.migrate",           "Rewrite a store of an older format in the format that this version reads."),
        "verify":     CommandRow("verify.verify",             "Read every file and every record of a store, and check them against their checksums."),
        "prove":      CommandRow("log.prove",                 "Write a proof to stdout that an activity is in the transparency log (c2sp.org/tlog-proof)."),
        "log":        CommandRow("log.app",                   "The transparency log of a tenant's records (docs/evidence.md)."),
        "check":      CommandRow("check.check",               "Check offline that a record is in a transparency log, unchanged."),
        "salvage":    CommandRow("salvage.salvage",           "Copy everything that checks out of a damaged store to a new one, and report what is lost."),
    },
    "Sign in to a server": {
        "login":      CommandRow("login.login",               "Save a token for a server; other commands then ask that server."),
        "logout":     CommandRow("login.logout",              "Forget the token of a server."),
        "servers":    CommandRow("login.servers",             "List the servers of `casbah login`, or choose the one that commands ask."),
    },
    "Grant access": {
        "token":      CommandRow("token.app",                 "Create, list and revoke API tokens."),
        "session":    CommandRow("session.app",               "List and end web sessions."),
    },
    "Compare": {
        "compare":    CommandRow("compare.compare",           "Send the same queries to MDCA and to Casbah, and show where the answers differ: totals, activities and fields."),
        "reconcile":  CommandRow("reconcile.reconcile",       "List the activities that are in only one of two exports; without B, compare an export with the store."),
    },
}
"""Commands by heading, in the order of `casbah --help`."""
# fmt: on

COMMANDS = {name: row for rows in GROUPS.values() for name, row in rows.items()}
