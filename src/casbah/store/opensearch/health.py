"""Checks of a cluster that holds, or is to hold, a store."""

from collections.abc import Iterator

from casbah.store.contract import CheckState, Finding
from casbah.store.opensearch.cluster import Cluster

_CLAUSES = "indices.query.bool.max_clause_count"
_ENOUGH = 1_024
_NO_MANAGER = ("cluster.no_cluster_manager_block", "cluster.no_master_block")
_OLDEST = {"opensearch": (2, 4), "": (8, 0)}
_UPGRADE = "upgrade it to a tested version: OpenSearch 2.4 or newer"
_HEALTH = {
    "green": (CheckState.OK, ""),
    "yellow": (
        CheckState.WARNING,
        "copies are missing: start one node more than CASBAH_CLUSTER_REPLICAS says, or lower that setting",
    ),
    "red": (CheckState.ERROR, "a part of the data is unavailable: start the nodes that hold it"),
}


def examined(cluster: Cluster) -> Iterator[Finding]:
    """The results of all checks. Raises ClusterUnreachableError."""
    info = cluster.ask("GET", "")
    version = info["version"]
    name, number = version.get("distribution", ""), version["number"]
    known = tuple(int(part) for part in number.split(".")[:2]) >= _OLDEST.get(name, (0,))
    state = CheckState.OK if known else CheckState.WARNING
    yield Finding("cluster", state, f"{name or 'elasticsearch'} {number}", "" if known else _UPGRADE)
    health = cluster.ask("GET", "_cluster/health")
    state, fix = _HEALTH.get(health["status"], _HEALTH["red"])
    yield Finding("its health", state, f"{health['status']}, {health['number_of_nodes']} nodes", fix)
    yield _alone(cluster, several=health["number_of_nodes"] > 1)
    settings = cluster.ask("GET", "_nodes/settings", asking={"filter_path": f"nodes.*.settings.{_CLAUSES}"})
    maximum = [_clauses(node["settings"]) for node in settings.get("nodes", {}).values()]
    minimum = min(maximum, default=_ENOUGH)
    enough = minimum > _ENOUGH
    yield Finding(
        "clauses of a question",
        CheckState.OK if enough else CheckState.WARNING,
        f"{_CLAUSES} {minimum:,}",
        "" if enough else f"set {_CLAUSES} of every node higher: a query with more words than that is refused",
    )


def _alone(cluster: Cluster, *, several: bool) -> Finding:
    """Whether an isolated node refuses reads. By default it answers from stale data."""
    asking = {"include_defaults": "true", "flat_settings": "true"}
    settings = cluster.ask("GET", "_cluster/settings", asking=asking)
    chosen = {**settings.get("defaults", {}), **settings.get("persistent", {}), **settings.get("transient", {})}
    block = next((chosen[name] for name in _NO_MANAGER if name in chosen), "write")
    refuses = block == "all" or not several
    return Finding(
        "a node that is alone",
        CheckState.OK if refuses else CheckState.WARNING,
        f"{_NO_MANAGER[0]} {block}",
        "" if refuses else f"set {_NO_MANAGER[0]} to all: a node cut off from the others answers with stale data",
    )


def _clauses(settings: object) -> int:
    value: object = settings
    for part in _CLAUSES.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return int(str(value)) if value is not None else _ENOUGH
