"""What can be said of a cluster that a store is to be on, or is."""

from collections.abc import Iterator

from casbah.store.contract import Finding
from casbah.store.opensearch.cluster import Cluster

_CLAUSES = "indices.query.bool.max_clause_count"
_ENOUGH = 1_024
_NO_MANAGER = ("cluster.no_cluster_manager_block", "cluster.no_master_block")
_OLDEST = {"opensearch": (2, 4), "": (8, 0)}


def examined(cluster: Cluster) -> Iterator[Finding]:
    """The cluster, looked at. Raises UnreachableError."""
    info = cluster.ask("GET", "")
    version = info["version"]
    name, number = version.get("distribution", ""), version["number"]
    known = tuple(int(each) for each in number.split(".")[:2]) >= _OLDEST.get(name, (0,))
    said = f"{name or 'elasticsearch'} {number}"
    yield Finding(
        "cluster", "good" if known else "doubtful", said if known else f"{said}: not tried, and older than what is"
    )
    health = cluster.ask("GET", "_cluster/health")
    states = {"green": "good", "yellow": "doubtful"}
    helps = {
        "green": "",
        "yellow": "; copies are missing: as many nodes are needed as CASBAH_CLUSTER_REPLICAS says, and one more",
        "red": "; a part of the data is away: start the nodes that hold it",
    }
    seen = f"{health['status']}, {health['number_of_nodes']} nodes{helps.get(health['status'], '')}"
    yield Finding("its health", states.get(health["status"], "bad"), seen)
    yield _alone(cluster, several=health["number_of_nodes"] > 1)
    settings = cluster.ask("GET", "_nodes/settings", asking={"filter_path": f"nodes.*.settings.{_CLAUSES}"})
    most = [_clauses(node["settings"]) for node in settings.get("nodes", {}).values()]
    least = min(most, default=_ENOUGH)
    enough = least > _ENOUGH
    seen = f"{_CLAUSES} {least:,}" + ("" if enough else ": more words than that in one question are refused")
    yield Finding("clauses of a question", "good" if enough else "doubtful", seen)


def _alone(cluster: Cluster, *, several: bool) -> Finding:
    """What a node answers that has lost the others: by default what it last knew, as if it were so still."""
    asked = {"include_defaults": "true", "flat_settings": "true"}
    told = cluster.ask("GET", "_cluster/settings", asking=asked)
    chosen = {**told.get("defaults", {}), **told.get("persistent", {}), **told.get("transient", {})}
    found = next((chosen[name] for name in _NO_MANAGER if name in chosen), "write")
    good = found == "all" or not several
    helps = "" if good else f": a node cut off from the others answers from the past; set {_NO_MANAGER[0]} to all"
    return Finding("a node that is alone", "good" if good else "doubtful", f"{_NO_MANAGER[0]} {found}{helps}")


def _clauses(settings: object) -> int:
    found: object = settings
    for part in _CLAUSES.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return int(str(found)) if found is not None else _ENOUGH
