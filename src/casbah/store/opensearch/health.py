"""Checks of a cluster that holds, or is to hold, a store."""

from collections.abc import Iterator

from casbah.store.contract import CheckState, Finding
from casbah.store.opensearch.cluster import Cluster

_CLAUSES = "indices.query.bool.max_clause_count"
_ENOUGH = 1_024
_NO_MANAGER = ("cluster.no_cluster_manager_block", "cluster.no_master_block")
_OLDEST = {"opensearch": (2, 4), "": (8, 0)}


def examined(cluster: Cluster) -> Iterator[Finding]:
    """The results of all checks. Raises ClusterUnreachableError."""
    info = cluster.ask("GET", "")
    version = info["version"]
    name, number = version.get("distribution", ""), version["number"]
    known = tuple(int(part) for part in number.split(".")[:2]) >= _OLDEST.get(name, (0,))
    label = f"{name or 'elasticsearch'} {number}"
    yield Finding(
        "cluster",
        CheckState.OK if known else CheckState.WARNING,
        label if known else f"{label}: not tested; older than the tested versions",
    )
    health = cluster.ask("GET", "_cluster/health")
    states = {"green": CheckState.OK, "yellow": CheckState.WARNING}
    hints = {
        "green": "",
        "yellow": "; copies are missing: as many nodes are needed as CASBAH_CLUSTER_REPLICAS says, and one more",
        "red": "; a part of the data is away: start the nodes that hold it",
    }
    seen = f"{health['status']}, {health['number_of_nodes']} nodes{hints.get(health['status'], '')}"
    yield Finding("its health", states.get(health["status"], CheckState.ERROR), seen)
    yield _alone(cluster, several=health["number_of_nodes"] > 1)
    settings = cluster.ask("GET", "_nodes/settings", asking={"filter_path": f"nodes.*.settings.{_CLAUSES}"})
    maximum = [_clauses(node["settings"]) for node in settings.get("nodes", {}).values()]
    minimum = min(maximum, default=_ENOUGH)
    enough = minimum > _ENOUGH
    seen = f"{_CLAUSES} {minimum:,}" + ("" if enough else ": more words than that in one question are refused")
    yield Finding("clauses of a question", CheckState.OK if enough else CheckState.WARNING, seen)


def _alone(cluster: Cluster, *, several: bool) -> Finding:
    """Whether an isolated node refuses reads. By default it answers from stale data."""
    asking = {"include_defaults": "true", "flat_settings": "true"}
    settings = cluster.ask("GET", "_cluster/settings", asking=asking)
    chosen = {**settings.get("defaults", {}), **settings.get("persistent", {}), **settings.get("transient", {})}
    block = next((chosen[name] for name in _NO_MANAGER if name in chosen), "write")
    refuses = block == "all" or not several
    hint = "" if refuses else f": a node cut off from the others answers from the past; set {_NO_MANAGER[0]} to all"
    return Finding(
        "a node that is alone", CheckState.OK if refuses else CheckState.WARNING, f"{_NO_MANAGER[0]} {block}{hint}"
    )


def _clauses(settings: object) -> int:
    value: object = settings
    for part in _CLAUSES.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return int(str(value)) if value is not None else _ENOUGH
